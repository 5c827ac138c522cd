"""bungert2021 (v1), appendix B: the displayed steps in the proof of theorem 3.8, and the sum in the proof of theorem 3.7."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers.oracles import EXACT, AdditiveNoise, Oracle
from ....theory.arrays import (
    Array,
    inner,
    namespace,
    scalar,
    square_norm,
    total,
)
from ....theory.bregman_convexity import constant_at_minimizer, minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.inequalities import expectation
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.minimizers import NORMS, with_minimizer
from ...families.step_sequences import StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_runs import run
from .distance_steps import half_square_step
from .loss_decay import SOURCE, noisy_steps

PROOF = f"{SOURCE}, appendix B, proof of theorem 3.8"
_PROBLEMS = with_minimizer(regularizers=NORMS, max_dimension=3)
_PAIRS = families.primal_dual_pairs()
_SILENT = Hypothesis("exact gradients", "not a hypothesis, and one that the step lacks", why="with them it holds")


def _sum_of_squares(
    problem: Problem, pair: PrimalDual, tau: Array, oracle: Oracle, share: Any = Fraction(1, 4)
) -> Array:
    """share·μ Σ τ_k E‖θ* − θ^{k+1}‖² ≤ d₀."""
    found = run(problem, pair, tau, oracle)
    star = minimizer(problem, tau)
    spread = [expectation(square_norm(state.theta - star)) for state, _ in found.paths[1:]]
    left = total(tau * namespace(tau).stack(spread, axis=-1))
    mu = scalar(share, tau) * scalar(problem.loss.strong_convexity, tau)
    rounding = mu * total(tau) * (square_norm(star) + square_norm(scalar(problem.delta, tau) * pair.v))
    return at_most(mu * left, found.values[..., 0], found.terms[..., 0], rounding)


def _sum_disproof() -> Proof:
    return Proof(
        (half_square_step(),),
        "E‖θ^{k+1} − θ*‖² = 2E d_{k+1} ≥ τ² for every k, so with the constant step size τ = ½ ≤ μ/(ℓ²δ) = 1 the sum is infinite.",
    )


@claim(
    "bungert2021/proof-3.7-summed",
    title="Proof of theorem 3.7: the summed decrease",
    statement=r"\tau_k \le \tfrac{\mu}{\ell^2\delta}: \quad \tfrac\mu4 \sum_{k} \tau_k \|\theta^* - \theta^{k+1}\|^2 < \infty",
    source=f"{SOURCE}, appendix B, proof of theorem 3.7",
    hypotheses=(_SILENT,),
    mutants=(
        Mutant(
            "40μ, exact gradients", margin=lambda problem, pair, tau, xi: _sum_of_squares(problem, pair, tau, EXACT, 40)
        ),
        planted.ASCENT,
        planted.PRIMAL_STEP,
    ),
    disproof=_sum_disproof,
)
@given(
    problem=with_minimizer(max_dimension=2),
    pair=_PAIRS,
    tau=StepSequences(unit="μ/(ℓ²δ)", length=2),
    xi=families.noise(),
)
def proof_3_7_summed(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Printed without the expectation; judged with it, in the finite form that the decrease gives, a sum of at most d₀. It
    holds for exact gradients. What follows in the text, "only possible if ‖θ* − θᵏ‖ → 0", is not enough: terms with
    Σ τ_k a_k < ∞ and Σ τ_k = ∞ have a subsequence that tends to 0."""
    return {
        "with noise": _sum_of_squares(problem, pair, tau, AdditiveNoise(xi)),
        "with exact gradients": _sum_of_squares(problem, pair, tau, EXACT),
    }


def _null(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, factor: int = 1) -> Array:
    """factor·(1/τ)E D^{v⁺}_{J_δ}(θ, θ⁺) ≤ L(θ) − L*."""
    net = problem.elastic_net
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    value = factor * expectation(bregman(net, start.theta, after.theta, after.v)) / tau
    gap = problem.loss.value(pair.theta) - scalar(problem.loss.infimum, tau)
    return at_most(value, gap, expectation(size(net, start.theta, after.theta, after.v)) / tau)


def _null_disproof() -> Proof:
    theta, tau = symbols("theta", "tau", positive=True)
    moved = [(tau * (theta + sign)) ** 2 / 2 for sign in (1, -1)]
    return Proof(
        (
            half_square_step(),
            Step("there a_k = (1/τ)E(θ − θ⁺)²/2 = τ(E θ² + 1)/2", sum(moved) / (2 * tau) - tau * (theta**2 + 1) / 2),
        ),
        "With a constant step size a_k ≥ τ/2 for every k: it is no null sequence.",
    )


