"""Logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, check_number
from .data import Data, refuse_exact
from .linear_model import LinearModel
from .separation import logistic_minimizer
from .softplus import sigmoid, softplus


@final
@dataclass(frozen=True, eq=False)
class Logistic(LinearModel):
    """L(θ) = Σᵢ log(1 + exp(−yᵢaᵢᵀθ)) + (ridge/2)‖θ‖²; with ``mean`` the sum (not the ridge) is divided by N.

    ``matrix``: the rows aᵢ, shape (N, d); ``labels``: yᵢ ∈ {−1, 1}, shape (N,); ``ridge`` ≥ 0.

    ℓ = λ_max(AᵀA)/4 + ridge, attained at θ = 0; μ = η = ridge. Without a ridge μ = 0 and there is no η > 0 (unless
    A = 0, where L is constant): L grows at most linearly and ∇L is bounded, while L is unbounded.

    L* comes from a numerical solve down to rounding. Without a ridge, rows that can be separated (Bu ≥ 0 with bᵢᵀu > 0
    for some u, bᵢ = yᵢaᵢ) contribute nothing to L* and it is not attained; for separable data it is 0.
    """

    matrix: Array
    labels: Array
    ridge: float = 0.0
    mean: bool = False

    def __post_init__(self) -> None:
        check_number("ridge", self.ridge, at_least=0)
        rows, labels = Data("matrix", self.matrix, 2), Data("labels", self.labels, 1)
        wrong = labels.array[np.abs(labels.array) != 1]
        if wrong.size:
            raise ValueError(f"labels must be −1 or 1, got {wrong[0]}")
        object.__setattr__(self, "matrix", rows.array)
        object.__setattr__(self, "labels", labels.array)
        object.__setattr__(self, "ridge", float(self.ridge))
        self._store(rows, Data("labels", 0 * labels.array, 1), mean=self.mean, ridge=self.ridge)

    def rho(self, residual: Array) -> Array:
        return softplus(-self._signs.like(residual) * refuse_exact("Logistic", residual))

    def rho_slope(self, residual: Array) -> Array:
        signs = self._signs.like(residual)
        return -signs * sigmoid(-signs * refuse_exact("Logistic", residual))

    @cached_property
    def _signs(self) -> Data:
        return Data("labels", self.labels, 1)

    @property
    def curvature_bound(self) -> Real:
        return 0.25

    @cached_property
    def infimum(self) -> Real:
        theta, attained = self._solution
        values = softplus(-(self.labels * (self.matrix @ theta)))
        rows = values if attained is None else values[attained]
        return float(rows.sum() / self._weight_divisor + self.ridge / 2 * theta @ theta)

    @property
    def strong_convexity(self) -> Real:
        return self.ridge

    @property
    def pl_constant(self) -> Real | None:
        return self.ridge or None

    def minimizer(self) -> Array | None:
        theta, attained = self._solution
        return theta.copy() if attained is None else None

    @cached_property
    def _solution(self) -> tuple[Array, Array | None]:
        return logistic_minimizer(self.labels[:, None] * self.matrix, self.ridge * self._weight_divisor)
