"""Two wells: a smooth loss that is not convex, in exact arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ..arrays import Array, Real, namespace, total
from .base import Loss
from .data import Data, is_rational


@final
@dataclass(frozen=True, eq=False)
class TwoWells(Loss):
    """L(θ) = Σᵢ w(θᵢ − cᵢ) with w'(x) = x for x ≤ 1, 2 − x for 1 ≤ x ≤ 3, x − 4 for x ≥ 3.

    ``center``: c, shape (d,). w has minima w(0) = w(4) = 0 and the maximum w(2) = 1 between them, ℓ = 1; w is piecewise
    quadratic, so with Fractions everything is exact. `minimizer` is c. At 2 there is a critical point which is no minimum:
    no PL constant.
    """

    center: Array

    def __post_init__(self) -> None:
        stored = Data("center", self.center, 1, rational=is_rational(self.center))
        object.__setattr__(self, "center", stored.array)
        object.__setattr__(self, "_shift", stored)

    def _moved(self, theta: Array) -> Array:
        shift: Any = self.__dict__["_shift"]
        return theta - shift.like(theta)

    @property
    def dimension(self) -> int:
        return int(self.center.size)

    def value(self, theta: Array) -> Array:
        x = self._moved(theta)
        xp = namespace(x)
        return total(xp.where(x <= 1, x * x / 2, xp.where(x <= 3, 1 - (x - 2) ** 2 / 2, (x - 4) ** 2 / 2)))

    def gradient(self, theta: Array) -> Array:
        x = self._moved(theta)
        xp = namespace(x)
        return xp.where(x <= 1, x, xp.where(x <= 3, 2 - x, x - 4))

    @property
    def infimum(self) -> Real:
        return 0 * self.center[0]

    @property
    def lipschitz(self) -> Real:
        return 0 * self.center[0] + 1

    @property
    def strong_convexity(self) -> None:
        return None

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> Array:
        return self.center.copy()
