"""The distance to the minimiser along a whole run, and the bound that the recursion d⁺ ≤ (1 − τν)d + δτ²σ²/2 gives for it."""

from __future__ import annotations

from typing import Any

from ....solvers.expected_distance import ExpectedDistances, distances
from ....solvers.oracles import Oracle
from ....theory import inequalities
from ....theory.arrays import Array, scalar, square_norm
from ....theory.bregman_convexity import constant_at_minimizer, minimizer
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem


def run(problem: Problem, pair: PrimalDual, tau: Array, oracle: Oracle) -> ExpectedDistances:
    """d_0 … d_K along the iteration (3.1)."""
    return distances(problem, minimizer(problem, pair.theta) + 0 * pair.theta, pair, tau, oracle)


def variance(xi: Array) -> Array:
    """σ² of equally likely ξ."""
    return inequalities.expectation(square_norm(xi))


def bound(problem: Problem, first: Array, tau: Array, noise: Array, rate: Any = 1) -> Array:
    """d₀ Π(1 − τ_kν) + (δ·noise/2) Σ_k τ_k² Π_{l > k}(1 − τ_lν), with rate·ν in the place of ν."""
    nu, delta = scalar(rate, tau) * scalar(constant_at_minimizer(problem), tau), scalar(problem.delta, tau)
    for k in range(tau.shape[-1]):
        step = tau[..., k]
        first = (1 - step * nu) * first + delta * noise * step * step / 2
    return first


def contraction(
    problem: Problem, pair: PrimalDual, tau: Array, oracle: Oracle, noise: Array | int = 0, rate: Any = 1
) -> Array:
    """d_K is at most `bound`."""
    found = run(problem, pair, tau, oracle)
    right = bound(problem, found.values[..., 0], tau, noise, rate)
    return at_most(found.values[..., -1], right, found.terms[..., 0], found.terms[..., -1])
