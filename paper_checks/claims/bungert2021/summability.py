"""bungert2021 (v1), section 3.1: corollary 3.3, that the steps are summable, and each step of its proof.

symbol | here        | meaning
-------|-------------|----------------------------------------------------------------------
τ̄     | ``tau``     | the bound on the step sizes, < 2/(δℓ)
τᵏ     | `schedule`  | τ̄/2, τ̄: not constant, at most τ̄
C      | `constant`  | (2 − τ̄δℓ)/(2δ) > 0, the largest with (2 − τᵏδℓ)/(2τᵏδ) ≥ C/τᵏ for all τᵏ ≤ τ̄
S_D    | `Sums`      | Σ (1/τᵏ) E D^sym_J(θ^{k+1}, θᵏ)
S_2    | `Sums`      | Σ (1/τᵏ) E‖θ^{k+1} − θᵏ‖²
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ....solvers import linbreg
from ....theory import divergences, inequalities
from ....theory.arrays import Array, inner, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most, least
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE


class Sums(NamedTuple):
    """What a run adds up to, shape (...) each."""

    symmetric: Array
    """S_D"""
    squares: Array
    """S_2"""
    variance: Array
    """δσ² Σ τᵏ"""
    losses: list[Array]
    """E L(θᵏ) for k = 0 … N"""
    monotone: Array
    """the smallest margin of D^sym ≥ 0"""
    terms: Array
    """the size of the terms, for rounding"""


def schedule(tau: Array) -> list[Array]:
    """τ⁰, τ¹."""
    return [tau / 2, tau]


def run(problem: Problem, pair: PrimalDual, taus: list[Array], xi: Array) -> Sums:
    """LinBreg with g = ∇L(θ) + ξ_ω, ω independent in each step, on all paths; ``xi`` is (..., outcomes, d)."""
    net, mean = problem.elastic_net, inequalities.expectation
    state = PrimalDual(pair.theta[..., None, :], pair.v[..., None, :])
    losses, nothing = [problem.loss.value(pair.theta)], 0 * taus[0]
    symmetric, squares, time, terms, monotone = nothing, nothing, nothing, abs(losses[0]), []
    for tau in taus:
        before = PrimalDual(*(np.repeat(part, xi.shape[-2], axis=-2) for part in state))
        g = problem.loss.gradient(before.theta) + np.concatenate([xi] * state.v.shape[-2], axis=-2)
        state = linbreg.step(net, before, g, tau[..., None])
        distance = divergences.symmetric(net.p(state), net.p(before), state.theta, before.theta)
        symmetric = symmetric + mean(distance) / tau
        squares = squares + mean(square_norm(state.theta - before.theta)) / tau
        time = time + tau
        sizes = size(net, state.theta, before.theta, before.v) + size(net, before.theta, state.theta, state.v)
        rounding = inner(abs(problem.loss.gradient(before.theta)), abs(before.theta))
        terms = terms + mean(sizes) / tau + mean(rounding)
        losses.append(mean(problem.loss.value(state.theta)))
        monotone.append(inequalities.monotone(net, state, before).min(axis=-1))
    variance = scalar(problem.delta, time) * mean(square_norm(xi)) * time
    return Sums(symmetric, squares, variance, losses, least(monotone), terms)


def constant(problem: Problem, tau: Array, share: Any = 1) -> Array:
    """C = (2 − τ̄δℓ)/(2δ), with ℓ replaced by share·ℓ."""
    delta, ell = scalar(problem.delta, tau), scalar(share, tau) * scalar(problem.loss.lipschitz, tau)
    return (2 - tau * delta * ell) / (2 * delta)


def _quiet(pair: PrimalDual) -> Array:
    """One outcome without noise."""
    return 0 * pair.v[..., None, :]


def _gap(problem: Problem, sums: Sums) -> Array:
    """L(θ⁰) − L*."""
    return sums.losses[0] - scalar(problem.loss.infimum, sums.losses[0])


def _bound(
    problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, factor: Any = 1, share: Any = 1, variance: Any = 0,
    last: bool = False,
) -> Array:  # fmt: skip
    """S_D + factor·C·S_2 ≤ L(θ⁰) − L* + variance·δσ²Στᵏ, or with E L(θᴺ) in the place of L*."""
    sums = run(problem, pair, schedule(tau), xi)
    right = sums.losses[0] - sums.losses[-1] if last else _gap(problem, sums)
    left = sums.symmetric + scalar(factor, tau) * constant(problem, tau, share) * sums.squares
    return at_most(left, right + scalar(variance, tau) * sums.variance, sums.terms, abs(sums.losses[-1]))


def _disproof() -> Proof:
    tau, theta, sigma = symbols("tau", "theta", "sigma", positive=True)
    mean_square = ((tau * (theta + sigma)) ** 2 + (tau * (theta - sigma)) ** 2) / 2
    chain = []
    # δ = λ = τ = σ = 1, L = ½θ²: v⁺ = v − θ ∓ 1 with θ = sign(v)·max(|v| − 1, 0); from v = 0, 1, 2 the chain goes to …
    for v, theta_v, up, down in ((0, 0, 1, -1), (1, 0, 2, 0), (2, 1, 2, 0)):
        chain.append(
            Step(
                f"J = |θ|, δ = τ = 1, g = θ ± 1: from v = {v}, θ = {theta_v} the step leads to v = {up} or {down}, each with "
                "probability ½",
                (((v - theta_v) + 1) - up) ** 2 + (((v - theta_v) - 1) - down) ** 2,
            )
        )
    p, p_after, t, t_after = 2 - 1, 0 - 0, 1, 0
    return Proof(
        (
            Step("L = ½θ², J = 0, δ = 1, g = θ ± σ: (1/τ)E‖θ⁺ − θ‖² = τθ² + τσ² ≥ τσ²",
                 mean_square / tau - (tau * theta**2 + tau * sigma**2)),
            *chain,
            Step("and the step from v = 2 to v = 0 has D^sym_J = (p⁺ − p)(θ⁺ − θ) = 1", (p_after - p) * (t_after - t) - 1),
        ),
        "With constant τᵏ = τ = τ̄ every term of the second sum is at least τσ² in the first example: the partial "
        "sums grow without "
        "bound. In the second one the chain |v| ∈ {0, 1, 2} takes the step 2 → 0 with probability ≥ ¼ in any three "
        "steps, so that both "
        "sums grow by at least ¼ in every three steps. No constant bounds them, for any τ̄ in (0, 2/(δℓ)) resp. τ̄ = "
        "1 < 2/(δℓ). Nor is "
        "the noise all: for L(θ) = −θ, which has a Lipschitz gradient and is not bounded below, ‖θ⁺ − θ‖²/τ = δ²τ without noise.",
    )  # fmt: skip


_FAMILY = {"problem": families.problems(max_dimension=3), "pair": families.primal_dual_pairs()}
_SHARE, _HALF = Fraction(9, 10), Fraction(1, 2)


@claim(
    "bungert2021/cor-3.3",
    title="Summable steps of the stochastic iteration",
    statement=r"\tau^k \le \bar\tau < \tfrac{2}{\delta\ell}: \quad \sum_k \tfrac{1}{\tau^k} \mathbb E\, "
    r"D^{sym}_J(\theta^{k+1}, \theta^k) < \infty, \quad \sum_k \tfrac{1}{\tau^k} \mathbb E \|\theta^{k+1} - \theta^k\|^2 < \infty",
    source=f"{SOURCE}, corollary 3.3",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside, without noise: curvature ℓ is claimed to be ½ℓ",
                   margin=lambda problem, pair, tau, xi: _bound(
                       problem, pair, tau, _quiet(pair), share=_HALF, last=True)),
        Hypothesis("L is bounded below", "L* > −∞, which the corollary does not ask for, but its proof",
                   why="a finite run does not show an infinite sum; for L(θ) = −θ each term is δ²τ"),
    ),
    mutants=(planted.NEGATIVE_SYMMETRIC, planted.DELTA_LAMBDA, planted.PROX_OF_V),
    disproof=_disproof,
)  # fmt: skip
@given(**_FAMILY, tau=families.step_sizes(at_most=Fraction(7, 4)), xi=families.noise())
def cor_3_3(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Judged for the stochastic iteration (3.1), in the finite form with the constants that the proof gives: two steps, all
    paths. Noise that does not vanish keeps θ moving, so with constant step sizes the terms do not tend to 0: the disproof shows
    that no constant helps. See cor-3.3-deterministic and cor-3.3-repaired."""
    sums = run(problem, pair, schedule(tau), xi)
    gap = _gap(problem, sums)
    return {
        "Σ (1/τ) E D^sym ≤ L(θ⁰) − L*": at_most(sums.symmetric, gap, sums.terms),
        "C Σ (1/τ) E‖θ⁺ − θ‖² ≤ L(θ⁰) − L*": at_most(constant(problem, tau) * sums.squares, gap, sums.terms),
        "D^sym ≥ 0": sums.monotone,
    }


