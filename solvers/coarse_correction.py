"""The correction of an iterate from the next coarser level, and the descent on one level around it: the recursion of ML BPGD.

`multilevel_bpgd` describes the method and its settings.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from ..theory.arrays import Array, inner
from . import armijo, instances
from .armijo import Armijo
from .bregman_proximal_gradient import checked_gradient, shortened_step, step
from .coarse_model import CoarseModel, coherent
from .criteria import Criterion, View
from .levels import Hierarchy
from .progress import Costs


class Outcome(IntEnum):
    """What became of the coarse level in a cycle."""

    NOT_VISITED = 0
    """The level above did not come down here."""
    FINE = 1
    """The criterion said no."""
    TAKEN = 2
    """y ← y + αd."""
    START_OUTSIDE = 3
    """ξ⁰ = R y is outside the coarse domain."""
    NO_DESCENT = 4
    """⟨∇f(y), d⟩ ≥ 0, d = 0 among them, and a line search was asked for."""
    NO_DECREASE = 5
    """The line search ran out of halvings."""
    LEFT_DOMAIN = 6
    """Without line search: y + d is outside C."""


class Correction(NamedTuple):
    """The correction of one level in one cycle, for each instance: arrays of batch shape."""

    outcome: np.ndarray
    """`Outcome` as integers."""
    alpha: Array
    """α; 0 where no correction was made."""
    slope: Array
    """⟨∇f(y), d⟩; 0 where there is no d."""


class Plan(NamedTuple):
    """What the levels do in a cycle, the finest first."""

    levels: Hierarchy
    steps: tuple[int, ...]
    """BPGD steps after the correction."""
    pre_steps: tuple[int, ...]
    """BPGD steps before it."""
    taus: tuple[Any, ...]
    long_steps: bool
    costs: Costs
    dimension: int
    """d of the finest level."""
    linear_correction: bool
    dual_transfer: bool
    line_search: Armijo | None
    criterion: Criterion
    k: int

    def gradient_cost(self, level: int, x: Array) -> float:
        """Work units of a gradient at x on the level."""
        return self.costs.of_gradient(level, x.shape[-1], self.dimension)


class Descent(NamedTuple):
    """What a descent on a level returns; memories and corrections are those of this level and of the coarser ones."""

    x: Array
    work: np.ndarray
    memories: tuple[Any, ...]
    corrections: tuple[Correction, ...]


class _Point(NamedTuple):
    """An iterate and what is known there."""

    x: Array
    gradient: Array | None
    known: np.ndarray
    """The instances for which ``gradient`` is that of x, bool (...)."""
    work: np.ndarray


def descend(
    plan: Plan, level: int, model: CoarseModel, x: Array, gradient: Array | None, memories: tuple[Any, ...]
) -> Descent:
    """Steps on a level with a correction in between; ``gradient``: ∇ψ(x) where it is known already."""
    batch = x.shape[:-1]
    point = _Point(x, gradient, np.full(batch, gradient is not None), np.zeros(batch))
    corrections: tuple[Correction, ...] = ()
    if level < len(plan.levels.transfers):
        point = _steps(plan, level, model, point, plan.pre_steps[level])
        point, memories, corrections = _correct(plan, level, model, point, memories)
    point = _steps(plan, level, model, point, plan.steps[level])
    return Descent(point.x, point.work, memories, corrections)


def _with_gradient(plan: Plan, level: int, model: CoarseModel, point: _Point) -> _Point:
    if point.gradient is not None and point.known.all():
        return point
    gradient = checked_gradient(model.gradient(point.x), point.x)
    work = point.work + plan.gradient_cost(level, point.x) * ~point.known
    return _Point(point.x, gradient, np.full(point.known.shape, True), work)


def _steps(plan: Plan, level: int, model: CoarseModel, point: _Point, count: int) -> _Point:
    # Where long steps are studied the finest level must not shorten them; ψ may be tilted so that no step exists with τ.
    method = step if plan.long_steps and level == 0 else shortened_step
    for _ in range(count):
        point = _with_gradient(plan, level, model, point)
        x = method(plan.levels.levels[level].reference, point.x, point.gradient, plan.taus[level])
        point = _Point(x, None, np.full(point.known.shape, False), point.work)
    return point


def _correct(
    plan: Plan, level: int, model: CoarseModel, point: _Point, memories: tuple[Any, ...]
) -> tuple[_Point, tuple[Any, ...], tuple[Correction, ...]]:
    transfer, batch = plan.levels.transfers[level], point.x.shape[:-1]
    restricted = None
    if plan.criterion.needs_gradient:
        point = _with_gradient(plan, level, model, point)
        restricted = transfer.restrict(point.gradient)
    view = View(plan.k, point.x, None, point.gradient if plan.criterion.needs_gradient else None, restricted)
    decision, memory = plan.criterion.decide(memories[0], view)
    memories = (memory, *memories[1:])
    start = transfer.restrict(point.x)
    inside = np.asarray(plan.levels.levels[level + 1].reference.in_domain(start), dtype=bool)
    outcome = np.where(decision, np.where(inside, Outcome.TAKEN, Outcome.START_OUTSIDE), Outcome.FINE)
    zero = np.asarray(inner(0 * point.x, point.x))
    nothing = Correction(np.full(batch, int(Outcome.NOT_VISITED)), zero, zero)
    corrections = (Correction(outcome, zero, zero), *(nothing for _ in memories[1:]))
    chosen = np.flatnonzero(decision & inside)
    if chosen.size == 0:
        return point, memories, corrections
    gradient = 0 * point.x if point.gradient is None else point.gradient
    whole = _Point(point.x, gradient, point.known, point.work)
    part = _Point(*(instances.take(x, batch, chosen) for x in whole))
    below = tuple(instances.take_memory(memory, batch, chosen) for memory in memories[1:])
    part, below, own = _visit(plan, level, model.take(batch, chosen), part, instances.take(start, batch, chosen), below)
    memories = (memory, *(instances.put_memory(m, batch, chosen, b) for m, b in zip(memories[1:], below, strict=True)))
    corrections = tuple(
        Correction(*(instances.put(old, batch, chosen, new) for old, new in zip(before, after, strict=True)))
        for before, after in zip(corrections, own, strict=True)
    )
    gradient = 0 * point.x if point.gradient is None else point.gradient
    whole = _Point(point.x, gradient, point.known, point.work)
    return (
        _Point(*(instances.put(x, batch, chosen, y) for x, y in zip(whole, part, strict=True))),
        memories,
        corrections,
    )


def _visit(
    plan: Plan, level: int, model: CoarseModel, point: _Point, start: Array, memories: tuple[Any, ...]
) -> tuple[_Point, tuple[Any, ...], tuple[Correction, ...]]:
    """The coarse level for instances that all go there: y + αd, and what is known there."""
    fine, lower = plan.levels.levels[level], plan.levels.levels[level + 1]
    transfer = plan.levels.transfers[level]
    point = _with_gradient(plan, level, model, point)
    if plan.linear_correction:
        restricted = transfer.restrict(point.gradient)
        below = coherent(lower.loss, start, restricted)
        descent = descend(plan, level + 1, below, start, restricted, memories)
        spent = plan.gradient_cost(level + 1, start) + descent.work
    else:
        descent = descend(plan, level + 1, CoarseModel(lower.loss), start, None, memories)
        spent = descent.work
    if plan.dual_transfer:
        # P(∇φ_c(ξᵐ) − ∇φ_c(ξ⁰)) is what a step adds to ∇φ(y): −τ times a gradient, with τ = 1.
        added = transfer.prolong(lower.reference.gradient(descent.x) - lower.reference.gradient(start))
        direction = shortened_step(fine.reference, point.x, -added, 1) - point.x
    else:
        direction = transfer.prolong(descent.x - start)
    slope = np.asarray(inner(point.gradient, direction))
    if plan.line_search is None:
        x = point.x + direction
        moved = np.asarray(fine.reference.in_domain(x), dtype=bool)
        x = np.where(moved[..., None], x, point.x)
        alpha = np.asarray(0 * slope + moved)
        outcome = np.where(moved, Outcome.TAKEN, Outcome.LEFT_DOMAIN)
    else:
        found = armijo.search(plan.line_search, model, fine.reference, point.x, direction, point.gradient)
        x, alpha, moved = found.x, found.alpha, found.accepted
        spent = spent + float(plan.costs.value) * plan.gradient_cost(level, x) * found.evaluations
        descends = np.asarray(slope < 0, dtype=bool)
        outcome = np.where(moved, Outcome.TAKEN, np.where(descends, Outcome.NO_DECREASE, Outcome.NO_DESCENT))
        if found.line is not None and found.line.shares_products and moved.any():
            # A(y + αd) is known: what is left of the gradient there is the product with Aᵀ.
            after = checked_gradient(found.line.gradient(alpha, x), x)
            spent = spent + (1 - float(plan.costs.value)) * plan.gradient_cost(level, x) * moved
            gradient = np.where(moved[..., None], after, point.gradient)
            known = _Point(x, gradient, np.full(moved.shape, True), point.work + spent)
            return known, descent.memories, (Correction(outcome, alpha, slope), *descent.corrections)
    point = _Point(x, point.gradient, ~moved, point.work + spent)
    return point, descent.memories, (Correction(outcome, alpha, slope), *descent.corrections)
