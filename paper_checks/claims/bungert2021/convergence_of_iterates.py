"""bungert2021 (v1), theorem 3.7, second part: E‖θᵏ − θ*‖ → 0, and what is left of it with noise."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....solvers.expected_distance import distances, mean
from ....solvers.oracles import EXACT, AdditiveNoise, Oracle
from ....theory import inequalities
from ....theory.arrays import Array, scalar, square_norm, total
from ....theory.bregman_convexity import minimizer
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.minimizers import with_minimizer
from ...families.step_sequences import StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_steps import coercive_step, half_square_step, mirror_step, variance_step
from .loss_decay import SOURCE

_UNIT = "μ/(ℓ²δ)"
_PROBLEMS = with_minimizer(max_dimension=3)
_NOT_CONVEX = with_minimizer(("two_wells",), max_dimension=2)
_FINITE = Hypothesis(
    "J(θ*) < ∞", "θ* ∈ dom J", why="without it d₀ = ∞, and example 3.6 converges to a point that is not critical"
)


def _scale(problem: Problem, pair: PrimalDual, star: Array) -> Array:
    """‖θ*‖² + ‖δv‖²: what rounding in θ is relative to."""
    return square_norm(star) + square_norm(scalar(problem.delta, star) * pair.v)


def _rate(problem: Problem, pair: PrimalDual, tau: Array, oracle: Oracle, factor: Any = 2) -> Array:
    """(E‖θ_K − θ*‖)² ≤ factor·d₀/(μ Σ_{k<K} τ_k)."""
    star = minimizer(problem, pair.theta) + 0 * pair.theta
    run = distances(problem, star, pair, tau, oracle)
    weight = scalar(problem.loss.strong_convexity, tau) * total(tau) / scalar(factor, tau)
    reached = run.expected_norm(star, tau.shape[-1]) ** 2
    return at_most(reached, run.values[..., 0] / weight, run.terms[..., 0] / weight, _scale(problem, pair, star))


def _mean_rate(problem: Problem, pair: PrimalDual, tau: Array, factor: Any) -> Array:
    return _rate(problem, pair, tau, EXACT, factor)


def _disproof() -> Proof:
    theta, tau = symbols("theta", "tau", positive=True)
    up, down = theta - tau * (theta + 1), theta - tau * (theta - 1)
    return Proof(
        (
            half_square_step(),
            Step("the two outcomes of g = θ ± 1 are 2τ apart, from every θ", (down - up) - 2 * tau),
        ),
        "|θ₊| + |θ₋| ≥ |θ₊ − θ₋| = 2τ, so E|θ^{k+1}| ≥ τ for every k: with the constant step size τ = ½ ≤ μ/(ℓ²δ) = 1 and "
        "Σ τ = ∞, E|θᵏ − θ*| ≥ ½ for all k ≥ 1, and no bound that tends to 0 holds.",
    )


def _plateau() -> tuple[Measurement, ...]:
    theta = np.zeros(1)
    for _ in range(14):
        theta = np.concatenate([theta - (theta + sign) / 2 for sign in (1.0, -1.0)])
    return (
        Measurement(
            "E|θᵏ − θ*| after 14 steps (L = ½θ², J = 0, δ = 1, θ⁰ = θ*, τ = ½, g = θ ± 1)",
            "→ 0",
            f"{np.abs(theta).mean():.4f}",
            f"all {len(theta)} paths",
        ),
    )


@claim(
    "bungert2021/thm-3.7-convergence",
    title="The iterates converge in expectation",
    statement=r"\tau^{(k)} \le \tfrac{\mu}{\ell^2\delta},\; \sum_k \tau^{(k)} = \infty: \quad "
    r"\lim_{k\to\infty} \mathbb E\|\theta^{(k)} - \theta^*\| = 0",
    source=f"{SOURCE}, theorem 3.7, (3.11)",
    hypotheses=(_FINITE,),
    mutants=(
        Mutant(
            "a hundredth of the bound",
            margin=lambda problem, pair, tau, xi: _mean_rate(problem, pair, tau, Fraction(1, 50)),
        ),
        planted.ASCENT,
        planted.PRIMAL_STEP,
    ),
    disproof=_disproof,
    measurements=_plateau,
)
@given(
    problem=_PROBLEMS,
    pair=families.primal_dual_pairs(),
    tau=StepSequences(unit=_UNIT),
    xi=families.noise(),
)
def thm_3_7_convergence(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The finite form asks for the rate that exact gradients have, E‖θᵏ − θ*‖ ≤ (2d₀/(μ Σ τ))^{1/2}: it tends to 0 exactly
    when Σ τ = ∞. With noise and constant steps the iterates stay at a distance: the disproof bounds E‖θᵏ − θ*‖ from below,
    so no other rate helps. The last step of the proof is incomplete even without noise: Σ τ_k‖θ^{k+1} − θ*‖² < ∞ and
    Σ τ_k = ∞ give a subsequence only. Monotone losses close that gap (thm-3.7-convergence-deterministic)."""
    return {
        "with noise": _rate(problem, pair, tau, AdditiveNoise(xi)),
        "with exact gradients": _rate(problem, pair, tau, EXACT),
    }


