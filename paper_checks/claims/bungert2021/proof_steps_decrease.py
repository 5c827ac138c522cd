"""bungert2021 (v1), appendix B: the decrease in the proof of theorem 3.7, which the theorem follows from."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory.arrays import Array, scalar, square_norm
from ....theory.bregman_convexity import minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.inequalities import expectation
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.minimizers import with_minimizer
from ...families.moduli import Moduli
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_steps import decrease_steps, three_point_step
from .loss_decay import noisy_steps
from .proof_steps_convergence import PROOF, constants

_UNIT = "μ/(ℓ²δ)"
_PROBLEMS = with_minimizer(max_dimension=3)
_PAIRS = families.primal_dual_pairs()
_STEPS = families.step_sizes(unit=_UNIT)
_SUBGRADIENT = Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()})
_SILENT = Hypothesis("exact gradients", "not a hypothesis, and one that the step lacks", why="with them it holds")


def parts(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> tuple[Array, ...]:
    """d⁺ − d, E‖θ* − θ⁺‖², E‖θ − θ⁺‖², ‖θ − θ*‖², E D^{p⁺}_J(θ, θ⁺), E D^p_J(θ⁺, θ), size."""
    net, star = problem.elastic_net, minimizer(problem, pair.theta)
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    old, new = bregman(net, star, pair.theta, pair.v), expectation(bregman(net, star, after.theta, after.v))
    terms = size(net, star, pair.theta, pair.v) + expectation(
        size(net, star, after.theta, after.v)
        + size(net, start.theta, after.theta, after.v)
        + size(net, after.theta, start.theta, start.v)
    )
    return (
        new - old,
        expectation(square_norm(star - after.theta)),
        expectation(square_norm(start.theta - after.theta)),
        square_norm(pair.theta - star),
        expectation(bregman(net.regularizer, start.theta, after.theta, net.p(after))),
        expectation(bregman(net.regularizer, after.theta, start.theta, net.p(start))),
        terms,
    )


def _plugged(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, c: Array, forward: bool = False) -> Array:
    """d⁺ − d ≤ −E D^{v⁺}(θ, θ⁺) + τ(ℓ²/2c)E‖θ − θ⁺‖² + ((c − μ)/2)τE‖θ* − θ⁺‖²; ``forward``: D^v(θ⁺, θ) as (B.1) has it."""
    change, far, moved, _, backward_part, forward_part, terms = parts(problem, pair, tau, xi)
    ell, mu, delta = constants(problem, tau)
    c = c * mu
    divergence = (forward_part if forward else backward_part) + moved / (2 * delta)
    young = tau * ell * ell / (2 * c) * moved
    return at_most(change, -divergence + young + (c - mu) / 2 * tau * far, terms, young, c * tau * far)


@claim(
    "bungert2021/proof-3.7-plugged",
    title="Proof of theorem 3.7: Young's inequality in (B.1)",
    statement=r"d^+ - d \le -\mathbb E\, D^{v^+}_{J_\delta}(\theta, \theta^+) + \tau\tfrac{\ell^2}{2c}\,"
    r"\mathbb E\|\theta - \theta^+\|^2 + \tfrac{c - \mu}{2}\tau\,\mathbb E\|\theta^* - \theta^+\|^2 \quad \forall c > 0",
    source=PROOF,
    hypotheses=(_SILENT,),
    mutants=(
        Mutant("noise counted twice", margin=lambda problem, pair, tau, xi, c: _plugged(problem, pair, tau, 2 * xi, c)),
        planted.ASCENT,
    ),
)
@given(problem=_PROBLEMS, pair=_PAIRS, tau=_STEPS, xi=families.noise(), c=Moduli())
def proof_3_7_plugged(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, c: Array) -> dict[str, Array]:
    """It inherits the error of (B.1) under the expectation (lemma-B.2), and has D^{v⁺}(θ, θ⁺) where (B.1) has D^v(θ⁺, θ).
    With exact gradients and D^v(θ⁺, θ) it follows from (B.1) and Young's inequality."""
    return {
        "with noise": _plugged(problem, pair, tau, xi, c),
        "with exact gradients": _plugged(problem, pair, tau, 0 * xi, c),
        "with exact gradients and D^v(θ⁺, θ)": _plugged(problem, pair, tau, 0 * xi, c, forward=True),
    }


def _decrease(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = Fraction(1, 4)) -> Array:
    """d⁺ − d + share·μτE‖θ* − θ⁺‖² ≤ −E D^{p⁺}_J(θ, θ⁺)."""
    change, far, _, _, backward, _, terms = parts(problem, pair, tau, xi)
    _, mu, _ = constants(problem, tau)
    gain = scalar(share, tau) * mu * tau * far
    return at_most(change + gain, -backward, terms, gain)


def _quiet_decrease(problem: Problem, pair: PrimalDual, tau: Array, share: Any = Fraction(1, 4)) -> Array:
    return _decrease(problem, pair, tau, 0 * pair.theta[..., None, :], share)


