"""AdaBreg, a Bregman version of Adam (bungert2021 Algorithm 3).

    m₁⁺ = β₁ m₁ + (1 − β₁) g       m̂₁ = m₁⁺/(1 − β₁ᵏ)
    m₂⁺ = β₂ m₂ + (1 − β₂) g²      m̂₂ = m₂⁺/(1 − β₂ᵏ)       k = 1, 2, … counts the steps
    v⁺ = v − τ m̂₁/(√m̂₂ + ε)
    θ⁺ = prox_{δJ}(δ v⁺)

symbol           | argument       | shape
-----------------|----------------|----------------------------------------------
(θ, v, m₁, m₂, k) | `AdaBregState` | (..., d) each and an integer; all moments 0 at the start
β₁, β₂ ∈ [0, 1)  | ``beta1``, ``beta2`` | numbers, 0.9 and 0.999
ε > 0            | ``epsilon``    | a number, 1e-8

The first step is v − τ g/(|g| + ε), whatever β₁ and β₂. The root makes later steps irrational: exact arithmetic carries the
first step, and `IrrationalError` says where it ends.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..theory.arrays import Array, Real, check_number, scalar, sqrt
from ..theory.elastic_net import ElasticNet, PrimalDual
from ..theory.problems import Problem
from . import arguments
from .oracles import EXACT, Oracle
from .step_sizes import StepSizes
from .trace import Trace, follow


class AdaBregState(NamedTuple):
    """The pair (θ, v), the moments of the gradients so far, and their number."""

    theta: Array
    v: Array
    m1: Array
    m2: Array
    k: int


def init(pair: PrimalDual) -> AdaBregState:
    """The pair with moments 0."""
    return AdaBregState(*pair, 0 * pair.v, 0 * pair.v, 0)


def step(
    net: ElasticNet,
    state: AdaBregState,
    gradient: Array,
    tau: Any,
    beta1: Real = 0.9,
    beta2: Real = 0.999,
    epsilon: Real = 1e-8,
) -> AdaBregState:
    """One step. Raises where β₁ or β₂ is outside [0, 1) or ε ≤ 0, and as `linbreg.step` does."""
    v, k = state.v, state.k + 1
    beta1 = scalar(arguments.share("beta1", beta1, zero_allowed=True), v)
    beta2 = scalar(arguments.share("beta2", beta2, zero_allowed=True), v)
    epsilon = scalar(check_number("epsilon", epsilon, above=0), v)
    g = arguments.gradient(gradient, v)
    m1 = beta1 * state.m1 + (1 - beta1) * g
    m2 = beta2 * state.m2 + (1 - beta2) * g * g
    first, second = m1 / (1 - beta1**k), m2 / (1 - beta2**k)
    v = v - arguments.step_size(tau, v) * first / (sqrt(second) + epsilon)
    return AdaBregState(net.mirror_map(v), v, m1, m2, k)


def run(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    beta1: Real = 0.9,
    beta2: Real = 0.999,
    epsilon: Real = 1e-8,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps from ``start`` with moments 0."""
    advance = partial(step, problem.elastic_net, beta1=beta1, beta2=beta2, epsilon=epsilon)
    return follow(problem.loss, init(start), advance, step_sizes, iterations, oracle, rng)
