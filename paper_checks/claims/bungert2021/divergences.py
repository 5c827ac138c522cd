"""bungert2021 (v1): remark 3.1, and the two lemmas of appendix B about Bregman distances along the iteration."""

from __future__ import annotations

from typing import Any

from ....solvers import linbreg
from ....theory import inequalities
from ....theory.arrays import Array, namespace, scalar, square_norm, total
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import equal
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE, noisy_steps

_L1 = families.problems(regularizers=("l1",))


def _distance(problem: Problem, star: Array, pair: PrimalDual) -> Array:
    return bregman(problem.regularizer, star, pair.theta, problem.elastic_net.p(pair))


def _formula(problem: Problem, star: Array, pair: PrimalDual, signs: Array) -> Array:
    """D^p_J(θ*, θ) = λ Σ θ*_i (sign θ*_i − signs_i)."""
    lam = problem.regularizer.value(0 * star[..., :1] + 1)  # λ, from J(1) = λ in one dimension
    right = lam * total(star * (namespace(star).sign(star) - signs))
    return equal(_distance(problem, star, pair), right, size(problem.elastic_net, star, pair.theta, pair.v))


def _near(problem: Problem, star: Array, pair: PrimalDual, reach: Any) -> Array:
    """D^p_J(θ*, θ) = 0 for a θ with ‖θ − θ*‖_∞ < reach·min{|θ*_i| : θ*_i ≠ 0}, p ∈ ∂J(θ) arbitrary."""
    xp = namespace(star)
    closest = xp.where(star == 0, abs(star).max(axis=-1)[..., None] + 0 * star, abs(star)).min(axis=-1)[..., None]
    offset = pair.theta / (1 + abs(pair.theta))  # in (−1, 1)
    theta = star + reach * closest * offset
    near = problem.elastic_net.pair(theta, problem.elastic_net.p(pair))
    distance = _distance(problem, star, near)
    return equal(distance, 0 * distance, size(problem.elastic_net, star, theta, near.v))


@claim(
    "bungert2021/remark-3.1",
    title="The Bregman distance of the ℓ1-norm near the minimiser",
    statement=r"D^p_J(\theta^*, \theta) = \sum_i \theta^*_i(\mathrm{sign}\,\theta^*_i - \mathrm{sign}\,\theta_i), \qquad "
    r"D^p_J(\theta^*, \theta) = 0 \text{ if } \|\theta - \theta^*\|_\infty < \min\{|\theta^*_i| : \theta^*_i \ne 0\}",
    source=f"{SOURCE}, remark 3.1",
    hypotheses=(
        Hypothesis(
            "closeness",
            "‖θ − θ*‖_∞ < min |θ*_i|; without it: three times as far",
            margin=lambda problem, star, pair: _near(problem, star, pair, 3),
        ),
    ),
    mutants=(
        Mutant(
            "zero within twice the distance",
            margin=lambda problem, star, pair: {"zero near θ*": _near(problem, star, pair, 2)},
        ),
        Mutant(
            "the distance without its linear term",
            margin=lambda problem, star, pair: {
                "zero near θ*": equal(problem.regularizer.value(star), problem.regularizer.value(pair.theta))
            },
        ),
    ),
)
@given(problem=_L1, star=families.points(), pair=families.primal_dual_pairs())
def remark_3_1(problem: Problem, star: Array, pair: PrimalDual) -> dict[str, Array]:
    """J = λ‖·‖₁, p ∈ ∂J(θ). The formula takes p_i = λ sign θ_i, which a subgradient need not satisfy where θ_i = 0: there
    p_i is anything in [−λ, λ], and LinBreg does move it through all of it. The second statement, which the remark is for,
    is right."""
    return {
        "formula": _formula(problem, star, pair, namespace(star).sign(pair.theta)),
        "zero near θ*": _near(problem, star, pair, 1),
    }


def _remark_repaired_proof() -> Proof:
    J_star, J_theta, p_star, p_theta = symbols("J(theta^*)", "J(theta)", "<p,theta^*>", "<p,theta>")
    divergence = J_star - J_theta - (p_star - p_theta)
    return Proof(
        (
            Step(
                "⟨p, θ⟩ = J(θ) for p ∈ ∂J(θ), because J is positively homogeneous of degree one",
                divergence.subs(p_theta, J_theta) - (J_star - p_star),
            ),
        ),
        "J(θ*) − ⟨p, θ*⟩ = Σ θ*_i (λ sign θ*_i − p_i).",
    )


