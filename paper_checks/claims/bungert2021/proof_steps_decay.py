"""bungert2021 (v1), appendix A: the displayed steps of the proof of theorem 3.2, one claim each.

Theorem 3.4 has no displayed proof (it is said to follow "with the same techniques"); ours is that of thm-3.4-deterministic.

symbol | meaning
-------|------------------------------------------
d      | θ⁺ − θ
ξ      | g − ∇L(θ), with mean 0 and variance σ²
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory import divergences, inequalities
from ....theory.arrays import Array, inner, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most, equal
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE, noisy_steps

_GIVEN = {
    "problem": families.problems(max_dimension=4),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
    "xi": families.noise(),
}
_UNRELATED = Hypothesis(
    "v is a subgradient", "v ∈ ∂J_δ(θ); without it: any v", without={"pair": families.unrelated_pairs()}
)


def _terms(problem: Problem, start: PrimalDual, after: PrimalDual) -> Array:
    net = problem.elastic_net
    return size(net, after.theta, start.theta, start.v) + size(net, start.theta, after.theta, after.v)


def _identity(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, half: Any = 1) -> dict[str, Array]:
    """D^sym_J(θ⁺, θ) = −τ⟨g, d⟩ − ‖d‖²/δ for each outcome."""
    net = problem.elastic_net
    start, after, g = noisy_steps(problem, pair, tau, xi)
    d = after.theta - start.theta
    symmetric = divergences.symmetric(net.p(after), net.p(start), after.theta, start.theta)
    step = tau[..., None]
    moved = step * inner(g, d) + square_norm(d) / (scalar(half, tau) * scalar(problem.delta, tau))
    terms = _terms(problem, start, after) + step * inner(abs(g), abs(after.theta) + abs(start.theta))
    return {
        "D^sym = −τ⟨g, d⟩ − ‖d‖²/δ": equal(symmetric, -moved, terms).min(axis=-1),
        "D^sym ≥ 0": inequalities.monotone(net, after, start).min(axis=-1),
    }


def _identity_proof() -> Proof:
    tau, delta = symbols("tau", "delta", positive=True)
    v_d, g_d, t_d, T_d = symbols("<v,d>", "<g,d>", "<theta,d>", "<theta_+,d>")
    new, old = (v_d - tau * g_d) - T_d / delta, v_d - t_d / delta
    return Proof(
        (
            Step("⟨p⁺ − p, d⟩ = −τ⟨g, d⟩ − ⟨θ⁺ − θ, d⟩/δ with p = v − θ/δ, v⁺ = v − τg",
                 (new - old) - (-tau * g_d - (T_d - t_d) / delta)),
        ),
        "⟨θ⁺ − θ, d⟩ = ‖d‖². It holds for each outcome, for any g.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.2-step-1",
    title="Proof of theorem 3.2: the symmetric divergence of a step",
    statement=r"D^{sym}_J(\theta^{+}, \theta) = -\tau \langle g, \theta^{+} - \theta\rangle - \tfrac1\delta "
              r"\|\theta^{+} - \theta\|^2",
    source=f"{SOURCE}, appendix A, proof of theorem 3.2, first two displays",
    hypotheses=(_UNRELATED,),
    mutants=(
        Mutant("1/(2δ) in the place of 1/δ", margin=lambda problem, pair, tau, xi: _identity(
            problem, pair, tau, xi, half=2)),
        planted.NEGATIVE_SYMMETRIC, planted.ASCENT, planted.DOUBLE_STEP, planted.HALF_STEP, planted.PRIMAL_STEP,
        planted.PROX_OF_V, planted.DELTA_LAMBDA,
    ),
    proof=_identity_proof,
)  # fmt: skip
@given(**_GIVEN)
def proof_3_2_step_1(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """For each outcome of the noise, before expectations. The equation needs no v ∈ ∂J_δ(θ), only D^sym ≥ 0 does."""
    return _identity(problem, pair, tau, xi)


def _expected(
    problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, quiet: Any = 1
) -> tuple[Array, Array, Array]:
    """τE⟨∇L(θ), d⟩, −E D^sym − E‖d‖²/δ, and the size of their terms; noise times ``quiet``."""
    net, mean = problem.elastic_net, inequalities.expectation
    start, after, g = noisy_steps(problem, pair, tau, scalar(quiet, xi) * xi)
    d = after.theta - start.theta
    slope = problem.loss.gradient(start.theta)
    symmetric = divergences.symmetric(net.p(after), net.p(start), after.theta, start.theta)
    right = -mean(symmetric) - mean(square_norm(d)) / scalar(problem.delta, tau)
    terms = mean(
        _terms(problem, start, after) + tau[..., None] * inner(abs(g) + abs(slope), abs(after.theta) + abs(start.theta))
    )
    return tau * mean(inner(slope, d)), right, terms


def _equation(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, **change: Any) -> dict[str, Array]:
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    return {
        "τE⟨∇L, d⟩ = −E D^sym − E‖d‖²/δ": equal(*_expected(problem, pair, tau, xi, **change)),
        "the same without noise": equal(*_expected(problem, pair, tau, xi, quiet=0)),
        "D^sym ≥ 0": inequalities.monotone(problem.elastic_net, after, start).min(axis=-1),
    }


def _two_sided(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, variance: Any = 1) -> dict[str, Array]:
    left, right, terms = _expected(problem, pair, tau, xi)
    cost = scalar(variance, tau) * scalar(problem.delta, tau) * tau**2 * inequalities.expectation(square_norm(xi))
    return {
        "≤ … + δτ²σ²": at_most(left, right + cost, terms),
        "≥ …": at_most(right, left, terms, cost),
        "equal without noise": equal(*_expected(problem, pair, tau, xi, quiet=0)),
    }


@claim(
    "bungert2021/proof-3.2-step-2",
    title="Proof of theorem 3.2: from g to ∇L in the expectation",
    statement=r"\tau\, \mathbb E \langle \nabla\mathcal L(\theta), \theta^{+} - \theta\rangle = - \mathbb E\, "
              r"D^{sym}_J(\theta^{+}, "
    r"\theta) - \tfrac1\delta\, \mathbb E \|\theta^{+} - \theta\|^2",
    source=f"{SOURCE}, appendix A, proof of theorem 3.2, third display",
    hypotheses=(
        Hypothesis("E ξ = 0", "unbiased gradients", why="the equation fails for noise with mean 0, which is the weakest there is"),
    ),
    mutants=(
        planted.NEGATIVE_SYMMETRIC, planted.ASCENT, planted.DOUBLE_STEP, planted.PROX_OF_V, planted.DELTA_LAMBDA,
    ),
)  # fmt: skip
@given(**_GIVEN)
def proof_3_2_step_2(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """This is the step that breaks theorem 3.2, corollary 3.3 and theorem 3.4: E⟨g, θ⟩ = E⟨∇L(θ), θ⟩, as θ does not depend on g;
    but θ⁺ does, and E⟨g, θ⁺⟩ is not E⟨∇L(θ), θ⁺⟩. See proof-3.2-step-2-repaired."""
    return _equation(problem, pair, tau, xi)


def _two_sided_proof() -> Proof:
    tau, delta = symbols("tau", "delta", positive=True)
    n_d, x_d, sym, d_d = symbols("<grad,d>", "<xi,d>", "D^sym", "|d|^2")
    x_x, x_D, D_D = symbols("|xi|^2", "<xi,Delta>", "|Delta|^2")
    return Proof(
        (
            Step("for one outcome τ⟨∇L(θ), d⟩ = −D^sym − ‖d‖²/δ − τ⟨ξ, d⟩", (tau * n_d - (-sym - d_d / delta - tau * x_d)).subs(
                sym, -tau * (n_d + x_d) - d_d / delta)),
            Step("with θ̄ the step without noise, Δ = θ̄ − θ⁺: δτ‖ξ‖² − ⟨ξ, Δ⟩ = (‖δτξ − Δ‖² + (δτ⟨ξ, Δ⟩ − ‖Δ‖²))/(δτ), and "
                 "δτ⟨ξ, Δ⟩ ≥ ‖Δ‖² ≥ 0 because prox_{δJ} is firmly non-expansive",
                 (delta * tau * x_x - x_D)
                 - ((delta**2 * tau**2 * x_x - 2 * delta * tau * x_D + D_D) + (delta * tau * x_D - D_D)) / (delta * tau)),
        ),
        "E⟨ξ, θ̄ − θ⟩ = 0, so −E⟨ξ, d⟩ = E⟨ξ, Δ⟩ lies between 0 and δτσ². Both ends are reached: 0 for δ-constant prox (θ⁺ = θ̄), "
        "δτσ² for J = 0.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.2-step-2-repaired",
    title="Proof of theorem 3.2: from g to ∇L, and what it costs",
    statement=r"0 \le \tau\, \mathbb E \langle \nabla\mathcal L(\theta), \theta^{+} - \theta\rangle + \mathbb E\, "
              r"D^{sym}_J(\theta^{+}, "
    r"\theta) + \tfrac1\delta\, \mathbb E \|\theta^{+} - \theta\|^2 \le \delta\tau^2\sigma^2",
    source=f"ours, after {SOURCE}, appendix A, proof of theorem 3.2",
    hypotheses=(
        Hypothesis("the variance term δτ²σ²", "σ² = E‖g − ∇L(θ)‖²; just outside: 0.9 times that",
                   margin=lambda problem, pair, tau, xi: _two_sided(
                       problem, pair, tau, xi, variance=Fraction(9, 10))["≤ … + δτ²σ²"]),
        Hypothesis("E ξ = 0", "unbiased gradients; without it: ξ + |ξ|", margin=lambda problem, pair, tau, xi: _two_sided(
            problem, pair, tau, xi + abs(xi))),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ); without it: any v", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: _two_sided(
            problem, pair, tau, xi, variance=Fraction(1, 2))),
        planted.NEGATIVE_SYMMETRIC, planted.ASCENT, planted.DOUBLE_STEP, planted.HALF_STEP, planted.PRIMAL_STEP,
    ),
    proof=_two_sided_proof,
)  # fmt: skip
@given(**_GIVEN)
def proof_3_2_step_2_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The two expectations differ by −τE⟨ξ, θ⁺⟩, which is at least 0 and at most δτ²σ²; without noise they agree."""
    return _two_sided(problem, pair, tau, xi)


