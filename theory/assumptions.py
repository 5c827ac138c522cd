"""The papers' assumptions as margins: ≥ 0 where the assumption holds at the given points, scaled by the size of its terms.

symbol | argument              | meaning
-------|-----------------------|------------------------------------------------
L      | ``loss``              | the loss
J_δ    | ``net``               | the elastic net
θ̃     | ``theta_tilde``       | any point, shape (..., d)
(θ, v) | ``pair``              | v ∈ ∂J_δ(θ), shapes (..., d)
"""

from __future__ import annotations

from .arrays import Array, Real, inner, norm, scalar, square_norm
from .divergences import bregman, size
from .elastic_net import ElasticNet, PrimalDual
from .losses.base import Loss
from .margins import at_most


def lipschitz_gradient(loss: Loss, constant: Real, theta_tilde: Array, theta: Array) -> Array:
    """‖∇L(θ̃) − ∇L(θ)‖ ≤ ℓ‖θ̃ − θ‖ (bungert2021 (3.2))."""
    return at_most(
        norm(loss.gradient(theta_tilde) - loss.gradient(theta)), scalar(constant, theta) * norm(theta_tilde - theta)
    )


def quadratic_upper_bound(loss: Loss, constant: Real, theta_tilde: Array, theta: Array) -> Array:
    """L(θ̃) ≤ L(θ) + ⟨∇L(θ), θ̃ − θ⟩ + (ℓ/2)‖θ̃ − θ‖² (bungert2021 (3.3), the descent lemma)."""
    linear = inner(loss.gradient(theta), theta_tilde - theta)
    square = scalar(constant, theta) / 2 * square_norm(theta_tilde - theta)
    value = loss.value(theta)
    return at_most(loss.value(theta_tilde), value + linear + square, value, linear, square)


def strong_convexity(loss: Loss, constant: Real, theta_tilde: Array, theta: Array) -> Array:
    """L(θ̃) ≥ L(θ) + ⟨∇L(θ), θ̃ − θ⟩ + (μ/2)‖θ̃ − θ‖² (bungert2021 (3.4), assumption 2 there)."""
    linear = inner(loss.gradient(theta), theta_tilde - theta)
    square = scalar(constant, theta) / 2 * square_norm(theta_tilde - theta)
    value = loss.value(theta)
    return at_most(value + linear + square, loss.value(theta_tilde), value, linear, square)


def relative_smoothness(loss: Loss, net: ElasticNet, constant: Real, theta_tilde: Array, pair: PrimalDual) -> Array:
    """L(θ̃) ≤ L(θ) + ⟨∇L(θ), θ̃ − θ⟩ + 𝖫 D^v_{J_δ}(θ̃, θ) (lunk2026, assumption 1)."""
    value, linear, distance, terms = _relative_model(loss, net, constant, theta_tilde, pair)
    return at_most(loss.value(theta_tilde), value + linear + distance, value, *terms)


def relative_strong_convexity(
    loss: Loss, net: ElasticNet, constant: Real, theta_tilde: Array, pair: PrimalDual
) -> Array:
    """L(θ̃) ≥ L(θ) + ⟨∇L(θ), θ̃ − θ⟩ + ν D^v_{J_δ}(θ̃, θ) (bungert2021 (3.5), assumption 3 there)."""
    value, linear, distance, terms = _relative_model(loss, net, constant, theta_tilde, pair)
    return at_most(value + linear + distance, loss.value(theta_tilde), value, *terms)


def _relative_model(
    loss: Loss, net: ElasticNet, constant: Real, theta_tilde: Array, pair: PrimalDual
) -> tuple[Array, Array, Array, list[Array]]:
    """L(θ), ⟨∇L(θ), θ̃ − θ⟩, constant·D^v_{J_δ}(θ̃, θ), and the sizes of the terms that cancel in the last two."""
    gradient, factor = loss.gradient(pair.theta), scalar(constant, pair.theta)
    linear = inner(gradient, theta_tilde - pair.theta)
    distance = factor * bregman(net, theta_tilde, pair.theta, pair.v)
    sizes = [
        inner(abs(gradient), abs(theta_tilde) + abs(pair.theta)),
        factor * size(net, theta_tilde, pair.theta, pair.v),
    ]
    return loss.value(pair.theta), linear, distance, sizes


def polyak_lojasiewicz(loss: Loss, constant: Real, theta: Array) -> Array:
    """½‖∇L(θ)‖² ≥ η(L(θ) − L*), the inequality (12) of lunk2026 for J = 0 and δ = 1."""
    infimum = scalar(loss.infimum, theta)
    return at_most(scalar(constant, theta) * (loss.value(theta) - infimum), square_norm(loss.gradient(theta)) / 2)


def mirror_polyak_lojasiewicz(loss: Loss, net: ElasticNet, constant: Real, pair: PrimalDual) -> Array:
    """D^{v(1)}_{J_δ}(θ, θ(1)) ≥ η(L(θ) − L*), v(1) = v − ∇L(θ), θ(1) = ∇(J_δ)*(v(1)) (lunk2026 (12), reconstructed)."""
    v = pair.v - loss.gradient(pair.theta)
    after = net.mirror_map(v)
    gap = loss.value(pair.theta) - scalar(loss.infimum, pair.theta)
    return at_most(scalar(constant, gap) * gap, bregman(net, pair.theta, after, v), size(net, pair.theta, after, v))