@claim(
    "bungert2021/remark-3.1-repaired",
    title="The Bregman distance of the ℓ1-norm for every subgradient",
    statement=r"D^p_J(\theta^*, \theta) = \sum_i \theta^*_i(\lambda\, \mathrm{sign}\,\theta^*_i - p_i)",
    source=f"ours, after {SOURCE}, remark 3.1",
    hypotheses=(
        Hypothesis(
            "p is a subgradient",
            "p ∈ ∂J(θ)",
            without={"pair": families.unrelated_pairs()},
        ),
    ),
    mutants=(
        Mutant(
            "p replaced by its sign",
            margin=lambda problem, star, pair: _formula(
                problem, star, pair, namespace(star).sign(problem.elastic_net.p(pair))
            ),
        ),
    ),
    proof=_remark_repaired_proof,
)
@given(problem=_L1, star=families.points(), pair=families.primal_dual_pairs())
def remark_3_1_repaired(problem: Problem, star: Array, pair: PrimalDual) -> Array:
    """It agrees with the printed formula exactly when p_i = λ sign θ_i wherever θ*_i ≠ 0."""
    lam = problem.regularizer.value(0 * star[..., :1] + 1)[..., None]
    return _formula(problem, star, pair, problem.elastic_net.p(pair) / lam)


def _split_proof() -> Proof:
    J2, J1, tt2, tt1, t21, v2, v1, delta = symbols(
        "J_2", "J_1", "|t_2|^2", "|t_1|^2", "<t_1,t_2>", "<v,t_2>", "<v,t_1>", "delta"
    )
    left = (J2 + tt2 / (2 * delta)) - (J1 + tt1 / (2 * delta)) - (v2 - v1)
    right = J2 - J1 - ((v2 - t21 / delta) - (v1 - tt1 / delta)) + (tt2 - 2 * t21 + tt1) / (2 * delta)
    return Proof((Step("expand both sides with p = v − θ/δ", left - right),), "An identity for any J, δ > 0 and v.")


@claim(
    "bungert2021/lemma-B.1",
    title="The Bregman distance of J_δ splits",
    statement=r"D^v_{J_\delta}(\tilde\theta, \theta) = D^p_J(\tilde\theta, \theta) + \tfrac{1}{2\delta}\|\tilde\theta - \theta\|^2",
    source=f"{SOURCE}, lemma B.1",
    hypotheses=(
        Hypothesis(
            "v ∈ ∂J_δ(θ)",
            "v is a subgradient",
            without={"pair": families.unrelated_pairs()},
            why="the identity is algebra: it holds for any v with p = v − θ/δ; that v is a subgradient makes the terms ≥ 0",
        ),
    ),
    mutants=(
        Mutant(
            "1/δ instead of 1/(2δ)",
            margin=lambda problem, theta_tilde, pair: equal(
                bregman(problem.elastic_net, theta_tilde, pair.theta, pair.v),
                bregman(problem.regularizer, theta_tilde, pair.theta, problem.elastic_net.p(pair))
                + square_norm(theta_tilde - pair.theta) / scalar(problem.delta, theta_tilde),
            ),
        ),
        Mutant(
            "v in the place of p",
            margin=lambda problem, theta_tilde, pair: equal(
                bregman(problem.elastic_net, theta_tilde, pair.theta, pair.v),
                bregman(problem.regularizer, theta_tilde, pair.theta, pair.v)
                + square_norm(theta_tilde - pair.theta) / (2 * scalar(problem.delta, theta_tilde)),
            ),
        ),
    ),
    proof=_split_proof,
)
@given(problem=families.problems(), theta_tilde=families.points(), pair=families.primal_dual_pairs())
def lemma_b_1(problem: Problem, theta_tilde: Array, pair: PrimalDual) -> Array:
    """Both sides are evaluated by the definition of the divergence."""
    return inequalities.bregman_split(problem.elastic_net, theta_tilde, pair)


def _changes(
    problem: Problem, star: Array, pair: PrimalDual, tau: Array, xi: Array, *, use_g: bool
) -> dict[str, Array]:
    """(B.1) and (B.2) in expectation, with ∇L(θ) as the lemma has it or with the g of each outcome."""
    start, after, gradient = noisy_steps(problem, pair, tau, xi)
    used = gradient if use_g else gradient - xi
    sides = inequalities.distance_change(problem.elastic_net, star[..., None, :], start, after, tau[..., None], used)
    mean = inequalities.expectation
    return {name: equal(mean(left), mean(right), mean(terms)) for name, (left, right, terms) in sides.items()}


