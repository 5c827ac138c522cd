"""Gradient oracles: ∇L, or a random estimate of it whose outcomes can all be listed.

oracle          | g                                                            | source
----------------|--------------------------------------------------------------|--------------------------------------
`Exact`         | ∇L(θ)                                                        |
`MiniBatch`     | (1/b) Σ_{i ∈ B} ∇Lᵢ(θ), B of size b without replacement      | bungert2021 Alg. 1–3, lunk2026 section 5
`AdditiveNoise` | ∇L(θ) + ξ_s with probability p_s                             | a finite model of lunk2026 assumption 3

`sample` draws for each instance of a batch on its own; `outcomes` lists all values, which makes expectations exact
(in Fractions too). On the coarse level, g = R(the estimate at Pθ̂ + (I − PR)θ), for every oracle.

Randomness comes from the `numpy.random.Generator` that the caller hands in: the same seed, the same run.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, final

import numpy as np

from ..theory.arrays import Array, check_finite, constant, exact, total
from ..theory.coarse import CoarseLoss
from ..theory.losses import FiniteSum, Loss
from . import arguments


class Outcomes(NamedTuple):
    """All values of an estimate and how likely they are; the probabilities are Fractions and add up to 1."""

    values: Array
    """(..., S, d)"""
    probabilities: Array
    """(S,)"""


class Oracle(ABC):
    """An estimate g of ∇L(θ)."""

    @abstractmethod
    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        """One draw for each instance, shape ``(..., d) → (..., d)``; a `ValueError` when a generator is needed and missing."""

    @abstractmethod
    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        """All S outcomes, shape ``(..., d) → (..., S, d)``."""

    @abstractmethod
    def take(self, instances: Array) -> Oracle:
        """The oracle for some instances of a batch with one leading axis, by their indices."""


@final
@dataclass(frozen=True)
class Exact(Oracle):
    """g = ∇L(θ)."""

    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        return loss.gradient(theta)

    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        return Outcomes(loss.gradient(theta)[..., None, :], exact([1]))

    def take(self, instances: Array) -> Exact:
        return self


EXACT = Exact()


@final
@dataclass(frozen=True)
class MiniBatch(Oracle):
    """g = (1/b) Σ_{i ∈ B} ∇Lᵢ(θ) of a `FiniteSum`, all (N choose b) sets B equally likely."""

    size: int

    def __post_init__(self) -> None:
        arguments.count("size", self.size, at_least=1)

    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        return batch_gradient(loss, theta, draw_batches(finite_sum(loss).count, self.size, theta.shape[:-1], rng))

    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        batches = all_batches(finite_sum(loss).count, self.size)
        return Outcomes(batch_gradients(loss, theta, batches), equally_likely(len(batches)))

    def take(self, instances: Array) -> MiniBatch:
        return self


@final
@dataclass(frozen=True, eq=False)
class AdditiveNoise(Oracle):
    """g = ∇L(θ) + ξ_s. ``noise``: (S, d) for all instances or (..., S, d); ``probabilities``: (S,), equal when left out.

    Nothing is assumed about the mean of ξ: with Σ p_s ξ_s = 0 the estimate is unbiased.
    """

    noise: Array
    probabilities: Array

    def __init__(self, noise: Array, probabilities: Sequence[Any] | None = None) -> None:
        if np.ndim(noise) < 2:
            raise ValueError(f"noise must have shape (..., S, d), got {np.shape(noise)}")
        check_finite("noise", noise)
        weights = equally_likely(noise.shape[-2]) if probabilities is None else exact(list(probabilities))
        if weights.shape != (noise.shape[-2],):
            raise ValueError(
                f"probabilities must have {noise.shape[-2]} entries, one for each outcome, got {list(weights)}"
            )
        if any(weight < 0 for weight in weights) or abs(sum(weights) - 1) > Fraction(1, 10**12):
            raise ValueError(f"probabilities must be ≥ 0 with sum 1, got {list(map(str, weights))}")
        object.__setattr__(self, "noise", noise)
        object.__setattr__(self, "probabilities", weights)

    def sample(self, loss: Loss, theta: Array, rng: np.random.Generator | None = None) -> Array:
        values, _ = self.outcomes(loss, theta)
        weights = self.probabilities.astype(float)
        drawn = _generator(rng).choice(len(weights), size=theta.shape[:-1], p=weights / weights.sum())
        return np.take_along_axis(values, np.asarray(drawn)[..., None, None], axis=-2)[..., 0, :]

    def outcomes(self, loss: Loss, theta: Array) -> Outcomes:
        noise = _restricted(loss, self.noise)
        batch = noise.shape[:-2]
        # An instance may have been multiplied into paths already: those axes stand behind the ones of the batch.
        noise = (
            noise.reshape(*batch, *(1,) * max(theta.ndim - 1 - len(batch), 0), *noise.shape[-2:]) if batch else noise
        )
        return Outcomes(loss.gradient(theta)[..., None, :] + noise, self.probabilities)

    def take(self, instances: Array) -> AdditiveNoise:
        if self.noise.ndim == 2:
            return self
        return AdditiveNoise(self.noise.reshape(-1, *self.noise.shape[-2:])[instances], list(self.probabilities))


def expected(outcomes: Outcomes) -> Array:
    """Σ_s p_s values_s, shape (..., S, d) → (..., d); exact on Fractions."""
    return total(constant(outcomes.probabilities, outcomes.values)[..., :, None] * outcomes.values, axis=-2)


def equally_likely(count: int) -> Array:
    """``count`` probabilities 1/count."""
    return exact([Fraction(1, count)] * count)


def all_batches(count: int, size: int) -> np.ndarray:
    """Every mini-batch of ``size`` out of ``count`` indices, shape (S, b)."""
    _check_size(count, size)
    return np.asarray(list(itertools.combinations(range(count), size)), dtype=np.int64)


def draw_batches(count: int, size: int, batch: tuple[int, ...], rng: np.random.Generator | None) -> np.ndarray:
    """One mini-batch without replacement for each instance, shape (*batch, b)."""
    _check_size(count, size)
    return np.argsort(_generator(rng).random((*batch, count)), axis=-1)[..., :size]


def batch_gradient(loss: Loss, theta: Array, indices: np.ndarray) -> Array:
    """∇L_B(θ) with one mini-batch for each instance, shape ``(..., d), (..., b) → (..., d)``; coarse losses are lifted."""
    if isinstance(loss, CoarseLoss):
        return loss.restriction.restrict(batch_gradient(loss.fine, loss.lift(theta), indices))
    return finite_sum(loss).batch_gradient(theta, indices)


def batch_gradients(loss: Loss, theta: Array, batches: np.ndarray) -> Array:
    """∇L_B(θ) for each mini-batch of a list, shape ``(..., d), (S, b) → (..., S, d)``; coarse losses are lifted."""
    if isinstance(loss, CoarseLoss):
        return loss.restriction.restrict(batch_gradients(loss.fine, loss.lift(theta), batches))
    return finite_sum(loss).batch_gradient(theta[..., None, :], batches)


def finite_sum(loss: Loss) -> FiniteSum:
    """The finite sum that this loss is, or that it is a coarse level of."""
    while isinstance(loss, CoarseLoss):
        loss = loss.fine
    if not isinstance(loss, FiniteSum):
        raise TypeError(
            f"loss must be a FiniteSum or a coarse level of one, to have mini-batches, got {type(loss).__name__}"
        )
    return loss


def _restricted(loss: Loss, noise: Array) -> Array:
    return loss.restriction.restrict(_restricted(loss.fine, noise)) if isinstance(loss, CoarseLoss) else noise


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator for a random oracle, like default_rng(0), got {rng!r}")
    return rng


def _check_size(count: int, size: int) -> None:
    if size > count:
        raise ValueError(f"size must be ≤ {count}, the number of summands, got {size}")


def paths_fit(outcomes: int, steps: int, limit: int = 10**6) -> None:
    """Refuse an enumeration with more than ``limit`` paths."""
    if steps * math.log(max(outcomes, 1)) > math.log(limit):
        raise ValueError(f"iterations = {steps} with {outcomes} outcomes each give more than {limit} paths; take fewer")
