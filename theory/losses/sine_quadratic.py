"""The standard non-convex Polyak–Łojasiewicz function, x² + 3 sin² x, and its relatives in several variables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, namespace
from .data import Data, refuse_exact
from .least_squares import consistent_solution
from .linear_model import LinearModel

#: The best η with ½f′² ≥ ηf for f(x) = x² + 3 sin² x, rounded down: the minimum of f′²/2f is 0.17553098587973173…, at
#: x = ±2.20170917643…. Karimi, Nutini and Schmidt (2016, section 2) give 1/32 in the same convention, 5.6 times less.
#: A proof in interval arithmetic is in the tests of this file.
SINE_QUADRATIC_PL = 0.1755309858797


@final
@dataclass(frozen=True, eq=False)
class SineQuadratic(LinearModel):
    """L(θ) = Σᵢ f(zᵢ), z = Aθ − b, f(x) = x² + 3 sin² x, or its mean: a PL function that is not convex (f″ ∈ [−4, 8]).

    ``matrix``: A, shape (N, d), of full row rank; ``target``: b, shape (N,). Then L* = 0, at every θ with Aθ = b.

    ℓ = 8 λ_max(AᵀA), attained there. η = η_f λ_min(AAᵀ) with the constant η_f = `SINE_QUADRATIC_PL` of f, because
    ½‖Aᵀf′(z)‖² ≥ λ_min(AAᵀ) ½‖f′(z)‖² ≥ λ_min(AAᵀ) η_f Σ f(zᵢ); it is the best when AAᵀ is a multiple of the identity.
    """

    matrix: Array
    target: Array
    mean: bool = False

    def __post_init__(self) -> None:
        rows, offsets = Data("matrix", self.matrix, 2), Data("target", self.target, 1)
        object.__setattr__(self, "matrix", rows.array)
        object.__setattr__(self, "target", offsets.array)
        self._store(rows, offsets, mean=self.mean)
        if self.spectrum.rank < self.count:
            raise ValueError(f"matrix must have full row rank, {self.count}, got rank {self.spectrum.rank}")

    @staticmethod
    def of_coordinates(dimension: int) -> SineQuadratic:
        """Σᵢ f(θᵢ) with d = ``dimension`` ≥ 1: ℓ = 8, η = η_f."""
        if dimension < 1:
            raise ValueError(f"dimension must be ≥ 1, got {dimension!r}")
        return SineQuadratic(np.eye(dimension), np.zeros(dimension))

    def rho(self, residual: Array) -> Array:
        xp = namespace(refuse_exact("SineQuadratic", residual))
        return residual**2 + 3 * xp.sin(residual) ** 2

    def rho_slope(self, residual: Array) -> Array:
        xp = namespace(refuse_exact("SineQuadratic", residual))
        return 2 * residual + 3 * xp.sin(2 * residual)

    @property
    def curvature_bound(self) -> Real:
        return 8.0

    @property
    def infimum(self) -> Real:
        return 0.0

    @property
    def strong_convexity(self) -> None:
        return None

    @cached_property
    def pl_constant(self) -> Real:
        assert self.spectrum.smallest_nonzero is not None
        return SINE_QUADRATIC_PL * self.spectrum.smallest_nonzero / self._weight_divisor

    def minimizer(self) -> Array:
        return consistent_solution(self.matrix, self.target)
