"""The variance-reduced coarse model (lunk2026 Appendix B, reconstructed): an SVRG estimator on the coarse level.

At each coarse step of a cycle that started at θᵏ a mini-batch B of size b is drawn without replacement:

    ψ(θ̂)  = L̂_B(θ̂) + ⟨R∇L(θᵏ) − ∇L̂_B(Rθᵏ), θ̂⟩                                     (15)
    ∇ψ(θ̂) = R(∇L_B(θ) − ∇L_B(θᵏ) + ∇L(θᵏ)),   θ = Pθ̂ + (I − PR)θᵏ

symbol     | here                | shape
-----------|---------------------|-----------------------------------------------
L̂, R, θᵏ   | ``coarse``          | a `CoarseLoss` of a `FiniteSum`: it holds R and θᵏ
θ̂          | ``theta``           | (..., d̂)
B          | ``indices``         | (..., b)

`VarianceReduced` is an oracle: hand it to `multilevel` as ``coarse_oracle``. It is unbiased, and exact at θ̂ = Rθᵏ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..theory.arrays import Array, inner, total
from ..theory.coarse import CoarseLoss
from ..theory.losses import Loss
from . import arguments
from .oracles import (
    Oracle,
    Outcomes,
    all_batches,
    batch_gradient,
    batch_gradients,
    draw_batches,
    equally_likely,
    finite_sum,
)


def model_value(coarse: CoarseLoss, theta: Array, indices: np.ndarray) -> Array:
    """ψ(θ̂), shape ``(..., d̂), (..., b) → (...)``."""
    fine, anchor = coarse.fine, coarse.restriction.restrict(coarse.theta)
    components = finite_sum(fine).component_values(coarse.lift(theta))
    chosen = np.broadcast_to(indices, (*components.shape[:-1], indices.shape[-1]))
    value = total(np.take_along_axis(components, chosen, axis=-1)) / indices.shape[-1]
    correction = coarse.restriction.restrict(fine.gradient(coarse.theta)) - batch_gradient(coarse, anchor, indices)
    return value + inner(correction, theta)


def model_gradient(coarse: CoarseLoss, theta: Array, indices: np.ndarray) -> Array:
    """∇ψ(θ̂), shape ``(..., d̂), (..., b) → (..., d̂)``."""
    anchor = coarse.restriction.restrict(coarse.theta)
    return batch_gradient(coarse, theta, indices) - batch_gradient(coarse, anchor, indices) + coarse.gradient(anchor)


@final
@dataclass(frozen=True)
class VarianceReduced(Oracle):
    """g = ∇ψ(θ̂) with a fresh mini-batch of ``size`` at every call."""

    size: int

    def __post_init__(self) -> None:
        arguments.count("size", self.size, at_least=1)

    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        coarse = _coarse(loss)
        return model_gradient(coarse, theta, draw_batches(finite_sum(coarse).count, self.size, theta.shape[:-1], rng))

    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        coarse = _coarse(loss)
        anchor = coarse.restriction.restrict(coarse.theta)
        batches = all_batches(finite_sum(coarse).count, self.size)
        change = batch_gradients(coarse, theta, batches) - batch_gradients(coarse, anchor, batches)
        return Outcomes(change + coarse.gradient(anchor)[..., None, :], equally_likely(len(batches)))

    def take(self, instances: Array) -> VarianceReduced:
        return self


def _coarse(loss: Loss) -> CoarseLoss:
    if not isinstance(loss, CoarseLoss):
        raise TypeError(f"loss must be a CoarseLoss, which knows where its cycle started, got {type(loss).__name__}")
    return loss
