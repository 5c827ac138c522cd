"""bungert2021 (v1), appendix A: the steps of the proof of corollary 3.3, one claim each."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory import inequalities
from ....theory.arrays import Array, scalar, square_norm
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most, least
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE
from .summability import constant, run, schedule

_GIVEN = {
    "problem": families.problems(max_dimension=3),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
    "xi": families.noise(),
}


def _chain(problem: Problem, bar: Array, part: Array, *, factor: Any = 1) -> dict[str, Array]:
    """(2 − τδℓ)/(2τδ) ≥ (2 − τ̄δℓ)/(2τδ) ≥ C/τ with C > 0, for τ = part·τ̄ ≤ τ̄."""
    tau = part / scalar(problem.step_size_limit, part) * bar
    delta, ell = scalar(problem.delta, tau), scalar(problem.loss.lipschitz, tau)
    first, second = (2 - tau * delta * ell) / (2 * tau * delta), (2 - bar * delta * ell) / (2 * tau * delta)
    C = scalar(factor, tau) * constant(problem, bar)
    terms = 1 / (tau * delta) + ell * bar / tau
    return {
        "(2 − τδℓ)/(2τδ) ≥ (2 − τ̄δℓ)/(2τδ)": at_most(second, first, terms),
        "(2 − τ̄δℓ)/(2τδ) ≥ C/τ": at_most(C / tau, second, terms),
        "C > 0": at_most(0 * C, C, 1 / delta, ell * bar),
    }


def _chain_proof() -> Proof:
    tau, bar, delta, ell = symbols("tau", "tau_bar", "delta", "ell", positive=True)
    C = (2 - bar * delta * ell) / (2 * delta)
    return Proof(
        (
            Step("the difference of the first two is (τ̄ − τ)ℓ/(2τ)", (2 - tau * delta * ell) / (2 * tau * delta)
                 - (2 - bar * delta * ell) / (2 * tau * delta) - (bar - tau) * ell / (2 * tau)),
            Step("the second is C/τ for C = (2 − τ̄δℓ)/(2δ)", (2 - bar * delta * ell) / (2 * tau * delta) - C / tau),
            Step("C = (ℓ/2)(2/(δℓ) − τ̄)", C - (ell / 2) * (2 / (delta * ell) - bar)),
        ),
        "τ ≤ τ̄ < 2/(δℓ) makes the first difference ≥ 0 and C > 0; no larger C does for τ = τ̄.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.3-step-1",
    title="Proof of corollary 3.3: one constant for all step sizes",
    statement=r"\tau \le \bar\tau < \tfrac{2}{\delta\ell}: \quad \tfrac{2 - \tau\delta\ell}{2\tau\delta} \ge "
    r"\tfrac{2 - \bar\tau\delta\ell}{2\tau\delta} \ge \tfrac{C}{\tau}, \qquad C = \tfrac{2 - \bar\tau\delta\ell}{2\delta} > 0",
    source=f"{SOURCE}, appendix A, proof of corollary 3.3, first display; C is ours",
    hypotheses=(
        Hypothesis("τ̄ < 2/(δℓ)", "without it: τ̄ up to 4/(δℓ)", without={"bar": families.step_sizes(at_most=4)}),
        Hypothesis("τ ≤ τ̄", "without it: τ up to 2τ̄", without={"part": families.step_sizes(at_most=2)}),
    ),
    mutants=(
        Mutant("C a hundredth larger", margin=lambda problem, bar, part: _chain(
            problem, bar, part, factor=Fraction(101, 100))),
        Mutant("C without the factor ½", margin=lambda problem, bar, part: _chain(problem, bar, part, factor=2)),
        Mutant("C with the wrong sign", margin=lambda problem, bar, part: _chain(problem, bar, part, factor=-1)),
    ),
    proof=_chain_proof,
    step_size_limit=StepSizeLimit(parameter="bar", limit=2.0, up_to=4.0, conclusion="C > 0"),
)  # fmt: skip
@given(
    problem=families.problems(),
    bar=families.step_sizes(at_most=Fraction(7, 4)),
    part=families.step_sizes(at_most=1),
)
def proof_3_3_step_1(problem: Problem, bar: Array, part: Array) -> dict[str, Array]:
    """The proof says that some C > 0 exists; this is the largest. The drawn part is τ/τ̄ in units of 1/𝖫."""
    return _chain(problem, bar, part)


def _falls(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, variance: Any = 0) -> Array:
    """E L(θ^{k+1}) ≤ E L(θᵏ) + variance·δτᵏσ² for k = 0, 1."""
    taus = schedule(tau)
    sums = run(problem, pair, taus, xi)
    cost = scalar(variance, tau) * scalar(problem.delta, tau) * inequalities.expectation(square_norm(xi))
    steps = zip(sums.losses[:-1], sums.losses[1:], taus, strict=True)
    return least([at_most(after, before + cost * step, sums.terms) for before, after, step in steps])


def _decrease(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, **change: Any) -> dict[str, Array]:
    quiet = xi[..., :1, :]
    return {
        "E L(θ^{k+1}) ≤ E L(θᵏ)": _falls(problem, pair, tau, xi, **change),
        "the same without noise": _falls(problem, pair, tau, 0 * quiet),
        "D^sym ≥ 0": run(problem, pair, schedule(tau), 0 * quiet).monotone,
    }


@claim(
    "bungert2021/proof-3.3-step-2",
    title="Proof of corollary 3.3: the expected loss decreases",
    statement=r"k \mapsto \mathbb E\,\mathcal L(\theta^{k}) \text{ is non-increasing for } \tau^k \le \bar\tau < "
              r"\tfrac{2}{\delta\ell}",
    source=f"{SOURCE}, appendix A, proof of corollary 3.3",
    hypotheses=(
        Hypothesis("τ̄ < 2/(δℓ)", "without noise; without it: τ̄ up to 4/(δℓ)", without={"tau": families.step_sizes(at_most=4)}),
    ),
    mutants=(planted.ASCENT, planted.DOUBLE_STEP, planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V),
)  # fmt: skip
@given(**_GIVEN)
def proof_3_3_step_2(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """With noise it rises near a minimum: two steps, all paths. Without noise it holds, up to the limit 2/(δℓ)."""
    return _decrease(problem, pair, tau, xi)


def _falls_proof() -> Proof:
    tau, delta, ell, variance = symbols("tau", "delta", "ell", "sigma^2", positive=True)
    L0, L1, sym, d_d = symbols("L_0", "L_1", "D^sym", "|d|^2")
    square = (2 - ell * tau * delta) / (2 * tau * delta) * d_d
    decay = L0 + delta * tau * variance - L1 - sym / tau - square
    return Proof(
        (
            Step("the margin is that of (3.6) + δτσ² plus D^sym/τ plus (2 − ℓτδ)/(2τδ)·‖d‖²",
                 (L0 + delta * tau * variance - L1) - (decay + sym / tau + square)),
        ),
        "The first is ≥ 0 by thm-3.2-repaired, the others by proof-3.2-step-4.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.3-step-2-repaired",
    title="Proof of corollary 3.3: how much the expected loss may rise",
    statement=r"\mathbb E\,\mathcal L(\theta^{k+1}) \le \mathbb E\,\mathcal L(\theta^{k}) + \delta\tau^k\sigma^2 "
              r"\text{ for } \tau^k "
    r"\le \tfrac{2}{\delta\ell}",
    source=f"ours, after {SOURCE}, appendix A, proof of corollary 3.3",
    hypotheses=(
        Hypothesis("the variance term δτσ²", "σ² = E‖g − ∇L(θ)‖²; just outside: 0.9 times that",
                   margin=lambda problem, pair, tau, xi: _falls(problem, pair, tau, xi, variance=Fraction(9, 10))),
        Hypothesis("τ ≤ 2/(δℓ)", "without it: τ up to 4/(δℓ)", without={"tau": families.step_sizes(at_most=4)}),
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: _falls(
            problem, pair, tau, xi, variance=Fraction(1, 2))),
        planted.ASCENT, planted.DOUBLE_STEP, planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V,
    ),
    proof=_falls_proof,
)  # fmt: skip
@given(**_GIVEN)
def proof_3_3_step_2_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The loss may rise by δτσ² at most in each step. At τ = 2/(δℓ), J = 0, it rises by exactly that; for smaller τ by less,
    ½ℓδ²τ²σ² for J = 0."""
    return _decrease(problem, pair, tau, xi, variance=1)