def _rate_proof() -> Proof:
    tau, delta, ell = symbols("tau", "delta", "ell", positive=True)
    L0, L1, L_star, n_star, n_d, forward, d_d = symbols(
        "L(t)", "L(t_+)", "L(t^*)", "<grad,t^*-t>", "<grad,t_+-t>", "D^v(t_+,t)", "|t_+-t|^2"
    )
    change = -forward + tau * (n_star - n_d)  # (B.1)
    convexity = L_star - L0 - n_star
    descent = L0 + n_d + ell / 2 * d_d - L1
    parts = (forward - d_d / (2 * delta)) + (1 / (2 * delta) - tau * ell / 2) * d_d + tau * convexity + tau * descent
    return Proof(
        (
            Step(
                "d − d⁺ − τ(L(θ⁺) − L(θ*)) = (D^v(θ⁺, θ) − ‖d‖²/(2δ)) + (1/(2δ) − ℓτ/2)‖d‖² + τ·(convexity between θ and θ*) "
                "+ τ·(the descent lemma), all ≥ 0 for τ ≤ 1/(ℓδ)",
                -change - tau * (L1 - L_star) - parts,
            ),
        ),
        "μ ≤ ℓ, so τ ≤ μ/(ℓ²δ) ≤ 1/(ℓδ). Sum over k < K: Σ τ_k(L(θ^{k+1}) − L*) ≤ d₀. The loss does not increase (theorem 3.2 "
        "without noise), so (L(θ^K) − L*) Σ τ_k ≤ d₀, and L(θ^K) − L* ≥ (μ/2)‖θ^K − θ*‖².",
    )


@claim(
    "bungert2021/thm-3.7-convergence-deterministic",
    title="The iterates converge with exact gradients, at a rate",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau_k \le \tfrac{1}{\ell\delta}: \quad \|\theta^{K} - \theta^*\|^2 \le "
    r"\frac{2}{\mu \sum_{k<K} \tau_k}\, D^{v^0}_{J_\delta}(\theta^*, \theta^0)",
    source=f"ours, after {SOURCE}, theorem 3.7, (3.11)",
    hypotheses=(
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": StepSequences(at_most=3)}),
        Hypothesis(
            "strong convexity",
            "μ is a modulus of strong convexity; without it: two wells, μ = 1",
            without={"problem": _NOT_CONVEX},
            margin=lambda problem, pair, tau: _two_wells(problem, pair, tau),
        ),
        _FINITE,
        Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("a tenth", margin=lambda problem, pair, tau: _mean_rate(problem, pair, tau, Fraction(1, 5))),
        Mutant(
            "the square of Σ τ",
            margin=lambda problem, pair, tau: _rate(problem, pair, tau * total(tau)[..., None], EXACT),
        ),
        planted.ASCENT,
        planted.PRIMAL_STEP,
    ),
    proof=_rate_proof,
)
@given(problem=_PROBLEMS, pair=families.primal_dual_pairs(), tau=StepSequences())
def thm_3_7_convergence_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """(3.11) is true for exact gradients, with a rate for the last iterate, and already for τ ≤ 1/(ℓδ)."""
    return _rate(problem, pair, tau, EXACT)


