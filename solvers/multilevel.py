"""ML LinBreg, sparse training as a two-level method (lunk2026 Algorithm 1, reconstructed).

In cycle k, at (θᵏ, vᵏ) with vᵏ ∈ ∂J_δ(θᵏ):

1. When the criterion says so, select groups (the paper: θᵏ_g ≠ 0) and do m LinBreg steps on them alone:
       (θ̂⁰, v̂⁰) = (Rθᵏ, Rvᵏ)
       v̂ⁱ⁺¹ = v̂ⁱ − τ̂^{k,i} ĝⁱ,  θ̂ⁱ⁺¹ = prox_{δĴ}(δ v̂ⁱ⁺¹),  ĝⁱ ≈ ∇L̂(θ̂ⁱ) = R∇L(Pθ̂ⁱ + (I − PR)θᵏ)
       (θ^{k+½}, v^{k+½}) = (θᵏ + P(θ̂ᵐ − θ̂⁰), vᵏ + P(v̂ᵐ − v̂⁰))
   otherwise (θ^{k+½}, v^{k+½}) = (θᵏ, vᵏ).
2. One LinBreg step on all groups with τᵏ gives (θᵏ⁺¹, vᵏ⁺¹).

symbol        | here                     | shape
--------------|--------------------------|------------------------------------------------------------
m             | `Multilevel.coarse_steps` | an integer ≥ 0; 0 is LinBreg
Rᵏ            | `Multilevel.selection`   | see `selections`
criterion     | `Multilevel.criterion`   | see `criteria`
g, ĝ          | ``fine_oracle``, ``coarse_oracle`` | see `oracles`, `variance_reduced`
τᵏ            | ``step_sizes``           | a number, an array of batch shape, or a function of k
τ̂^{k,i}       | ``coarse_step_sizes``    | the same, or a function of (k, i)

Theorem 4.1 asks for τᵏ ≤ 1/𝖫 and τ̂^{k,i} ≤ 1/(2𝖫), and for exact gradients on the fine level.

θ may be a batch: every instance has its own restriction and its own answer from the criterion. Instances that keep the
same groups are run together; one that stays on the fine level waits during the coarse steps (its `Trace.active` is False).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from ..theory import coarse
from ..theory.arrays import Array
from ..theory.elastic_net import PrimalDual
from ..theory.groups import Restriction
from ..theory.problems import Problem
from . import arguments, linbreg
from .criteria import Always, Criterion, View
from .oracles import EXACT, Oracle
from .selections import Selection, support
from .step_sizes import StepSizes, listed, schedule
from .trace import Trace


@final
@dataclass(frozen=True)
class Multilevel:
    """The settings of Algorithm 1."""

    coarse_steps: int
    selection: Selection = support
    criterion: Criterion = Always()  # noqa: RUF009 - frozen and without memory
    fine_oracle: Oracle = EXACT
    coarse_oracle: Oracle = EXACT

    def __post_init__(self) -> None:
        arguments.count("coarse_steps", self.coarse_steps)


class MultilevelState(NamedTuple):
    """(θᵏ, vᵏ), the cycle k, and the memory of the criterion."""

    theta: Array
    v: Array
    k: int
    memory: Any


def init(settings: Multilevel, pair: PrimalDual) -> MultilevelState:
    """The pair before cycle 0."""
    return MultilevelState(*pair, 0, settings.criterion.init(pair.theta))


def cycle(
    problem: Problem,
    settings: Multilevel,
    state: MultilevelState,
    tau: Any,
    coarse_taus: StepSizes,
    rng: np.random.Generator | None = None,
) -> tuple[MultilevelState, Trace]:
    """One iteration of Algorithm 1: the next state, and the trace of its m coarse steps and its fine step.

    ``tau``: τᵏ; ``coarse_taus``: τ̂ as a number, an array of batch shape or a function of i. In the trace the coarse steps
    are written down on the fine level, ĝ as Pĝ, so that v⁺ = v − τg holds for every step of it.
    """
    pair, memory, traces = PrimalDual(state.theta, state.v), state.memory, []
    if settings.coarse_steps > 0:
        restrictions = [
            settings.selection(problem.groups, theta, state.k, rng)
            for theta in pair.theta.reshape(-1, problem.dimension)
        ]
        decision, memory = settings.criterion.decide(memory, _view(problem, settings, state, restrictions))
        traces.append(_coarse_steps(problem, settings, pair, restrictions, decision, coarse_taus, rng))
        pair = traces[0].final
    traces.append(linbreg.run(problem, pair, tau, 1, settings.fine_oracle, rng))
    return MultilevelState(*traces[-1].final, state.k + 1, memory), Trace.join(traces)


def run(
    problem: Problem,
    settings: Multilevel,
    start: PrimalDual,
    step_sizes: StepSizes,
    coarse_step_sizes: Any,
    cycles: int,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``cycles`` cycles from ``start``: a trace of cycles·(m + 1) steps.

    With m = `coarse_steps`, θᵏ is ``trace.thetas[k * (m + 1)]``, and θ^{k+½} is ``trace.thetas[trace.fine_steps[k]]``.
    """
    tau_of = schedule(step_sizes)
    coarse_tau_of = _coarse_schedule(coarse_step_sizes)
    state, traces = init(settings, start), [Trace.record(problem.loss, [start], [], [])]
    for k in range(arguments.count("cycles", cycles)):
        state, trace = cycle(problem, settings, state, tau_of(k), coarse_tau_of(k), rng)
        traces.append(trace)
    return Trace.join(traces)


