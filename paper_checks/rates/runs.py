"""Many runs of a solver at once, of which only the plotted quantity is kept.

A batch of pairs (θ, v) of shape (R, d) goes through the reference solvers' own `step`; ``measure`` maps it to shape (R,).
A coarse step of ML LinBreg is `linbreg.step` with the gradient set to 0 outside the selected groups: θ and v keep there what
they have, as the prolongation keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...solvers import adabreg, linbreg, momentum, proxgd
from ...theory.elastic_net import PrimalDual
from ...theory.problems import Problem

Measure = Callable[[PrimalDual], np.ndarray]
#: (rng, θ, anchor) ↦ an estimate of ∇L(θ); the anchor is θ at the start of the cycle.
Estimate = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]
#: (rng, θ) ↦ the coordinates that the coarse level may move, shape (R, d).
Select = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def starts(problem: Problem, count: int, size: float, seed: int = 0) -> PrimalDual:
    """``count`` pairs with v ~ N(0, size²) and θ = ∇(J_δ)*(v), so that v ∈ ∂J_δ(θ)."""
    v = size * np.random.default_rng(seed).normal(size=(count, problem.dimension))
    return PrimalDual(problem.elastic_net.mirror_map(v), v)


def zero(problem: Problem, count: int = 1) -> PrimalDual:
    """``count`` times θ = 0 with v = 0."""
    return PrimalDual(np.zeros((count, problem.dimension)), np.zeros((count, problem.dimension)))


def gap(problem: Problem) -> Measure:
    """L(θ) − L*."""
    return lambda pair: problem.loss.value(pair.theta) - float(problem.loss.infimum)


def run_linbreg(
    problem: Problem, start: PrimalDual, tau: Any, steps: int, measure: Measure, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """LinBreg; τ is a number or a function of k, ``noise`` is σ of g = ∇L + ξ, ξ normal with E‖ξ‖² = σ²."""
    rng, scale = np.random.default_rng(seed), noise / np.sqrt(problem.dimension)

    def advance(k: int, pair: PrimalDual) -> PrimalDual:
        gradient = problem.loss.gradient(pair.theta)
        if noise:
            gradient = gradient + scale * rng.normal(size=gradient.shape)
        return linbreg.step(problem.elastic_net, pair, gradient, tau(k) if callable(tau) else tau)

    return _follow(advance, start, steps, measure)


def run_momentum(
    problem: Problem, start: PrimalDual, tau: float, beta: float, steps: int, measure: Measure
) -> np.ndarray:
    """LinBreg with momentum, from m = 0."""
    step = partial(momentum.step, problem.elastic_net, tau=tau, beta=beta)
    return _follow(
        lambda k, state: step(state, problem.loss.gradient(state.theta)),  # noqa: ARG005
        momentum.init(start),
        steps,
        measure,
    )


def run_adabreg(problem: Problem, start: PrimalDual, tau: float, steps: int, measure: Measure) -> np.ndarray:
    """AdaBreg with its default moments."""
    step = partial(adabreg.step, problem.elastic_net, tau=tau)
    return _follow(
        lambda k, state: step(state, problem.loss.gradient(state.theta)),  # noqa: ARG005
        adabreg.init(start),
        steps,
        measure,
    )


def run_proxgd(problem: Problem, start: PrimalDual, tau: float, steps: int, measure: Measure) -> np.ndarray:
    """Proximal gradient descent on L + J."""
    values = proxgd.run(problem, start, tau, steps)
    return np.stack([measure(PrimalDual(theta, theta)) for theta in values.thetas])


def run_multilevel(
    problem: Problem,
    start: PrimalDual,
    tau: float,
    coarse_tau: Any,
    coarse_steps: int,
    select: Select,
    cycles: int,
    measure: Measure,
    estimate: Estimate | None = None,
    seed: int = 0,
) -> np.ndarray:
    """ML LinBreg with exact gradients on the fine level; τ̂ is a number or a function of the cycle."""
    rng, net, gradient_of = np.random.default_rng(seed), problem.elastic_net, problem.loss.gradient

    def advance(k: int, pair: PrimalDual) -> PrimalDual:
        mask, anchor = select(rng, pair.theta), pair.theta
        tau_hat = coarse_tau(k) if callable(coarse_tau) else coarse_tau
        for _ in range(coarse_steps):
            g = gradient_of(pair.theta) if estimate is None else estimate(rng, pair.theta, anchor)
            pair = linbreg.step(net, pair, mask * g, tau_hat)
        return linbreg.step(net, pair, gradient_of(pair.theta), tau)

    return _follow(advance, start, cycles, measure)


def on_the_support(rng: np.random.Generator, theta: np.ndarray) -> np.ndarray:  # noqa: ARG001 - a `Select`
    """The paper's restriction: the coordinates that are not zero."""
    selected: np.ndarray = theta != 0
    return selected


def at_random(count: int) -> Select:
    """``count`` coordinates of each run, anew in every cycle."""
    return lambda rng, theta: np.argsort(np.argsort(rng.random(theta.shape), axis=-1), axis=-1) < count


def noisy(problem: Problem, sigma: float, size: int) -> Estimate:
    """∇L + ξ, ξ normal with E‖ξ̂‖² = σ² on ``size`` coordinates."""
    scale = sigma / np.sqrt(size)
    return lambda rng, theta, _: problem.loss.gradient(theta) + scale * rng.normal(size=theta.shape)


def _follow(advance: Callable[[int, Any], Any], state: Any, steps: int, measure: Measure) -> np.ndarray:
    values = [measure(state)]
    for k in range(steps):
        state = advance(k, state)
        values.append(measure(state))
    return np.stack(values)