def _deterministic_proof() -> Proof:
    tau, bar, delta, ell = symbols("tau", "tau_bar", "delta", "ell", positive=True)
    L0, L1, L2, sym, other, d_d, e_e = symbols("L_0", "L_1", "L_2", "D_0", "D_1", "|d_0|^2", "|d_1|^2")
    C = (2 - bar * delta * ell) / (2 * delta)

    def margin(before: Any, after: Any, distance: Any, square: Any) -> Any:
        return before - after - distance / tau - (2 - ell * tau * delta) / (2 * tau * delta) * square

    total = L0 - L2 - (sym + other) / tau - C * (d_d + e_e) / tau
    return Proof(
        (
            Step("(2 − τδℓ)/(2τδ) − C/τ = (τ̄ − τ)ℓ/(2τ) ≥ 0 for C = (2 − τ̄δℓ)/(2δ)",
                 (2 - tau * delta * ell) / (2 * tau * delta) - C / tau - (bar - tau) * ell / (2 * tau)),
            Step("adding (3.6) for two steps telescopes: the margin of the sum is the sum of the margins and of these surpluses",
                 total - (margin(L0, L1, sym, d_d) + margin(L1, L2, other, e_e) + (bar - tau) * ell / (2 * tau) * (d_d + e_e))),
            Step("C = 0 at τ̄ = 2/(δℓ)", C.subs(bar, 2 / (delta * ell))),
        ),
        "Without noise (3.6) holds in every step (thm-3.2-repaired with σ = 0), so S_D + C·S_2 ≤ L(θ⁰) − L(θᴺ) ≤ "
        "L(θ⁰) − L* for every N. "
        "Both sums have terms ≥ 0, and C > 0.",
    )  # fmt: skip


