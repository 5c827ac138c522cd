"""The Huber loss: piecewise quadratic, so it is exact in rational arithmetic, its minimum included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

from ..arrays import Array, Real, check_number, namespace, scalar
from .data import Data, is_rational
from .huber_minimum import huber_minimizer
from .least_squares import consistent_solution
from .linear_model import LinearModel


@final
@dataclass(frozen=True, eq=False)
class Huber(LinearModel):
    """L(θ) = Σᵢ ρ_c(aᵢᵀθ − bᵢ), or its mean; ρ_c(z) = z²/2 where |z| ≤ c, else c|z| − c²/2.

    ``matrix``: A, shape (N, d); ``target``: b, shape (N,); ``threshold``: c > 0. ℓ = λ_max(AᵀA), attained when some
    θ has all residuals below c (always when A has full row rank), else an upper bound; with Fractions it is exact or a
    rational upper bound, as for `LeastSquares`. μ = 0 and there is no η > 0 (unless A = 0, where L is constant): far
    away L grows linearly and ∇L stays bounded. The infimum is attained; with Fractions it is exact.
    """

    matrix: Array
    target: Array
    threshold: Real
    mean: bool = False

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, above=0)
        rational = is_rational(self.matrix, self.target)
        rows = Data("matrix", self.matrix, 2, rational=rational)
        offsets = Data("target", self.target, 1, rational=rational)
        object.__setattr__(self, "matrix", rows.array)
        object.__setattr__(self, "target", offsets.array)
        self._store(rows, offsets, mean=self.mean)

    def rho(self, residual: Array) -> Array:
        size, c = abs(residual), scalar(self.threshold, residual)
        # k(|z| − k/2) with k = min(|z|, c) is ρ_c, and does not square a large residual.
        k = namespace(size).where(size < c, size, 0 * size + c)
        return k * (size - k / 2)

    def rho_slope(self, residual: Array) -> Array:
        xp, c = namespace(residual), scalar(self.threshold, residual)
        return xp.where(residual > c, 0 * residual + c, xp.where(residual < -c, 0 * residual - c, residual))

    @property
    def curvature_bound(self) -> Real:
        return 1

    @cached_property
    def infimum(self) -> Real:
        if self.spectrum.rank == self.count:
            return 0 * self.spectrum.largest
        return self.value(self._solution).item()

    @property
    def strong_convexity(self) -> Real:
        return 0 * self.spectrum.largest

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> Array:
        return self._solution.copy()

    @cached_property
    def _solution(self) -> Array:
        if self.spectrum.rank == self.count:
            return consistent_solution(self.matrix, self.target)
        return huber_minimizer(self.matrix, self.target, scalar(self.threshold, self.matrix))
