"""bungert2021 (v1), corollary 3.9 as printed: rates for τ_k = 1/k and τ_k = k^{−α}."""

from __future__ import annotations

from ....solvers.oracles import EXACT, AdditiveNoise
from ....theory.arrays import Array
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.minimizers import with_minimizer
from ...families.step_sequences import HarmonicSteps, PowerSteps
from ...proof import Proof, Step, symbols
from .. import planted
from .convergence_in_distance import rate_disproof
from .convergence_repaired import FINITE
from .distance_runs import contraction, run
from .loss_decay import SOURCE

_SMOOTH = with_minimizer(regularizers=("zero",), max_dimension=2)
_PAIRS = families.primal_dual_pairs()


def decays(problem: Problem, pair: PrimalDual, tau: Array, exponent: int = 1) -> Array:
    """(1/τ_k)^exponent·d_k does not increase, k = 1/τ_k, with exact gradients."""
    found = run(problem, pair, tau, EXACT)
    first, last = found.values[..., 0], found.values[..., -2]
    scale = (tau[..., 0] / tau[..., -1]) ** exponent
    return at_most(scale * last, first, found.terms[..., 0], scale * found.terms[..., -2])


def _harmonic_disproof() -> Proof:
    k, x = symbols("k", "x", positive=True)
    factor = (k + 1) / k * (1 - 1 / (4 * k)) ** 2
    return Proof(
        (
            Step(
                "L = θ²/8 (ℓ = μ = ν = ¼), J = 0, δ = 1, g = ∇L(θ), τ_k = 1/k: (k + 1)d_{k+1} = f(k)·k d_k, and "
                "f(k) − (1 + 1/(4k)) = (4k² − 7k + 1)/(16k³)",
                factor - (1 + 1 / (4 * k)) - (4 * k**2 - 7 * k + 1) / (16 * k**3),
            ),
            Step("4k² − 7k + 1 = 4x² + 9x + 3 > 0 for k = 2 + x", (4 * k**2 - 7 * k + 1).subs(k, 2 + x) - (4 * x**2 + 9 * x + 3)),
        ),
        "k d_k ≥ 2d₂ Π_{2 ≤ l < k}(1 + 1/(4l)) ≥ 2d₂(1 + ¼ Σ 1/l) → ∞: no constant C gives d_k ≤ C/k, without any noise.",
    )  # fmt: skip


def _harmonic_exponents() -> tuple[Measurement, ...]:
    import math

    def exponent(nu: float) -> float:
        logarithm = sum(2 * math.log1p(-nu / k) for k in range(1000, 100_000))
        return -logarithm / math.log(100)

    return tuple(
        Measurement(
            f"exponent of d_k = O(k^{{−r}}) for τ_k = 1/k (L = (ν/2)θ², J = 0, δ = 1, exact gradients), ν = {nu:g}",
            "1",
            f"{exponent(nu):.3f}",
            "slope between k = 10³ and 10⁵; here d_k ~ k^{−2ν}",
        )
        for nu in (0.1, 0.25, 0.5)
    )


@claim(
    "bungert2021/cor-3.9-harmonic",
    title="τ = 1/k gives the rate 1/k",
    statement=r"\tau^{(k)} = \tfrac1k \;\Rightarrow\; d_k = O\bigl(\tfrac1k\bigr)",
    source=f"{SOURCE}, corollary 3.9",
    hypotheses=(
        FINITE,
        Hypothesis("a large ν", "not a hypothesis of the corollary; it needs ν ≥ ½ at least", why="see cor-3.9-harmonic-repaired"),
    ),
    mutants=(
        Mutant("the rate 1/k³", margin=lambda problem, pair, tau: decays(problem, pair, tau, 3)),
        planted.ASCENT,
    ),
    disproof=_harmonic_disproof,
    measurements=_harmonic_exponents,
)  # fmt: skip
@given(problem=_SMOOTH, pair=_PAIRS, tau=HarmonicSteps())
def cor_3_9_harmonic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """Refuted without noise. (3.15) has an unknown c > 0, so τ_k = 1/k gives O(k^{−c}), and c cannot be chosen: c ≤ 2ν for
    L = (ν/2)‖θ‖². The finite form asks that k·d_k does not increase once τ_k ≤ 1/(ℓδ); the disproof has k·d_k → ∞ for
    ν = ¼, so no other constant helps. What (3.15) does give is the second conclusion."""
    return {
        "k·d_k ≤ k₀·d_{k₀}": decays(problem, pair, tau),
        "d_k ≤ d_{k₀} Π(1 − ν/l)": contraction(problem, pair, tau, EXACT),
    }


@claim(
    "bungert2021/cor-3.9-power",
    title="τ = k to the power −α gives a sub-exponential rate",
    statement=r"\tau^{(k)} = k^{-\alpha},\; 0 < \alpha < 1 \;\Rightarrow\; d_k = O\bigl(\exp(-c\, k^{1-\alpha})\bigr)",
    source=f"{SOURCE}, corollary 3.9",
    hypotheses=(
        FINITE,
        Hypothesis("exact gradients", "not a hypothesis of the corollary", why="with them it holds: cor-3.9-power-deterministic"),
    ),
    mutants=(
        Mutant("rate 4ν with exact gradients",
               margin=lambda problem, pair, tau, xi: contraction(problem, pair, tau, EXACT, rate=4)),
        planted.ASCENT,
    ),
    disproof=rate_disproof,
)  # fmt: skip
@given(problem=_SMOOTH, pair=_PAIRS, tau=PowerSteps(2), xi=families.noise())
def cor_3_9_power(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The finite form is d_k ≤ d_{k₀} Π(1 − νl^{−α}) ≤ d_{k₀} exp(−ν Σ l^{−α}), true for exact gradients. The noise of the last
    step costs a power of k; the true rate with noise is k^{−α} (cor-3.9-power-repaired)."""
    return {
        "with noise": contraction(problem, pair, tau, AdditiveNoise(xi)),
        "with exact gradients": contraction(problem, pair, tau, EXACT),
    }
