"""Rates that hold with sparsity-inducing norms, where lemma A.2 of lunk2026 is void: of D^v(θ*, θ), and 1/N of the loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers import linbreg
from ....theory.arrays import Array, constant, inner, scalar, square_norm
from ....theory.bregman_convexity import constant_at_minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families import Drawn, Family
from ...proof import Proof, Step, symbols
from .. import planted
from .assumptions import gap
from .linear_rate import after_step
from .transfer import SOURCE


def _nu(problem: Problem, has_kinks: bool = True) -> Any:
    """ν = μ/(1/δ + 4κ), κ = max λ_g/‖θ*_g‖ over the groups with θ*_g ≠ 0; ℓδ/10 claimed where there is no μ."""
    loss = problem.loss
    if not loss.strong_convexity:
        return loss.lipschitz * problem.delta / 10
    return constant_at_minimizer(problem) if has_kinks else loss.strong_convexity * problem.delta


def _distances(problem: Problem, pair: PrimalDual, tau: Array) -> tuple[Array, Array, Array, Array, Array, Array]:
    """D = D^v(θ*, θ), D⁺, the size of their terms, L(θ⁺) − L*, its rounding, and ‖θ* − θ⁺‖²."""
    net, after = problem.elastic_net, after_step(problem, pair, tau)
    star = constant(problem.loss.minimizer(), pair.theta) + 0 * pair.theta
    terms = size(net, star, pair.theta, pair.v) + size(net, star, after.theta, after.v)
    left, rounding = gap(problem, after.theta)
    before, later = bregman(net, star, pair.theta, pair.v), bregman(net, star, after.theta, after.v)
    return before, later, terms, left, rounding, square_norm(star - after.theta)


def _contraction(
    problem: Problem, pair: PrimalDual, tau: Array, factor: Any = 1, has_kinks: bool = True
) -> dict[str, Array]:
    nu = scalar(factor, tau) * scalar(_nu(problem, has_kinks), tau)
    share, modulus = tau * nu, scalar(problem.loss.strong_convexity or 0, tau)
    before, after, terms, left, rounding, square = _distances(problem, pair, tau)
    return {
        "the distance is at most quadratic": at_most(nu * after, modulus / 2 * square, nu * terms),
        "the distance contracts": at_most((1 + share) * after, (1 - share) * before, terms),
        "and bounds the loss": at_most(tau * left, (1 - share) * before - after, terms, tau * rounding),
    }


def _contraction_proof() -> Proof:
    tau, mu, nu, delta, kappa, ell, lam, u = symbols(
        "tau", "mu", "nu", "delta", "kappa", "L_rel", "lambda", "u", positive=True
    )
    D, D_after, forward, L, L_after, star, g_su, g_move, square = symbols(
        "D",
        "D_+",
        "D^v(theta_+,theta)",
        "L(theta)",
        "L(theta_+)",
        "L*",
        "<g,theta*-theta>",
        "<g,theta_+-theta>",
        "|theta*-theta|^2",
    )
    t, c = symbols("t", "c", positive=True)
    three_points = D_after - D + forward - tau * (g_su - g_move)  # vanishes: (B.1) of bungert2021 with g = ∇L(θ)
    smooth = L + g_move + ell * forward - L_after
    margin = (1 - tau * nu) * D - D_after - tau * (L_after - star)
    towards = star - L - g_su - nu * D
    return Proof(
        (
            Step(
                "margin of the loss = τ·(margin of assumption 1) + (1 − τ𝖫)D^v(θ⁺, θ) + τ·(D_L(θ*, θ) − νD), "
                "by the three-point identity",
                margin - (tau * smooth + (1 - tau * ell) * forward + tau * towards) + three_points,
            ),
            Step("ℓ1, θ with the sign of θ*ᵢ ≠ 0: Dᵢ = 0; with another, Dᵢ ≤ 2λ|u| and |θ − u| ≥ |u|: Dᵢ ≤ (2λ/|u|)(θ − u)²",
                 (2 * lam / u) * (u + t) ** 2 - 2 * lam * u - (2 * lam / u) * (2 * u * t + t**2)),
            Step("ℓ1,2: Dᵢ = λ‖u‖(1 − c), c the cosine; for c ≥ 0, ‖θ − u‖² ≥ (1 − c²)‖u‖² and 1 − c² = (1 − c)(1 + c) ≥ 1 − c; "
                 "for c < 0 and for θ = 0, ‖θ − u‖ ≥ ‖u‖ and Dᵢ ≤ 2λ‖u‖", (1 - c**2) - (1 - c) * (1 + c)),
            Step("θ*ᵢ = 0: Dᵢ = 0. So D ≤ (1/2δ + 2κ)‖θ* − θ‖² = (μ/2ν)‖θ* − θ‖², and strong convexity gives D_L(θ*, θ) ≥ νD",
                 (mu / 2 * square - nu * (1 / (2 * delta) + 2 * kappa) * square).subs(nu, mu / (1 / delta + 4 * kappa))),
        ),
        "Likewise L(θ⁺) − L* ≥ (μ/2)‖θ⁺ − θ*‖² ≥ νD⁺; with the second conclusion (1 + τν)D⁺ ≤ (1 − τν)D.",
    )  # fmt: skip


@final
@dataclass(frozen=True)
class StronglyConvex(Family):
    """The problems of another family with μ > 0."""

    among: Family
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        while True:
            problem: Problem = self.among.sample(rng, count, drawn)
            if problem.loss.strong_convexity:
                return problem

    def simplified(self, level: int) -> StronglyConvex:
        return replace(self, among=self.among.simplified(level))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        return self.among.strategy(drawn).filter(lambda problem: bool(problem.loss.strong_convexity))


_STRONG = StronglyConvex(
    families.problems(losses=("quadratic", "logistic"), regularizers=("zero", "l1", "weighted_l1", "group_l2"))
)


@claim(
    "lunk2026/lemma-A.2-repaired",
    title="A linear rate that does hold with ℓ1 and ℓ1,2, for every minimiser",
    statement=r"\nu = \frac{\mu}{1/\delta + 4\max_g \lambda_g/\|\theta^*_g\|}: \quad D^{v^+}_{J_\delta}(\theta^*, \theta^+) \le "
    r"\frac{1 - \tau\nu}{1 + \tau\nu} D^{v}_{J_\delta}(\theta^*, \theta), \quad \tau(\mathcal L(\theta^+) - \mathcal L^*) \le "
    r"(1 - \tau\nu) D^{v}_{J_\delta}(\theta^*, \theta) - D^{v^+}_{J_\delta}(\theta^*, \theta^+)",
    source=f"ours, after {SOURCE}, lemma A.2",
    hypotheses=(
        Hypothesis(
            "strong convexity",
            "μ > 0; without it: Huber with ν = ℓδ/10 claimed",
            without={"problem": families.problems(losses=("huber",), regularizers=("l1",))},
        ),
        Hypothesis("τ ≤ 1/𝖫", "without it: τ up to 4/𝖫", without={"tau": families.step_sizes(at_most=4)}),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
        Hypothesis(
            "the kink term 4κ",
            "κ = max λ_g/‖θ*_g‖; without it: ν = δμ",
            margin=lambda problem, pair, tau: _contraction(problem, pair, tau, has_kinks=False),
        ),
    ),
    mutants=(
        Mutant("ν = δμ", margin=lambda problem, pair, tau: _contraction(problem, pair, tau, has_kinks=False)),
        Mutant("ν four times as large", margin=lambda problem, pair, tau: _contraction(problem, pair, tau, 4)),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
        planted.DOUBLE_STEP,
    ),
    proof=_contraction_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=4.0, conclusion="and bounds the loss"),
)
@given(problem=_STRONG, pair=families.primal_dual_pairs(), tau=families.step_sizes())
def lemma_a_2_repaired(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The loss alone cannot decay at a rate while θ waits at a kink; the distance D^v(θ*, θ) does, because v moves. Summed up:
    L(θᵏ) − L* ≤ (D⁰/τ)((1 − τν)/(1 + τν))^{k−1}: a linear rate of the loss for every θ*, with ℓ1 and ℓ1,2, without assumption 2.
    Smooth coordinates and zero coordinates of θ* cost nothing; small non-zero ones make ν small. The second conclusion needs
    no strong convexity with ν = 0: it is the bound L(θᵏ) − L* ≤ D⁰/(τk) of convex losses (lunk2026/lemma-A.2-convex)."""
    return _contraction(problem, pair, tau)


