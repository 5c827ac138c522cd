"""Losses that are sums over the rows of a matrix: L(θ) = w Σᵢ ρ(aᵢᵀθ − bᵢ) + (ridge/2)‖θ‖².

symbol | here                 | meaning
-------|----------------------|----------------------------------------------------------------------
A, b   | `matrix`, `target`   | N rows aᵢ of length d, N offsets
ρ      | `rho`, `rho_slope`   | a function of one variable and its derivative, applied to all residuals
w      | `mean`               | 1/N when ``mean`` is true, else 1
sup|ρ″|| `curvature_bound`    | then ℓ = w sup|ρ″| λ_max(AᵀA) + ridge
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, final

from ..arrays import Array, Real, square_norm, total
from .base import Loss
from .data import Data
from .spectrum import Spectrum, gram_spectrum


class LinearModel(Loss):
    """A loss of the residuals Aθ − b; a final subclass gives ρ, and calls `_store` when it is created."""

    _rows: Data
    _offsets: Data
    _weight_divisor: int
    _ridge: Real

    def _store(self, rows: Data, offsets: Data, *, mean: bool, ridge: Real = 0) -> None:
        if rows.array.shape[0] != offsets.array.shape[0]:
            expected, given = rows.array.shape[0], offsets.array.shape[0]
            raise ValueError(f"matrix has {expected} rows, so it needs as many targets or labels, got {given}")
        for name, value in (("_rows", rows), ("_offsets", offsets), ("_ridge", ridge)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_weight_divisor", rows.array.shape[0] if mean else 1)

    @abstractmethod
    def rho(self, residual: Array) -> Array:
        """ρ(z) elementwise, shape ``(..., N) → (..., N)``."""

    @abstractmethod
    def rho_slope(self, residual: Array) -> Array:
        """ρ′(z) elementwise, shape ``(..., N) → (..., N)``."""

    @property
    @abstractmethod
    def curvature_bound(self) -> Real:
        """sup |ρ″|, attained or approached at z = 0."""

    @property
    def dimension(self) -> int:
        return int(self._rows.array.shape[1])

    @property
    def count(self) -> int:
        """N, the number of rows."""
        return int(self._rows.array.shape[0])

    @cached_property
    def spectrum(self) -> Spectrum:
        """The eigenvalues of AᵀA."""
        return gram_spectrum(self._rows.array)

    @final
    def residual(self, theta: Array) -> Array:
        """Aθ − b, shape ``(..., d) → (..., N)``."""
        return theta @ self._rows.like(theta).T - self._offsets.like(theta)

    def value(self, theta: Array) -> Array:
        terms = self.rho(self.residual(theta))
        result = total(terms if self._weight_divisor == 1 else terms / self._weight_divisor)
        return result + total(theta * theta * (self._ridge / 2)) if self._ridge else result

    def gradient(self, theta: Array) -> Array:
        slopes = self.rho_slope(self.residual(theta))
        result = (slopes if self._weight_divisor == 1 else slopes / self._weight_divisor) @ self._rows.like(theta)
        return result + theta * self._ridge if self._ridge else result

    @final
    def row_values(self, theta: Array) -> Array:
        """ρ(aᵢᵀθ − bᵢ) + (ridge/2)‖θ‖², shape ``(..., d) → (..., N)``: with w = 1/N their mean is L."""
        terms = self.rho(self.residual(theta))
        return terms + total(theta * theta * (self._ridge / 2))[..., None] if self._ridge else terms

    @final
    def row_gradients(self, theta: Array) -> Array:
        """The gradients of `row_values`, shape ``(..., d) → (..., N, d)``."""
        slopes = self.rho_slope(self.residual(theta))
        result = slopes[..., None] * self._rows.like(theta)
        return result + (theta * self._ridge)[..., None, :] if self._ridge else result

    @final
    def weighted_row_gradient(self, theta: Array, weights: Array) -> Array:
        """Σᵢ weightsᵢ ∇(row i)(θ) for weights that sum to 1, shape ``(..., d), (..., N) → (..., d)``."""
        result = (self.rho_slope(self.residual(theta)) * weights) @ self._rows.like(theta)
        return result + theta * self._ridge if self._ridge else result

    @cached_property
    def row_lipschitz(self) -> tuple[Real, ...]:
        """sup|ρ″| ‖aᵢ‖² + ridge for each row i: Lipschitz constants of `row_gradients`."""
        squares: Any = square_norm(self._rows.array)
        return tuple(self.curvature_bound * entry + self._ridge for entry in squares.tolist())

    @cached_property
    def lipschitz(self) -> Real:
        return self.curvature_bound * self.spectrum.largest / self._weight_divisor + self._ridge
