"""bungert2021 (v1), appendix B: the displayed steps in the proof of theorem 3.7, each with the constants that the theorem has."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory.arrays import Array, inner, scalar, square_norm
from ....theory.bregman_convexity import minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.minimizers import with_minimizer
from ...families.moduli import Moduli
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE, noisy_steps

_UNIT = "μ/(ℓ²δ)"
PROOF = f"{SOURCE}, appendix B, proof of theorem 3.7"
_PROBLEMS = with_minimizer(max_dimension=3)
_PAIRS = families.primal_dual_pairs()
_STEPS = families.step_sizes(unit=_UNIT)


def constants(problem: Problem, like: Array) -> tuple[Any, Any, Any]:
    """ℓ, μ, δ."""
    return tuple(scalar(c, like) for c in (problem.loss.lipschitz, problem.loss.strong_convexity, problem.delta))


def _young(problem: Problem, pair: PrimalDual, other: Array, c: Array, share: Any = 1) -> dict[str, Array]:
    """Young's inequality with c·μ for any two points, θ⁺ being ``other``."""
    star = minimizer(problem, other)
    ell, mu, _ = constants(problem, other)
    c, gradient = c * mu, problem.loss.gradient(pair.theta)
    product = inner(gradient, star - other)
    terms = inner(abs(gradient), abs(star) + abs(other))
    young = ell * ell / (2 * c) * square_norm(pair.theta - other)
    far = square_norm(star - other) / 2
    gap = problem.loss.value(star) - problem.loss.value(other)
    return {
        "first": at_most(product, gap - scalar(share, mu) * mu * far + young + c * far, terms, gap, mu * far),
        "second": at_most(product, young + (c - scalar(share, mu) * mu) * far, terms, mu * far),
    }


def _young_proof() -> Proof:
    (c,) = symbols("c", positive=True)
    a_a, b_b, a_b = symbols("|a|^2", "|b|^2", "<a,b>")
    return Proof(
        (
            Step(
                "with a = ∇L(θ) − ∇L(θ⁺), b = θ* − θ⁺: ‖a‖²/(2c) + (c/2)‖b‖² − ⟨a, b⟩ = ‖a − cb‖²/(2c), and ‖a‖ ≤ ℓ‖θ − θ⁺‖",
                a_a / (2 * c) + c / 2 * b_b - a_b - (a_a - 2 * c * a_b + c * c * b_b) / (2 * c),
            ),
        ),
        "⟨∇L(θ⁺), θ* − θ⁺⟩ ≤ L(θ*) − L(θ⁺) − (μ/2)‖θ* − θ⁺‖² is strong convexity; then L(θ*) ≤ L(θ⁺).",
    )


@claim(
    "bungert2021/proof-3.7-young",
    title="Proof of theorem 3.7: Young's inequality",
    statement=r"\langle\nabla\mathcal L(\theta), \theta^* - \theta^+\rangle \le \mathcal L(\theta^*) - \mathcal L(\theta^+) "
    r"- \tfrac\mu2\|\theta^* - \theta^+\|^2 + \tfrac{\ell^2}{2c}\|\theta - \theta^+\|^2 + \tfrac c2\|\theta^* - \theta^+\|^2 "
    r"\quad \forall c > 0",
    source=PROOF,
    hypotheses=(
        Hypothesis("assumption 2", "just outside: 3μ is claimed",
                   margin=lambda problem, pair, other, c: _young(problem, pair, other, c, 3)),
        Hypothesis("convexity", "without it: two wells, μ = 1", without={"problem": with_minimizer(("two_wells",))},
                   margin=lambda problem, pair, other, c: _young_wells(problem, pair, other, c)),
    ),
    mutants=(
        Mutant("4μ", margin=lambda problem, pair, other, c: _young(problem, pair, other, c, 4)),
        Mutant("an eighth of c", margin=lambda problem, pair, other, c: _young_small(problem, pair, other, c)),
    ),
    proof=_young_proof,
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, other=families.points(), c=Moduli())
def proof_3_7_young(problem: Problem, pair: PrimalDual, other: Array, c: Array) -> dict[str, Array]:
    """True for any two points. It uses strong convexity at θ⁺ only; at θ* as well it would give −μ in the place of −μ/2."""
    return _young(problem, pair, other, c)


def _young_small(problem: Problem, pair: PrimalDual, other: Array, c: Array) -> Array:
    star = minimizer(problem, other)
    ell, mu, _ = constants(problem, other)
    young = ell * ell / (2 * c * mu) * square_norm(pair.theta - other) / 8
    far = (c - 1) * mu * square_norm(star - other) / 2
    return at_most(inner(problem.loss.gradient(pair.theta), star - other), young + far)