@claim(
    "bungert2021/proof-3.7-decrease",
    title="Proof of theorem 3.7: the decrease",
    statement=r"\tau \le \tfrac{\mu}{\ell^2\delta}: \quad d^+ - d + \tfrac\mu4\tau\,\mathbb E\|\theta^* - \theta^+\|^2 "
    r"\le -\mathbb E\, D^{p^+}_J(\theta, \theta^+)",
    source=PROOF,
    hypotheses=(_SILENT,),
    mutants=(
        Mutant("4μ, exact gradients", margin=lambda problem, pair, tau, xi: _quiet_decrease(problem, pair, tau, 4)),
        planted.ASCENT,
        planted.PRIMAL_STEP,
    ),
)
@given(problem=_PROBLEMS, pair=_PAIRS, tau=_STEPS, xi=families.noise())
def proof_3_7_decrease(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """With noise it fails like (3.10), of which it is the stronger form."""
    return {
        "with noise": _decrease(problem, pair, tau, xi),
        "with exact gradients": _quiet_decrease(problem, pair, tau),
    }


def _decrease_proof() -> Proof:
    return Proof(
        decrease_steps(),
        "With r = ℓδτ ≤ μ/ℓ, t = μδτ ≥ r² the bracket is at least μ‖θ − θ*‖²(¾ − ⅘r + (7/20)t), and "
        "¾ − ⅘r + (7/20)r² > 0 because (⅘)² < 4·¾·(7/20).",
    )


@claim(
    "bungert2021/proof-3.7-decrease-deterministic",
    title="The decrease with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau \le \tfrac{\mu}{\ell^2\delta}: \quad d^+ - d + \tfrac\mu4\tau"
    r"\|\theta^* - \theta^+\|^2 \le -D^{p^+}_J(\theta, \theta^+)",
    source=f"{PROOF}, with exact gradients",
    hypotheses=(
        Hypothesis("τ ≤ μ/(ℓ²δ)", "without it: τ ≤ 4μ/(ℓ²δ)", without={"tau": families.step_sizes(at_most=4, unit=_UNIT)}),
        _SUBGRADIENT,
    ),
    mutants=(
        Mutant("4μ in the place of μ/4", margin=lambda problem, pair, tau: _quiet_decrease(problem, pair, tau, 4)),
        planted.ASCENT,
        planted.PRIMAL_STEP,
    ),
    proof=_decrease_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=4.0),
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=_STEPS)
def proof_3_7_decrease_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """True with the constants of the theorem, though the absorption step that should give it is not. The proof here uses
    (B.2), D^{p⁺}_J(θ, θ⁺) ≤ D^sym_J, and completes the square."""
    return _quiet_decrease(problem, pair, tau)


def _strong_decrease(problem: Problem, pair: PrimalDual, tau: Array, share: Any = Fraction(1, 2)) -> Array:
    """d⁺ − d + share·μτ(‖θ* − θ⁺‖² + ‖θ* − θ‖²) ≤ −D^p_J(θ⁺, θ)."""
    change, near, _, far, _, forward, terms = parts(problem, pair, tau, 0 * pair.theta[..., None, :])
    gain = scalar(share, tau) * constants(problem, tau)[1] * tau * (near + far)
    return at_most(change + gain, -forward, terms, gain)


def _strong_decrease_proof() -> Proof:
    tau, delta, ell, mu = symbols("tau", "delta", "ell", "mu", positive=True)
    forward, d_d, product, both = symbols("D^p_J(t_+,t)", "|d|^2", "<grad,t^*-t_+>", "|x|^2+|x_+|^2")
    change = -(forward + d_d / (2 * delta)) + tau * product
    bound = -mu / 2 * both + ell / 2 * d_d
    return Proof(
        (
            three_point_step(),
            Step(
                "by (B.1) and lemma B.1 the margin is τ·(margin of that step) + (1/(2δ) − ℓτ/2)‖θ⁺ − θ‖²",
                -forward - change - mu / 2 * tau * both - (tau * (bound - product) + (1 / (2 * delta) - ell * tau / 2) * d_d),
            ),
        ),
        "Both are ≥ 0 for τ ≤ 1/(ℓδ).",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.7-decrease-repaired",
    title="A larger decrease for larger steps, with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau \le \tfrac{1}{\ell\delta}: \quad d^+ - d + \tfrac\mu2\tau\bigl("
    r"\|\theta^* - \theta^+\|^2 + \|\theta^* - \theta\|^2\bigr) \le -D^{p}_J(\theta^+, \theta)",
    source=f"ours, after {PROOF}",
    hypotheses=(
        Hypothesis("τ ≤ 1/(ℓδ)", "without it: τ ≤ 3/(ℓδ)", without={"tau": families.step_sizes(at_most=3)}),
        Hypothesis("the constant μ/2", "just outside: 0.55·μ",
                   margin=lambda problem, pair, tau: _strong_decrease(problem, pair, tau, Fraction(11, 20))),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()},
                   why="(B.1) and lemma B.1 are identities; it only makes the terms ≥ 0"),
    ),
    mutants=(
        Mutant("μ in the place of μ/2", margin=lambda problem, pair, tau: _strong_decrease(problem, pair, tau, 1)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_strong_decrease_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0),
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=families.step_sizes())
def proof_3_7_decrease_repaired(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """The descent lemma in the place of Young's inequality: twice the constant, both distances, and a limit without μ.
    An equality for J = 0 with equal curvatures and τ = 1/(ℓδ)."""
    return _strong_decrease(problem, pair, tau)
