"""A gradient oracle whose noise grows like the square of the distance to a centre: unbiased, of unbounded variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..theory.arrays import Array, check_finite, constant
from ..theory.losses import Loss
from .oracles import AdditiveNoise, Oracle, Outcomes, equally_likely


@final
@dataclass(frozen=True, eq=False)
class GrowingNoise(Oracle):
    """g = ∇L(θ) + ξ_s ∘ (θ − c)², the gradient of L(θ; s) = L(θ) + ⅓ Σᵢ ξ_{s,i}(θᵢ − cᵢ)³; all s equally likely.

    ``noise``: ξ of shape (..., S, d), Σ_s ξ_s = 0 makes g unbiased; ``center``: c, shape (d,). At θ = c there is no noise.
    """

    noise: Array
    center: Array

    def __post_init__(self) -> None:
        if np.ndim(self.noise) < 2:
            raise ValueError(f"noise must have shape (..., S, d), got {np.shape(self.noise)}")
        check_finite("noise", self.noise)

    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        return AdditiveNoise(self._at(theta)).sample(loss, theta, rng)

    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        return Outcomes(loss.gradient(theta)[..., None, :] + self._at(theta), equally_likely(self.noise.shape[-2]))

    def take(self, instances: Array) -> GrowingNoise:
        if self.noise.ndim == 2:
            return self
        return GrowingNoise(self.noise.reshape(-1, *self.noise.shape[-2:])[instances], self.center)

    def _at(self, theta: Array) -> Array:
        moved = (theta - constant(self.center, theta)) ** 2
        batch = self.noise.shape[:-2]
        # An instance may have been multiplied into paths already: those axes stand behind the ones of the batch.
        lined_up = self.noise.reshape(*batch, *(1,) * max(theta.ndim - 1 - len(batch), 0), *self.noise.shape[-2:])
        return lined_up * moved[..., None, :]