def _young_wells(problem: Problem, pair: PrimalDual, other: Array, c: Array) -> Array:
    star = minimizer(problem, other)
    young = square_norm(pair.theta - other) / (2 * c) + (c - 1) * square_norm(star - other) / 2
    return at_most(inner(problem.loss.gradient(pair.theta), star - other), young)


def _absorption(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """−D^{v⁺}_{J_δ}(θ, θ⁺) + τ(ℓ²/2c)‖θ − θ⁺‖² ≤ −D^{p⁺}_J(θ, θ⁺) with c = μ/2."""
    net = problem.elastic_net
    _, outcomes, _ = noisy_steps(problem, pair, tau, 0 * pair.theta[..., None, :])
    after = PrimalDual(outcomes.theta[..., 0, :], outcomes.v[..., 0, :])
    ell, mu, _ = constants(problem, tau)
    moved = tau * ell * ell / mu * square_norm(pair.theta - after.theta)
    whole = bregman(net, pair.theta, after.theta, after.v)
    part = bregman(net.regularizer, pair.theta, after.theta, net.p(after))
    return at_most(moved - whole, -part, size(net, pair.theta, after.theta, after.v))


def _absorption_proof() -> Proof:
    tau, delta, ell, mu = symbols("tau", "delta", "ell", "mu", positive=True)
    part, d_d = symbols("D_J", "|d|^2")
    whole = part + d_d / (2 * delta)
    return Proof(
        (
            Step(
                "by lemma B.1 the margin is (1/(2δ) − τℓ²/μ)‖θ − θ⁺‖²",
                (-part) - (-whole + tau * ell**2 / mu * d_d) - (1 / (2 * delta) - tau * ell**2 / mu) * d_d,
            ),
        ),
        "It is ≥ 0 exactly when τ ≤ μ/(2ℓ²δ) or θ⁺ = θ.",
    )


_ABSORPTION_MUTANTS = (planted.PRIMAL_STEP, planted.ASCENT)


@claim(
    "bungert2021/proof-3.7-absorption",
    title="Proof of theorem 3.7: the absorption with c = μ/2",
    statement=r"\tau \le \tfrac{\mu}{\ell^2\delta},\; c = \tfrac\mu2: \quad -D^{v^+}_{J_\delta}(\theta, \theta^+) "
    r"+ \tau\tfrac{\ell^2}{2c}\|\theta - \theta^+\|^2 \le -D^{p^+}_J(\theta, \theta^+)",
    source=PROOF,
    hypotheses=(
        Hypothesis("τ ≤ μ/(ℓ²δ)", "twice what the step needs", why="half of it is enough: proof-3.7-absorption-repaired"),
    ),
    mutants=(Mutant("three times the step size", margin=lambda problem, pair, tau: _absorption(problem, pair, 3 * tau)),),
    step_size_limit=StepSizeLimit(limit=1.0, up_to=2.0),
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=_STEPS)
def proof_3_7_absorption(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """The limit of the theorem is twice what c = μ/2 allows: by lemma B.1 there are (1/(2δ))‖θ − θ⁺‖² to absorb
    (τℓ²/μ)‖θ − θ⁺‖². With c = μ the limit would do, but then nothing of ‖θ* − θ⁺‖² is left to sum up. The conclusion that
    the proof draws is true all the same for exact gradients (proof-3.7-decrease-deterministic)."""
    return _absorption(problem, pair, tau)


@claim(
    "bungert2021/proof-3.7-absorption-repaired",
    title="The absorption with half of the step size",
    statement=r"\tau \le \tfrac{\mu}{2\ell^2\delta},\; c = \tfrac\mu2: \quad -D^{v^+}_{J_\delta}(\theta, \theta^+) "
    r"+ \tau\tfrac{\ell^2}{2c}\|\theta - \theta^+\|^2 \le -D^{p^+}_J(\theta, \theta^+)",
    source=f"ours, after {PROOF}",
    hypotheses=(Hypothesis("τ ≤ μ/(2ℓ²δ)", "without it: τ ≤ μ/(ℓ²δ)", without={"tau": _STEPS}),),
    mutants=(
        Mutant("three times the step size", margin=lambda problem, pair, tau: _absorption(problem, pair, 3 * tau)),
        Mutant("5 % more", margin=lambda problem, pair, tau: _absorption(problem, pair, tau * scalar(Fraction(21, 20), tau))),
    ),
    proof=_absorption_proof,
    step_size_limit=StepSizeLimit(limit=0.5, up_to=2.0),
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=families.step_sizes(at_most=Fraction(1, 2), unit=_UNIT))
def proof_3_7_absorption_repaired(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """Sharp: the margin is (1/(2δ) − τℓ²/μ)‖θ − θ⁺‖²."""
    return _absorption(problem, pair, tau)
