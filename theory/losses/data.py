"""The numbers that a loss is made of, kept once and handed out in the arithmetic of the point at hand."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from ..arrays import Array, IrrationalError, check_finite, constant, exact, is_exact, namespace


def is_rational(*values: Any) -> bool:
    """True when one of the arrays holds Fractions; the others then count as the rationals that they are."""
    return any(np.asarray(entry).dtype == object for entry in values)


@final
class Data:
    """A constant array: float64 or, when ``rational``, Fractions; `like` converts it once for each kind of array."""

    def __init__(self, name: str, values: Any, ndim: int, *, rational: bool = False) -> None:
        try:
            # A copy: constants are computed once, so nobody may change the numbers behind them.
            array = exact(values) if rational else np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be an array of real numbers, got {values!r}") from error
        if array.ndim != ndim or 0 in array.shape:
            wanted = "(d,)" if ndim == 1 else "(rows, columns)"
            raise ValueError(f"{name} must have shape {wanted} with no empty axis, got {array.shape}")
        check_finite(name, array).flags.writeable = False
        self.array = array
        self._copies: dict[Any, Array] = {}

    def like(self, theta: Array) -> Array:
        """The numbers as an array of the kind, dtype and device of ``theta``."""
        if theta.dtype == self.array.dtype:
            return self.array
        kind = (theta.dtype, theta.device)
        if kind not in self._copies:
            if not is_exact(theta) and not namespace(theta).isdtype(theta.dtype, "real floating"):
                raise TypeError(f"theta must hold floats or Fractions, got {theta.dtype}")
            # A copy, since a torch tensor would share its memory with the read-only original.
            self._copies[kind] = constant(self.array.copy(), theta)
        return self._copies[kind]


def refuse_exact(loss: str, theta: Array) -> Array:
    """Return ``theta``, or raise `IrrationalError` when it holds Fractions and the loss has no rational values."""
    if is_exact(theta):
        raise IrrationalError(f"{loss} is not rational at rational points: theta must hold floats, got Fractions")
    return theta