def _descent_lemma(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, share: Any = 1) -> dict[str, Array]:
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    ell = scalar(share, tau) * scalar(problem.loss.lipschitz, tau) + 0 * tau
    d, slope, before = after.theta - start.theta, problem.loss.gradient(start.theta), problem.loss.value(start.theta)
    square = ell[..., None] / 2 * square_norm(d)
    rounding = inner(abs(slope) + abs(problem.loss.gradient(after.theta)), abs(after.theta) + abs(start.theta))
    lhs, rhs = problem.loss.value(after.theta), before + inner(slope, d) + square
    mean = inequalities.expectation
    return {
        "for each outcome": at_most(lhs, rhs, before, square, rounding).min(axis=-1),
        "in expectation": at_most(mean(lhs), mean(rhs), mean(before), mean(square), mean(rounding)),
    }


def _descent_lemma_proof() -> Proof:
    import sympy

    s, ell, d = sympy.symbols("s ell d", positive=True)
    return Proof(
        (
            Step("L(θ⁺) − L(θ) − ⟨∇L(θ), d⟩ = ∫₀¹ ⟨∇L(θ + sd) − ∇L(θ), d⟩ ds ≤ ∫₀¹ ℓs‖d‖² ds = ½ℓ‖d‖²",
                 sympy.integrate(ell * s * d**2, (s, 0, 1)) - ell * d**2 / 2),
        ),
        "For all θ and θ⁺, so for each outcome.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.2-step-3",
    title="Proof of theorem 3.2: the descent lemma at a step",
    statement=r"\mathcal L(\theta^{+}) \le \mathcal L(\theta) + \langle\nabla\mathcal L(\theta), \theta^{+} - \theta\rangle "
    r"+ \tfrac{\ell}{2}\|\theta^{+} - \theta\|^2",
    source=f"{SOURCE}, (3.3), and appendix A, proof of theorem 3.2, fourth display",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be 0.9·ℓ",
                   margin=lambda problem, pair, tau, xi: _descent_lemma(problem, pair, tau, xi, share=Fraction(9, 10))),
    ),
    mutants=(
        Mutant("ℓ/4 in the place of ℓ/2", margin=lambda problem, pair, tau, xi: _descent_lemma(
            problem, pair, tau, xi, share=Fraction(1, 2))),
        Mutant("without the square", margin=lambda problem, pair, tau, xi: _descent_lemma(problem, pair, tau, xi, share=0)),
        Mutant("the square with the wrong sign", margin=lambda problem, pair, tau, xi: _descent_lemma(
            problem, pair, tau, xi, share=-1)),
    ),
    proof=_descent_lemma_proof,
)  # fmt: skip
@given(**_GIVEN)
def proof_3_2_step_3(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """For each outcome of the noise; it does not depend on how θ⁺ was found, nor on the step size."""
    return _descent_lemma(problem, pair, tau, xi)


def _signs(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    delta, ell = scalar(problem.delta, tau), scalar(problem.loss.lipschitz, tau)
    factor = (2 - ell * tau * delta) / (2 * tau * delta)
    return {
        "(2 − ℓτδ)/(2τδ) ≥ 0": at_most(0 * factor, factor, 1 / (tau * delta), ell),
        "D^sym ≥ 0": inequalities.monotone(problem.elastic_net, after, start).min(axis=-1),
    }


def _signs_proof() -> Proof:
    tau, delta, ell = symbols("tau", "delta", "ell", positive=True)
    return Proof(
        (
            Step("(2 − ℓτδ)/(2τδ) = (ℓ/2)·(2/(δℓ) − τ)/τ", (2 - ell * tau * delta) / (2 * tau * delta)
                 - (ell / 2) * (2 / (delta * ell) - tau) / tau),
        ),
        "It is ≥ 0 exactly for τ ≤ 2/(δℓ); D^sym ≥ 0 because p ∈ ∂J(θ), p⁺ ∈ ∂J(θ⁺) and ∂J is monotone.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.2-step-4",
    title="Proof of theorem 3.2: the signs on the left of (3.6)",
    statement=r"\tau \le \tfrac{2}{\delta\ell}: \quad \tfrac1\tau D^{sym}_J(\theta^{+}, \theta) \ge 0, \quad "
    r"\tfrac{2 - \ell\tau\delta}{2\tau\delta} \ge 0",
    source=f"{SOURCE}, appendix A, proof of theorem 3.2, last sentence",
    hypotheses=(
        Hypothesis("τ ≤ 2/(δℓ)", "the step size; without it: τ up to 4/(δℓ)", without={"tau": families.step_sizes(at_most=4)}),
        _UNRELATED,
    ),
    mutants=(planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA),
    proof=_signs_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="(2 − ℓτδ)/(2τδ) ≥ 0"),
)  # fmt: skip
@given(**_GIVEN)
def proof_3_2_step_4(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The proof says "all terms on the left hand side are non-negative": those beside E L(θ⁺), which may have any sign. The
    limit is sharp."""
    return _signs(problem, pair, tau, xi)
