"""Regularizers that are sums over single coordinates: zero, ℓ1, weighted ℓ1, box, nonnegativity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import Array, Real, check_number, constant, namespace, positive_part, scalar, total
from ..groups import Groups, Restriction
from .base import Regularizer, indicator, slack


@final
@dataclass(frozen=True)
class Zero(Regularizer):
    """J = 0: LinBreg is gradient descent with step size δτ."""

    def value(self, theta: Array) -> Array:
        return total(0 * theta)

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        return z + 0

    def conjugate(self, p: Array) -> Array:
        size = total(abs(p))
        return indicator(size <= slack(1 + 0 * size), size)

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        return 0 * (theta + p)

    def in_domain(self, theta: Array) -> Array:
        return total(0 * theta) == 0

    def separable_groups(self, dimension: int) -> Groups:
        return Groups.singletons(dimension)

    def restrict(self, restriction: Restriction) -> Zero:
        return self


def _soft_threshold(z: Array, threshold: Any) -> Array:
    return namespace(z).sign(z) * positive_part(abs(z) - threshold)


def _l1_subgradient(theta: Array, p: Array, weight: Any) -> Array:
    xp = namespace(theta, p)
    inside = xp.where(p > weight, weight + 0 * p, xp.where(p < -weight, -weight + 0 * p, p))
    return xp.where(theta == 0, inside + 0 * theta, weight * xp.sign(theta) + 0 * p)


@final
@dataclass(frozen=True)
class L1(Regularizer):
    """J(θ) = λ‖θ‖₁ with λ ≥ 0 (bungert2021 (1.1)); prox_{tJ}(z) = sign(z) max(|z| − tλ, 0) (lunk2026 (6))."""

    lam: Real

    def __post_init__(self) -> None:
        check_number("lam", self.lam, at_least=0)

    def value(self, theta: Array) -> Array:
        return scalar(self.lam, theta) * total(abs(theta))

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        return _soft_threshold(z, scalar(step, z) * scalar(self.lam, z))

    def conjugate(self, p: Array) -> Array:
        lam = scalar(self.lam, p)
        excess = positive_part(abs(p) - lam)
        return indicator(namespace(p).all(excess <= slack(lam + 0 * excess), axis=-1), total(excess))

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        return _l1_subgradient(theta, p, scalar(self.lam, p))

    def in_domain(self, theta: Array) -> Array:
        return total(0 * theta) == 0

    def separable_groups(self, dimension: int) -> Groups:
        return Groups.singletons(dimension)

    def restrict(self, restriction: Restriction) -> L1:
        return self


@final
@dataclass(frozen=True)
class WeightedL1(Regularizer):
    """J(θ) = Σ wᵢ|θᵢ| with weights wᵢ ≥ 0, one for each coordinate."""

    weights: tuple[Real, ...]

    def __init__(self, weights: Sequence[Real]) -> None:
        object.__setattr__(self, "weights", tuple(weights))
        for weight in self.weights:
            check_number("weights", weight, at_least=0)

    def _weights(self, like: Array) -> Array:
        _check_length("weights", self.weights, like)
        return constant(self.weights, like)

    def value(self, theta: Array) -> Array:
        return total(self._weights(theta) * abs(theta))

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        return _soft_threshold(z, scalar(step, z) * self._weights(z))

    def conjugate(self, p: Array) -> Array:
        weights = self._weights(p)
        excess = positive_part(abs(p) - weights)
        return indicator(namespace(p).all(excess <= slack(weights + 0 * excess), axis=-1), total(excess))

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        return _l1_subgradient(theta, p, self._weights(p))

    def in_domain(self, theta: Array) -> Array:
        return total(0 * self._weights(theta) * theta) == 0

    def separable_groups(self, dimension: int) -> Groups:
        _check_dimension("weights", self.weights, dimension)
        return Groups.singletons(dimension)

    def restrict(self, restriction: Restriction) -> WeightedL1:
        self.separable_groups(restriction.dimension)
        return WeightedL1([self.weights[i] for i in restriction.indices])


@final
@dataclass(frozen=True)
class Box(Regularizer):
    """J = χ_{[lower, upper]ᵈ}: 0 inside and ∞ outside. Bounds are numbers or one number per coordinate; ±inf is allowed.

    ∂J(θ) is the normal cone: {0} inside, a half line at a bound, ℝ where both bounds coincide, empty outside.
    """

    lower: Real | tuple[Real, ...]
    upper: Real | tuple[Real, ...]

    def __init__(self, lower: Real | Sequence[Real], upper: Real | Sequence[Real]) -> None:
        for name, bound in (("lower", lower), ("upper", upper)):
            object.__setattr__(self, name, tuple(bound) if isinstance(bound, list | tuple | np.ndarray) else bound)
            if any(
                isinstance(entry, float) and math.isnan(entry) for entry in np.ravel(np.asarray(bound, dtype=object))
            ):
                raise ValueError(f"{name} must not be NaN, got {bound!r}")
        low, high = np.asarray(lower, dtype=object), np.asarray(upper, dtype=object)
        if np.any(low > high) or np.any(low == math.inf) or np.any(high == -math.inf):
            raise ValueError(f"lower must be ≤ upper (and not +inf, nor upper −inf), got {lower!r} and {upper!r}")

    def _bounds(self, like: Array) -> tuple[Array, Array]:
        for name, bound in (("lower", self.lower), ("upper", self.upper)):
            if isinstance(bound, tuple):
                _check_length(name, bound, like)
        return constant(self.lower, like), constant(self.upper, like)

    def value(self, theta: Array) -> Array:
        return indicator(self.in_domain(theta), total(0 * theta))

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        low, high = self._bounds(z)
        xp = namespace(z)
        return xp.where(z < low, low + 0 * z, xp.where(z > high, high + 0 * z, z))

    def conjugate(self, p: Array) -> Array:
        low, high = self._bounds(p)
        xp = namespace(p)
        bound = xp.where(p > 0, high + 0 * p, xp.where(p < 0, low + 0 * p, 0 * p))
        # 0 · ∞ = 0 here: a coordinate without a bound contributes only where p points towards infinity, beyond rounding.
        nothing = (abs(bound) == math.inf) & (abs(p) <= slack(0 * p))
        return total(xp.where(nothing, 0 * p, bound) * p)

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        low, high = self._bounds(theta)
        xp = namespace(theta, p)
        at_low, at_high = theta == low, theta == high
        inside = xp.where(
            at_low & at_high, p, xp.where(at_low, -positive_part(-p), xp.where(at_high, positive_part(p), 0 * p))
        )
        return xp.where((theta >= low) & (theta <= high), inside, 0 * p + math.nan)

    def in_domain(self, theta: Array) -> Array:
        low, high = self._bounds(theta)
        return namespace(theta).all((theta >= low) & (theta <= high), axis=-1)

    def separable_groups(self, dimension: int) -> Groups:
        for name, bound in (("lower", self.lower), ("upper", self.upper)):
            if isinstance(bound, tuple):
                _check_dimension(name, bound, dimension)
        return Groups.singletons(dimension)

    def restrict(self, restriction: Restriction) -> Box:
        self.separable_groups(restriction.dimension)

        def pick(bound: Any) -> Any:
            return [bound[i] for i in restriction.indices] if isinstance(bound, tuple) else bound

        return Box(pick(self.lower), pick(self.upper))


def NonNegative() -> Box:  # noqa: N802 - reads as the regularizer that it returns
    """J = χ_{[0, ∞)ᵈ} (bungert2021, example 3.6)."""
    return Box(0, math.inf)


def _check_length(name: str, values: tuple[Real, ...], x: Array) -> None:
    if not x.shape or x.shape[-1] != len(values):
        raise ValueError(
            f"{name} has {len(values)} entries, so the vector must have shape (..., {len(values)}), got {tuple(x.shape)}"
        )


def _check_dimension(name: str, values: tuple[Real, ...], dimension: int) -> None:
    if dimension != len(values):
        raise ValueError(f"dimension must be {len(values)}, the number of entries of {name}, got {dimension}")
