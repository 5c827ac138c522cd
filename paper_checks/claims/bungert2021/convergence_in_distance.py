"""bungert2021 (v1), theorem 3.8 as printed: convergence in the Bregman distance under assumption 3.

Assumption 3 for all θ̃, θ and v, together with assumption 1, forces J to be differentiable with a Lipschitz gradient
(thm-3.8-sparse); of the regularizers here J = 0 is left, and on it the theorem is judged. The repaired statements ask for
the assumption at θ̃ = θ* only, and cover the sparse regularizers too.
"""

from __future__ import annotations

from typing import Any

from ....solvers.growing_noise import GrowingNoise
from ....solvers.oracles import EXACT, AdditiveNoise, Oracle
from ....theory.arrays import Array, positive_part, scalar, total
from ....theory.bregman_convexity import constant_at_minimizer
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.minimizers import with_minimizer
from ...families.step_sequences import StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_runs import contraction, run, variance
from .distance_steps import half_square_step
from .loss_decay import SOURCE

_GIVEN = {
    "problem": with_minimizer(regularizers=("zero",), max_dimension=2),
    "pair": families.primal_dual_pairs(),
    "tau": StepSequences("constant", length=2),
    "xi": families.noise(),
}
_FINITE = Hypothesis("J(θ*) < ∞", "θ* ∈ dom J", why="without it d₀ = ∞")
_SILENT = (
    _FINITE,
    Hypothesis("exact gradients", "not a hypothesis of the theorem, and one that it lacks", why="with them it holds"),
)
_BOUNDED = (
    _FINITE,
    Hypothesis(
        "a bound of the variance",
        "not a hypothesis of the theorem, and one that it lacks: E‖g − ∇L(θ)‖² ≤ σ²",
        why="the repaired statement has it",
    ),
)


def _null_sequence(problem: Problem, pair: PrimalDual, tau: Array, oracle: Oracle) -> Array:
    """Σ_k ((d_{k+1} − (1 − τ_kν)d_k)/τ_k)₊ ≤ L(θ⁰) − L(θ*)."""
    found = run(problem, pair, tau, oracle)
    nu = scalar(constant_at_minimizer(problem), tau)
    excess = positive_part(found.values[..., 1:] - (1 - tau * nu) * found.values[..., :-1]) / tau
    gap = problem.loss.value(pair.theta) - scalar(problem.loss.infimum, tau)
    return at_most(total(excess), gap, total((found.terms[..., 1:] + found.terms[..., :-1]) / tau))


def _plateau_disproof() -> Proof:
    tau, d = symbols("tau", "d", positive=True)
    level = tau / (2 * (2 - tau))
    return Proof(
        (
            half_square_step(),
            Step("D = τ/(2(2 − τ)) is its fixed point", (1 - tau) ** 2 * level + tau**2 / 2 - level),
            Step(
                "d⁺ − D = (1 − τ)²(d − D), so d_k → D for 0 < τ < 2",
                ((1 - tau) ** 2 * d + tau**2 / 2 - level) - (1 - tau) ** 2 * (d - level),
            ),
            Step("(D − (1 − τν)D)/τ = νD, and ν = 1", (level - (1 - tau) * level) / tau - level),
        ),
        "(3.12) needs a_k ≥ (d_{k+1} − (1 − τν)d_k)/τ, which tends to νD = τ/(2(2 − τ)) > 0: no null sequence will do.",
    )