_STEPS = 3


def _cumulative(
    problem: Problem, pair: PrimalDual, u: Array, tau: Array, factor: Any = 1, steps: int = _STEPS
) -> Array:
    net, loss, last = problem.elastic_net, problem.loss, pair
    for _ in range(_STEPS):
        last = linbreg.step(net, last, loss.gradient(last.theta), tau)
    start = scalar(factor, tau) * bregman(net, u, pair.theta, pair.v) / (steps * tau)
    left, right = loss.value(last.theta), loss.value(u)
    rounding = inner(abs(loss.gradient(last.theta)), abs(last.theta)) + size(net, u, pair.theta, pair.v) / tau
    return at_most(left, right + start, right, rounding)


def _one_step(problem: Problem, pair: PrimalDual, u: Array, tau: Array) -> Array:
    net, loss, after = problem.elastic_net, problem.loss, after_step(problem, pair, tau)
    before, later = bregman(net, u, pair.theta, pair.v), bregman(net, u, after.theta, after.v)
    terms = size(net, u, pair.theta, pair.v) + size(net, u, after.theta, after.v)
    left, right = loss.value(after.theta), loss.value(u)
    return at_most(tau * (left - right), before - later, tau * abs(left), tau * abs(right), terms)


def _convex_proof() -> Proof:
    tau, ell = symbols("tau", "L_rel", positive=True)
    D, D_after, forward, L, L_after, L_u, g_u, g_move = symbols(
        "D", "D_+", "D^v(theta_+,theta)", "L(theta)", "L(theta_+)", "L(u)", "<g,u-theta>", "<g,theta_+-theta>"
    )
    three_points = D_after - D + forward - tau * (g_u - g_move)
    smooth, convex = L + g_move + ell * forward - L_after, L_u - L - g_u
    return Proof(
        (
            Step(
                "D − D⁺ − τ(L(θ⁺) − L(u)) = τ·(margin of assumption 1) + (1 − τ𝖫)D^v(θ⁺, θ) + τ·(margin of convexity)",
                (D - D_after - tau * (L_after - L_u))
                - (tau * smooth + (1 - tau * ell) * forward + tau * convex) + three_points,
            ),
        ),
        "The sum over N steps telescopes; L(θᵏ) does not increase (lemma A.2-descent) and D ≥ 0: τN(L(θ^N) − L(u)) ≤ D⁰.",
    )  # fmt: skip


