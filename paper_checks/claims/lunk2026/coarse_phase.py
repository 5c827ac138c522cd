"""All paths of a few noisy coarse steps, and the sums that lemma A.3 of lunk2026 is made of. Shared by several claims."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

from ....solvers import linbreg
from ....theory import coarse, divergences, inequalities
from ....theory.arrays import Array, inner, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import ElasticNet, PrimalDual
from ....theory.groups import Restriction
from ....theory.losses import Loss
from ....theory.problems import Problem
from ... import families
from ...families.runs import NoiseSequences, Shares

#: m, the coarse steps of each instance.
STEPS = 2

#: What the claims about a coarse phase quantify over; τ̂ of each step is a share of ``tau``.
GIVEN: dict[str, families.Family] = {
    "problem": families.problems(max_dimension=2),
    "restriction": families.restrictions(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=Fraction(1, 2)),
    "shares": Shares(STEPS),
    "xi": NoiseSequences(STEPS),
}


class CoarsePhase(NamedTuple):
    """All paths of m noisy coarse steps, and the sums over the steps that lemma A.3 is made of; shapes (batch,).

    ``end``: every (θ̂^m, v̂^m), (batch, paths, d̂). ``before``, ``after``: L̂(θ̂⁰) and E L̂(θ̂^m). ``gain``: the sum of
    (1/(2τ̂) − 𝖫) E D^sym. ``variances``: E‖ξ‖² of each step, (batch, m). ``terms``: the size of what cancels in D^sym.
    """

    end: PrimalDual
    before: Array
    after: Array
    gain: Array
    variances: Array
    terms: Array


def noisy_step(net: ElasticNet, loss: Loss, pair: PrimalDual, tau: Array, xi: Array) -> PrimalDual:
    """Each path (batch, paths, d) branches into the outcomes of ξ, (batch, outcomes, d): (batch, paths·outcomes, d)."""
    start = PrimalDual(pair.theta[..., None, :], pair.v[..., None, :])
    gradient = loss.gradient(pair.theta)[..., None, :] + xi[:, None]
    after = linbreg.step(net, start, gradient, tau[:, None, None])
    paths = pair.theta.shape[-2] * xi.shape[-2]
    shape = (len(tau), paths, pair.theta.shape[-1])
    return PrimalDual(after.theta.reshape(shape), after.v.reshape(shape))


def _claimed_smoothness(problem: Problem, like: Array) -> Any:
    """𝖫; where ∇L is not Lipschitz, the 1 in whose terms the step sizes are then drawn."""
    smoothness = problem.relative_smoothness
    return scalar(smoothness if smoothness < math.inf else 1, like)


def coarse_phase(
    problem: Problem, restriction: Restriction, pair: PrimalDual, taus: Array, xi: Array, share: Any = 1
) -> CoarsePhase:
    """The coarse phase from (Rθ, Rv) with step sizes (batch, m) and noise (batch, m, outcomes, d); 𝖫 times ``share``."""
    start = PrimalDual(pair.theta[:, None], pair.v[:, None])
    lower = problem.coarse(restriction, start.theta)
    net, loss = lower.elastic_net, lower.loss
    smoothness = scalar(share, taus) * _claimed_smoothness(problem, taus)
    here = coarse.restrict_pair(restriction, start)
    before = loss.value(here.theta)[:, 0]
    gain = terms = 0 * before
    variances = inequalities.expectation(square_norm(restriction.restrict(xi)))
    for i in range(taus.shape[1]):
        tau, part = taus[:, i], restriction.restrict(xi[:, i])
        after = noisy_step(net, loss, here, tau, part)
        old = PrimalDual(*(side[..., None, :] for side in here))
        branches = (*here.theta.shape[:2], part.shape[-2], restriction.coarse_dimension)
        new = PrimalDual(after.theta.reshape(branches), after.v.reshape(branches))
        distance = divergences.symmetric(new.v, old.v, new.theta, old.theta)
        sizes = size(net, new.theta, old.theta, old.v) + size(net, old.theta, new.theta, new.v)
        gain = gain + (1 / (2 * tau) - smoothness) * _mean(distance)
        terms = terms + (1 / (2 * tau) + smoothness) * _mean(sizes)
        here = after
    after_all = inequalities.expectation(loss.value(here.theta))
    # An error in θ = prox_{δJ}(δv) moves the loss by so much; frozen coordinates count, too.
    rounding = inner(abs(loss.gradient(here.theta)), scalar(problem.delta, taus) * abs(here.v))
    frozen = inner(abs(problem.loss.gradient(pair.theta)), abs(pair.theta))
    terms = terms + abs(before) + frozen + inequalities.expectation(rounding)
    return CoarsePhase(here, before, after_all, gain, variances, terms)


def _mean(values: Array) -> Array:
    return inequalities.expectation(inequalities.expectation(values))
