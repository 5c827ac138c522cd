"""Low-rank matrix factorization: smooth, not convex, without a PL constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, IrrationalError, Real, is_exact, namespace, total
from .base import Loss
from .data import Data, is_rational
from .rational import rank_factorization


@final
@dataclass(frozen=True, eq=False)
class MatrixFactorization(Loss):
    """L(θ) = ½‖UVᵀ − M‖²_F; θ holds U (rows × rank), then V (columns × rank), both row by row.

    ``target``: M, shape (rows, columns); ``rank``: r ≥ 1. d = (rows + columns)·r.

    L* = ½ Σ_{i>r} σᵢ(M)² (Eckart and Young 1936), attained at U = U_r√Σ_r, V = V_r√Σ_r. With Fractions both are exact
    when rank M ≤ r, and else raise `IrrationalError`: singular values are roots.

    ℓ = ∞: the second derivative grows like ‖θ‖². L is not convex, and no η > 0 exists. For M ≠ 0 the origin is a
    critical point (∇_U = (UVᵀ − M)V and ∇_V = (UVᵀ − M)ᵀU are zero there) with L(0) = ½‖M‖² > L*: a saddle. For M = 0
    the gradient of ½u²v² has ½‖∇L‖² = (u² + v²)L, which falls below ηL near the origin.
    """

    target: Array
    rank: int

    def __post_init__(self) -> None:
        if isinstance(self.rank, bool) or not isinstance(self.rank, int):
            raise TypeError(f"rank must be an integer ≥ 1, got {self.rank!r}")
        if self.rank < 1:
            raise ValueError(f"rank must be an integer ≥ 1, got {self.rank!r}")
        data = Data("target", self.target, 2, rational=is_rational(self.target))
        object.__setattr__(self, "target", data.array)

    @cached_property
    def _data(self) -> Data:
        return Data("target", self.target, 2, rational=is_exact(self.target))

    @property
    def dimension(self) -> int:
        return int(sum(self.target.shape)) * self.rank

    def factors(self, theta: Array) -> tuple[Array, Array]:
        """U and V, shapes ``(..., d) → (..., rows, rank), (..., columns, rank)``."""
        rows, columns = self.target.shape
        xp, split, batch = namespace(theta), rows * self.rank, tuple(theta.shape[:-1])
        return (
            xp.reshape(theta[..., :split], (*batch, rows, self.rank)),
            xp.reshape(theta[..., split:], (*batch, columns, self.rank)),
        )

    def _residual(self, U: Array, V: Array) -> Array:
        return U @ V.mT - self._data.like(U)

    def value(self, theta: Array) -> Array:
        residual = self._residual(*self.factors(theta))
        return total(total(residual * residual / 2))

    def gradient(self, theta: Array) -> Array:
        U, V = self.factors(theta)
        residual, xp = self._residual(U, V), namespace(theta)
        # Not −1 for the last axis: an empty batch leaves its length open.
        flat = [
            xp.reshape(part, (*part.shape[:-2], part.shape[-2] * self.rank)) for part in (residual @ V, residual.mT @ U)
        ]
        return xp.concat(flat, axis=-1)

    @cached_property
    def infimum(self) -> Real:
        if is_exact(self.target):
            self.minimizer()
            return 0 * self.target[0, 0]
        singular = np.linalg.svd(self.target, compute_uv=False)[self.rank :]
        return float(singular @ singular) / 2

    @property
    def lipschitz(self) -> Real:
        return math.inf

    @property
    def strong_convexity(self) -> None:
        return None

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> Array:
        if is_exact(self.target):
            U, F = rank_factorization(self.target)
            V = F.T
            if U.shape[1] > self.rank:
                raise IrrationalError(
                    f"the best approximation of rank {self.rank} to a matrix of rank {U.shape[1]} is irrational in"
                    " general: give target as floats, or a larger rank"
                )
        else:
            left, singular, right = np.linalg.svd(self.target, full_matrices=False)
            roots = np.sqrt(singular[: self.rank])
            U, V = left[:, : self.rank] * roots, right[: self.rank].T * roots
        # A rank above that of M leaves columns of zeros.
        missing = ((0, 0), (0, self.rank - U.shape[1]))
        zero = 0 * self.target[0, 0]
        U, V = (np.pad(factor, missing, constant_values=zero) for factor in (U, V))
        return np.concatenate([U.reshape(-1), V.reshape(-1)])
