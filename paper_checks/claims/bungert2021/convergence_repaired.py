"""bungert2021 (v1), theorem 3.8, repaired: assumption 3 at θ̃ = θ* only, a bounded variance, a bound for the step sizes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers.oracles import EXACT, AdditiveNoise
from ....theory import distance_decay
from ....theory.arrays import Array, scalar
from ....theory.bregman_convexity import constant_at_minimizer, minimizer
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.minimizers import NORMS, with_minimizer
from ...families.step_sequences import StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_runs import contraction, run, variance
from .distance_steps import contraction_steps
from .loss_decay import SOURCE, noisy_steps

PROBLEMS = with_minimizer(regularizers=NORMS, max_dimension=3)
SUBGRADIENT = Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰)", without={"pair": families.unrelated_pairs()})
FINITE = Hypothesis("J(θ*) < ∞", "θ* ∈ dom J", why="without it d₀ = ∞")


def _one_step(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 1, rate: Any = 1) -> Array:
    """E d⁺ ≤ (1 − rate·τν)d + share·δτ²σ²/2."""
    _, after, _ = noisy_steps(problem, pair, tau, xi)
    nu = scalar(rate, tau) * scalar(constant_at_minimizer(problem), tau)
    slack = scalar(share, tau) * distance_decay.noise_cost(problem.elastic_net, tau, xi)
    return distance_decay.contraction(problem.elastic_net, nu, minimizer(problem, pair.theta), pair, after, tau, slack)


def _contraction_proof() -> Proof:
    return Proof(
        contraction_steps(),
        "(B.2) reads E d⁺ − d = E D^{v⁺}(θ, θ⁺) − τ⟨∇L(θ), θ − θ*⟩ ≤ δτ²σ²/2 − τνd. For J = 0, equal curvatures and "
        "τ = 1/(ℓδ) it is an equality.",
    )


@claim(
    "bungert2021/thm-3.8-3.12-repaired",
    title="The recursion with the noise that it costs",
    statement=r"\tau \le \tfrac{1}{\ell\delta},\; \mathbb E\|g - \nabla\mathcal L(\theta)\|^2 \le \sigma^2: \quad "
    r"\mathbb E\, D^{v^+}_{J_\delta}(\theta^*, \theta^+) \le (1 - \tau\nu)\, D^v_{J_\delta}(\theta^*, \theta) "
    r"+ \tfrac{\delta\tau^2\sigma^2}{2}",
    source=f"ours, after {SOURCE}, theorem 3.8, (3.12)",
    hypotheses=(
        Hypothesis("the variance term δτ²σ²/2", "just outside: 0.9 of it",
                   margin=lambda problem, pair, tau, xi: _one_step(problem, pair, tau, xi, Fraction(9, 10))),
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": families.step_sizes(at_most=3)}),
        Hypothesis("assumption 3 at θ*", "L(θ*) ≥ L(θ) + ⟨∇L(θ), θ* − θ⟩ + νD^v(θ*, θ); without it: 3ν is claimed, exact gradients",
                   margin=lambda problem, pair, tau, xi: _one_step(problem, pair, tau / 8, 0 * xi, rate=3)),
        FINITE,
        SUBGRADIENT,
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: _one_step(problem, pair, tau, xi, Fraction(1, 2))),
        Mutant("no variance", margin=lambda problem, pair, tau, xi: _one_step(problem, pair, tau, xi, 0)),
        Mutant("rate 3ν", margin=lambda problem, pair, tau, xi: _one_step(problem, pair, tau, xi, rate=3)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.HALF_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_contraction_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0),
)  # fmt: skip
@given(problem=PROBLEMS, pair=families.primal_dual_pairs(), tau=families.step_sizes(), xi=families.noise())
def thm_3_8_3_12_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """(3.12) with a_k = δτ_kσ²/2, a null sequence as soon as τ_k → 0, and a_k = 0 for exact gradients. Assumption 3 is
    needed at θ̃ = θ* only, where ℓ1 and group norms have it with an explicit ν (theory.bregman_convexity). Both constants
    are sharp: δτ²σ²/2 for J = 0 and θ = θ*, the limit 1/(ℓδ) for J = 0 with equal curvatures, where 1 − τν ≤ 0 beyond."""
    return _one_step(problem, pair, tau, xi)


def _level(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 1) -> Array:
    """E d_K ≤ Π(1 − τ_kν) d₀ + share·(δσ²/2ν) max τ_k."""
    found = run(problem, pair, tau, AdditiveNoise(xi))
    nu, delta = scalar(constant_at_minimizer(problem), tau), scalar(problem.delta, tau)
    right = found.values[..., 0]
    for k in range(tau.shape[-1]):
        right = (1 - tau[..., k] * nu) * right
    plateau = scalar(share, tau) * delta * variance(xi) / (2 * nu) * tau.max(axis=-1)
    return at_most(found.values[..., -1], right + plateau, found.terms[..., 0], found.terms[..., -1])


def _level_proof() -> Proof:
    tau, nu, largest, A, x = symbols("tau", "nu", "tau_max", "A", "x", positive=True)
    level = A * largest / nu
    return Proof(
        (
            *contraction_steps(),
            Step(
                "with A = δσ²/2 and C = (A/ν)·τ_max: (1 − τν)(x + C) + Aτ² − (1 − τν)x − C = −Aτ(τ_max − τ) ≤ 0, so a bound "
                "x + C of d gives the bound (1 − τν)x + C of E d⁺",
                (1 - tau * nu) * (x + level) + A * tau**2 - (1 - tau * nu) * x - level + A * tau * (largest - tau),
            ),
        ),
        "By induction from x = d₀. ν ≤ μδ ≤ ℓδ, so 1 − τν ≥ 0 for τ ≤ 1/(ℓδ).",
    )


_LEVEL_HYPOTHESES = (
    Hypothesis(
        "the noise level",
        "just outside: 0.9 of it",
        margin=lambda problem, pair, tau, xi: _level(problem, pair, tau, xi, Fraction(9, 10)),
    ),
    FINITE,
    SUBGRADIENT,
)
_LEVEL_MUTANTS = (
    Mutant("half the level", margin=lambda problem, pair, tau, xi: _level(problem, pair, tau, xi, Fraction(1, 2))),
    Mutant("no noise level", margin=lambda problem, pair, tau, xi: _level(problem, pair, tau, xi, 0)),
    Mutant(
        "twice the contraction",
        margin=lambda problem, pair, tau, xi: contraction(problem, pair, tau, AdditiveNoise(xi), variance(xi), 3),
    ),
    planted.ASCENT,
    planted.DOUBLE_STEP,
    planted.PRIMAL_STEP,
)


@claim(
    "bungert2021/thm-3.8-3.13-repaired",
    title="An explicit constant step size for every accuracy",
    statement=r"\tau \le \tfrac{1}{\ell\delta},\; \mathbb E\|g - \nabla\mathcal L\|^2 \le \sigma^2: \quad "
    r"d_k \le (1 - \tau\nu)^k d_0 + \tfrac{\delta\tau\sigma^2}{2\nu}, \qquad "
    r"\tau = \min\{\tfrac{1}{\ell\delta}, \tfrac{2\nu\varepsilon}{\delta\sigma^2}\} "
    r"\Rightarrow \limsup_{k\to\infty} d_k \le \varepsilon",
    source=f"ours, after {SOURCE}, theorem 3.8, (3.13)",
    hypotheses=(
        *_LEVEL_HYPOTHESES,
        Hypothesis(
            "τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": StepSequences("constant", length=2, at_most=3)}
        ),
    ),
    mutants=_LEVEL_MUTANTS,
    proof=_level_proof,
)
@given(
    problem=PROBLEMS,
    pair=families.primal_dual_pairs(),
    tau=StepSequences("constant", length=2),
    xi=families.noise(),
)
def thm_3_8_3_13_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """(3.13) with the step size that it promises. The level is attained: J = 0, L = (ℓ/2)‖θ‖², τ = 1/(ℓδ) gives d_k =
    δτσ²/(2ν) for every k ≥ 1. Since ν ≥ μδm/(m + 4λδ) for ℓ1, with m the smallest |θ*_i| ≠ 0, a small entry of θ* makes the
    step size small."""
    return _level(problem, pair, tau, xi)


@claim(
    "bungert2021/thm-3.8-3.16-repaired",
    title="Vanishing steps give convergence when the variance is bounded",
    statement=r"\tau_k \le \tfrac{1}{\ell\delta},\; \mathbb E\|g - \nabla\mathcal L\|^2 \le \sigma^2: \quad "
    r"d_k \le \prod_{l=m}^{k-1}(1 - \tau_l\nu)\, d_m + \tfrac{\delta\sigma^2}{2\nu}\max_{m \le l < k}\tau_l",
    source=f"ours, after {SOURCE}, theorem 3.8, (3.16)",
    hypotheses=(
        *_LEVEL_HYPOTHESES,
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": StepSequences(length=2, at_most=3)}),
    ),
    mutants=_LEVEL_MUTANTS,
    proof=_level_proof,
)
@given(problem=PROBLEMS, pair=families.primal_dual_pairs(), tau=StepSequences(length=2), xi=families.noise())
def thm_3_8_3_16_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """k → ∞ and then m → ∞ gives d_k → 0 when τ_k → 0 and Σ τ_k = ∞: the first factor is at most exp(−ν Σ_{l ≥ m} τ_l)."""
    return _level(problem, pair, tau, xi)


def _exact(problem: Problem, pair: PrimalDual, tau: Array, rate: Any = 1) -> Array:
    return contraction(problem, pair, tau, EXACT, rate=rate)


@claim(
    "bungert2021/thm-3.8-3.15-deterministic",
    title="The exponential rate with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau_l \le \tfrac{1}{\ell\delta}: \quad "
    r"d_k \le \prod_{l<k}(1 - \tau_l\nu)\, d_0 \le \exp\Bigl(-\nu\sum_{l<k}\tau_l\Bigr) d_0",
    source=f"{SOURCE}, theorem 3.8, (3.15), with exact gradients and c = ν",
    hypotheses=(
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": StepSequences(at_most=3)}),
        Hypothesis("assumption 3 at θ*", "without it: 3ν is claimed, with an eighth of the steps",
                   margin=lambda problem, pair, tau: _exact(problem, pair, tau / 8, 3)),
        FINITE,
        SUBGRADIENT,
    ),
    mutants=(
        Mutant("rate 3ν", margin=lambda problem, pair, tau: _exact(problem, pair, tau / 4, 3)),
        Mutant("the square of the product", margin=lambda problem, pair, tau: _exact(problem, pair, tau, 4)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_contraction_proof,
)  # fmt: skip
@given(problem=PROBLEMS, pair=families.primal_dual_pairs(), tau=StepSequences())
def thm_3_8_3_15_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """(3.15) is true for exact gradients, with c = ν and without τ_k → 0: a constant step size, which the corollary calls
    impossible, is allowed and gives the linear rate."""
    return _exact(problem, pair, tau)


@claim(
    "bungert2021/thm-3.8-3.15-repaired",
    title="The rate with the noise of every step",
    statement=r"\tau_l \le \tfrac{1}{\ell\delta},\; \mathbb E\|g - \nabla\mathcal L\|^2 \le \sigma^2: \quad "
    r"d_k \le \prod_{l<k}(1 - \tau_l\nu)\, d_0 + \tfrac{\delta\sigma^2}{2}\sum_{l<k}\tau_l^2\prod_{l<j<k}(1 - \tau_j\nu)",
    source=f"ours, after {SOURCE}, theorem 3.8, (3.15)",
    hypotheses=(
        Hypothesis("the variance term", "just outside: 0.9 of it",
                   margin=lambda problem, pair, tau, xi: contraction(
                       problem, pair, tau, AdditiveNoise(xi), scalar(Fraction(9, 10), tau) * variance(xi))),
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": StepSequences(length=2, at_most=3)}),
        FINITE,
        SUBGRADIENT,
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: contraction(
            problem, pair, tau, AdditiveNoise(xi), variance(xi) / 2)),
        Mutant("no variance", margin=lambda problem, pair, tau, xi: contraction(problem, pair, tau, AdditiveNoise(xi))),
        Mutant("rate 3ν", margin=lambda problem, pair, tau, xi: contraction(
            problem, pair, tau / 4, AdditiveNoise(xi), variance(xi), 3)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_contraction_proof,
)  # fmt: skip
@given(problem=PROBLEMS, pair=families.primal_dual_pairs(), tau=StepSequences(length=2), xi=families.noise())
def thm_3_8_3_15_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """The one-step recursion (thm-3.8-3.12-repaired) iterated; the second sum is of order τ_k for slowly decreasing steps."""
    return contraction(problem, pair, tau, AdditiveNoise(xi), variance(xi))
