"""How the Bregman distance to the minimiser changes in one step: the conclusions of bungert2021, section 3.2, as margins.

symbol       | argument      | meaning
-------------|---------------|----------------------------------------------------------------------
θ*           | ``star``      | the minimiser of L, shape (d,), J(θ*) < ∞
(θ, v)       | ``pair``      | before the step, (..., d)
(θ⁺, v⁺)     | ``outcomes``  | after it, one for each equally likely outcome, (..., outcomes, d)
d, d⁺        |               | D^v_{J_δ}(θ*, θ) and E D^{v⁺}_{J_δ}(θ*, θ⁺)
τ            | ``tau``       | step size, of batch shape (...)
σ²           | ``variance``  | E‖g − ∇L(θ)‖², of batch shape
"""

from __future__ import annotations

from typing import NamedTuple

from .arrays import Array, Real, inner, scalar, square_norm
from .divergences import bregman, size
from .elastic_net import ElasticNet, PrimalDual
from .inequalities import expectation
from .losses.base import Loss
from .margins import at_most


class Change(NamedTuple):
    """d, d⁺ and the size of the terms that cancel in them."""

    before: Array
    after: Array
    terms: Array


def change(net: ElasticNet, star: Array, pair: PrimalDual, outcomes: PrimalDual) -> Change:
    """The expected distance before and after the step."""
    before = bregman(net, star, pair.theta, pair.v)
    after = expectation(bregman(net, star, outcomes.theta, outcomes.v))
    terms = size(net, star, pair.theta, pair.v) + expectation(size(net, star, outcomes.theta, outcomes.v))
    return Change(before, after, terms)


def no_increase(net: ElasticNet, star: Array, pair: PrimalDual, outcomes: PrimalDual, slack: Array | int = 0) -> Array:
    """d⁺ ≤ d + slack; slack is 0 in (3.10)."""
    before, after, terms = change(net, star, pair, outcomes)
    return at_most(after, before + slack, terms)


def gradient_gain(
    loss: Loss, net: ElasticNet, star: Array, pair: PrimalDual, outcomes: PrimalDual, tau: Array, slack: Array | int = 0
) -> Array:
    """d⁺ + τ(1 − ℓδτ/2)⟨∇L(θ), θ − θ*⟩ ≤ d + slack."""
    before, after, terms = change(net, star, pair, outcomes)
    gradient = loss.gradient(pair.theta)
    product = inner(gradient, pair.theta - star)
    cancelling = inner(abs(gradient), abs(pair.theta) + abs(star))
    share = 1 - scalar(loss.lipschitz, tau) * scalar(net.delta, tau) * tau / 2
    return at_most(after + tau * share * product, before + slack, terms, tau * cancelling)


def contraction(
    net: ElasticNet,
    nu: Real,
    star: Array,
    pair: PrimalDual,
    outcomes: PrimalDual,
    tau: Array,
    slack: Array | int = 0,
) -> Array:
    """d⁺ ≤ (1 − τν)d + slack."""
    before, after, terms = change(net, star, pair, outcomes)
    return at_most(after, (1 - tau * scalar(nu, tau)) * before + slack, terms)


def noise_cost(net: ElasticNet, tau: Array, noise: Array) -> Array:
    """δτ²σ²/2 for equally likely ξ of shape (..., outcomes, d): the most that noise adds to E d⁺."""
    return scalar(net.delta, tau) * tau * tau * expectation(square_norm(noise)) / 2