def coarse_steps(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    step_sizes: StepSizes,
    count: int,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``count`` LinBreg steps on the coarse level from (Rθ, Rv), as a trace of the coarse level: arrays of length d̂.

    One restriction for the whole batch. `theory.coarse.prolong_pair` takes its pairs back to the fine level.
    """
    lower = problem.coarse(restriction, pair.theta)
    return linbreg.run(lower, coarse.restrict_pair(restriction, pair), step_sizes, count, oracle, rng)


def _view(problem: Problem, settings: Multilevel, state: MultilevelState, restrictions: list[Restriction]) -> View:
    selected = np.zeros((len(restrictions), problem.dimension), dtype=bool)
    for row, restriction in zip(selected, restrictions, strict=True):
        row[restriction.indices] = True
    gradient = problem.loss.gradient(state.theta) if settings.criterion.needs_gradient else None
    return View(state.k, state.theta, selected.reshape(state.theta.shape), gradient)


def _coarse_steps(
    problem: Problem,
    settings: Multilevel,
    pair: PrimalDual,
    restrictions: list[Restriction],
    decision: np.ndarray,
    coarse_taus: StepSizes,
    rng: np.random.Generator | None,
) -> Trace:
    """The coarse steps of all instances on the fine level, first as (m, instances, d), then in the shape of the batch."""
    m, batch, d = settings.coarse_steps, pair.theta.shape[:-1], problem.dimension
    rows = PrimalDual(pair.theta.reshape(-1, d), pair.v.reshape(-1, d))
    thetas, vs = np.stack([rows.theta] * (m + 1)), np.stack([rows.v] * (m + 1))
    gradients, active = 0 * thetas[1:], np.zeros((m, *rows.theta.shape), dtype=bool)
    taus = [schedule(coarse_taus)(i) for i in range(m)]
    chosen = np.flatnonzero(decision)
    for restriction in dict.fromkeys(restrictions[i] for i in chosen):
        if restriction.coarse_dimension == 0:
            continue
        own = np.asarray([i for i in chosen if restrictions[i] == restriction])
        part = PrimalDual(rows.theta[own], rows.v[own])
        own_taus = listed([_of_instances(tau, batch, own) for tau in taus])
        trace = coarse_steps(problem, restriction, part, own_taus, m, settings.coarse_oracle.take(own), rng)
        thetas[:, own], vs[:, own] = coarse.prolong_pair(restriction, trace.pairs, part)
        gradients[:, own] = restriction.embed(trace.gradients, 0 * part.theta)
        active[:, own[:, None], restriction.indices] = True
    states = [
        PrimalDual(theta.reshape(pair.theta.shape), v.reshape(pair.theta.shape))
        for theta, v in zip(thetas, vs, strict=True)
    ]
    trace = Trace.record(problem.loss, states, taus, list(gradients.reshape(m, *pair.theta.shape)), coarse=True)
    return Trace(
        *trace.pairs,
        trace.step_sizes,
        trace.gradients,
        trace.losses,
        active.reshape(m, *pair.theta.shape),
        trace.coarse,
    )


def _of_instances(tau: Any, batch: tuple[int, ...], instances: np.ndarray) -> Any:
    """τ for some instances of the batch."""
    return tau if np.ndim(tau) == 0 else np.broadcast_to(tau, batch).reshape(-1)[instances]


def _coarse_schedule(step_sizes: Any) -> Callable[[int], StepSizes]:
    """A number or an array, or a function of (k, i), as k ↦ (i ↦ τ̂^{k,i})."""
    if not callable(step_sizes):
        fixed = schedule(step_sizes)
        return lambda k: fixed  # noqa: ARG005 - the same in all cycles
    return lambda k: lambda i: step_sizes(k, i)
