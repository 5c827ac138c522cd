"""The coarse model of a fine objective with its linear correction (Nash 2000, MGOPT).

    ψ(ξ) = f_c(ξ) + ⟨t, ξ⟩,  t = R∇f(y) − ∇f_c(R y),  so that ∇ψ(R y) = R∇f(y): first-order coherence

symbol | here               | shape
-------|--------------------|------------------------------------------------
f_c    | `CoarseModel.loss` | the loss of the coarse level
t      | `CoarseModel.tilt` | (..., d̂): the fine level's y, one for each instance of the batch; None is 0
R∇f(y) | ``restricted``     | (..., d̂)

Why R and not Pᵀ: with P = cRᵀ the gradient of η ↦ f(y + Pη) is Pᵀ∇f = cR∇f. So the ψ that models f along P is the one
whose f_c is scaled like f/c, as a rediscretisation on a grid with 1/c times as many points is; f_c = f∘P is c times that.
Coherence and descent hold for any scale, the length of the coarse steps does not.

A critical y stays critical: ∇f(y) = 0 gives ∇ψ(R y) = 0. When ψ is convex and ψ(ξ) < ψ(R y), then d = P(ξ − R y) is a
descent direction: ⟨∇f(y), d⟩ = c⟨∇ψ(R y), ξ − R y⟩ ≤ c(ψ(ξ) − ψ(R y)) < 0.

A linear term changes neither smoothness relative to φ_c nor convexity. It may take the minimum: with f_c bounded below,
ψ may be not, and then a step with φ_c = Burg need not exist for τ ≤ 1/L (`bregman_proximal_gradient.shortened_step`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..theory.arrays import Array, inner
from . import instances
from .levels import Objective


@final
@dataclass(frozen=True, eq=False)
class CoarseModel:
    """ψ; with ``tilt`` None it is f_c itself."""

    loss: Objective
    tilt: Array | None = None

    def value(self, x: Array) -> Array:
        """ψ(ξ), shape ``(..., d̂) → (...)``."""
        value = self.loss.value(x)
        return value if self.tilt is None else value + inner(self.tilt, x)

    def gradient(self, x: Array) -> Array:
        """∇ψ(ξ)."""
        gradient = self.loss.gradient(x)
        return gradient if self.tilt is None else gradient + self.tilt

    def take(self, batch: tuple[int, ...], chosen: np.ndarray) -> CoarseModel:
        """The model of some instances of the batch: they share the loss and have their own tilts."""
        return CoarseModel(self.loss, None if self.tilt is None else instances.take(self.tilt, batch, chosen))


def coherent(loss: Objective, start: Array, restricted: Array) -> CoarseModel:
    """ψ with ∇ψ(ξ⁰) = R∇f(y), for ξ⁰ = ``start`` and R∇f(y) = ``restricted``."""
    gradient = loss.gradient(start)
    if np.shape(gradient) != start.shape or np.shape(restricted) != start.shape:
        raise ValueError(
            f"the coarse gradient and R∇f(y) must have the shape of the coarse start, {start.shape}, "
            f"got {np.shape(gradient)} and {np.shape(restricted)}"
        )
    return CoarseModel(loss, restricted - gradient)
