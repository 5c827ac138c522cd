"""LinBreg with momentum (bungert2021 Algorithm 2 and (2.14)) and the inertial form it comes from (2.12).

    (2.14)  m⁺ = β m + (1 − β) τ g       (2.12)  v⁺ = ((τ + 2γ) v − γ v⁻ − τ² g)/(τ + γ)
            v⁺ = v − m⁺                          θ⁺ = prox_{δJ}(δ v⁺)
            θ⁺ = prox_{δJ}(δ v⁺)

symbol  | argument          | shape
--------|-------------------|-----------------------------------------------------------
(θ, v, m) | `MomentumState` | (..., d) each; m⁰ = 0
(θ, v, v⁻) | `InertialState` | (..., d) each; v⁻ is the v of the step before, v⁻ = v at the start
β ∈ [0, 1) | ``beta``       | a number, 0.9 by default, or an array of batch shape; β = 0 is LinBreg
γ ≥ 0   | ``gamma``         | a number or an array of batch shape: inertia of γv̈ + v̇ = −∇L(θ), v ∈ ∂J_δ(θ) (2.11)

With m⁺ = v − v⁺ and β = γ/(τ + γ) both are the same iteration. (3.7d) prints v⁺ = v − m with the *old* m, which is another
iteration: its first step does not move, and β = 0 gives LinBreg with gradients that are one step late. `step_as_printed` is it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..theory.arrays import Array, Real
from ..theory.elastic_net import ElasticNet, PrimalDual
from ..theory.problems import Problem
from . import arguments
from .oracles import EXACT, Oracle
from .step_sizes import StepSizes
from .trace import Trace, follow


class MomentumState(NamedTuple):
    """The pair (θ, v) and the momentum m."""

    theta: Array
    v: Array
    m: Array


class InertialState(NamedTuple):
    """The pair (θ, v) and the dual variable of the step before."""

    theta: Array
    v: Array
    v_previous: Array


def init(pair: PrimalDual) -> MomentumState:
    """The pair with m = 0."""
    return MomentumState(*pair, 0 * pair.v)


def init_inertial(pair: PrimalDual) -> InertialState:
    """The pair at rest: v⁻ = v."""
    return InertialState(*pair, pair.v)


def step(net: ElasticNet, state: MomentumState, gradient: Array, tau: Any, beta: Any = 0.9) -> MomentumState:
    """One step of (2.14). Raises where β is outside [0, 1), and as `linbreg.step` does."""
    m = _momentum(state, gradient, tau, beta)
    v = state.v - m
    return MomentumState(net.mirror_map(v), v, m)


def step_as_printed(net: ElasticNet, state: MomentumState, gradient: Array, tau: Any, beta: Any = 0.9) -> MomentumState:
    """One step of (3.7) as printed: v⁺ = v − m with the momentum from before the step."""
    m = _momentum(state, gradient, tau, beta)
    v = state.v - state.m
    return MomentumState(net.mirror_map(v), v, m)


def step_inertial(net: ElasticNet, state: InertialState, gradient: Array, tau: Any, gamma: Any) -> InertialState:
    """One step of (2.12). Raises where γ < 0, and as `linbreg.step` does."""
    tau, gamma = arguments.step_size(tau, state.v), arguments.at_least_zero("gamma", gamma, state.v)
    pull = tau * tau * arguments.gradient(gradient, state.v)
    v = ((tau + 2 * gamma) * state.v - gamma * state.v_previous - pull) / (tau + gamma)
    return InertialState(net.mirror_map(v), v, state.v)


def run(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    beta: Real = 0.9,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps of (2.14) from ``start`` with m⁰ = 0."""
    advance = partial(step, problem.elastic_net, beta=beta)
    return follow(problem.loss, init(start), advance, step_sizes, iterations, oracle, rng)


def run_as_printed(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    beta: Real = 0.9,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps of (3.7) as printed."""
    advance = partial(step_as_printed, problem.elastic_net, beta=beta)
    return follow(problem.loss, init(start), advance, step_sizes, iterations, oracle, rng)


def run_inertial(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    gamma: Real,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps of (2.12) from rest."""
    advance = partial(step_inertial, problem.elastic_net, gamma=gamma)
    return follow(problem.loss, init_inertial(start), advance, step_sizes, iterations, oracle, rng)


def _momentum(state: MomentumState, gradient: Array, tau: Any, beta: Any) -> Array:
    beta = arguments.shares("beta", beta, state.v)
    return beta * state.m + (1 - beta) * arguments.step_size(tau, state.v) * arguments.gradient(gradient, state.v)
