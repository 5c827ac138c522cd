"""The coarse level of ML LinBreg: the loss with frozen groups, and the transfer of pairs (lunk2026, section 3).

symbol    | here               | meaning
----------|--------------------|---------------------------------------------------------------------
L̂(θ̂)     | `CoarseLoss.value` | L(Pθ̂ + (I − PR)θ), lunk2026 (9)
∇L̂(θ̂)    | `CoarseLoss.gradient` | R∇L(Pθ̂ + (I − PR)θ): no linear correction is needed
(Rθ, Rv)  | `restrict_pair`    | start of the coarse iteration (proposition 3.1)
θ + P(θ̂ − Rθ), v + P(v̂ − Rv) | `prolong_pair` | back on the fine level (proposition 3.2)
"""

from __future__ import annotations

from typing import final

from .arrays import Array, Real, check_vector, constant
from .elastic_net import PrimalDual
from .groups import Restriction
from .losses.base import Loss


@final
class CoarseLoss(Loss):
    """L̂(θ̂) = L(Pθ̂ + (I − PR)θ) for a fixed θ of shape (..., d); the batch of θ is the batch of θ̂.

    The constants are those of L: ℓ and μ stay valid, L* stays a lower bound (in general not attained), and no PL
    constant belongs to it. θ may be of another kind or dtype than θ̂, which decides.
    """

    def __init__(self, fine: Loss, restriction: Restriction, theta: Array) -> None:
        if restriction.dimension != fine.dimension:
            raise ValueError(f"restriction acts on dimension {restriction.dimension}, the loss on {fine.dimension}")
        self.fine = fine
        self.restriction = restriction
        self.theta = check_vector("theta", theta, fine.dimension)

    @property
    def dimension(self) -> int:
        return self.restriction.coarse_dimension

    def lift(self, coarse: Array) -> Array:
        """Pθ̂ + (I − PR)θ."""
        frozen = self.theta if coarse.dtype == self.theta.dtype else constant(self.theta, coarse)
        return self.restriction.embed(coarse, frozen)

    def value(self, theta: Array) -> Array:
        return self.fine.value(self.lift(theta))

    def gradient(self, theta: Array) -> Array:
        return self.restriction.restrict(self.fine.gradient(self.lift(theta)))

    @property
    def infimum(self) -> Real:
        return self.fine.infimum

    @property
    def lipschitz(self) -> Real:
        return self.fine.lipschitz

    @property
    def strong_convexity(self) -> Real | None:
        return self.fine.strong_convexity

    @property
    def pl_constant(self) -> None:
        # Not even μ: ½‖∇L̂‖² ≥ μ(L̂ − inf L̂), and `infimum` may be less than inf L̂.
        return None

    def minimizer(self) -> Array | None:
        return None


def restrict_pair(restriction: Restriction, pair: PrimalDual) -> PrimalDual:
    """(Rθ, Rv)."""
    return PrimalDual(restriction.restrict(pair.theta), restriction.restrict(pair.v))


def prolong_pair(restriction: Restriction, coarse: PrimalDual, fine: PrimalDual) -> PrimalDual:
    """(θ + P(θ̂ − Rθ), v + P(v̂ − Rv)): the frozen groups keep their θ *and* their v."""
    return PrimalDual(restriction.embed(coarse.theta, fine.theta), restriction.embed(coarse.v, fine.v))