_STOCHASTIC = {
    "problem": families.problems(),
    "star": families.points(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
    "xi": families.noise(),
}


def _exchanged(problem: Problem, star: Array, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """(B.1) with D^{v⁺}(θ, θ⁺) in the place of D^v(θ⁺, θ), without noise."""
    net, gradient = problem.elastic_net, problem.loss.gradient(pair.theta)
    after = linbreg.step(net, pair, gradient, tau)
    left, right, terms = inequalities.distance_change(net, star, pair, after, tau, gradient)["(B.1)"]
    forward, backward = bregman(net, after.theta, pair.theta, pair.v), bregman(net, pair.theta, after.theta, after.v)
    return equal(left, right + forward - backward, terms)


_EXCHANGED = Mutant("D^v(θ⁺, θ) and D^{v⁺}(θ, θ⁺) exchanged", margin=_exchanged)


@claim(
    "bungert2021/lemma-B.2",
    title="Change of the Bregman distance to θ*, in expectation",
    statement=r"d^+ - d = -\mathbb E D^{v}_{J_\delta}(\theta^+, \theta) + \tau \mathbb E\langle \nabla\mathcal L(\theta), "
    r"\theta^* - \theta^+\rangle \;\text{(B.1)}, \qquad d^+ - d = \mathbb E D^{v^+}_{J_\delta}(\theta, \theta^+) "
    r"+ \tau\mathbb E\langle\nabla\mathcal L(\theta), \theta^* - \theta\rangle \;\text{(B.2)}",
    source=f"{SOURCE}, lemma B.2",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz", without={"problem": families.problems(losses=("quartic",))},
                   why="neither equation uses it"),
        Hypothesis("J(θ*) < ∞", "θ* ∈ dom J", why="without it both sides are ∞ − ∞: the statement has no meaning to test"),
    ),
    mutants=(_EXCHANGED, planted.ASCENT, planted.DOUBLE_STEP),
)  # fmt: skip
@given(**_STOCHASTIC)
def lemma_b_2(problem: Problem, star: Array, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """As printed: stochastic, with ∇L(θ) under the expectation. In (B.2) θ* − θ does not depend on g, so g may be replaced
    by ∇L(θ); in (B.1) θ* − θ⁺ does depend on it, and the replacement is wrong. With g in its place both are identities on
    every path: lemma-B.2-pathwise."""
    return _changes(problem, star, pair, tau, xi, use_g=False)


def _pathwise_proof() -> Proof:
    F_star, F0, F1, v0s, v00, v01, v1s, v11, v10 = symbols(
        "J(t^*)", "J(t)", "J(t_+)", "<v,t^*>", "<v,t>", "<v,t_+>", "<v_+,t^*>", "<v_+,t_+>", "<v_+,t>"
    )
    old, new = F_star - F0 - (v0s - v00), F_star - F1 - (v1s - v11)
    forward, backward = F1 - F0 - (v01 - v00), F0 - F1 - (v10 - v11)
    # τ⟨g, x⟩ = ⟨v, x⟩ − ⟨v⁺, x⟩
    g_star, g_plus, g_theta = v0s - v1s, v01 - v11, v00 - v10
    return Proof(
        (
            Step("(B.1): d⁺ − d = −D^v(θ⁺, θ) + τ⟨g, θ* − θ⁺⟩", (new - old) - (-forward + g_star - g_plus)),
            Step("(B.2): d⁺ − d = D^{v⁺}(θ, θ⁺) + τ⟨g, θ* − θ⟩", (new - old) - (backward + g_star - g_theta)),
        ),
        "Only v⁺ = v − τg is used: neither a property of L, nor of J_δ, nor how θ⁺ was found.",
    )


@claim(
    "bungert2021/lemma-B.2-pathwise",
    title="Change of the Bregman distance to θ*, on every path",
    statement=r"d^+ - d = -D^{v}_{J_\delta}(\theta^+, \theta) + \tau \langle g, \theta^* - \theta^+\rangle "
    r"= D^{v^+}_{J_\delta}(\theta, \theta^+) + \tau\langle g, \theta^* - \theta\rangle",
    source=f"{SOURCE}, proof of lemma B.2",
    hypotheses=(
        Hypothesis(
            "J(θ*) < ∞", "θ* ∈ dom J", why="without it both sides are ∞ − ∞: the statement has no meaning to test"
        ),
    ),
    mutants=(_EXCHANGED, planted.ASCENT, planted.DOUBLE_STEP, planted.PRIMAL_STEP),
    proof=_pathwise_proof,
)
@given(**_STOCHASTIC)
def lemma_b_2_pathwise(problem: Problem, star: Array, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Before expectations are taken, with the g that was drawn. Averaged, it is what lemma B.2 should say."""
    return _changes(problem, star, pair, tau, xi, use_g=True)
