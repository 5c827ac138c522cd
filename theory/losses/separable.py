"""Separable polynomial losses: the plainest functions, with exact arithmetic for every constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from ..arrays import Array, Real, total
from .base import Loss
from .data import Data, is_rational


class SeparableLoss(Loss):
    """L(θ) = Σᵢ wᵢ φ(θᵢ − cᵢ) with wᵢ ≥ 0 and φ ≥ 0 = φ(0): L* = 0 at c; a final subclass gives φ."""

    _scales: Data
    _shift: Data

    def _store(self, name: str, scales: Any, center: Any) -> tuple[Array, Array]:
        rational = is_rational(scales) or (center is not None and is_rational(center))
        weights = Data(name, scales, 1, rational=rational)
        negative = weights.array[weights.array < 0]
        if negative.size:
            raise ValueError(f"{name} must be ≥ 0, got {negative[0]}")
        shift = Data("center", np.zeros(weights.array.shape) if center is None else center, 1, rational=rational)
        expected, given = weights.array.size, shift.array.size
        if given != expected:
            raise ValueError(f"center must have as many entries as {name}, {expected}, got {given}")
        object.__setattr__(self, "_scales", weights)
        object.__setattr__(self, "_shift", shift)
        return weights.array, shift.array

    @cached_property
    def _numbers(self) -> list[Real]:
        numbers: list[Real] = self._scales.array.tolist()
        return numbers

    @property
    def dimension(self) -> int:
        return int(self._scales.array.size)

    @property
    def infimum(self) -> Real:
        return 0 * self._numbers[0]

    def minimizer(self) -> Array:
        return self._shift.array.copy()


@final
@dataclass(frozen=True, eq=False)
class Quadratic(SeparableLoss):
    """L(θ) = ½ Σ hᵢ(θᵢ − cᵢ)².

    ``curvatures``: hᵢ ≥ 0, shape (d,); ``center``: c, shape (d,), 0 when left out. ℓ = max hᵢ, μ = min hᵢ, η = the
    smallest hᵢ > 0 (None when all are 0: then L = 0, and every η would do). With Fractions everything is exact.
    """

    curvatures: Array
    center: Any = None

    def __post_init__(self) -> None:
        curvatures, center = self._store("curvatures", self.curvatures, self.center)
        object.__setattr__(self, "curvatures", curvatures)
        object.__setattr__(self, "center", center)

    def value(self, theta: Array) -> Array:
        moved = theta - self._shift.like(theta)
        return total(self._scales.like(theta) * moved * moved / 2)

    def gradient(self, theta: Array) -> Array:
        return self._scales.like(theta) * (theta - self._shift.like(theta))

    @property
    def lipschitz(self) -> Real:
        return max(self._numbers)

    @property
    def strong_convexity(self) -> Real:
        return min(self._numbers)

    @property
    def pl_constant(self) -> Real | None:
        return min((h for h in self._numbers if h > 0), default=None)


@final
@dataclass(frozen=True, eq=False)
class Quartic(SeparableLoss):
    """L(θ) = ¼ Σ wᵢ(θᵢ − cᵢ)⁴: convex, with a gradient that is not Lipschitz, and without a PL constant.

    ``weights``: wᵢ ≥ 0, shape (d,); ``center``: c, shape (d,), 0 when left out. ℓ = ∞, since the second derivative
    3wᵢ(θᵢ − cᵢ)² is unbounded (0 when all weights are 0). μ = 0. There is no η > 0: ½(wx³)² ≥ ηwx⁴/4 fails near x = 0.
    """

    weights: Array
    center: Any = None

    def __post_init__(self) -> None:
        weights, center = self._store("weights", self.weights, self.center)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "center", center)

    def value(self, theta: Array) -> Array:
        square = (theta - self._shift.like(theta)) ** 2
        return total(self._scales.like(theta) * square * square / 4)

    def gradient(self, theta: Array) -> Array:
        moved = theta - self._shift.like(theta)
        return self._scales.like(theta) * moved * moved * moved

    @property
    def lipschitz(self) -> Real:
        return math.inf if any(self._numbers) else 0 * self._numbers[0]

    @property
    def strong_convexity(self) -> Real:
        return 0 * self._numbers[0]

    @property
    def pl_constant(self) -> None:
        return None
