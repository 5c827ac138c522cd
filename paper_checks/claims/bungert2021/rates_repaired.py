"""bungert2021 (v1), corollary 3.9: the rates that there are, with exact gradients and with noise."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers.oracles import EXACT, AdditiveNoise
from ....theory.arrays import Array, is_exact, namespace, scalar, total
from ....theory.bregman_convexity import constant_at_minimizer
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.step_sequences import HarmonicSteps, PowerSteps, StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .convergence_repaired import FINITE, PROBLEMS, SUBGRADIENT
from .distance_runs import contraction, run, variance
from .distance_steps import contraction_steps
from .loss_decay import SOURCE
from .rates import decays

_PAIRS = families.primal_dual_pairs()


def _exponential(problem: Problem, pair: PrimalDual, tau: Array, rate: Any = 1) -> Array:
    """d_K ≤ exp(−rate·ν Σ τ) d_0, in floating point."""
    found = run(problem, pair, tau, EXACT)
    nu = rate * float(constant_at_minimizer(problem))
    right = namespace(tau).exp(-nu * total(tau)) * found.values[..., 0]
    return at_most(found.values[..., -1], right, found.terms[..., 0], found.terms[..., -1])


def _products(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The product, and in floating point its bounds by exp and by a power."""
    found = {"d_k ≤ d_{k₀} Π(1 − τ_lν)": contraction(problem, pair, tau, EXACT)}
    if not is_exact(tau):
        found["d_k ≤ d_{k₀} exp(−ν Σ τ_l)"] = _exponential(problem, pair, tau)
    return found


def _harmonic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    found = _products(problem, pair, tau)
    if not is_exact(tau):
        distances = run(problem, pair, tau, EXACT)
        first, last = 1 / tau[..., 0], 1 / tau[..., -1] + 1
        right = (first / last) ** float(constant_at_minimizer(problem)) * distances.values[..., 0]
        found["d_k ≤ (k₀/k)^ν d_{k₀}"] = at_most(
            distances.values[..., -1], right, distances.terms[..., 0], distances.terms[..., -1]
        )
    return found


def _exponential_steps() -> tuple[Step, ...]:
    import sympy

    (x,) = symbols("x", positive=True)
    return (
        Step(
            "the derivative of −x − log(1 − x) is x/(1 − x) ≥ 0 on [0, 1), so 1 − x ≤ exp(−x)",
            sympy.diff(-x - sympy.log(1 - x), x) - x / (1 - x),
        ),
    )


def _harmonic_proof() -> Proof:
    import sympy

    (x,) = symbols("x", positive=True)
    return Proof(
        (
            *contraction_steps(),
            *_exponential_steps(),
            Step(
                "Σ_{k₀ ≤ l < k} 1/l ≥ log(k/k₀), the integral of 1/x, which decreases",
                sympy.diff(sympy.log(x), x) - 1 / x,
            ),
        ),
        "d_k ≤ Π(1 − ν/l) d_{k₀} ≤ exp(−ν Σ 1/l) d_{k₀} ≤ (k₀/k)^ν d_{k₀}.",
    )


_DETERMINISTIC = (
    Hypothesis(
        "assumption 3 at θ*",
        "just outside: 3ν in place of ν",
        margin=lambda problem, pair, tau: contraction(problem, pair, tau, EXACT, rate=3),
    ),
    FINITE,
    SUBGRADIENT,
)
_FASTER = (
    Mutant("rate 4ν", margin=lambda problem, pair, tau: contraction(problem, pair, tau, EXACT, rate=4)),
    planted.ASCENT,
    planted.DOUBLE_STEP,
    planted.PRIMAL_STEP,
)


@claim(
    "bungert2021/cor-3.9-harmonic-deterministic",
    title="τ = 1/k gives the rate k to the power −ν with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau_k = \tfrac1k,\; k_0 \ge \ell\delta: \quad "
    r"d_k \le \prod_{l=k_0}^{k-1}\bigl(1 - \tfrac{\nu}{l}\bigr)\, d_{k_0} \le \bigl(\tfrac{k_0}{k}\bigr)^{\nu} d_{k_0}",
    source=f"ours, after {SOURCE}, corollary 3.9",
    hypotheses=_DETERMINISTIC,
    mutants=_FASTER,
    proof=_harmonic_proof,
)
@given(problem=PROBLEMS, pair=_PAIRS, tau=HarmonicSteps())
def cor_3_9_harmonic_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """c = ν in (3.15). The exponent depends on the problem, and a badly conditioned one has a tiny ν."""
    return _harmonic(problem, pair, tau)