def _two_wells(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    star = minimizer(problem, pair.theta) + 0 * pair.theta
    run = distances(problem, star, pair, tau, EXACT)
    bound = 2 * run.values[..., 0] / total(tau)
    return at_most(
        run.expected_norm(star, tau.shape[-1]) ** 2, bound, run.terms[..., 0] / total(tau), square_norm(star)
    )


def _sum(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, *, variance: Any = 1, modulus: Any = 1) -> Array:
    """E d_K + μ Σ τ_k(1 − ℓδτ_k/2) E‖θ_k − θ*‖² ≤ d₀ + (δσ²/2) Σ τ_k²."""
    star = minimizer(problem, pair.theta) + 0 * pair.theta
    run = distances(problem, star, pair, tau, AdditiveNoise(xi))
    ell, mu, delta = (scalar(c, tau) for c in (problem.loss.lipschitz, problem.loss.strong_convexity, problem.delta))
    left = run.values[..., -1]
    for k, (state, chances) in enumerate(run.paths[:-1]):
        square = mean(square_norm(state.theta - star[..., None, :]), chances)
        left = left + scalar(modulus, tau) * mu * tau[..., k] * (1 - ell * delta * tau[..., k] / 2) * square
    noise = scalar(variance, tau) * delta / 2 * inequalities.expectation(square_norm(xi)) * total(tau * tau)
    return at_most(left, run.values[..., 0] + noise, run.terms[..., 0], run.terms[..., -1])


def _sum_proof() -> Proof:
    mu, n_x, x_x = symbols("mu", "<grad,t-t^*>", "|t-t^*|^2")
    upper, lower = symbols("L(t^*)-L(t)-<grad,t^*-t>-mu/2|x|^2", "L(t)-L(t^*)-mu/2|x|^2")
    return Proof(
        (
            mirror_step(),
            variance_step(),
            coercive_step(),
            Step(
                "⟨∇L(θ), θ − θ*⟩ − μ‖θ − θ*‖² is the sum of the margins of strong convexity at θ and at θ*",
                (n_x - mu * x_x - (upper + lower)).subs(n_x, upper + lower + mu * x_x),
            ),
        ),
        "One step: E d⁺ + τ(1 − ℓδτ/2)μ‖θ − θ*‖² ≤ d + δτ²σ²/2 (thm-3.7-repaired). Take expectations and add up.",
    )


@claim(
    "bungert2021/thm-3.7-convergence-repaired",
    title="The iterates converge when the squares of the steps can be summed",
    statement=r"\tau_k \le \tfrac{2}{\ell\delta}: \quad \mathbb E\, d_K + \mu\sum_{k<K} \tau_k\bigl(1 - \tfrac{\ell\delta\tau_k}{2}"
    r"\bigr)\, \mathbb E\|\theta^k - \theta^*\|^2 \le d_0 + \tfrac{\delta\sigma^2}{2}\sum_{k<K}\tau_k^2",
    source=f"ours, after {SOURCE}, theorem 3.7, (3.11)",
    hypotheses=(
        Hypothesis("the variance term", "just outside: 0.9 of it",
                   margin=lambda problem, pair, tau, xi: _sum(problem, pair, tau, xi, variance=Fraction(9, 10))),
        Hypothesis("μ-strong convexity", "just outside: 1.1·μ is claimed",
                   margin=lambda problem, pair, tau, xi: _sum(problem, pair, tau, xi, modulus=Fraction(11, 10))),
        Hypothesis("τ ≤ 2/(ℓδ)", "without it: τ ≤ 4/(ℓδ), μ < ℓ (for μ = ℓ and J = 0 it is an equality for every τ)",
                   without={"problem": with_minimizer(("stiff",), ("zero",), max_dimension=1),
                            "tau": StepSequences(length=2, at_most=4)}),
        _FINITE,
        Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("half the variance",
               margin=lambda problem, pair, tau, xi: _sum(problem, pair, tau, xi, variance=Fraction(1, 2))),
        Mutant("twice μ", margin=lambda problem, pair, tau, xi: _sum(problem, pair, tau, xi, modulus=2)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.HALF_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_sum_proof,
)  # fmt: skip
@given(
    problem=_PROBLEMS,
    pair=families.primal_dual_pairs(),
    tau=StepSequences(length=2, at_most=2),
    xi=families.noise(),
)
def thm_3_7_convergence_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """An equality for J = 0 with equal curvatures. With Σ τ = ∞ and Σ τ² < ∞ it gives Σ τ_k E‖θ_k − θ*‖² < ∞; as E‖θ − θ*‖
    moves by at most δτ(ℓE‖θ − θ*‖ + σ) in a step, it cannot return to a level infinitely often, and (3.11) follows.
    With constant τ ≤ 1/(ℓδ) the mean of E‖θ_k − θ*‖² is at most 2d₀/(μKτ) + δτσ²/μ: the plateau is of order τ."""
    return _sum(problem, pair, tau, xi)
