"""The elastic net J_δ = J + (1/2δ)‖·‖², its mirror map, and who belongs to its subdifferential.

symbol               | here                     | source
---------------------|--------------------------|------------------------------------------------
J_δ                  | `ElasticNet.value`       | bungert2021 (2.6)
(θ, v), v ∈ ∂J_δ(θ)  | `PrimalDual`             | always carried together
∇(J_δ)*(v) = prox_{δJ}(δv) | `ElasticNet.mirror_map` | bungert2021 (2.7), lunk2026 (4b)
p = v − θ/δ ∈ ∂J(θ)  | `ElasticNet.p`           | bungert2021, proof of lemma B.1

Membership has three independent oracles: `fixed_point_residual` uses the prox alone, `fenchel_young_gap` the conjugate
alone, `subgradient_residual` the explicit subdifferential alone. A check never uses the one that defined its object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .arrays import (
    Array,
    Real,
    check_finite,
    check_number,
    check_vector,
    inner,
    is_exact,
    largest,
    namespace,
    scalar,
    square_norm,
)
from .regularizers import Regularizer


class PrimalDual(NamedTuple):
    """A primal point θ and a dual variable v ∈ ∂J_δ(θ), both of shape (..., d)."""

    theta: Array
    v: Array


@dataclass(frozen=True)
class ElasticNet:
    """J_δ for a regularizer J and δ > 0; strongly convex with modulus 1/δ."""

    regularizer: Regularizer
    delta: Real

    def __post_init__(self) -> None:
        check_number("delta", self.delta, above=0)

    def _delta(self, like: Array) -> Real:
        return scalar(self.delta, like)

    def value(self, theta: Array) -> Array:
        """J_δ(θ), shape ``(..., d) → (...)``."""
        return self.regularizer.value(theta) + square_norm(theta) / (2 * self._delta(theta))

    def mirror_map(self, v: Array) -> Array:
        """∇(J_δ)*(v) = prox_{δJ}(δv), shape ``(..., d) → (..., d)``."""
        return self.regularizer.prox(self._delta(v) * v, self.delta)

    def p(self, pair: PrimalDual) -> Array:
        """p = v − θ/δ, the subgradient of J that belongs to the pair."""
        return pair.v - pair.theta / self._delta(pair.theta)

    def pair(self, theta: Array, p: Array) -> PrimalDual:
        """(θ, p̄ + θ/δ) where p̄ is the point of ∂J(θ) nearest to p: as p varies, v reaches every element of ∂J_δ(θ).

        Outside the domain of J, where ∂J(θ) is empty, v is NaN. A `ValueError` when θ or p has an entry that is not finite.
        """
        check_finite("theta", check_vector("theta", theta, None))
        check_finite("p", check_vector("p", p, theta.shape[-1]))
        return PrimalDual(theta, self.regularizer.project_subdifferential(theta, p) + theta / self._delta(theta))

    def fixed_point_residual(self, pair: PrimalDual) -> Array:
        """max |θ − prox_{δJ}(δv)|; 0 iff v ∈ ∂J_δ(θ). Knows the prox only."""
        return largest(pair.theta - self.mirror_map(pair.v))

    def fenchel_young_gap(self, pair: PrimalDual) -> Array:
        """J(θ) + J*(p) − ⟨p, θ⟩ ≥ 0 with p = v − θ/δ; 0 iff v ∈ ∂J_δ(θ). Knows J and J* only.

        It bounds the gap J_δ(θ) + (J_δ)*(v) − ⟨v, θ⟩ from above, because (J_δ)*(v) ≤ J*(p) + (δ/2)‖v − p‖², and both
        vanish together. The conjugate of J_δ itself would need the prox, and the oracle would no longer be independent.
        In floating point an entry of p that is only the rounding of v − θ/δ counts as 0, as J* may be ∞ next to it.
        """
        p = self.p(pair)
        if not is_exact(p):
            noise = 1e-14 * (abs(pair.v) + abs(pair.theta) / self._delta(p))
            p = namespace(p).where(abs(p) <= noise, 0 * p, p)
        return self.regularizer.value(pair.theta) + self.regularizer.conjugate(p) - inner(p, pair.theta)

    def subgradient_residual(self, pair: PrimalDual) -> Array:
        """max |p − p̄| with p̄ the nearest point of ∂J(θ); 0 iff v ∈ ∂J_δ(θ). Knows the explicit subdifferential only."""
        p = self.p(pair)
        residual = largest(p - self.regularizer.project_subdifferential(pair.theta, p))
        return namespace(residual).where(residual == residual, residual, float("inf"))
