"""Data terms L(x) = w·D(Ax, b) with a linear operator A that need not be stored.

symbol | here         | meaning
-------|--------------|------------------------------------------------------------------
A      | `operator`   | ℝᵈ → ℝᵐ
b      | `data`       | shape (m,)
w      | `weight`     | > 0; makes the data term on a coarse grid comparable with the fine one

A line x + αd costs two products with A, Ax and Ad, however many values L is asked for along it: `value_at`.

A minimiser and L* of such a loss are the outcome of an algorithm, not a known constant. So `infimum` is the lower bound
0 ≤ L*, as for `CoarseLoss`, `minimizer` is None, `pl_constant` is None ("not known") and `strong_convexity` is 0, which is
valid for every convex loss. What replaces ℓ here is the constant of relative smoothness, `relative_smoothness`: the L of
L·φ − f convex on int dom φ (Bauschke, Bolte and Teboulle 2017, condition LC).

The operators are NumPy and SciPy; Fractions serve where the operator serves them (`MatrixOperator`) and the loss is rational.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Self, final

import numpy as np

from ..arrays import Array, Real, check_finite, check_number, exact, is_exact
from ..operators import LinearOperator
from ..references import Reference
from .base import Loss


@dataclass(frozen=True, eq=False)
class OperatorLoss(Loss):
    """A convex loss of Ax; a final subclass gives its formula and its constants of relative smoothness."""

    operator: LinearOperator
    data: Array
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_number("weight", self.weight, above=0)
        # A copy: constants are computed once, so nobody may change the numbers behind them.
        data = np.array(self.data, dtype=np.float64)
        if data.shape != (self.operator.shape[0],):
            raise ValueError(f"data must have shape ({self.operator.shape[0]},), got {data.shape}")
        check_finite("data", data).flags.writeable = False
        object.__setattr__(self, "data", data)
        self._check()

    @abstractmethod
    def _check(self) -> None:
        """Raise a `ValueError` for data or an operator with which the loss is not defined."""

    @abstractmethod
    def relative_smoothness(self, reference: Reference) -> float:
        """An L with L·φ − (this loss) convex on int dom φ; a `ValueError` when none is known or there is none."""

    @abstractmethod
    def value_at(self, image: Array) -> Array:
        """L as a function of the image Ax, shape ``(..., m) → (...)``."""

    @abstractmethod
    def slope_at(self, image: Array) -> Array:
        """The gradient of L as a function of the image Ax, shape ``(..., m) → (..., m)``: ∇L(x) = Aᵀ of it."""

    @final
    def value(self, theta: Array) -> Array:
        return self.value_at(self.operator.apply(theta))

    @final
    def gradient(self, theta: Array) -> Array:
        return self.operator.adjoint(self.slope_at(self.operator.apply(theta)))

    @final
    def moved(self, operator: LinearOperator, data: Array, weight: float) -> Self:
        """The same kind of loss for another operator, e.g. on another grid, with its weight times ``weight``."""
        return dataclasses.replace(self, operator=operator, data=data, weight=self.weight * weight)

    @final
    def _data_like(self, x: Array) -> Array:
        return exact(self.data) if is_exact(x) else self.data

    @property
    def dimension(self) -> int:
        return self.operator.shape[1]

    @property
    def infimum(self) -> Real:
        return 0.0

    @property
    def strong_convexity(self) -> Real:
        return 0.0

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> None:
        return None


def no_constant(loss: OperatorLoss, reference: Reference, reason: str) -> ValueError:
    """The error of `OperatorLoss.relative_smoothness` for a pair without a constant."""
    pair = f"{type(loss).__name__} relative to {type(reference).__name__}"
    return ValueError(f"reference: no constant of smoothness of {pair}: {reason}")