@claim(
    "bungert2021/thm-3.8-3.12",
    title="A recursion with a null sequence",
    statement=r"\text{there are } a_k \to 0: \quad d_{k+1} \le (1 - \tau^{(k)}\nu)\, d_k + \tau^{(k)} a_k, \qquad "
    r"d_k = \mathbb E\, D^{v^{(k)}}_{J_\delta}(\theta^*, \theta^{(k)})",
    source=f"{SOURCE}, theorem 3.8, (3.12)",
    hypotheses=(
        *_SILENT,
        Hypothesis(
            "τ ≤ τ̄ < 2/(δℓ)",
            "not a hypothesis of the theorem; the proof takes it from corollary 3.3. Without it: τ ≤ 4/(ℓδ), exact gradients",
            without={"tau": StepSequences("constant", length=2, at_most=4)},
            margin=lambda problem, pair, tau, xi: _null_sequence(problem, pair, tau, EXACT),
        ),
    ),
    mutants=(
        Mutant(
            "twice the step sizes, exact gradients",
            margin=lambda problem, pair, tau, xi: _null_sequence(problem, pair, 3 * tau, EXACT),
        ),
        planted.ASCENT,
    ),
    disproof=_plateau_disproof,
)
@given(**_GIVEN)
def thm_3_8_3_12(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The a_k of the proof is a null sequence by corollary 3.3, which rests on theorem 3.2 and fails with noise. The finite
    form takes the smallest a_k that make (3.12) true and asks for what corollary 3.3 would give, Σ a_k ≤ L(θ⁰) − L*; the
    disproof shows that no other null sequence exists. True with exact gradients and τ ≤ 1/(ℓδ), even with a_k = 0."""
    return {
        "with noise": _null_sequence(problem, pair, tau, AdditiveNoise(xi)),
        "with exact gradients": _null_sequence(problem, pair, tau, EXACT),
    }


def _explosion(why: str, growth: Any) -> tuple[Step, ...]:
    tau, theta = symbols("tau", "theta", positive=True)
    return (
        Step(
            "L(θ; ±) = ½θ² ± ⅓θ³ has the mean L = ½θ² (ℓ = μ = ν = 1, J = 0, δ = 1); with the sign − the step is "
            "θ⁺ = θ − τ(θ − θ²) = θ(1 + τ(θ − 1))",
            (theta - tau * (theta - theta**2)) - theta * (1 + tau * (theta - 1)),
        ),
        Step(why, growth),
    )


def _constant_disproof() -> Proof:
    tau, x = symbols("tau", "x", positive=True)
    theta = 2 + x
    growth = theta * (1 + tau * (theta - 1)) - theta - 2 * tau
    return Proof(
        _explosion(
            "θ⁺ − θ − 2τ = τ(x² + 3x) ≥ 0 for θ = 2 + x: from θ⁰ = 2 on it grows to ∞", growth - tau * (x * x + 3 * x)
        ),
        "The path with − in every step has probability 2^{−k}, so d_k ≥ 2^{−k}θ_k²/2, and from one k to the next this is "
        "multiplied by (1 + τ(θ_k − 1))²/2 → ∞. So d_k → ∞ for every τ > 0: no constant step size gives lim sup d_k ≤ ε.",
    )


def _vanishing_disproof() -> Proof:
    k, x = symbols("k", "x", positive=True)
    theta = k + 4 + x
    after = theta * (1 + (theta - 1) / (k + 1))
    return Proof(
        _explosion(
            "τ_k = 1/(k + 1), θ = k + 4 + x: θ⁺ − 2θ = θ(2 + x)/(k + 1) ≥ 0, so from θ⁰ = 4 on θ_k ≥ k + 4, and θ doubles",
            after - 2 * theta - theta * (2 + x) / (k + 1),
        ),
        "The path with − in every step has probability 2^{−k}, so d_k ≥ 2^{−k}θ_k²/2 ≥ 2^{−k}·4^k·8 → ∞, while τ_k → 0 and "
        "Σ τ_k = ∞.",
    )


def _either_noise(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, rate: Any = 1) -> dict[str, Array]:
    growing = GrowingNoise(xi, problem.loss.minimizer())
    return {
        "any unbiased gradient": contraction(problem, pair, tau, growing, 0, rate),
        "bounded variance": contraction(problem, pair, tau, AdditiveNoise(xi), variance(xi), rate),
    }


_WRONG_BOUNDS = (
    Mutant(
        "half the variance",
        margin=lambda problem, pair, tau, xi: contraction(
            problem, pair, tau, AdditiveNoise(xi), variance(xi) / 2
        ),
    ),
    planted.ASCENT,
    planted.PROX_OF_V,
)  # fmt: skip


@claim(
    "bungert2021/thm-3.8-3.13",
    title="A constant step size for every accuracy",
    statement=r"\forall\varepsilon > 0\; \exists\tau > 0: \quad \tau^{(k)} = \tau \text{ for all } k \;\Rightarrow\; "
    r"\limsup_{k\to\infty} d_k \le \varepsilon",
    source=f"{SOURCE}, theorem 3.8, (3.13)",
    hypotheses=_BOUNDED,
    mutants=_WRONG_BOUNDS,
    disproof=_constant_disproof,
)
@given(**_GIVEN)
def thm_3_8_3_13(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Nothing in section 3 bounds the variance of the gradients: L(·; ω) is any function with L = E L(·; ω). The finite form
    asks for d_k ≤ (1 − τν)ᵏd₀ + δτσ²/(2ν) with the variance σ² at θ*. It holds when the variance is bounded by σ²
    everywhere, and then (3.13) is true (thm-3.8-3.13-repaired), though not by the proof: that would give d_k → 0 for one
    fixed τ. With g = ∇L(θ) ± θ² it fails, and the disproof has d_k → ∞ for every constant step size."""
    return _either_noise(problem, pair, tau, xi)


@claim(
    "bungert2021/thm-3.8-3.16",
    title="Vanishing steps that are not summable give convergence",
    statement=r"\tau^{(k)} \to 0,\; \sum_k \tau^{(k)} = \infty \;\Rightarrow\; \lim_{k\to\infty} d_k = 0",
    source=f"{SOURCE}, theorem 3.8, (3.16)",
    hypotheses=_BOUNDED,
    mutants=_WRONG_BOUNDS,
    disproof=_vanishing_disproof,
)
@given(**{**_GIVEN, "tau": StepSequences("decreasing", length=2)})
def thm_3_8_3_16(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """As (3.13): true when the variance is bounded (thm-3.8-3.16-repaired), which nothing in section 3 says. With
    g = ∇L(θ) ± θ² and τ_k = 1/(k + 1) the expected distance tends to ∞."""
    return _either_noise(problem, pair, tau, xi)


def rate_disproof() -> Proof:
    """With noise and τ_k = k^{−1/2}, d_k is no O(exp(−c Σ τ))."""
    import sympy

    k, c, C = symbols("k", "c", "C", positive=True)
    return Proof(
        (
            half_square_step(),
            Step(
                "τ_l = l^{−1/2}: Σ_{l ≤ k} τ_l ≥ 2(√k − 1), the integral of x^{−1/2} over [1, k]",
                sympy.integrate(sympy.Symbol("x", positive=True) ** sympy.Rational(-1, 2), (sympy.Symbol("x", positive=True), 1, k))
                - 2 * (sympy.sqrt(k) - 1),
            ),
            Step(
                "C exp(−2c(√k − 1)) divided by τ_k²/2 = 1/(2k) tends to 0, whatever C and c > 0",
                sympy.limit(2 * k * C * sympy.exp(-2 * c * (sympy.sqrt(k) - 1)), k, sympy.oo),
            ),
        ),
        "d_{k+1} ≥ τ_k²/2 = 1/(2k) for every k, which is larger than C exp(−c Σ τ_l) for large k: no C and c > 0 will do.",
    )  # fmt: skip


@claim(
    "bungert2021/thm-3.8-3.15",
    title="An exponential rate in the sum of the step sizes",
    statement=r"\tau^{(k)} \to 0,\; \sum_k \tau^{(k)} = \infty \;\Rightarrow\; \exists c > 0: \quad "
    r"d_k = O\Bigl(\exp\bigl(-c\textstyle\sum_{l=0}^{k}\tau^{(l)}\bigr)\Bigr)",
    source=f"{SOURCE}, theorem 3.8, (3.15)",
    hypotheses=_SILENT,
    mutants=(
        Mutant(
            "rate 3ν with exact gradients",
            margin=lambda problem, pair, tau, xi: contraction(problem, pair, tau / 4, EXACT, rate=3),
        ),
        planted.ASCENT,
        planted.HALF_STEP,
    ),
    disproof=rate_disproof,
)
@given(**{**_GIVEN, "tau": StepSequences("decreasing", length=2)})
def thm_3_8_3_15(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The finite form is d_k ≤ d₀ Π(1 − τ_lν) ≤ d₀ exp(−ν Σ τ_l), which exact gradients satisfy. Noise of the last step alone
    costs δτ_k²σ²/2, a power of k for τ_k = k^{−α}: nothing exponential. The proof shows only that (d_k − ε)₊ decays
    exponentially, from an index on that depends on ε."""
    return {
        "with noise": contraction(problem, pair, tau, AdditiveNoise(xi)),
        "with exact gradients": contraction(problem, pair, tau, EXACT),
    }
