"""Separable quadratic and quartic losses: the plainest functions, exact in every constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, total
from .base import Loss
from .data import Data, is_rational


@final
@dataclass(frozen=True, eq=False)
class Quadratic(Loss):
    """L(θ) = ½ Σ hᵢ(θᵢ − cᵢ)².

    ``curvatures``: hᵢ ≥ 0, shape (d,); ``center``: c, shape (d,), 0 when left out. ℓ = max hᵢ, μ = min hᵢ, η = the
    smallest hᵢ > 0 (None when all are 0: L = 0, and every η would do), L* = 0 at c. With Fractions all are exact.
    """

    curvatures: Array
    center: Array | None = None

    def __post_init__(self) -> None:
        _store(self, "curvatures", self.curvatures)

    @property
    def dimension(self) -> int:
        return len(self._numbers)

    def value(self, theta: Array) -> Array:
        h, shift = self._data
        moved = theta - shift.like(theta)
        return total(h.like(theta) * moved * moved / 2)

    def gradient(self, theta: Array) -> Array:
        h, shift = self._data
        return h.like(theta) * (theta - shift.like(theta))

    @property
    def infimum(self) -> Real:
        return 0 * self._numbers[0]

    @property
    def lipschitz(self) -> Real:
        return max(self._numbers)

    @property
    def strong_convexity(self) -> Real:
        return min(self._numbers)

    @property
    def pl_constant(self) -> Real | None:
        return min((h for h in self._numbers if h > 0), default=None)

    def minimizer(self) -> Array:
        return self._data[1].array.copy()

    @cached_property
    def _numbers(self) -> list[Real]:
        numbers: list[Real] = self._data[0].array.tolist()
        return numbers

    @property
    def _data(self) -> tuple[Data, Data]:
        return _load(self)


@final
@dataclass(frozen=True, eq=False)
class Quartic(Loss):
    """L(θ) = ¼ Σ wᵢ(θᵢ − cᵢ)⁴: convex, with a gradient that is not Lipschitz and without a PL constant.

    ``weights``: wᵢ ≥ 0, shape (d,); ``center``: c, shape (d,), 0 when left out. L* = 0 at c, μ = 0, ℓ = ∞ since
    L″ = 3wᵢ(θᵢ − cᵢ)² is unbounded (0 when all weights are 0); ½L′² = ½w²x⁶ ≥ ηwx⁴/4 fails for every η > 0 near x = 0.
    """

    weights: Array
    center: Array | None = None