def _level(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, growth: Array | Any, share: Any = 1) -> Array:
    """d_K ≤ Q τ_K, Q = max(d_0/τ_0, share·δσ²/(2(ν − growth))), where 1/τ_{k+1} − 1/τ_k ≤ growth < ν; τ_K is the next step."""
    found = run(problem, pair, tau[..., :-1], AdditiveNoise(xi))
    nu = scalar(constant_at_minimizer(problem), tau)
    noise = scalar(share, tau) * scalar(problem.delta, tau) * variance(xi) / (2 * (nu - growth))
    start = found.values[..., 0] / tau[..., 0]
    largest = namespace(tau).where(start > noise, start, noise)
    return at_most(
        found.values[..., -1],
        largest * tau[..., -1],
        found.terms[..., -1],
        found.terms[..., 0] * tau[..., -1] / tau[..., 0],
    )


def _harmonic_level(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 1) -> Array:
    return _level(problem, pair, tau, xi, 1 / tau[..., 1] - 1 / tau[..., 0], share)


def _half_level(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 1) -> Array:
    return _level(problem, pair, tau, xi, scalar(constant_at_minimizer(problem), tau) / 2, share)


def _level_proof() -> Proof:
    tau, x, nu, rho, Q, A = symbols("tau", "x", "nu", "rho", "Q", "A", positive=True)
    return Proof(
        (
            *contraction_steps(),
            Step(
                "1/τ⁺ ≤ 1/τ + ρν gives τ⁺ ≥ τ/(1 + x) ≥ τ(1 − x) with x = ρντ: the difference is τx²/(1 + x)",
                tau / (1 + x) - tau * (1 - x) - tau * x**2 / (1 + x),
            ),
            Step(
                "with A = δσ²/2: (1 − τν)Qτ + Aτ² = Qτ(1 − ρντ) − τ²((1 − ρ)νQ − A)",
                (1 - tau * nu) * Q * tau + A * tau**2 - (Q * tau * (1 - rho * nu * tau) - tau**2 * ((1 - rho) * nu * Q - A)),
            ),
        ),
        "So d_k ≤ Qτ_k with Q ≥ A/((1 − ρ)ν) gives d_{k+1} ≤ Qτ_{k+1}. For c/k: ρν = 1/c. For k^{−α}: (k + 1)^α − k^α ≤ αk^{α−1} "
        "≤ ν/2 from k = (2α/ν)^{1/(1−α)} on.",
    )  # fmt: skip


