"""References made for counterexamples in rational arithmetic; the ones of practice are in `theory.references`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ...theory.arrays import Array, namespace, total
from ...theory.references import Reference


@final
@dataclass(frozen=True)
class KinkedQuadratic(Reference):
    """φ = Σ ½x² for x ≤ 0, ¼x² for x ≥ 0, on ℝᵈ: of Legendre type, with a kink in ∇φ. φ* = Σ ½p² for p ≤ 0, p² for p ≥ 0.

    Like `Burg` and `Shannon` its conjugate is steeper upwards: φ*″ jumps from 1 to 2 where theirs grows.
    """

    def value(self, x: Array) -> Array:
        return total(namespace(x).where(x > 0, x * x / 4, x * x / 2))

    def gradient(self, x: Array) -> Array:
        return namespace(x).where(x > 0, x / 2, x)

    def conjugate(self, p: Array) -> Array:
        return total(namespace(p).where(p > 0, p * p, p * p / 2))

    def conjugate_gradient(self, p: Array) -> Array:
        return namespace(p).where(p > 0, 2 * p, p)

    def in_domain(self, x: Array) -> Array:
        return total(0 * x) == 0

    def divergence(self, x: Array, y: Array) -> Array:
        # Sums of terms ≥ 0: without cancellation.
        where = namespace(x).where
        crossing = where(y > 0, x * x / 2 + y * y / 4 - x * y / 2, x * x / 4 + y * y / 2 - x * y)
        alike = where(y > 0, (x - y) ** 2 / 4, (x - y) ** 2 / 2)
        return total(where((x > 0) == (y > 0), alike, crossing))


@final
@dataclass(frozen=True)
class ConcaveQuadratic(Reference):
    """φ = −½‖x‖²: not a reference, for it is not convex. `conjugate` and `conjugate_gradient` are −½‖p‖² and its gradient."""

    def value(self, x: Array) -> Array:
        return total(-x * x / 2)

    def gradient(self, x: Array) -> Array:
        return -x

    def conjugate(self, p: Array) -> Array:
        return total(-p * p / 2)

    def conjugate_gradient(self, p: Array) -> Array:
        return -p

    def in_domain(self, x: Array) -> Array:
        return total(0 * x) == 0

    def divergence(self, x: Array, y: Array) -> Array:
        return total(-((x - y) ** 2) / 2)
