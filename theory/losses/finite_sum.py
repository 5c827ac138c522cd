"""Finite sums L = (1/N) Σ Lᵢ, with their mini-batch gradients.

symbol  | method                       | meaning
--------|------------------------------|--------------------------------------------------------
Lᵢ      | `component_values`           | all N values at once
∇Lᵢ     | `component_gradients`        | all N gradients at once
∇L_B    | `batch_gradient`             | (1/b) Σ_{i ∈ B} ∇Lᵢ for the b indices of a mini-batch B
max ℓᵢ  | `component_lipschitz`        | every ∇Lᵢ has this Lipschitz constant
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np

from ..arrays import Array, Real, constant, namespace, total
from .base import Loss
from .least_squares import LeastSquares
from .linear_model import LinearModel
from .minimum import NotAttained, convex_minimizer, difference_hessian


@final
@dataclass(frozen=True, eq=False)
class FiniteSum(Loss):
    """L = (1/N) Σ Lᵢ over the given losses, or over the rows of a linear model.

    ``losses``: N ≥ 1 losses of one dimension, or a `LinearModel`: then Lᵢ(θ) = ρ(aᵢᵀθ − bᵢ) + (ridge/2)‖θ‖²,
    everything is vectorised, and the constants are those of the model with ``mean=True``, exact where those are.

    For separate losses the constants are rigorous but not always the best: ℓ is the mean of the ℓᵢ (an upper bound),
    μ the mean of the μᵢ (a lower bound; None unless every Lᵢ is convex), and η = μ where μ > 0, else None, which says
    "not known". ``known_minimizer`` gives the minimiser, and so L*, exactly in its arithmetic; ``known_infimum`` alone
    gives L* when there is no minimiser. Without them L* is solved for numerically when all Lᵢ are convex, and is a
    `ValueError` otherwise.
    """

    losses: tuple[Loss, ...] | LinearModel
    known_infimum: Real | None = None
    known_minimizer: Array | None = None

    def __init__(
        self,
        losses: Sequence[Loss] | LinearModel,
        known_infimum: Real | None = None,
        known_minimizer: Array | None = None,
    ) -> None:
        components = losses if isinstance(losses, LinearModel) else tuple(losses)
        object.__setattr__(self, "losses", components)
        object.__setattr__(self, "known_infimum", known_infimum)
        object.__setattr__(self, "known_minimizer", None if known_minimizer is None else np.array(known_minimizer))
        if isinstance(components, LinearModel):
            if known_infimum is not None or known_minimizer is not None:
                raise ValueError("known_infimum and known_minimizer are for separate losses, got a linear model")
            return
        _check_components(components)
        self._check_known()

    @staticmethod
    def least_squares(matrix: Any, target: Any) -> FiniteSum:
        """Lᵢ(θ) = ½(aᵢᵀθ − bᵢ)² for the N rows of a matrix of shape (N, d): L = ‖Aθ − b‖²/2N."""
        return FiniteSum(LeastSquares(matrix, target))

    @property
    def count(self) -> int:
        """N."""
        return self.losses.count if isinstance(self.losses, LinearModel) else len(self.losses)

    @property
    def dimension(self) -> int:
        return self.losses.dimension if isinstance(self.losses, LinearModel) else self.losses[0].dimension

    def component_values(self, theta: Array) -> Array:
        """L₁(θ) … L_N(θ), shape ``(..., d) → (..., N)``."""
        if isinstance(self.losses, LinearModel):
            return self.losses.row_values(theta)
        return namespace(theta).stack([loss.value(theta) for loss in self.losses], axis=-1)

    def component_gradients(self, theta: Array) -> Array:
        """∇L₁(θ) … ∇L_N(θ), shape ``(..., d) → (..., N, d)``."""
        if isinstance(self.losses, LinearModel):
            return self.losses.row_gradients(theta)
        return namespace(theta).stack([loss.gradient(theta) for loss in self.losses], axis=-2)

    def batch_gradient(self, theta: Array, indices: Any) -> Array:
        """(1/b) Σ_{i ∈ B} ∇Lᵢ(θ), shape ``(..., d), (..., b) → (..., d)``.

        ``indices``: b ≥ 1 integers in 0 … N−1 (one may occur twice: it counts twice), one mini-batch for all θ or one
        for each: the leading axes broadcast against those of θ.
        """
        batch = np.asarray(indices)
        if batch.ndim == 0 or batch.shape[-1] == 0 or not np.issubdtype(batch.dtype, np.integer):
            raise ValueError(f"indices must be integers of shape (..., b) with b ≥ 1, got {indices!r}")
        if batch.size and not 0 <= batch.min() <= batch.max() < self.count:
            raise ValueError(f"indices must be in 0 … {self.count - 1}, got {batch.min()} … {batch.max()}")
        counts = (batch[..., None] == np.arange(self.count)).sum(axis=-2)
        weights = constant(counts, theta) / batch.shape[-1]
        if isinstance(self.losses, LinearModel):
            return self.losses.weighted_row_gradient(theta, weights)
        return total(weights[..., None] * self.component_gradients(theta), axis=-2)

    def value(self, theta: Array) -> Array:
        return self._average.value(theta) if self._average else total(self.component_values(theta) / self.count)

    def gradient(self, theta: Array) -> Array:
        if self._average:
            return self._average.gradient(theta)
        return total(self.component_gradients(theta) / self.count, axis=-2)

    @cached_property
    def component_lipschitz(self) -> Real:
        """max ℓᵢ."""
        if isinstance(self.losses, LinearModel):
            return max(self.losses.row_lipschitz)
        return max(loss.lipschitz for loss in self.losses)

    @cached_property
    def lipschitz(self) -> Real:
        if self._average:
            return self._average.lipschitz
        return _mean([loss.lipschitz for loss in self._separate])

    @cached_property
    def strong_convexity(self) -> Real | None:
        if self._average:
            return self._average.strong_convexity
        moduli = [loss.strong_convexity for loss in self._separate]
        return None if any(modulus is None for modulus in moduli) else _mean(moduli)

    @cached_property
    def pl_constant(self) -> Real | None:
        if self._average:
            return self._average.pl_constant
        return self.strong_convexity or None

    @cached_property
    def infimum(self) -> Real:
        if self._average:
            return self._average.infimum
        if self.known_infimum is not None:
            return self.known_infimum
        return self.value(self._solution).item()

    def minimizer(self) -> Array | None:
        if self._average:
            return self._average.minimizer()
        if self.known_infimum is not None and self.known_minimizer is None:
            return None
        return self._solution.copy()

    @cached_property
    def _average(self) -> LinearModel | None:
        if not isinstance(self.losses, LinearModel):
            return None
        model: Any = self.losses
        average: LinearModel = dataclasses.replace(model, mean=True)
        return average

    @property
    def _separate(self) -> tuple[Loss, ...]:
        return () if isinstance(self.losses, LinearModel) else self.losses

    @cached_property
    def _solution(self) -> Array:
        if self.known_minimizer is not None:
            return self.known_minimizer
        if self.strong_convexity is None:
            raise ValueError("a loss is not convex, so L* is not known: give known_minimizer or known_infimum")
        try:
            return convex_minimizer(
                self.value,
                self.gradient,
                lambda theta: difference_hessian(self.gradient, theta),
                np.zeros(self.dimension),
            )
        except NotAttained as error:
            raise ValueError(f"L* is not known, give known_minimizer or known_infimum: {error}") from error

    def _check_known(self) -> None:
        if self.known_minimizer is None:
            return
        if self.known_minimizer.shape != (self.dimension,):
            raise ValueError(f"known_minimizer must have shape ({self.dimension},), got {self.known_minimizer.shape}")
        if self.known_infimum is None:
            return
        reached = self.value(self.known_minimizer).item()
        if abs(reached - self.known_infimum) > 1e-9 * (1 + abs(reached)):
            raise ValueError(f"known_infimum must be L(known_minimizer) = {reached}, got {self.known_infimum!r}")


def _mean(numbers: Sequence[Any]) -> Real:
    # N as a Fraction among Fractions, so that integers do not turn into floats.
    return sum(numbers) / (Fraction(len(numbers)) if isinstance(sum(numbers), int | Fraction) else len(numbers))


def _check_components(losses: tuple[Any, ...]) -> None:
    if not losses:
        raise ValueError("losses must hold at least one loss, got none")
    for loss in losses:
        if not isinstance(loss, Loss):
            raise TypeError(f"losses must be losses, got {loss!r}")
        if loss.dimension != losses[0].dimension:
            raise ValueError(f"losses must have one dimension, got {losses[0].dimension} and {loss.dimension}")