def _summed(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, factor: Any = 1) -> Array:
    """S_D + factor·C·S_2 ≤ L(θ⁰) − E L(θᴺ)."""
    sums = run(problem, pair, schedule(tau), xi)
    left = sums.symmetric + scalar(factor, tau) * constant(problem, tau) * sums.squares
    return at_most(left, sums.losses[0] - sums.losses[-1], sums.terms, abs(sums.losses[-1]))


@claim(
    "bungert2021/proof-3.3-step-3",
    title="Proof of corollary 3.3: the sum",
    statement=r"\sum_{k < N} \tfrac{1}{\tau^k} \mathbb E\, D^{sym}_J(\theta^{k+1}, \theta^k) + C \sum_{k < N} \tfrac{1}{\tau^k} "
    r"\mathbb E\|\theta^{k+1} - \theta^k\|^2 \le \mathcal L(\theta^{0}) - \mathbb E\, \mathcal L(\theta^N)",
    source=f"{SOURCE}, appendix A, proof of corollary 3.3, last display, before N → ∞",
    hypotheses=(
        Hypothesis("τ̄ < 2/(δℓ)", "for C > 0", why="the inequality without noise holds for every τ̄, with C < 0 beyond the limit"),
    ),
    mutants=(
        planted.ASCENT, planted.DOUBLE_STEP,
        Mutant("C twice as large, without noise", margin=lambda problem, pair, tau, xi: _summed(
            problem, pair, tau, 0 * xi[..., :1, :], factor=2)),
        Mutant("C a twentieth larger, without noise", margin=lambda problem, pair, tau, xi: _summed(
            problem, pair, tau, 0 * xi[..., :1, :], factor=Fraction(21, 20))),
    ),
)  # fmt: skip
@given(**_GIVEN)
def proof_3_3_step_3(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Two steps on all paths. Summing (3.6) inherits its error; the repaired sum is cor-3.3-repaired."""
    return {
        "with noise": _summed(problem, pair, tau, xi),
        "without noise": _summed(problem, pair, tau, 0 * xi[..., :1, :]),
    }
