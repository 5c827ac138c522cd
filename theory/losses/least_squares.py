"""Least squares, over- and underdetermined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, is_exact, square_norm
from .data import Data, is_rational
from .linear_model import LinearModel
from .rational import minimum_norm_solution


@final
@dataclass(frozen=True, eq=False)
class LeastSquares(LinearModel):
    """L(θ) = ½‖Aθ − b‖², or (1/2N)‖Aθ − b‖² when ``mean`` is true.

    ``matrix``: A, shape (N, d), of any rank; ``target``: b, shape (N,). The constants are eigenvalues of AᵀA (over N):
    ℓ = λ_max, μ = λ_min, and η = λ⁺_min, the smallest that is not zero; with b = Aθ* + r, Aᵀr = 0, the inequality
    ½‖Aᵀ(Aθ − b)‖² ≥ η(L − L*) is ½‖Aᵀx‖² ≥ λ⁺_min ½‖x‖² for x = A(θ − θ*) in the range of A. η is None for A = 0, where
    L is constant and every η would do. `minimizer` is the solution of least norm, A⁺b.

    With Fractions for A or b, L* and the minimiser are exact, and so is each constant that is rational; one that is not
    is replaced by a verified rational bound within a relative 2⁻²⁸ or so, ℓ from above, μ and η from below.
    """

    matrix: Array
    target: Array
    mean: bool = False

    def __post_init__(self) -> None:
        rational = is_rational(self.matrix, self.target)
        rows = Data("matrix", self.matrix, 2, rational=rational)
        offsets = Data("target", self.target, 1, rational=rational)
        object.__setattr__(self, "matrix", rows.array)
        object.__setattr__(self, "target", offsets.array)
        self._store(rows, offsets, mean=self.mean)

    def rho(self, residual: Array) -> Array:
        return residual * residual / 2

    def rho_slope(self, residual: Array) -> Array:
        return residual

    @property
    def curvature_bound(self) -> Real:
        return 1

    @cached_property
    def infimum(self) -> Real:
        if self.spectrum.rank == self.count:
            return 0 * self.spectrum.largest
        return square_norm(self.residual(self._solution)).item() / (2 * self._weight_divisor)

    @cached_property
    def strong_convexity(self) -> Real:
        return self.spectrum.smallest / self._weight_divisor

    @cached_property
    def pl_constant(self) -> Real | None:
        least = self.spectrum.smallest_nonzero
        return None if least is None else least / self._weight_divisor

    def minimizer(self) -> Array:
        return self._solution.copy()

    @cached_property
    def _solution(self) -> Array:
        return consistent_solution(self.matrix, self.target)


def consistent_solution(matrix: Array, target: Array) -> Array:
    """The θ of least norm among the minimisers of ‖Aθ − b‖, exact for Fractions."""
    if is_exact(matrix):
        return minimum_norm_solution(matrix, target)
    return np.linalg.lstsq(matrix, target, rcond=None)[0]
