"""What the solvers ask of their arguments, checked cheaply: a step runs in hot, batched loops."""

from __future__ import annotations

import math
import operator
from typing import Any

from array_api_compat import is_array_api_obj

from ..theory.arrays import Array, Real, check_finite, check_number, column, constant, is_exact, scalar


def step_size(tau: Any, like: Array, name: str = "tau") -> Any:
    """τ > 0 in the arithmetic of ``like`` and ready to multiply it: a number, or an array of batch shape with an axis added."""
    if is_array_api_obj(tau):
        if not bool(((tau > 0) & (tau < math.inf)).all()):
            raise ValueError(f"{name} must be finite numbers > 0, got {tau!r}")
        if is_exact(tau) != is_exact(like):
            tau = constant(tau, like)
        return column(tau)
    check_number(name, tau, above=0)
    return scalar(tau, like)


def gradient(g: Array, like: Array, name: str = "gradient") -> Array:
    """``g`` when it is finite, of the kind of ``like`` and of the same length."""
    if g.shape[-1:] != like.shape[-1:]:
        raise ValueError(f"{name} must have shape (..., {like.shape[-1]}), got {tuple(g.shape)}")
    if is_exact(g) != is_exact(like):
        kinds = ["floating point", "Fractions"]
        raise TypeError(f"{name} must be of the kind of v, {kinds[is_exact(like)]}, got {kinds[is_exact(g)]}")
    return check_finite(name, g)


def count(name: str, value: Any, at_least: int = 0) -> int:
    """``value`` when it is an integer ≥ ``at_least``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer ≥ {at_least}, got {value!r}") from None
    if isinstance(value, bool) or number < at_least:
        raise ValueError(f"{name} must be an integer ≥ {at_least}, got {value!r}")
    return number


def share(name: str, value: Any, *, zero_allowed: bool = False) -> Real:
    """``value`` when it is a number in (0, 1), or in [0, 1) when 0 is allowed."""
    check_number(name, value)
    if not (value > 0 or (zero_allowed and value == 0)) or not value < 1:
        raise ValueError(f"{name} must be in {'[0, 1)' if zero_allowed else '(0, 1)'}, got {value!r}")
    return value


def shares(name: str, value: Any, like: Array) -> Any:
    """A number in [0, 1) or one for each instance of the batch, in the arithmetic of ``like`` and ready to multiply it."""
    if not is_array_api_obj(value):
        return scalar(share(name, value, zero_allowed=True), like)
    if not bool(((value >= 0) & (value < 1)).all()):
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
    return column(constant(value, like))


def at_least_zero(name: str, value: Any, like: Array) -> Any:
    """A number ≥ 0 or one for each instance of the batch, in the arithmetic of ``like`` and ready to multiply it."""
    if not is_array_api_obj(value):
        return scalar(check_number(name, value, at_least=0), like)
    if not bool(((value >= 0) & (value < math.inf)).all()):
        raise ValueError(f"{name} must be finite numbers ≥ 0, got {value!r}")
    return column(constant(value, like))
