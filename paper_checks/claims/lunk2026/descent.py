"""lunk2026, appendix A: relative smoothness on the coarse level, and the descent of one LinBreg step."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import linbreg
from ....theory import assumptions, coarse, inequalities
from ....theory.arrays import Array, scalar
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .transfer import SOURCE, CoordinateSelections, coarse_net, composed_net


def _coarse_smoothness(
    problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: PrimalDual, hat: Array, share: Any = 1
) -> Array:
    lower = coarse.CoarseLoss(problem.loss, restriction, pair.theta)
    constant = scalar(share, hat) * scalar(problem.relative_smoothness, hat)
    return assumptions.relative_smoothness(lower, coarse_net(problem, restriction), constant, hat, coarse_pair)


def _lemma_a_1_split(
    problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: Array, hat: Array
) -> Array:
    net = composed_net(problem, restriction)
    own = net.pair(coarse_pair, hat)
    lower = coarse.CoarseLoss(problem.loss, restriction, pair.theta)
    return assumptions.relative_smoothness(lower, net, problem.relative_smoothness, hat, own)


def _lemma_a_1_proof() -> Proof:
    J_A, J_A2, J_B, s_A, s_A2, s_B, ip_A, L1, L2, g_A, smooth, delta = symbols(
        "J_A(hat)",
        "J_A(hat_2)",
        "J_B(theta_B)",
        "|hat|^2",
        "|hat_2|^2",
        "|theta_B|^2",
        "<v_A,hat_2-hat>",
        "L",
        "L_2",
        "<g_A,hat_2-hat>",
        "L_rel",
        "delta",
    )
    fine_divergence = (J_A2 + J_B + (s_A2 + s_B) / (2 * delta)) - (J_A + J_B + (s_A + s_B) / (2 * delta)) - (ip_A + 0)
    coarse_divergence = (J_A2 + s_A2 / (2 * delta)) - (J_A + s_A / (2 * delta)) - ip_A
    fine_margin = L1 + (g_A + 0) + smooth * fine_divergence - L2
    coarse_margin = L1 + g_A + smooth * coarse_divergence - L2
    return Proof(
        (
            Step(
                "at points that differ in A only, D^v_{J_δ}(Pθ̂₂ + θ_B, Pθ̂ + θ_B) = D^{v̂}_{Ĵ_δ}(θ̂₂, θ̂)",
                fine_divergence - coarse_divergence,
            ),
            Step(
                "so the margin of assumption 1 on the coarse level is the one on the fine level",
                fine_margin - coarse_margin,
            ),
        ),
        "v = v̂ on A and any subgradient on B is in ∂J_δ by proposition 3.2; assumption 1 there gives the coarse inequality.",
    )


@claim(
    "lunk2026/lemma-A.1",
    title="The coarse loss is 𝖫-smooth relative to Ĵ_δ",
    statement=r"\hat{\mathcal L}(\hat\theta') \le \hat{\mathcal L}(\hat\theta) + \langle \nabla\hat{\mathcal L}(\hat\theta), "
    r"\hat\theta' - \hat\theta\rangle + \mathsf L\, D^{\hat v}_{\hat J_\delta}(\hat\theta', \hat\theta)",
    source=f"{SOURCE}, lemma A.1",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 1 with this 𝖫",
            "L is 𝖫-smooth relative to J_δ; just outside: 0.9·𝖫 in its place",
            margin=lambda problem, restriction, pair, coarse_pair, hat: _coarse_smoothness(
                problem, restriction, pair, coarse_pair, hat, Fraction(9, 10)
            ),
        ),
        Hypothesis(
            "whole groups, J separable over them",
            "R selects whole groups; without it Ĵ = J∘P",
            without={
                "problem": families.problems(regularizers=("group_l2",)),
                "restriction": CoordinateSelections(),
                "coarse_pair": families.vectors(coarse=True),
                "hat": families.vectors(coarse=True),
            },
            margin=_lemma_a_1_split,
        ),
    ),
    mutants=(
        Mutant(
            "no factor 𝖫 = ℓδ but ℓδ/2",
            margin=lambda problem, restriction, pair, coarse_pair, hat: _coarse_smoothness(
                problem, restriction, pair, coarse_pair, hat, Fraction(1, 2)
            ),
        ),
        Mutant(
            "D with its arguments exchanged",
            margin=lambda problem, restriction, pair, coarse_pair, hat: assumptions.relative_smoothness(
                coarse.CoarseLoss(problem.loss, restriction, pair.theta),
                coarse_net(problem, restriction),
                -problem.relative_smoothness,
                hat,
                coarse_pair,
            ),
        ),
        Mutant(
            "coarse gradient with zeros in the frozen coordinates",
            patch=(
                coarse.CoarseLoss,
                "gradient",
                lambda self, hat: self.restriction.restrict(self.fine.gradient(self.restriction.prolong(hat))),
            ),
        ),
    ),
    proof=_lemma_a_1_proof,
)
@given(
    problem=families.problems(),
    restriction=families.restrictions(),
    pair=families.primal_dual_pairs(),
    coarse_pair=families.coarse_pairs(),
    hat=families.coarse_points(),
)
def lemma_a_1(
    problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: PrimalDual, hat: Array
) -> Array:
    """With the 𝖫 of the fine level, for every restriction and every frozen θ, so also when the sparsity pattern changes
    between cycles. The instances have 𝖫 = ℓδ from an ℓ-Lipschitz gradient, and there the group structure is not needed:
    any convex Ĵ will do, because D of Ĵ_δ is at least (1/2δ)‖·‖²."""
    return _coarse_smoothness(problem, restriction, pair, coarse_pair, hat)


def _after(problem: Problem, pair: PrimalDual, tau: Array) -> PrimalDual:
    return linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)


def _descent(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    return inequalities.descent(problem.loss, problem.elastic_net, pair, _after(problem, pair, tau), tau)


def _descent_gain(problem: Problem, pair: PrimalDual, tau: Array, factor: Any) -> Array:
    after = _after(problem, pair, tau)
    before = problem.loss.value(pair.theta)
    gain = scalar(factor, before) * bregman(problem.elastic_net, pair.theta, after.theta, after.v) / tau
    return at_most(problem.loss.value(after.theta), before - gain, before, gain)


def _forward_gain(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    after = _after(problem, pair, tau)
    before = problem.loss.value(pair.theta)
    gain = 2 * bregman(problem.elastic_net, after.theta, pair.theta, pair.v) / tau
    return at_most(problem.loss.value(after.theta), before - gain, before, gain)


def _descent_proof() -> Proof:
    tau, smooth = symbols("tau", "L_rel", positive=True)
    J0, J1, L0, L1, v0_d, v1_d = symbols("J(theta)", "J(theta_+)", "L(theta)", "L(theta_+)", "<v,d>", "<v_+,d>")
    forward = J1 - J0 - v0_d  # D^v(θ⁺, θ) with d = θ⁺ − θ
    backward = J0 - J1 + v1_d  # D^{v⁺}(θ, θ⁺)
    gradient_d = -(v1_d - v0_d) / tau  # ⟨∇L(θ), θ⁺ − θ⟩, from v⁺ = v − τ∇L(θ)
    assumption = L0 + gradient_d + smooth * forward - L1
    conclusion = L0 - backward / tau - L1
    return Proof(
        (
            Step(
                "v⁺ − v = −τ∇L(θ) gives τ⟨∇L(θ), θ⁺ − θ⟩ = −D^v(θ⁺, θ) − D^{v⁺}(θ, θ⁺)",
                tau * gradient_d + forward + backward,
            ),
            Step(
                "margin of the conclusion = margin of assumption 1 at (θ⁺, θ, v) + (1/τ − 𝖫) D^v_{J_δ}(θ⁺, θ)",
                conclusion - (assumption + (1 / tau - smooth) * forward),
            ),
        ),
        "Both summands are ≥ 0: the first by assumption 1, the second by τ ≤ 1/𝖫 and convexity of J_δ (v ∈ ∂J_δ(θ)).",
    )


@claim(
    "lunk2026/lemma-A.2-descent",
    title="One LinBreg step decreases the loss",
    statement=r"\mathcal L(\theta^+) \le \mathcal L(\theta) - \tfrac1\tau D^{v^+}_{J_\delta}(\theta, \theta^+) "
    r"\quad\text{for } \tau \le 1/\mathsf L",
    source=f"{SOURCE}, proof of lemma A.2",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 1",
            "L is 𝖫-smooth relative to J_δ; without it: θ⁴, whose gradient is not Lipschitz, with steps up to 1",
            without={"problem": families.problems(losses=("quartic",))},
        ),
        Hypothesis(
            "τ ≤ 1/𝖫", "the step size; without it: τ up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}
        ),
        Hypothesis(
            "v is a subgradient",
            "v ∈ ∂J_δ(θ)",
            without={"pair": families.unrelated_pairs()},
        ),
    ),
    mutants=(
        Mutant(
            "gain 1.05/τ instead of 1/τ",
            margin=lambda problem, pair, tau: _descent_gain(problem, pair, tau, Fraction(21, 20)),
        ),
        Mutant("gain (2/τ)·D^v(θ⁺, θ): wrong argument order and factor", margin=_forward_gain),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
    ),
    proof=_descent_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0, conclusion="descent"),
)
@given(problem=families.problems(), pair=families.primal_dual_pairs(), tau=families.step_sizes())
def lemma_a_2_descent(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The step behind lemma A.2, without assumption 2. The limit 1/𝖫 is sharp for this inequality: for J = 0 and a
    quadratic with all curvatures ℓ the margin is a multiple of 1/τ − 𝖫. The loss itself decreases up to 2/𝖫. The inequality
    does not depend on how θ⁺ was found; v⁺ ∈ ∂J_δ(θ⁺) enters only to make the gain non-negative."""
    after = _after(problem, pair, tau)
    gain = bregman(problem.elastic_net, pair.theta, after.theta, after.v)
    return {
        "descent": inequalities.descent(problem.loss, problem.elastic_net, pair, after, tau),
        "the gain is ≥ 0": at_most(0 * gain, gain, size(problem.elastic_net, pair.theta, after.theta, after.v)),
    }
