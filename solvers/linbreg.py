"""LinBreg, the linearized Bregman iteration (bungert2021 Algorithm 1 and (2.8), lunk2026 (4)).

    g  = ∇L(θ), or an estimate of it
    v⁺ = v − τ g
    θ⁺ = prox_{δJ}(δ v⁺)

symbol  | argument     | shape
--------|--------------|--------------------------------------
J_δ     | ``net``      | an `ElasticNet`
(θ, v)  | ``pair``     | (..., d) each, v ∈ ∂J_δ(θ)
g       | ``gradient`` | (..., d)
τ > 0   | ``tau``      | a number or an array of batch shape

For J = 0 it is gradient descent with step size δτ. It is mirror descent with distance-generating function J_δ
(`mirror_descent` finds the same iterates without a prox). Theorems ask for τ ≤ 1/𝖫, 𝖫 = ℓδ: `Problem.step_size_limit`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..theory.arrays import Array, check_finite, exact
from ..theory.elastic_net import ElasticNet, PrimalDual
from ..theory.losses import Loss
from ..theory.problems import Problem
from . import arguments
from .oracles import EXACT, Oracle, paths_fit
from .step_sizes import StepSizes, schedule
from .trace import Trace, follow


def init(net: ElasticNet, theta: Array, p: Array | None = None) -> PrimalDual:
    """(θ, v) with v = p̄ + θ/δ, p̄ ∈ ∂J(θ) nearest to p (to 0 when left out), shape ``(..., d) → (..., d)``.

    A `ValueError` when θ is outside the domain of J, where ∂J(θ) is empty.
    """
    check_finite("theta", theta)
    inside = net.regularizer.in_domain(theta)
    if not bool(np.all(inside)):
        outside = np.argwhere(~np.asarray(inside, dtype=bool))[0]
        raise ValueError(f"theta must be in the domain of {net.regularizer!r}, got {theta[tuple(outside)]}")
    return net.pair(theta, 0 * theta if p is None else p)


def step(net: ElasticNet, pair: PrimalDual, gradient: Array, tau: Any) -> PrimalDual:
    """(θ⁺, v⁺). Raises where τ ≤ 0 or is not finite, and where g is not finite or of a wrong length."""
    v = pair.v - arguments.step_size(tau, pair.v) * arguments.gradient(gradient, pair.v)
    return PrimalDual(net.mirror_map(v), v)


def run(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps from ``start``; ``step_sizes`` is a number, an array of batch shape or a schedule k → τᵏ."""
    net = problem.elastic_net
    return follow(problem.loss, start, partial(step, net), step_sizes, iterations, oracle, rng)


def all_paths(
    net: ElasticNet, loss: Loss, start: PrimalDual, step_sizes: StepSizes, iterations: int, oracle: Oracle
) -> list[tuple[PrimalDual, Array]]:
    """Every sequence of outcomes of a random oracle: for k = 0 … K, ((θᵏ, vᵏ) of shape (..., S^k, d), probabilities (S^k,)).

    This makes expectations over the whole run exact. τᵏ is a number or an array of batch shape. A `CoarseLoss` must be
    frozen at a θ of shape (..., 1, d), so that its batch leaves room for the paths.
    """
    tau_of = schedule(step_sizes)
    pair = PrimalDual(start.theta[..., None, :], start.v[..., None, :])
    levels = [(pair, exact([1]))]
    for k in range(arguments.count("iterations", iterations)):
        pair, probabilities = levels[-1]
        values, chances = oracle.outcomes(loss, pair.theta)
        paths_fit(len(chances), iterations)
        # (..., paths, S, d): each path branches into S.
        branch = PrimalDual(pair.theta[..., None, :], pair.v[..., None, :])
        tau = tau_of(k)
        after = step(net, branch, values, tau[..., None, None] if isinstance(tau, np.ndarray) and tau.ndim else tau)
        levels.append((_flat(after), np.asarray(np.outer(probabilities, chances)).reshape(-1)))
    return levels


def _flat(pair: PrimalDual) -> PrimalDual:
    *batch, paths, outcomes, dimension = pair.theta.shape  # no −1 below: the dimension may be 0
    shape = (*batch, paths * outcomes, dimension)
    return PrimalDual(pair.theta.reshape(shape), pair.v.reshape(shape))
