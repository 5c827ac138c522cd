"""Bregman divergences, by their definitions.

symbol          | function      | definition                                  | source
----------------|---------------|---------------------------------------------|-------------------
D^p_J(θ̃, θ)    | `bregman`     | J(θ̃) − J(θ) − ⟨p, θ̃ − θ⟩, p ∈ ∂J(θ)        | bungert2021 (1.16)
D^sym_J(θ̃, θ)  | `symmetric`   | ⟨p̃ − p, θ̃ − θ⟩                             | bungert2021 (1.18)

``function`` is anything with ``value``: a `Regularizer`, an `ElasticNet`, a smooth `Reference`.
"""

from __future__ import annotations

from typing import Protocol

from .arrays import Array, inner


class HasValue(Protocol):
    """A function of vectors."""

    def value(self, theta: Array, /) -> Array:
        """Shape ``(..., d) → (...)``."""


def bregman(function: HasValue, theta_tilde: Array, theta: Array, p: Array) -> Array:
    """D^p(θ̃, θ) = f(θ̃) − f(θ) − ⟨p, θ̃ − θ⟩, shape ``(..., d)³ → (...)``; ≥ 0 when p ∈ ∂f(θ)."""
    return function.value(theta_tilde) - function.value(theta) - inner(p, theta_tilde - theta)


def size(function: HasValue, theta_tilde: Array, theta: Array, p: Array) -> Array:
    """|f(θ̃)| + |f(θ)| + ⟨|p|, |θ̃| + |θ|⟩, the size of the terms that cancel in `bregman`: the scale of its rounding."""
    values = abs(function.value(theta_tilde)) + abs(function.value(theta))
    return values + inner(abs(p), abs(theta_tilde) + abs(theta))


def symmetric(p_tilde: Array, p: Array, theta_tilde: Array, theta: Array) -> Array:
    """D^sym(θ̃, θ) = ⟨p̃ − p, θ̃ − θ⟩ = D^p(θ̃, θ) + D^p̃(θ, θ̃), shape ``(..., d)⁴ → (...)``; ≥ 0 by monotonicity."""
    return inner(p_tilde - p, theta_tilde - theta)
