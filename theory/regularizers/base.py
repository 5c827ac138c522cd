"""What a regularizer is.

symbol   | method                     | meaning
---------|----------------------------|---------------------------------------------------------------------------
J        | `value`                    | proper, convex, lower semicontinuous, ℝᵈ → (−∞, ∞]
prox_{tJ}| `prox(z, t)`               | argmin_u ½‖u − z‖² + tJ(u)
J*       | `conjugate`                | J*(p) = sup_θ ⟨p, θ⟩ − J(θ)
∂J(θ)    | `project_subdifferential`  | the point of ∂J(θ) nearest to a given vector: reaches *every* subgradient
dom J    | `in_domain`                | where J is finite
Ĵ        | `restrict`                 | Σ over the selected groups, a regularizer on the coarse space

A regularizer acts along the last axis; leading axes are a batch. One object serves float NumPy arrays, object arrays of
Fractions (exact where the formula is rational, `IrrationalError` elsewhere) and torch tensors. To add one, derive from
`Regularizer`, and let `mlbreg.theory.conformance.check_regularizer` tell whether it is right.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

from ..arrays import Array, Real, check_finite, check_vector, is_exact, namespace, norm
from ..groups import Groups, Restriction


class Regularizer(ABC):
    """A proper, convex, lower semicontinuous function J: ℝᵈ → (−∞, ∞], separable over groups (lunk2026 (7))."""

    @abstractmethod
    def value(self, theta: Array) -> Array:
        """J(θ), shape ``(..., d) → (...)``; ``inf`` outside the domain."""

    @abstractmethod
    def prox(self, z: Array, step: Real) -> Array:
        """prox_{step·J}(z) = argmin_u ½‖u − z‖² + step·J(u) with step > 0, shape ``(..., d) → (..., d)``."""

    @abstractmethod
    def conjugate(self, p: Array) -> Array:
        """J*(p) = sup_θ ⟨p, θ⟩ − J(θ), shape ``(..., d) → (...)``; ``inf`` where it is infinite.

        The conjugate of an indicator-like J is itself an indicator; it allows for rounding of relative size 1e-9 in
        floating point, and for none in exact arithmetic.
        """

    @abstractmethod
    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        """The point of ∂J(θ) nearest to p, shape ``(..., d), (..., d) → (..., d)``; NaN where ∂J(θ) is empty."""

    @abstractmethod
    def in_domain(self, theta: Array) -> Array:
        """J(θ) < ∞, shape ``(..., d) → (...)``."""

    @abstractmethod
    def separable_groups(self, dimension: int) -> Groups:
        """The finest partition over which J is a sum of functions of one group each."""

    @abstractmethod
    def restrict(self, restriction: Restriction) -> Regularizer:
        """Ĵ = Σ_{g selected} J_g on the coarse space; a `ValueError` when the restriction splits a group of J."""

    @final
    def subdifferential_distance(self, theta: Array, p: Array) -> Array:
        """dist(p, ∂J(θ)) in the Euclidean norm, shape ``(..., d), (..., d) → (...)``; ``inf`` where ∂J(θ) is empty."""
        distance = norm(p - self.project_subdifferential(theta, p))
        return namespace(distance).where(distance == distance, distance, math.inf)

    @final
    def __call__(self, theta: Array) -> Array:
        """J(θ); a `ValueError` when θ is not a vector or has an entry that is not finite."""
        return self.value(check_finite("theta", check_vector("theta", theta, None)))


def indicator(inside: Array, like: Array) -> Array:
    """0 where ``inside`` holds and ∞ elsewhere, as an array of the kind of ``like``."""
    xp = namespace(inside, like)
    zero = 0 * like
    return xp.where(inside, zero, zero + math.inf)


def slack(size: Array) -> Array:
    """How far rounding may push a floating-point number of this size over an exact bound; 0 for Fractions.

    A bound of 0 (a weight of 0, a missing bound) has no scale of its own: there the slack is that of 1.
    """
    if is_exact(size):
        return 0 * size
    xp = namespace(size)
    return xp.where(size == 0, xp.ones_like(size), size) * (1e-9 if xp.finfo(size.dtype).eps < 1e-10 else 1e-4)
