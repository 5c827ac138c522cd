"""The momentum iterations on all paths of the noise, and both sides of (3.8) and (3.9) of bungert2021 in expectation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ....solvers.momentum import MomentumState
from ....theory import divergences, inequalities
from ....theory.arrays import Array, inner, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem

Advance = Callable[..., MomentumState]


class Sides(NamedTuple):
    """Both sides of an inequality, and the size of the terms that cancel in it; shape (...) each."""

    lhs: Array
    rhs: Array
    terms: Array

    def margin(self, slack: Any = 0) -> Array:
        """lhs ≤ rhs + slack."""
        return at_most(self.lhs, self.rhs + slack, self.terms)


def pair_of(state: Any) -> PrimalDual:
    return PrimalDual(state.theta, state.v)


def spread(state: MomentumState, xi: Array) -> MomentumState:
    """The state for each path and each outcome of the next step, (..., paths·outcomes, d) from (..., paths, d)."""
    return MomentumState(*(np.repeat(part, xi.shape[-2], axis=-2) for part in state))


def next_states(
    problem: Problem, state: MomentumState, tau: Array, beta: Array, xi: Array, advance: Advance
) -> tuple[MomentumState, MomentumState]:
    """(before, after) on all paths: each of (..., paths, d) branches into the outcomes of ``xi``, (..., outcomes, d)."""
    before = spread(state, xi)
    noise = np.concatenate([xi] * state.v.shape[-2], axis=-2)
    g = problem.loss.gradient(before.theta) + noise
    return before, advance(problem.elastic_net, before, g, tau[..., None], beta[..., None])


def start_state(pair: PrimalDual, m: Array | None = None) -> MomentumState:
    """One path: (..., 1, d)."""
    m = 0 * pair.v if m is None else m
    return MomentumState(pair.theta[..., None, :], pair.v[..., None, :], m[..., None, :])


def inertial_decay(
    problem: Problem, before: MomentumState, after: MomentumState, tau: Array, beta: Array,
    *, share: Any = 1, momentum_sign: int = 1, weight: Any = None,
) -> dict[str, Sides]:  # fmt: skip
    """(3.8) and (3.9) with ℓ replaced by share·ℓ; ``weight`` replaces the factor 1 − β of the losses."""
    net, mean = problem.elastic_net, inequalities.expectation
    ell, delta = scalar(share, tau) * scalar(problem.loss.lipschitz, tau), scalar(problem.delta, tau)
    keep, d = 1 - beta, after.theta - before.theta
    factor = keep if weight is None else weight
    old, new = mean(problem.loss.value(before.theta)), mean(problem.loss.value(after.theta))
    symmetric = mean(divergences.symmetric(net.p(pair_of(after)), net.p(pair_of(before)), after.theta, before.theta))
    square = (2 - keep * ell * tau * delta) / (2 * tau * delta) * mean(square_norm(d))
    pull = scalar(momentum_sign, tau) * beta / tau * mean(inner(before.m, d))
    terms = mean(size(net, after.theta, before.theta, before.v) + size(net, before.theta, after.theta, after.v)) / tau
    terms = terms + beta / tau * mean(inner(abs(before.m), abs(after.theta) + abs(before.theta))) + abs(old) + abs(new)
    return {
        "(3.8)": Sides(factor * new + symmetric / tau + square, factor * old - pull, terms),
        "(3.9)": Sides(factor * (new - old), -pull, terms),
    }


def monotone(problem: Problem, before: MomentumState, after: MomentumState) -> Array:
    return inequalities.monotone(problem.elastic_net, pair_of(after), pair_of(before)).min(axis=-1)
