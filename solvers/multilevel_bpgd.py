"""ML BPGD (Elshiaty and Petra 2025) and MGOPT (Nash 2000), as lunk2026 sections 2 and 3 describe them; reconstructed.

One cycle at y ∈ C:

1. When the criterion says so, from ξ⁰ = R y, m Bregman proximal gradient steps on ψ(ξ) = f_c(ξ) + ⟨R∇f(y) − ∇f_c(ξ⁰), ξ⟩
   with reference φ_c; then d = P(ξᵐ − ξ⁰) and y ← y + αd with Armijo's α (see `coarse_model` and `armijo`).
2. One step x⁺ = ∇φ*(∇φ(y) − τ∇f(y)).

With more than two levels, ψ is treated like f: on the way down ``pre_steps`` steps on each level between the finest and the
coarsest, then the correction from the level below, then m steps. MGOPT is the case of Euclidean references.

symbol    | here                  | allowed
----------|-----------------------|-----------------------------------------------------------------------------
m         | ``coarse_steps``      | an integer ≥ 1, or one for each coarse level, the finest of them first
          | ``pre_steps``         | an integer ≥ 0
τ·L       | ``step_share``        | (0, 1], on every level; more with ``allow_long_steps``
Armijo    | ``line_search``       | None: α = 1, whatever d is, unless y + d leaves C
tilt of ψ | ``linear_correction`` | False: ψ = f_c
d         | ``dual_transfer``     | False: P(ξᵐ − ξ⁰); True: see below
criterion | ``criterion``         | see `criteria`; asked on every level but the coarsest, with the cycle's number as k
          | ``levels``            | how many of the problem's levels to use; None: all; 1 is BPGD

κ in `GradientTest` and `Magma` must be below ‖R‖, which for full weighting in n dimensions is about 2^−n/2, not 1.

In a box or an orthant, one entry of y next to the boundary makes α, which is the same for all entries, next to nothing.
With ``dual_transfer`` it is the change of the dual variable that is prolonged, as in ML LinBreg,
    d = ∇φ*(∇φ(y) + P(∇φ_c(ξᵐ) − ∇φ_c(ξ⁰))) − y,
so that y + d ∈ C and the search starts at α = 1 or just below. For Euclidean references nothing changes. For others
this d need not be a descent direction, even where ψ is convex and decreases (an example is in the tests); the line search
looks, as it always does. This is an addition to the method.

The correction is left out, and `Correction` says why, where ξ⁰ is outside Ĉ, d is no descent direction (P(ξᵐ − ξ⁰) is
one when ψ is convex and decreases), no step along d is found, or the unit step leaves C. So iterates never leave C, and with a
line search and τ ≤ 1/L the objective never increases, on any level.
With Burg a step with τ need not exist: then τ is halved until it does (not on the finest level with ``allow_long_steps``).
Work: see `progress.Costs`. A gradient is counted once where two parts of a cycle need it at the same point.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from ..theory.arrays import Array, Real, check_number, scalar
from . import arguments
from .armijo import Armijo
from .bregman_proximal_gradient import feasible, step_limit
from .coarse_correction import Correction, Plan, descend
from .coarse_model import CoarseModel
from .criteria import Always, Criterion
from .levels import Hierarchy, Level, hierarchy
from .progress import Costs, Progress


@final
@dataclass(frozen=True)
class MultilevelBPGD:
    """The settings."""

    coarse_steps: int | tuple[int, ...]
    linear_correction: bool = True
    dual_transfer: bool = False
    line_search: Armijo | None = Armijo()  # noqa: RUF009 - frozen
    criterion: Criterion = Always()  # noqa: RUF009 - frozen and without memory
    pre_steps: int = 0
    levels: int | None = None
    step_share: Real = 1
    allow_long_steps: bool = False
    costs: Costs = Costs()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        steps = self.coarse_steps if isinstance(self.coarse_steps, tuple) else (self.coarse_steps,)
        for count in steps:
            arguments.count("coarse_steps", count, at_least=1)
        arguments.count("pre_steps", self.pre_steps)
        if self.levels is not None:
            arguments.count("levels", self.levels, at_least=1)
        check_number("step_share", self.step_share, above=0)
        if self.step_share > 1 and not self.allow_long_steps:
            raise ValueError(
                f"step_share must be in (0, 1], the share of 1/L that tau is, got {self.step_share!r}; "
                "a longer step may raise the objective: set allow_long_steps to study that"
            )
        for name, value, kind in (
            ("linear_correction", self.linear_correction, bool),
            ("dual_transfer", self.dual_transfer, bool),
            ("allow_long_steps", self.allow_long_steps, bool),
            ("line_search", self.line_search, Armijo | None),
            ("criterion", self.criterion, Criterion),
            ("costs", self.costs, Costs),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"{name} must be {getattr(kind, '__name__', kind)}, got {value!r}")


class State(NamedTuple):
    """The iterate, and all that the next cycle depends on."""

    x: Array
    """xᵏ ∈ C, (..., d)."""
    k: int
    """Cycles so far."""
    memories: tuple[Any, ...]
    """The memory of the criterion on each level but the coarsest."""
    work: np.ndarray
    """Work units so far, (...)."""


class Run(NamedTuple):
    """Where a run ended, from which it can go on, and how it went."""

    state: State
    progress: Progress
    corrections: tuple[tuple[Correction, ...], ...]
    """For each cycle, the correction of each level but the coarsest."""


def init(levels: Hierarchy, settings: MultilevelBPGD, x: Array) -> State:
    """The state before cycle 0, for x of shape (..., d) in C where f is finite; a `ValueError` otherwise."""
    feasible(levels.levels[0], x)
    memories, here = [], x
    for transfer in levels.transfers:
        memories.append(settings.criterion.init(here))
        below = transfer.restrict(here)
        if np.shape(transfer.prolong(below)) != here.shape:
            raise ValueError(
                f"P R x must have the shape of x, {here.shape}, got {np.shape(transfer.prolong(below))} from {transfer!r}"
            )
        here = below
    return State(x, 0, tuple(memories), np.zeros(x.shape[:-1]))


def cycle(levels: Hierarchy, settings: MultilevelBPGD, state: State) -> tuple[State, tuple[Correction, ...]]:
    """One cycle: the next state, and the correction of each level but the coarsest. A function of its arguments alone."""
    after = descend(
        _plan(levels, settings, state), 0, CoarseModel(levels.levels[0].loss), state.x, None, state.memories
    )
    return State(after.x, state.k + 1, after.memories, state.work + after.work), after.corrections


def run(problem: Level, settings: MultilevelBPGD, start: Array | State, cycles: int) -> Run:
    """``cycles`` cycles from a point x⁰ ∈ C, or from the state in which another run ended."""
    levels = hierarchy(problem, settings.levels)
    state = start if isinstance(start, State) else init(levels, settings, start)
    values, work, seconds = [np.asarray(problem.loss.value(state.x))], [state.work], [0.0]
    corrections = []
    for _ in range(arguments.count("cycles", cycles)):
        begin = time.perf_counter()
        state, correction = cycle(levels, settings, state)
        seconds.append(seconds[-1] + time.perf_counter() - begin)
        corrections.append(correction)
        values.append(np.asarray(problem.loss.value(state.x)))
        work.append(state.work)
    return Run(state, Progress(np.stack(values), np.stack(work), np.asarray(seconds)), tuple(corrections))


def _plan(levels: Hierarchy, settings: MultilevelBPGD, state: State) -> Plan:
    """What all levels do in this cycle, in numbers."""
    coarse = len(levels.transfers)
    steps = settings.coarse_steps
    if isinstance(steps, int):
        steps = (steps,) * coarse
    elif len(steps) != coarse:
        raise ValueError(f"coarse_steps must have one number for each of {coarse} coarse levels, got {steps!r}")
    settings.costs.check_levels(coarse + 1)
    return Plan(
        levels=levels,
        steps=(1, *steps),
        pre_steps=(0, *(settings.pre_steps for _ in range(coarse - 1)), 0),
        taus=tuple(scalar(settings.step_share, state.x) * step_limit(level, state.x) for level in levels.levels),
        long_steps=settings.allow_long_steps,
        costs=settings.costs,
        dimension=state.x.shape[-1],
        linear_correction=settings.linear_correction,
        dual_transfer=settings.dual_transfer,
        line_search=settings.line_search,
        criterion=settings.criterion,
        k=state.k,
    )
