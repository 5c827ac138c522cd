"""lunk2026, appendix A: coarse steps without noise (remark A.4)."""

from __future__ import annotations

from ....theory import coarse
from ....theory.arrays import Array
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.runs import NoiseSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .coarse_phase import GIVEN, STEPS, coarse_phase
from .transfer import SOURCE


def _decrease(problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, shares: Array) -> Array:
    phase = coarse_phase(problem, restriction, pair, tau[:, None] * shares, _quiet(pair, shares))
    return at_most(phase.after, phase.before, phase.terms)


def _quiet(pair: PrimalDual, shares: Array) -> Array:
    return 0 * pair.theta[:, None, None, :] * shares[:, :, None, None]


def _quiet_gain(problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, shares: Array) -> Array:
    phase = coarse_phase(problem, restriction, pair, tau[:, None] * shares, _quiet(pair, shares))
    return at_most(phase.after, phase.before - 3 * phase.gain, phase.before, phase.terms)


def _biased(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, shares: Array, xi: Array
) -> Array:
    phase = coarse_phase(problem, restriction, pair, tau[:, None] * shares, xi)
    return at_most(phase.after, phase.before, phase.before, phase.terms)


def _remark_proof() -> Proof:
    tau, delta, smooth = symbols("tau", "delta", "L_rel", positive=True)
    L0, L1, forward, backward, sym, d_d = symbols(
        "L(theta)", "L(theta_+)", "D^v(theta_+,theta)", "D^v+(theta,theta_+)", "D^sym", "|d|^2"
    )
    assumption = L0 - sym / tau + smooth * forward - L1
    lemma = L0 - sym / tau + smooth / (2 * delta) * d_d - L1  # the descent lemma with ℓ = 𝖫/δ
    return Proof(
        (
            Step(
                "L̂(θ̂) − L̂(θ̂⁺) = the margin of assumption 1 + (1/τ − 𝖫) D^sym + 𝖫 D^{v⁺}(θ, θ⁺), for steps up to 1/𝖫",
                (L0 - L1 - (assumption + (1 / tau - smooth) * sym + smooth * backward)).subs(sym, forward + backward),
            ),
            Step(
                "and where ∇L is ℓ-Lipschitz, 𝖫 = ℓδ: = the margin of the descent lemma + (D^sym − ‖d‖²/δ)/τ "
                "+ (2 − 𝖫τ)‖d‖²/(2δτ), for steps up to 2/𝖫",
                L0 - L1 - (lemma + (sym - d_d / delta) / tau + (2 - smooth * tau) / (2 * delta * tau) * d_d),
            ),
        ),
        "All summands are ≥ 0. The loss of the fine level is the coarse one, so it decreases by the same amount.",
    )


@claim(
    "lunk2026/remark-A.4",
    title="Without noise the loss decreases during the coarse steps",
    statement=r"\sigma = 0:\quad \hat{\mathcal L}(\hat\theta^{m}) \le \hat{\mathcal L}(\hat\theta^{0}) "
    r"\quad\text{for } \hat\tau \le 1/(2\mathsf L)",
    source=f"{SOURCE}, remark A.4",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "assumption 1", "without it: θ⁴, with steps up to ½",
            without={"problem": families.problems(losses=("quartic",), max_dimension=2)},
        ),
        Hypothesis("τ̂ ≤ 1/(2𝖫)", "the step size; without it: up to 2/𝖫", without={"tau": families.step_sizes(at_most=2)},
                   why="four times shorter than needed: the loss decreases up to 2/𝖫, and beyond that it need not"),
        Hypothesis("σ = 0", "exact gradients; without it: noise of mean zero",
                   without={"xi": NoiseSequences(STEPS)}, margin=_biased),
    ),
    mutants=(
        Mutant("a gain of 3(1/(2τ̂) − 𝖫) D^sym", margin=_quiet_gain),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        Mutant(
            "coarse gradient with zeros in the frozen coordinates",
            patch=(
                coarse.CoarseLoss,
                "gradient",
                lambda self, hat: self.restriction.restrict(self.fine.gradient(self.restriction.prolong(hat))),
            ),
        ),
    ),
    proof=_remark_proof,
    step_size_limit=StepSizeLimit(limit=0.5, up_to=4.0),
)  # fmt: skip
@given(**{name: family for name, family in GIVEN.items() if name != "xi"})
def remark_a_4(problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, shares: Array) -> Array:
    """Two coarse steps with exact gradients. The limit 1/(2𝖫) is four times too cautious where ∇L is Lipschitz, as it is
    here: the decrease holds up to 2/𝖫, and fails beyond for J = 0 and a parabola."""
    return _decrease(problem, restriction, pair, tau, shares)