@claim(
    "bungert2021/cor-3.9-harmonic-repaired",
    title="τ = c/k gives the rate 1/k when cν > 1, with noise",
    statement=r"\tau_k = \tfrac{c}{k} \le \tfrac{1}{\ell\delta},\; c\nu > 1,\; \mathbb E\|g - \nabla\mathcal L\|^2 \le \sigma^2: "
    r"\quad d_k \le \frac{Q c}{k}, \qquad Q = \max\Bigl\{\tfrac{k_0 d_{k_0}}{c}, \tfrac{\delta\sigma^2}{2(\nu - 1/c)}\Bigr\}",
    source=f"ours, after {SOURCE}, corollary 3.9",
    hypotheses=(
        Hypothesis("the variance term", "without it: Q = k₀d_{k₀}/c",
                   margin=lambda problem, pair, tau, xi: _harmonic_level(problem, pair, tau, xi, 0)),
        Hypothesis("cν > 1", "without it: c = 1 and exact gradients, k d_k ≤ k₀d_{k₀}",
                   without={"tau": HarmonicSteps()},
                   margin=lambda problem, pair, tau, xi: decays(problem, pair, tau)),
        FINITE,
        SUBGRADIENT,
    ),
    mutants=(
        Mutant("no variance", margin=lambda problem, pair, tau, xi: _harmonic_level(problem, pair, tau, xi, 0)),
        Mutant("a twentieth of the variance",
               margin=lambda problem, pair, tau, xi: _harmonic_level(problem, pair, tau, xi, Fraction(1, 20))),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_level_proof,
)  # fmt: skip
@given(problem=PROBLEMS, pair=_PAIRS, tau=HarmonicSteps(length=3, fast=True), xi=families.noise())
def cor_3_9_harmonic_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """The rate 1/k, with noise: the step sizes must be a large enough multiple of 1/k."""
    return _harmonic_level(problem, pair, tau, xi)


def _power_proof() -> Proof:
    import sympy

    x, alpha = symbols("x", "alpha", positive=True)
    return Proof(
        (
            *contraction_steps(),
            *_exponential_steps(),
            Step(
                "Σ_{k₀ ≤ l < k} l^{−α} ≥ (k^{1−α} − k₀^{1−α})/(1 − α), the integral of x^{−α}, which decreases",
                sympy.diff(x ** (1 - alpha) / (1 - alpha), x) - x ** (-alpha),
            ),
        ),
        "d_k ≤ C exp(−ck^{1−α}) with c = ν/(1 − α) and C = exp(ck₀^{1−α}) d_{k₀}.",
    )


@claim(
    "bungert2021/cor-3.9-power-deterministic",
    title="The sub-exponential rate with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau_k = k^{-\alpha} \le \tfrac{1}{\ell\delta}: \quad d_k \le "
    r"\exp\Bigl(-\tfrac{\nu}{1-\alpha}\bigl(k^{1-\alpha} - k_0^{1-\alpha}\bigr)\Bigr) d_{k_0}",
    source=f"{SOURCE}, corollary 3.9, with exact gradients and c = ν/(1 − α)",
    hypotheses=_DETERMINISTIC,
    mutants=_FASTER,
    proof=_power_proof,
)
@given(problem=PROBLEMS, pair=_PAIRS, tau=PowerSteps())
def cor_3_9_power_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """True for exact gradients, and of no use there: constant steps give a linear rate (thm-3.8-3.15-deterministic)."""
    return _products(problem, pair, tau)


@claim(
    "bungert2021/cor-3.9-power-repaired",
    title="Slowly decreasing steps give a distance of the order of the step, with noise",
    statement=r"\tau_0 \le \tfrac{1}{\ell\delta},\; \tfrac{1}{\tau_{k+1}} - \tfrac{1}{\tau_k} \le \tfrac{\nu}{2},\; "
    r"\mathbb E\|g - \nabla\mathcal L\|^2 \le \sigma^2: \quad d_k \le Q\,\tau_k, \qquad "
    r"Q = \max\Bigl\{\tfrac{d_0}{\tau_0}, \tfrac{\delta\sigma^2}{\nu}\Bigr\}",
    source=f"ours, after {SOURCE}, corollary 3.9",
    hypotheses=(
        Hypothesis("the variance term", "without it: Q = d₀/τ₀",
                   margin=lambda problem, pair, tau, xi: _half_level(problem, pair, tau, xi, 0)),
        Hypothesis("slowly decreasing", "without it: any decreasing steps", without={"tau": StepSequences(length=3)}),
        FINITE,
        SUBGRADIENT,
    ),
    mutants=(
        Mutant("no variance", margin=lambda problem, pair, tau, xi: _half_level(problem, pair, tau, xi, 0)),
        Mutant("a quarter of the variance",
               margin=lambda problem, pair, tau, xi: _half_level(problem, pair, tau, xi, Fraction(1, 4))),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_level_proof,
)  # fmt: skip
@given(problem=PROBLEMS, pair=_PAIRS, tau=StepSequences("slow", length=3), xi=families.noise())
def cor_3_9_power_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """τ_k = k^{−α} with 0 < α < 1 is such a sequence from k = (2α/ν)^{1/(1−α)} on, and then d_k = O(k^{−α}): the rate is a
    power, and the slower the steps decrease the worse it is, the opposite of what the corollary recommends."""
    return _half_level(problem, pair, tau, xi)
