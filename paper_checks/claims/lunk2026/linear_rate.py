"""lunk2026, lemma A.2: the linear rate under assumption 2, and its emptiness for norms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers import linbreg
from ....theory import inequalities, pl_step
from ....theory.arrays import Array, constant, inner, namespace, scalar
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import Zero
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families import Drawn, Family
from ...families.centered import MinimizedAtZero, MinimizedElsewhere
from ...proof import Proof, Step, symbols
from .. import planted
from .assumptions import PL_LOSSES, gap
from .transfer import SOURCE


@final
@dataclass(frozen=True)
class WithAssumption2(Family):
    """Problems that have assumption 2: J = 0 with a PL loss, or a strongly convex loss with its minimiser at the kink of J."""

    smooth: Family
    conic: Family
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        family = self.smooth if rng.random() < 0.5 else self.conic
        problem: Problem = family.sample(rng, count, drawn)
        return problem

    def simplified(self, level: int) -> WithAssumption2:
        return replace(self, smooth=self.smooth.simplified(level), conic=self.conic.simplified(level))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        return hs.one_of(self.smooth.strategy(drawn), self.conic.strategy(drawn))


_WITH_ASSUMPTION_2 = WithAssumption2(
    families.problems(losses=PL_LOSSES, regularizers=("zero",)),
    MinimizedAtZero(("l1", "weighted_l1", "group_l2", "nonnegative")),
)


def _constants(problem: Problem) -> pl_step.PLConstants:
    """ρ(τ)/τ² and η; for problems without assumption 2 those that J = 0 would have, and η = 0 without PL."""
    loss, delta = problem.loss, problem.delta
    conic = None if isinstance(problem.regularizer, Zero) else pl_step.conic_constants(loss, delta)
    return conic or pl_step.smooth_constants(loss, delta) or pl_step.PLConstants(1, 0 * delta)


def after_step(problem: Problem, pair: PrimalDual, tau: Array) -> PrimalDual:
    return linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)


def _rate(problem: Problem, pair: PrimalDual, tau: Array, factor: Any = 1, power: int = 1) -> Array:
    """L(θ⁺) − L* ≤ (1 − factor·ηρ(τ)/τ)(L(θ) − L*), ρ(τ)/τ = ρ(1)τ^power."""
    rho, eta = _constants(problem)
    before, rounding = gap(problem, pair.theta)
    moved = after_step(problem, pair, tau)
    after, more = gap(problem, moved.theta)
    # θ⁺ is δv⁺ less a threshold, and has its rounding.
    more = more + scalar(problem.delta, tau) * inner(abs(problem.loss.gradient(moved.theta)), abs(moved.v))
    share = scalar(factor, tau) * scalar(eta, tau) * scalar(rho, tau) * tau**power
    return at_most(after, (1 - share) * before, rounding, more)


def _rate_proof() -> Proof:
    L, L_after, star, D_tau, D_1, rho, eta = symbols("L(theta)", "L(theta_+)", "L*", "D(tau)", "D(1)", "rho", "eta")
    (tau,) = symbols("tau", positive=True)
    margin = (1 - eta * rho / tau) * (L - star) - (L_after - star)
    return Proof(
        (
            Step(
                "margin = margin of L(θ⁺) ≤ L(θ) − D(τ)/τ + (1/τ)·(margin of (11)) + (ρ(τ)/τ)·(margin of (12))",
                margin
                - ((L - D_tau / tau - L_after) + (D_tau - rho * D_1) / tau + rho / tau * (D_1 - eta * (L - star))),
            ),
        ),
        "The first is lemma A.2-descent (assumption 1, τ ≤ 1/𝖫), the others assumption 2.",
    )


_RATE = (
    r"\mathcal L(\theta^+) - \mathcal L^* \le \Bigl(1 - \frac{\eta\rho(\tau)}{\tau}\Bigr)(\mathcal L(\theta) - \mathcal L^*)"
    r" \quad\text{for } \tau \le 1/\mathsf L"
)
_SPARSE = ("l1", "group_l2", "nuclear")


@claim(
    "lunk2026/lemma-A.2",
    title="Linear rate of one LinBreg step under assumption 2",
    statement=_RATE,
    source=f"{SOURCE}, lemma A.2",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 2",
            "(11), (12); without it: ℓ1 and group ℓ1,2 with L(0) > L*, constants of lunk2026/assumption-2-repaired",
            without={
                "problem": MinimizedElsewhere(families.problems(losses=PL_LOSSES, regularizers=("l1", "group_l2")))
            },
        ),
        Hypothesis(
            "assumption 1",
            "L is 𝖫-smooth relative to J_δ; without it: θ⁴ with steps up to 1, and η = 0",
            without={"problem": families.problems(losses=("quartic",), regularizers=("zero",))},
        ),
        Hypothesis("τ ≤ 1/𝖫", "without it: τ up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}),
    ),
    mutants=(
        Mutant("rate 1 − 2ηρ/τ", margin=lambda problem, pair, tau: _rate(problem, pair, tau, 2)),
        Mutant("rate 1 − 1.05·ηρ/τ", margin=lambda problem, pair, tau: _rate(problem, pair, tau, Fraction(21, 20))),
        Mutant("rate 1 − ηρ(τ)/τ²", margin=lambda problem, pair, tau: _rate(problem, pair, tau, power=0)),
        Mutant("rate 1 − ηρ(τ)", margin=lambda problem, pair, tau: _rate(problem, pair, tau, power=2)),
        planted.ASCENT,
        planted.HALF_STEP,
        planted.DOUBLE_STEP,
        planted.PROX_OF_V,
    ),
    proof=_rate_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0),
)
@given(problem=_WITH_ASSUMPTION_2, pair=families.primal_dual_pairs(), tau=families.step_sizes())
def lemma_a_2(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """Judged where assumption 2 holds, with its proved constants: J = 0 and a PL loss (ρ = τ², η = δη_PL), and strongly convex
    losses with minimiser 0 and a norm or nonnegativity (lunk2026/assumption-2-repaired). For the regularizers that the
    paper trains with and any other minimiser the lemma is void: lunk2026/lemma-A.2-sparse."""
    return _rate(problem, pair, tau)


def _stuck_start(problem: Problem, pair: PrimalDual, tau: Array, *, until: int = 80) -> tuple[Array, PrimalDual]:
    """A step size at which the step from θ = 0, v = 0 does not leave 0, and the pair after it."""
    regularizer = problem.regularizer
    zero = 0 * tau[..., None] * constant([0] * problem.dimension, tau)
    gradient = problem.loss.gradient(zero)
    for _ in range(until):
        small = tau[..., None] * gradient
        inside = (regularizer.subdifferential_distance(zero, -small) == 0) if small.dtype != object else (
            regularizer.conjugate(-small) == 0
        )  # fmt: skip
        if bool(inside.all()):
            break
        tau = namespace(tau).where(inside, tau, tau / 2)
    return tau, linbreg.step(problem.elastic_net, PrimalDual(zero, zero), gradient, tau)


def _no_constants(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """D(τ) = 0 at θ = 0, v = 0, so (11) asks for D(1) = 0 there, and (12) for L(0) = L*, which is not so."""
    _, after = _stuck_start(problem, pair, tau)
    above, _ = gap(problem, 0 * after.theta)
    distance = bregman(problem.elastic_net, 0 * after.theta, after.theta, after.v)
    return {
        "D(τ) = 0": at_most(distance, 0 * distance),
        "L(0) > L*": namespace(above).where(above > 0, above / (1 + abs(above)), 0 * above - 1),
    }


@claim(
    "lunk2026/lemma-A.2-sparse",
    title="Linear rate with a sparsity-inducing norm",
    statement=r"J = \lambda\|\cdot\|_1,\; \lambda\textstyle\sum_g\sqrt{n_g}\|\theta_g\|_2,\; \lambda\|\cdot\|_*,\; "
    r"\mathcal L(0) > \mathcal L^*: \quad " + _RATE,
    source=f"{SOURCE}, lemma A.2 for the regularizers of its experiments",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 2",
            "(11), (12)",
            why="cannot be had: at θ = 0, v = 0 a small step moves v inside ∂J(0) and not θ, so D(τ) = 0 while L(0) > L*",
        ),
        Hypothesis(
            "assumption 1",
            "L is 𝖫-smooth relative to J_δ; without it: θ⁴",
            without={"problem": families.problems(losses=("quartic",), regularizers=("l1",))},
        ),
        Hypothesis("τ ≤ 1/𝖫", "without it: τ up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}),
    ),
    mutants=(
        Mutant("the rate of J = 0", margin=lambda problem, pair, tau: _rate(problem, pair, tau)),
        Mutant("a thousandth of it", margin=lambda problem, pair, tau: _rate(problem, pair, tau, Fraction(1, 1000))),
        Mutant(
            "the rate from θ = 0, v = 0",
            margin=lambda problem, pair, tau: _rate(problem, PrimalDual(0 * pair.theta, 0 * pair.theta), tau / 1000),
        ),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PROX_OF_V,
    ),
    void=_no_constants,
)
@given(
    problem=MinimizedElsewhere(families.problems(losses=PL_LOSSES, regularizers=_SPARSE)),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
)
def lemma_a_2_sparse(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """Void for every differentiable loss, convex or not, with L(0) > L*: a network that is no better than its zero weights has
    nothing to learn. The pair of the witness is the start θ = 0, v = 0, so the pairs that the algorithm reaches do not rescue
    it. The margin is what is left of the lemma with each pair's own D(τ)/D(1) and D(1)/(L − L*): L(θ⁺) ≤ L(θ) − D(τ)/τ."""
    net, after = problem.elastic_net, after_step(problem, pair, tau)
    gain = bregman(net, pair.theta, after.theta, after.v)
    return {
        "descent": inequalities.descent(problem.loss, net, pair, after, tau),
        "D(τ) ≥ 0": at_most(0 * gain, gain, size(net, pair.theta, after.theta, after.v)),
    }
