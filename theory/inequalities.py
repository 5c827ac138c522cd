"""The papers' conclusions as margins: ≥ 0 where the conclusion holds, scaled by the size of its terms.

symbol    | argument   | meaning
----------|------------|----------------------------------------------------------------
J_δ       | ``net``    | the elastic net
(θ, v)    | ``pair``   | before the step, v ∈ ∂J_δ(θ); shapes (..., d)
(θ⁺, v⁺)  | ``after``  | after the step
τ         | ``tau``    | step size, a number or an array of batch shape
g         | ``gradient`` | ∇L(θ) or an estimate of it

Margins about an expectation take arrays with an axis of equally likely outcomes before the last one: (..., outcomes, d).
"""

from __future__ import annotations

from . import divergences
from .arrays import Array, inner, largest, scalar, square_norm, total
from .divergences import bregman, size
from .elastic_net import ElasticNet, PrimalDual
from .losses.base import Loss
from .margins import at_most, equal


def membership(net: ElasticNet, pair: PrimalDual) -> dict[str, Array]:
    """v ∈ ∂J_δ(θ) by three oracles that share no code: the prox, the conjugate, the explicit subdifferential."""
    residual, gap, distance = (
        net.fixed_point_residual(pair),
        net.fenchel_young_gap(pair),
        net.subgradient_residual(pair),
    )
    p, zero = net.p(pair), 0 * residual  # gap and distance may be ∞, and 0·∞ is not 0
    return {
        "θ = prox_{δJ}(δv)": at_most(residual, zero, largest(pair.theta), largest(scalar(net.delta, p) * pair.v)),
        "Fenchel–Young gap = 0": at_most(abs(gap), zero, size(net, pair.theta, 0 * pair.theta, pair.v)),
        "v − θ/δ ∈ ∂J(θ)": at_most(distance, zero, largest(pair.v), largest(pair.theta) / scalar(net.delta, p)),
    }


def descent(loss: Loss, net: ElasticNet, pair: PrimalDual, after: PrimalDual, tau: Array) -> Array:
    """L(θ⁺) ≤ L(θ) − (1/τ) D^{v⁺}_{J_δ}(θ, θ⁺) (lunk2026, the step behind lemma A.2)."""
    before = loss.value(pair.theta)
    gain = bregman(net, pair.theta, after.theta, after.v) / tau
    return at_most(loss.value(after.theta), before - gain, before, size(net, pair.theta, after.theta, after.v) / tau)


def decrease(loss: Loss, theta: Array, outcomes: Array) -> Array:
    """E L(θ⁺) ≤ L(θ), with ``outcomes`` the θ⁺ of each outcome, (..., outcomes, d)."""
    after = expectation(loss.value(outcomes))
    rounding = inner(abs(loss.gradient(theta)), abs(theta))  # what an error in θ does to L(θ), however small L(θ) is
    rounding = rounding + expectation(inner(abs(loss.gradient(outcomes)), abs(outcomes)))
    return at_most(after, loss.value(theta), rounding)


def loss_decay(
    loss: Loss, net: ElasticNet, pair: PrimalDual, outcomes: PrimalDual, tau: Array, slack: Array | int = 0
) -> Array:
    """E L(θ⁺) + (1/τ) E D^sym_J(θ⁺, θ) + ((2 − ℓτδ)/(2τδ)) E‖θ⁺ − θ‖² ≤ L(θ) + slack (bungert2021 (3.6)).

    ``outcomes`` holds the step for each outcome, (..., outcomes, d); ``slack`` is 0 in the paper.
    """
    like = pair.theta
    ell, delta = scalar(loss.lipschitz, like), scalar(net.delta, like)
    start = PrimalDual(pair.theta[..., None, :], pair.v[..., None, :])
    before = loss.value(pair.theta)
    after = expectation(loss.value(outcomes.theta))
    distance = expectation(divergences.symmetric(net.p(outcomes), net.p(start), outcomes.theta, start.theta)) / tau
    square = (2 - ell * tau * delta) / (2 * tau * delta) * expectation(square_norm(outcomes.theta - start.theta))
    terms = expectation(
        size(net, outcomes.theta, start.theta, start.v) + size(net, start.theta, outcomes.theta, outcomes.v)
    )
    return at_most(after + distance + square, before + slack, before, after, terms / tau)


def expectation(values: Array) -> Array:
    """The mean over equally likely outcomes on the last axis."""
    return total(values) / values.shape[-1]


def bregman_split(net: ElasticNet, theta_tilde: Array, pair: PrimalDual) -> Array:
    """D^v_{J_δ}(θ̃, θ) = D^p_J(θ̃, θ) + (1/2δ)‖θ̃ − θ‖² (bungert2021, lemma B.1)."""
    whole = bregman(net, theta_tilde, pair.theta, pair.v)
    part = bregman(net.regularizer, theta_tilde, pair.theta, net.p(pair))
    square = square_norm(theta_tilde - pair.theta) / (2 * scalar(net.delta, pair.theta))
    return equal(whole, part + square, size(net, theta_tilde, pair.theta, pair.v))


def distance_change(
    net: ElasticNet, star: Array, pair: PrimalDual, after: PrimalDual, tau: Array, gradient: Array
) -> dict[str, tuple[Array, Array, Array]]:
    """Both sides of (B.1) and (B.2) of bungert2021 for one outcome, and the size of the terms they are made of.

    d_{k+1} − d_k = −D^{v}(θ⁺, θ) + τ⟨g, θ* − θ⁺⟩ (B.1) and = D^{v⁺}(θ, θ⁺) + τ⟨g, θ* − θ⟩ (B.2).
    """
    old, new = bregman(net, star, pair.theta, pair.v), bregman(net, star, after.theta, after.v)
    forward, backward = bregman(net, after.theta, pair.theta, pair.v), bregman(net, pair.theta, after.theta, after.v)
    moved, stayed = tau * inner(gradient, star - after.theta), tau * inner(gradient, star - pair.theta)
    terms = size(net, star, pair.theta, pair.v) + size(net, star, after.theta, after.v)
    terms = terms + size(net, after.theta, pair.theta, pair.v) + size(net, pair.theta, after.theta, after.v)
    return {"(B.1)": (new - old, moved - forward, terms), "(B.2)": (new - old, stayed + backward, terms)}


def monotone(net: ElasticNet, first: PrimalDual, second: PrimalDual) -> Array:
    """D^sym_J(θ₁, θ₂) = ⟨p₁ − p₂, θ₁ − θ₂⟩ ≥ 0 for p = v − θ/δ ∈ ∂J(θ) (bungert2021 (1.17), (1.18))."""
    p_first, p_second = net.p(first), net.p(second)
    value = divergences.symmetric(p_first, p_second, first.theta, second.theta)
    terms = [inner(abs(v), abs(theta)) for v in (first.v, second.v) for theta in (first.theta, second.theta)]
    return at_most(0 * value, value, *terms)  # p = v − θ/δ cancels, so rounding has the size of v
