"""E D^{v_k}_{J_δ}(θ*, θ_k) along LinBreg, over every path of a finite oracle.

symbol | argument         | shape
-------|------------------|------------------------------------------------
(θ, v) | ``start``        | (..., d) each, v ∈ ∂J_δ(θ)
τ_k    | ``step_sizes``   | (..., K), K steps for each instance
θ*     | ``star``         | (d,) or (..., d)
d_k    | result `.values` | (..., K + 1), k = 0 … K
"""

from __future__ import annotations

from typing import NamedTuple

from ..theory.arrays import Array, constant, namespace, norm, total
from ..theory.divergences import bregman, size
from ..theory.elastic_net import PrimalDual
from ..theory.problems import Problem
from .linbreg import all_paths
from .oracles import Oracle


class ExpectedDistances(NamedTuple):
    """d_k, the size of the terms that cancel in it, and every path."""

    values: Array
    """E D^{v_k}(θ*, θ_k), shape (..., K + 1)"""
    terms: Array
    """E of the size of its terms, shape (..., K + 1)"""
    paths: list[tuple[PrimalDual, Array]]
    """for each k ((θ_k, v_k) of shape (..., S^k, d), probabilities (S^k,))"""

    def expected_norm(self, star: Array, k: int) -> Array:
        """E‖θ_k − θ*‖; `IrrationalError` where it is irrational."""
        pair, probabilities = self.paths[k]
        return mean(norm(pair.theta - star[..., None, :]), probabilities)


def mean(values: Array, probabilities: Array) -> Array:
    """Σ_s p_s values_s, shape (..., S) → (...)."""
    return total(values * constant(probabilities, values))


def distances(problem: Problem, star: Array, start: PrimalDual, step_sizes: Array, oracle: Oracle) -> ExpectedDistances:
    """d_0 … d_K."""
    net = problem.elastic_net
    steps = step_sizes.shape[-1]
    paths = all_paths(net, problem.loss, start, lambda k: step_sizes[..., k], steps, oracle)
    anchor = star[..., None, :]
    values = [mean(bregman(net, anchor, pair.theta, pair.v), chances) for pair, chances in paths]
    terms = [mean(size(net, anchor, pair.theta, pair.v), chances) for pair, chances in paths]
    xp = namespace(start.v)
    return ExpectedDistances(xp.stack(values, axis=-1), xp.stack(terms, axis=-1), paths)