@claim(
    "bungert2021/proof-3.8-null-sequence",
    title="Proof of theorem 3.8: a null sequence by corollary 3.3",
    statement=r"a_k := \tfrac{1}{\tau^{(k)}}\mathbb E\, D^{v^{(k+1)}}_{J_\delta}(\theta^{(k)}, \theta^{(k+1)}) \to 0",
    source=PROOF,
    hypotheses=(
        _SILENT,
        Hypothesis(
            "τ ≤ τ̄ < 2/(δℓ)",
            "corollary 3.3 needs it, theorem 3.8 does not say it; without it: τ ≤ 4/(ℓδ), exact gradients",
            without={"tau": families.step_sizes(at_most=4)},
            margin=lambda problem, pair, tau, xi: _null(problem, pair, tau, 0 * xi),
        ),
    ),
    mutants=(
        Mutant("three steps in one", margin=lambda problem, pair, tau, xi: _null(problem, pair, 3 * tau, 0 * xi)),
        Mutant("2a_k", margin=lambda problem, pair, tau, xi: _null(problem, pair, tau, 0 * xi, 2)),
        planted.DOUBLE_STEP,
    ),
    disproof=_null_disproof,
)
@given(problem=with_minimizer(max_dimension=3), pair=_PAIRS, tau=families.step_sizes(), xi=families.noise())
def proof_3_8_null_sequence(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The finite form bounds a_k by L(θᵏ) − L*, which exact gradients satisfy: a_k ≤ L(θᵏ) − L(θ^{k+1}) for τ ≤ 1/(ℓδ), so
    Σ a_k ≤ L(θ⁰) − L*. With noise a_k ≥ δτσ²/2 for J = 0; it tends to 0 only together with τ."""
    return {"with noise": _null(problem, pair, tau, xi), "with exact gradients": _null(problem, pair, tau, 0 * xi)}


def _item_1(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, rate: Any = 1) -> dict[str, Array]:
    """d⁺ − d ≤ τa + τ(L(θ*) − L(θ) − νd) ≤ τa − τνd."""
    net, star, loss = problem.elastic_net, minimizer(problem, pair.theta), problem.loss
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    nu = scalar(rate, tau) * scalar(constant_at_minimizer(problem), tau)
    old, new = bregman(net, star, pair.theta, pair.v), expectation(bregman(net, star, after.theta, after.v))
    cost = expectation(bregman(net, start.theta, after.theta, after.v))
    gap = loss.value(star) - loss.value(pair.theta)
    terms = size(net, star, pair.theta, pair.v) + expectation(
        size(net, star, after.theta, after.v) + size(net, start.theta, after.theta, after.v)
    )
    terms = terms + tau * inner(abs(loss.gradient(pair.theta)), abs(pair.theta) + abs(star))
    return {
        "first": at_most(new - old, cost + tau * (gap - nu * old), terms, tau * gap),
        "second": at_most(new - old, cost - tau * nu * old, terms),
    }


def _item_1_proof() -> Proof:
    tau, nu = symbols("tau", "nu", positive=True)
    L0, L_star, n_star, d, cost = symbols("L(t)", "L(t^*)", "<grad,t^*-t>", "d", "E D^{v_+}(t,t_+)")
    assumption = L_star - L0 - n_star - nu * d
    return Proof(
        (
            Step(
                "by (B.2) the margin of the first inequality is τ·(margin of (3.5) at θ̃ = θ*)",
                (cost + tau * (L_star - L0 - nu * d)) - (cost + tau * n_star) - tau * assumption,
            ),
        ),
        "The second inequality is L(θ*) ≤ L(θ).",
    )


@claim(
    "bungert2021/proof-3.8-item-1",
    title="Proof of theorem 3.8: (B.2) with assumption 3",
    statement=r"d_{k+1} - d_k \le \tau a_k + \tau\,\mathbb E\bigl[\mathcal L(\theta^*) - \mathcal L(\theta^k) "
    r"- \nu D^{v^k}_{J_\delta}(\theta^*, \theta^k)\bigr] \le \tau a_k - \tau\nu d_k, \qquad "
    r"a_k = \tfrac1\tau \mathbb E\, D^{v^{k+1}}_{J_\delta}(\theta^k, \theta^{k+1})",
    source=PROOF,
    hypotheses=(
        Hypothesis("assumption 3 at θ*", "just outside: 1.1·ν is claimed",
                   margin=lambda problem, pair, tau, xi: _item_1(problem, pair, tau, xi, Fraction(11, 10))),
    ),
    mutants=(
        Mutant("3ν", margin=lambda problem, pair, tau, xi: _item_1(problem, pair, tau, xi, 3)),
        planted.ASCENT,
        planted.HALF_STEP,
    ),
    proof=_item_1_proof,
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=families.step_sizes(at_most=4), xi=families.noise())
def proof_3_8_item_1(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """True with noise, for every step size, and with assumption 3 at θ̃ = θ* only: what fails is that a_k tends to 0. The ν
    of ℓ1 and group norms is attained in one dimension."""
    return _item_1(problem, pair, tau, xi)
