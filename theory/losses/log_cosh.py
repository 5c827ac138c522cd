"""The log-cosh loss: smooth, quadratic near zero residuals and linear far from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, namespace
from .data import Data, refuse_exact
from .least_squares import consistent_solution
from .linear_model import LinearModel
from .minimum import convex_minimizer


@final
@dataclass(frozen=True, eq=False)
class LogCosh(LinearModel):
    """L(θ) = Σᵢ log cosh(aᵢᵀθ − bᵢ), or its mean.

    ``matrix``: A, shape (N, d); ``target``: b, shape (N,). ℓ = λ_max(AᵀA), since (log cosh)″ = 1/cosh² ≤ 1; it is
    attained when some θ has Aθ = b. μ = 0 and there is no η > 0 (unless A = 0, where L is constant): far away L grows
    linearly and ∇L stays bounded. The infimum is attained; it is 0 where A has full row rank, else it comes from a
    numerical solve down to rounding.
    """

    matrix: Array
    target: Array
    mean: bool = False

    def __post_init__(self) -> None:
        rows, offsets = Data("matrix", self.matrix, 2), Data("target", self.target, 1)
        object.__setattr__(self, "matrix", rows.array)
        object.__setattr__(self, "target", offsets.array)
        self._store(rows, offsets, mean=self.mean)

    def rho(self, residual: Array) -> Array:
        xp = namespace(refuse_exact("LogCosh", residual))
        size = abs(residual)
        # cosh z = 1 + 2 sinh²(z/2) keeps small residuals exact; the other form cannot overflow.
        near = xp.log1p(2 * xp.sinh(xp.where(size < 1, size, xp.ones_like(size)) / 2) ** 2)
        return xp.where(size < 1, near, size + xp.log1p(xp.exp(-2 * size)) - math.log(2))

    def rho_slope(self, residual: Array) -> Array:
        return namespace(refuse_exact("LogCosh", residual)).tanh(residual)

    @property
    def curvature_bound(self) -> Real:
        return 1.0

    @cached_property
    def infimum(self) -> Real:
        return 0.0 if self.spectrum.rank == self.count else float(self.value(self._solution))

    @property
    def strong_convexity(self) -> Real:
        return 0.0

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> Array:
        return self._solution.copy()

    @cached_property
    def _solution(self) -> Array:
        start = consistent_solution(self.matrix, self.target)
        if self.spectrum.rank == self.count:
            return start
        return convex_minimizer(self.value, self.gradient, self._hessian, start)

    def _hessian(self, theta: Array) -> Array:
        curvature = 1 - np.tanh(self.residual(theta)) ** 2
        return (self.matrix.T * curvature) @ self.matrix / self._weight_divisor