@claim(
    "bungert2021/cor-3.3-deterministic",
    title="Summable steps without noise",
    statement=r"\sum_k \tfrac{1}{\tau^k} D^{sym}_J(\theta^{k+1}, \theta^k) + C \sum_k \tfrac{1}{\tau^k} "
    r"\|\theta^{k+1} - \theta^k\|^2 \le \mathcal L(\theta^0) - \mathcal L^*, \qquad C = \tfrac{2 - \bar\tau\delta\ell}{2\delta}",
    source=f"ours, after {SOURCE}, corollary 3.3 and its proof",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be ½ℓ",
                   margin=lambda problem, pair, tau: _bound(problem, pair, tau, _quiet(pair), share=_HALF, last=True)),
        Hypothesis("τ̄ < 2/(δℓ)", "for C > 0 and the decay of L; without it: τ̄ up to 4/(δℓ)",
                   without={"tau": families.step_sizes(at_most=4)}),
        Hypothesis("exact gradients", "σ = 0; without it: a second step with the gradient of the first, noise with mean 0",
                   margin=lambda problem, pair, tau: _bound(problem, pair, tau, _opposite(problem, pair))),
        Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰)", without={"pair": families.unrelated_pairs()}),
        Hypothesis("L is bounded below", "L* > −∞", why="a finite run does not show an infinite sum; for L(θ) = −θ "
                                        "each term is δ²τ"),
    ),
    mutants=(
        Mutant("C twice as large", margin=lambda problem, pair, tau: _bound(
            problem, pair, tau, _quiet(pair), factor=2, last=True)),
        Mutant("C a twentieth larger", margin=lambda problem, pair, tau: _bound(
            problem, pair, tau, _quiet(pair), factor=Fraction(21, 20), last=True)),
        planted.NEGATIVE_SYMMETRIC, planted.ASCENT, planted.DOUBLE_STEP, planted.PROX_OF_V, planted.DELTA_LAMBDA,
        planted.PRIMAL_STEP,
    ),
    proof=_deterministic_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="L decreases"),
)  # fmt: skip
@given(**_FAMILY, tau=families.step_sizes(at_most=2))
def cor_3_3_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The constants are sharp: for J = 0, equal curvatures and constant steps equality holds in every step, and at τ̄ = 2/(δℓ)
    the iterates alternate between ±θ⁰, so that the second sum is infinite. L must be bounded below."""
    sums = run(problem, pair, schedule(tau), _quiet(pair))
    falls = [
        at_most(after, before, sums.terms) for before, after in zip(sums.losses[:-1], sums.losses[1:], strict=True)
    ]
    return {
        "≤ L(θ⁰) − L(θᴺ)": _bound(problem, pair, tau, _quiet(pair), last=True),
        "≤ L(θ⁰) − L*": _bound(problem, pair, tau, _quiet(pair)),
        "L decreases": least(falls),
        "D^sym ≥ 0": sums.monotone,
    }


def _opposite(problem: Problem, pair: PrimalDual) -> Array:
    """Noise ±(1 + |∇L(θ⁰)|), (..., 2, d)."""
    scale = 1 + abs(problem.loss.gradient(pair.theta))[..., None, :]
    return np.concatenate([scale, -scale], axis=-2)


def _repaired_proof() -> Proof:
    tau, bar, delta, ell, variance = symbols("tau", "tau_bar", "delta", "ell", "sigma^2", positive=True)
    L0, L1, L2, sym, other, d_d, e_e = symbols("L_0", "L_1", "L_2", "D_0", "D_1", "|d_0|^2", "|d_1|^2")
    C = (2 - bar * delta * ell) / (2 * delta)

    def margin(before: Any, after: Any, distance: Any, square: Any) -> Any:
        decay = before - after - distance / tau - (2 - ell * tau * delta) / (2 * tau * delta) * square
        return decay + delta * tau * variance

    total = L0 - L2 - (sym + other) / tau - C * (d_d + e_e) / tau + delta * variance * (tau + tau)
    return Proof(
        (
            Step("(2 − τδℓ)/(2τδ) − C/τ = (τ̄ − τ)ℓ/(2τ) ≥ 0 for C = (2 − τ̄δℓ)/(2δ)",
                 (2 - tau * delta * ell) / (2 * tau * delta) - C / tau - (bar - tau) * ell / (2 * tau)),
            Step("adding (3.6) + δτσ² for two steps telescopes, in expectations over all that was drawn",
                 total - (margin(L0, L1, sym, d_d) + margin(L1, L2, other, e_e) + (bar - tau) * ell / (2 * tau) * (d_d + e_e))),
        ),
        "(3.6) + δτσ² holds in every step (thm-3.2-repaired), and E L(θᴺ) ≥ L*.",
    )  # fmt: skip


@claim(
    "bungert2021/cor-3.3-repaired",
    title="Summable steps, with the variance that the noise costs",
    statement=r"\sum_k \tfrac{1}{\tau^k} \mathbb E\, D^{sym}_J(\theta^{k+1}, \theta^k) + C \sum_k \tfrac{1}{\tau^k} \mathbb E\,"
    r"\|\theta^{k+1} - \theta^k\|^2 \le \mathcal L(\theta^0) - \mathcal L^* + \delta \sigma^2 \sum_k \tau^k, \qquad "
    r"C = \tfrac{2 - \bar\tau\delta\ell}{2\delta}",
    source=f"ours, after {SOURCE}, corollary 3.3",
    hypotheses=(
        Hypothesis("the variance term δσ²Στᵏ", "σ² = E‖g − ∇L(θ)‖²; just outside: 0.9 times that",
                   margin=lambda problem, pair, tau, xi: _bound(problem, pair, tau, xi, variance=_SHARE, last=True)),
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be ½ℓ",
                   margin=lambda problem, pair, tau, xi: _bound(
                       problem, pair, tau, xi, variance=1, share=_HALF, last=True)),
        Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰)", without={"pair": families.unrelated_pairs()}),
        Hypothesis("L is bounded below", "L* > −∞", why="a finite run does not show an infinite sum; for L(θ) = −θ "
                                        "each term is δ²τ"),
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: _bound(
            problem, pair, tau, xi, variance=Fraction(1, 2), last=True)),
        Mutant("C twice as large", margin=lambda problem, pair, tau, xi: _bound(
            problem, pair, tau, xi, variance=1, factor=2, last=True)),
        planted.NEGATIVE_SYMMETRIC, planted.ASCENT, planted.DOUBLE_STEP, planted.PROX_OF_V, planted.DELTA_LAMBDA,
        planted.PRIMAL_STEP,
    ),
    proof=_repaired_proof,
)  # fmt: skip
@given(**_FAMILY, tau=families.step_sizes(at_most=2), xi=families.noise())
def cor_3_3_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """With noise the sums are finite if Σ τᵏ is, or more generally Σ τᵏσₖ²; with constant steps they grow linearly in general.
    δσ²Στᵏ is sharp for J = 0 and equal curvatures. Two steps, all paths of the noise."""
    sums = run(problem, pair, schedule(tau), xi)
    return {
        "≤ L(θ⁰) − E L(θᴺ) + δσ²Στ": _bound(problem, pair, tau, xi, variance=1, last=True),
        "≤ L(θ⁰) − L* + δσ²Στ": _bound(problem, pair, tau, xi, variance=1),
        "D^sym ≥ 0": sums.monotone,
    }