_CONVEX_LOSSES = ("quadratic", "least_squares", "logistic", "huber", "log_cosh")


@claim(
    "lunk2026/lemma-A.2-convex",
    title="A rate of 1/N without assumption 2, for every convex loss and regularizer",
    statement=r"\tau(\mathcal L(\theta^+) - \mathcal L(u)) \le D^{v}_{J_\delta}(u, \theta) "
    r"- D^{v^+}_{J_\delta}(u, \theta^+), \qquad \mathcal L(\theta^N) - \mathcal L(u) \le "
    r"\frac{D^{v^0}_{J_\delta}(u, \theta^0)}{\tau N} \quad \text{for } u \in \operatorname{dom} J",
    source=f"ours, after {SOURCE}, lemma A.2",
    hypotheses=(
        Hypothesis(
            "convex loss",
            "without it: the sine-quadratic, PL and not convex",
            without={"problem": families.problems(losses=("sine_quadratic",), max_dimension=4)},
        ),
        Hypothesis("τ ≤ 1/𝖫", "without it: τ up to 4/𝖫", without={"tau": families.step_sizes(at_most=4)}),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("half the bound", margin=lambda problem, pair, u, tau: _cumulative(problem, pair, u, tau, Fraction(1, 2))),
        Mutant("N + 1 for N", margin=lambda problem, pair, u, tau: _cumulative(problem, pair, u, tau, steps=_STEPS + 1)),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
        planted.DOUBLE_STEP,
    ),
    proof=_convex_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=4.0, conclusion="one step"),
)  # fmt: skip
@given(
    problem=families.problems(losses=_CONVEX_LOSSES, max_dimension=4),
    pair=families.primal_dual_pairs(),
    u=families.points(),
    tau=families.step_sizes(),
)
def lemma_a_2_convex(problem: Problem, pair: PrimalDual, u: Array, tau: Array) -> dict[str, Array]:
    """What a convex loss has in the place of lemma A.2, whatever the regularizer: the loss after N = 3 steps is judged against
    D⁰/(τN). While θ waits at a kink the loss stays and D falls."""
    return {"one step": _one_step(problem, pair, u, tau), "after N steps": _cumulative(problem, pair, u, tau)}
