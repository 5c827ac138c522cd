"""bungert2021 (v1), section 3.1: remark 3.5, what is left of theorem 3.4 without momentum."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....solvers import linbreg, momentum
from ....solvers.momentum import MomentumState
from ....theory import inequalities
from ....theory.arrays import Array, column, inner, scalar, square_norm
from ....theory.elastic_net import ElasticNet, PrimalDual
from ....theory.margins import equal, equal_vectors, least
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Margin, Mutant, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .inertia import ascending
from .loss_decay import SOURCE
from .momentum_paths import Advance, Sides, inertial_decay, next_states, pair_of, spread, start_state

_GIVEN = {
    "problem": families.problems(max_dimension=4),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
    "xi": families.noise(),
}


def _no_momentum(
    problem: Problem, pair: PrimalDual, tau: Array, xi: Array, advance: Advance, beta: Any = 0
) -> dict[str, Array]:
    """Two steps with β = 0 beside two steps of (3.1), path by path; and (3.8) beside (3.6)."""
    beta = 0 * tau + scalar(beta, tau)
    state, plain, same = start_state(pair), PrimalDual(pair.theta[..., None, :], pair.v[..., None, :]), []
    for _ in range(2):
        _, state = next_states(problem, state, tau, beta, xi, advance)
        before = MomentumState(*spread(MomentumState(*plain, plain.v), xi))
        noise = np.concatenate([xi] * plain.v.shape[-2], axis=-2)
        g = problem.loss.gradient(before.theta) + noise
        plain = linbreg.step(problem.elastic_net, pair_of(before), g, tau[..., None])
        step = tau[..., None, None] * abs(g)
        same.append(equal_vectors(state.v, plain.v, before.v, step).min(axis=-1))
    after = MomentumState(*plain, plain.v)
    ours = inertial_decay(problem, before._replace(m=before.theta), after, tau, beta)["(3.8)"]
    theirs = _loss_decay(problem, pair_of(before), plain, tau)
    return {
        "with β = 0 it is (3.1)": least(same),
        "(3.8) is (3.6)": least([
            equal(ours.lhs, theirs.lhs, ours.terms), equal(ours.rhs, theirs.rhs, ours.terms)
        ]),
    }  # fmt: skip


def _loss_decay(problem: Problem, before: PrimalDual, after: PrimalDual, tau: Array) -> Sides:
    """The two sides of (3.6)."""
    net: ElasticNet = problem.elastic_net
    mean, d = inequalities.expectation, after.theta - before.theta
    ell, delta = scalar(problem.loss.lipschitz, tau), scalar(problem.delta, tau)
    symmetric = mean(inner(net.p(after) - net.p(before), d)) / tau
    square = (2 - ell * tau * delta) / (2 * tau * delta) * mean(square_norm(d))
    old, new = mean(problem.loss.value(before.theta)), mean(problem.loss.value(after.theta))
    return Sides(new + symmetric + square, old, 0 * old)


def _remark_mutants(printed: bool) -> tuple[Mutant, ...]:
    def wrong(**change: Any) -> Margin:
        def margin(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Any:
            return _no_momentum(problem, pair, tau, xi, momentum.step, **change)["(3.8) is (3.6)"]

        return margin

    return (
        Mutant("β = ½", margin=wrong(beta=Fraction(1, 2))),
        planted.NEGATIVE_SYMMETRIC,
        *(() if printed else (
            Mutant("(3.7) as printed", patch=(momentum, "step", momentum.step_as_printed)),
            Mutant("m⁺ = βm − (1 − β)τg", patch=(momentum, "step", ascending)),
            Mutant("(2.14) with a step of τ/2", patch=(momentum, "step", _half)),
            planted.DOUBLE_STEP, planted.ASCENT,
        )),
    )  # fmt: skip


def _half(net: ElasticNet, state: MomentumState, gradient: Array, tau: Array, beta: Array) -> MomentumState:
    m = column(beta) * state.m + (1 - column(beta)) * column(tau) * gradient / 2
    return MomentumState(net.mirror_map(state.v - m), state.v - m, m)


@claim(
    "bungert2021/remark-3.5",
    title="Vanishing momentum",
    statement=r"\beta = 0: \quad \text{theorem 3.4, for the iterates of (3.7), is theorem 3.2, for those of (3.1)}, \qquad "
    r"v^{+} = v - m \;\Rightarrow\; v^{+} = v - \tau g",
    source=f"{SOURCE}, remark 3.5",
    hypotheses=(
        Hypothesis("β = 0", "no momentum; without it: β = ½", margin=lambda problem, pair, tau, xi: _no_momentum(
            problem, pair, tau, xi, momentum.step, Fraction(1, 2))),
    ),
    mutants=_remark_mutants(printed=True),
)  # fmt: skip
@given(**_GIVEN)
def remark_3_5(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The formula (3.8) becomes (3.6). But the statements are about iterates, and (3.7) as printed with β = 0 is v⁺ = v − τg⁻ with
    the gradient of the step before: its first step does not move, and (3.6) fails for it without any noise."""
    return _no_momentum(problem, pair, tau, xi, momentum.step_as_printed)


def _remark_proof() -> Proof:
    tau, delta, ell, s = symbols("tau", "delta", "ell", "d2", positive=True)
    v, m, g, beta, L0, L1, sym, m_d = symbols("v", "m", "g", "beta", "L(theta)", "L(theta_+)", "D^sym", "<m,d>")
    keep = 1 - beta
    inertial = (
        keep * L0 - beta / tau * m_d - keep * L1 - sym / tau - (2 - keep * ell * tau * delta) / (2 * tau * delta) * s
    )
    plain = L0 - L1 - sym / tau - (2 - ell * tau * delta) / (2 * tau * delta) * s
    return Proof(
        (
            Step("(2.14) with β = 0: v⁺ = v − τg for every m", (v - (beta * m + keep * tau * g)).subs(beta, 0) - (v - tau * g)),
            Step("(3.8) with β = 0 is (3.6)", inertial.subs(beta, 0) - plain),
            Step("and 2/((1 − β)δℓ) is 2/(δℓ)", (2 / (keep * delta * ell)).subs(beta, 0) - 2 / (delta * ell)),
        ),
        "For (2.14) the iteration, the inequality and the step-size limit all become those of theorem 3.2.",
    )  # fmt: skip


@claim(
    "bungert2021/remark-3.5-repaired",
    title="Vanishing momentum, with the momentum form (2.14)",
    statement=r"\beta = 0: \quad v^{+} = v - m^{+} \;\Rightarrow\; v^{+} = v - \tau g, \text{ and (3.8) is (3.6)}",
    source=f"ours, after {SOURCE}, remark 3.5",
    hypotheses=(
        Hypothesis("β = 0", "no momentum; without it: β = ½", margin=lambda problem, pair, tau, xi: _no_momentum(
            problem, pair, tau, xi, momentum.step, Fraction(1, 2))),
        Hypothesis("the iteration (2.14)", "v⁺ = v − m⁺; without it: (3.7) as printed", margin=lambda problem, pair, tau, xi:
                   _no_momentum(problem, pair, tau, xi, momentum.step_as_printed)),
    ),
    mutants=_remark_mutants(printed=False),
    proof=_remark_proof,
)  # fmt: skip
@given(**_GIVEN)
def remark_3_5_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Two steps on all paths of the noise. With (2.14) in the place of (3.7) the remark holds."""
    return _no_momentum(problem, pair, tau, xi, momentum.step)
