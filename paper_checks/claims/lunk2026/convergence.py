"""lunk2026, section 4: theorem 4.1, where assumption 2 holds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import linbreg
from ....theory import coarse, inequalities
from ....theory.arrays import Array, namespace, scalar, total
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.runs import NoiseSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .coarse_phase import CoarsePhase, coarse_phase, noisy_step
from .transfer import SOURCE

COARSE_STEPS = 1

#: Losses with a Polyak–Łojasiewicz constant, convex and not.
PL_LOSSES = ("quadratic", "least_squares", "finite_sum", "logistic", "sine_quadratic")


def one_cycle(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> tuple[CoarsePhase, PrimalDual]:
    """The coarse phase, and every path of θ^{k+1} after an exact fine step: (batch, paths, d)."""
    phase = coarse_phase(problem, restriction, pair, _all_steps(coarse_tau, xi), xi)
    start = PrimalDual(pair.theta[:, None], pair.v[:, None])
    half = coarse.prolong_pair(restriction, phase.end, start)
    return phase, linbreg.step(problem.elastic_net, half, problem.loss.gradient(half.theta), tau[:, None])


def _all_steps(coarse_tau: Array, xi: Array) -> Array:
    return namespace(coarse_tau).stack([coarse_tau] * xi.shape[1], axis=-1)


def rate(problem: Problem, tau: Array, share: Any = 1) -> Array:
    """r = 1 − ηρ(τ)/τ for J = 0: ρ(τ) = τ² and η = δ·(the Polyak–Łojasiewicz constant); 1 for a constant loss."""
    pl = problem.loss.pl_constant or 0
    return 1 - scalar(share, tau) * scalar(problem.delta, tau) * scalar(pl, tau) * tau


def contraction(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    tau: Array,
    coarse_tau: Array,
    xi: Array,
    *,
    variance: Any = 1,
    eta: Any = 1,
    gain: Any = 1,
    fine_noise: bool = False,
) -> Array:
    phase, after = one_cycle(problem, restriction, pair, tau, coarse_tau, xi)
    if fine_noise:
        half = coarse.prolong_pair(restriction, phase.end, PrimalDual(pair.theta[:, None], pair.v[:, None]))
        after = noisy_step(problem.elastic_net, problem.loss, half, tau, xi[:, 0])
    infimum = scalar(problem.loss.infimum, tau)
    cost = scalar(variance, tau) * scalar(problem.delta, tau) / 2 * coarse_tau * total(phase.variances)
    right = rate(problem, tau, eta) * (phase.before - infimum - scalar(gain, tau) * phase.gain + cost)
    left = inequalities.expectation(problem.loss.value(after.theta)) - infimum
    return at_most(left, right, phase.before, abs(infimum) + 0 * tau, phase.terms)


def _theorem_with(**changes: Any) -> Any:
    return lambda problem, restriction, pair, tau, coarse_tau, xi: contraction(
        problem, restriction, pair, tau, coarse_tau, xi, **changes
    )


def _theorem_proof() -> Proof:
    tau, eta, rho = symbols("tau", "eta", "rho", positive=True)
    L0, L1, L2, star, far, d1, right = symbols(
        "E L(theta_k)", "E L(theta_k+1/2)", "E L(theta_k+1)", "L_star", "D^{v(1)}", "D^{v(tau)}", "coarse terms"
    )
    r = 1 - eta * rho / tau
    descent = L1 - d1 / tau - L2
    eleven, twelve = d1 - rho * far, far - eta * (L1 - star)
    lemma = L0 - right - L1
    conclusion = r * (L0 - star - right) - (L2 - star)
    return Proof(
        (
            Step(
                "the margin of lemma A.2 at θ^{k+½} = the margin of lemma-A.2-descent + (1/τ)·(11) + (ρ/τ)·(12)",
                r * (L1 - star) - (L2 - star) - (descent + eleven / tau + rho / tau * twelve),
            ),
            Step(
                "the margin of the theorem = the margin of lemma A.2 + r times the margin of lemma A.3",
                conclusion - ((r * (L1 - star) - (L2 - star)) + r * lemma),
            ),
        ),
        "The fine step is deterministic given the path, so lemma A.2 holds on every path and in the mean; r ≥ 0, because "
        "L(θ⁺) ≥ L* for a θ with L(θ) > L*. Lemma A.3 is proved there. Nothing of it asks for J = 0, but assumption 2 does much.",
    )


_PL = families.problems(losses=PL_LOSSES, regularizers=("zero",), max_dimension=2)
GIVEN: dict[str, families.Family] = {
    "problem": _PL,
    "restriction": families.restrictions(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(),
    "coarse_tau": families.step_sizes(at_most=Fraction(1, 2)),
    "xi": NoiseSequences(COARSE_STEPS),
}


@claim(
    "lunk2026/thm-4.1",
    title="One cycle of ML LinBreg contracts the expected gap",
    statement=r"\mathbb E[\mathcal L(\theta^{k+1}) - \mathcal L^*] \le r_k \Bigl(\mathbb E[\mathcal L(\theta^k) - \mathcal L^*] "
    r"- c_k \sum_i \bigl(\tfrac{1}{2\hat\tau^{k,i}} - \mathsf L\bigr) \mathbb E D^{sym}_{\hat J_\delta}"
    r"(\hat\theta^{k,i+1}, \hat\theta^{k,i}) + c_k \tfrac{\delta\sigma^2}{2} \sum_i \hat\tau^{k,i}\Bigr), "
    r"\quad r_k = 1 - \tfrac{\eta\rho(\tau^k)}{\tau^k}",
    source=f"{SOURCE}, theorem 4.1",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 2",
            "the Polyak–Łojasiewicz-like inequalities; without it: J = λ‖·‖₁ or group ℓ₁,₂ with the same ρ and η",
            without={"problem": families.problems(losses=PL_LOSSES, regularizers=("l1", "group_l2"), max_dimension=2)},
        ),
        Hypothesis("assumption 2 with this η", "just outside: 1.1·η", margin=_theorem_with(eta=Fraction(11, 10))),
        Hypothesis("τ ≤ 1/𝖫", "the fine step; without it: up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}),
        Hypothesis(
            "τ̂ ≤ 1/(2𝖫)", "the coarse steps; without it: up to 1/𝖫",
            without={"coarse_tau": families.step_sizes(at_most=1)},
            why="not needed for the inequality, whose sum then has negative terms (see lemma-A.3)",
        ),
        Hypothesis(
            "exact gradients on the fine level", "without it: the noise of the coarse level there, too",
            margin=_theorem_with(fine_noise=True),
        ),
        Hypothesis("E‖ĝ − ∇L̂‖² ≤ σ²", "just outside: σ²/2", margin=_theorem_with(variance=Fraction(1, 2))),
    ),
    mutants=(
        Mutant("r_k with a factor 2 before η", margin=_theorem_with(eta=2)),
        Mutant("no variance term", margin=_theorem_with(variance=0)),
        Mutant("1/(2τ̂) − 𝖫 counted five times", margin=_theorem_with(gain=5)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.HALF_STEP,
        planted.FORGETFUL_PROLONGATION,
        planted.NO_FROZEN_THETA,
    ),
    proof=_theorem_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0),
)  # fmt: skip
@given(**GIVEN)
def thm_4_1(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> Array:
    """One cycle with a noisy coarse step and an exact fine step, both paths enumerated, where assumption 2 holds: J = 0 and
    a Polyak–Łojasiewicz loss, with any restriction (the support of θ is everything when J = 0). Equality without coarse steps
    for a parabola and τ = 1/𝖫. For the regularizers of the experiments the theorem says nothing: thm-4.1-sparse."""
    return contraction(problem, restriction, pair, tau, coarse_tau, xi)
