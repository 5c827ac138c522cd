"""lunk2026, assumption 2: for J = 0 it is the Polyak–Łojasiewicz inequality; with a norm it says that 0 is the minimiser."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import linbreg
from ....theory import pl_step
from ....theory.arrays import Array, constant, inner, namespace, scalar
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.centered import MinimizedAtZero, MinimizedElsewhere
from ...proof import Proof, Step, symbols
from .. import planted
from .transfer import SOURCE

#: Losses with a PL constant: J = 0 gives assumption 2 for each of them.
PL_LOSSES = ("quadratic", "least_squares", "finite_sum", "logistic", "sine_quadratic")
#: Regularizers with a point at which ∂J has an interior.
KINKED = ("l1", "group_l2", "nuclear", "nonnegative", "box")


def divergence(problem: Problem, pair: PrimalDual, tau: Any) -> tuple[Array, Array, PrimalDual]:
    """D(τ) = D^{v(τ)}_{J_δ}(θ, θ(τ)), the size of its terms, and (θ(τ), v(τ))."""
    gradient = problem.loss.gradient(pair.theta)
    after = linbreg.step(problem.elastic_net, pair, gradient, tau)
    value = bregman(problem.elastic_net, pair.theta, after.theta, after.v)
    return value, size(problem.elastic_net, pair.theta, after.theta, after.v), after


def gap(problem: Problem, theta: Array) -> tuple[Array, Array]:
    """L(θ) − L*, and the size of what cancels in it."""
    value, infimum = problem.loss.value(theta), scalar(problem.loss.infimum, theta)
    rounding = inner(abs(problem.loss.gradient(theta)), abs(theta))
    return value - infimum, abs(value) + abs(infimum) + rounding


def _eleven(problem: Problem, pair: PrimalDual, tau: Array, rho: Array) -> Array:
    (small, terms, _), (whole, more, _) = divergence(problem, pair, tau), divergence(problem, pair, 0 * tau + 1)
    return at_most(rho * whole, small, terms, rho * more)


def _twelve(problem: Problem, pair: PrimalDual, eta: Any) -> Array:
    above, rounding = gap(problem, pair.theta)
    whole, terms, _ = divergence(problem, pair, scalar(1, above))
    return at_most(scalar(eta, above) * above, whole, terms, scalar(eta, above) * rounding)


def _possible(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """Free of constants: D(τ) = 0, which is θ(τ) = θ, leaves no ρ(τ) > 0 unless D(1) = 0, and this no η > 0 unless L = L*."""
    _, _, small = divergence(problem, pair, tau)
    whole, terms, after = divergence(problem, pair, 0 * tau + 1)
    xp, one = namespace(tau), 0 * tau + 1
    stays, stays_at_one = ((moved.theta == pair.theta).all(axis=-1) for moved in (small, after))
    above, rounding = gap(problem, pair.theta)
    return {
        "(11) with some ρ(τ) > 0": xp.where(stays, at_most(whole, 0 * whole, terms), one),
        "(12) with some η > 0": xp.where(stays_at_one, at_most(above, 0 * above, rounding), one),
    }


@claim(
    "lunk2026/assumption-2",
    title="Assumption 2 for PL losses, whatever the regularizer",
    statement=r"\exists\, \rho(\tau), \eta > 0:\; D^{v(\tau)}_{J_\delta}(\theta, \theta(\tau)) \ge \rho(\tau) "
    r"D^{v(1)}_{J_\delta}(\theta, \theta(1)) \;\text{for } \tau \le 1/\mathsf L, \quad "
    r"D^{v(1)}_{J_\delta}(\theta, \theta(1)) \ge \eta\, (\mathcal L(\theta) - \mathcal L^*)",
    source=f"{SOURCE}, assumption 2, (11), (12)",
    reconstructed=True,
    hypotheses=(
        Hypothesis("PL loss", "½‖∇L‖² ≥ η_PL(L − L*)", why="the conclusion fails with it, too"),
    ),
    mutants=(
        Mutant("(11) alone", margin=lambda problem, pair, tau: _possible(problem, pair, tau)["(11) with some ρ(τ) > 0"]),
        Mutant("(12) alone", margin=lambda problem, pair, tau: _possible(problem, pair, tau)["(12) with some η > 0"]),
        Mutant("the constants of J = 0", margin=lambda problem, pair, tau: _smooth(problem, pair, tau)),
        Mutant(
            "a thousandth of the constants of J = 0",
            margin=lambda problem, pair, tau: {
                "(11)": _eleven(problem, pair, tau, tau * tau / 1000),
                "(12)": _twelve(problem, pair, Fraction(_eta_without_j(problem)) / 1000),
            },
        ),
        Mutant("at the start θ = 0, v = 0 alone", margin=lambda problem, pair, tau: _at_the_start(problem, tau)),
        planted.PROX_OF_V,
    ),
)  # fmt: skip
@given(
    problem=families.problems(losses=PL_LOSSES, regularizers=("zero", "l1", "group_l2", "nuclear")),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
)
def assumption_2(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The paper assumes (11) and (12), and says that they become PL for J = 0. Judged is whether constants can exist for a PL
    loss; the margins contain none. They cannot: at θ = 0 every p of a ball is a subgradient, and a step inside it moves v and
    not θ: D = 0 while L(0) > L*. The start θ = 0, v = 0 of the algorithm is such a pair, so it does not help to ask for those
    pairs alone that the algorithm reaches. With ℓ1 and a strongly convex loss the assumption holds iff the minimiser is 0
    (assumption-2-repaired)."""
    lowest = 0 * tau + 1
    for found in (_possible(problem, pair, tau), _at_the_start(problem, tau)):
        for margin in found.values():
            lowest = namespace(tau).minimum(lowest, margin)
    distance, terms, _ = divergence(problem, pair, tau)
    return {"(11) and (12) with some ρ(τ), η > 0": lowest, "D(τ) ≥ 0": at_most(0 * distance, distance, terms)}


def _at_the_start(problem: Problem, tau: Array) -> dict[str, Array]:
    zero = tau[..., None] * constant([0] * problem.dimension, tau)
    return _possible(problem, PrimalDual(zero, zero), tau)


def _eta_without_j(problem: Problem) -> Any:
    """δη_PL; where there is no η_PL, δℓ/2 is claimed."""
    pl = problem.loss.pl_constant
    return problem.delta * (Fraction(problem.loss.lipschitz) / 2 if pl is None else pl)


def _smooth(problem: Problem, pair: PrimalDual, tau: Array, factor: Any = 1, power: int = 2) -> dict[str, Array]:
    rho = tau**power
    return {
        "(11) with ρ(τ) = τ²": _eleven(problem, pair, tau, rho),
        "(12) with η = δη_PL": _twelve(problem, pair, scalar(factor, tau) * scalar(_eta_without_j(problem), tau)),
    }


def _smooth_proof() -> Proof:
    t_t, t_g, g_g, eta, L, star = symbols("|theta|^2", "<theta,g>", "|g|^2", "eta_PL", "L(theta)", "L*")
    tau, delta = symbols("tau", "delta", positive=True)
    after_after = t_t - 2 * delta * tau * t_g + delta**2 * tau**2 * g_g  # ‖θ(τ)‖² with θ(τ) = θ − δτg
    change = delta * tau * (t_g - delta * tau * g_g) / delta  # ⟨v(τ), θ − θ(τ)⟩ = ⟨θ(τ)/δ, δτg⟩
    D = t_t / (2 * delta) - after_after / (2 * delta) - change
    return Proof(
        (
            Step("J = 0: θ(τ) = θ − δτg and D(τ) = (δτ²/2)‖g‖²", D - delta * tau**2 / 2 * g_g),
            Step("so D(τ) = τ²D(1): (11) is an equality with ρ(τ) = τ²", D - tau**2 * D.subs(tau, 1)),
            Step(
                "the margin of (12) with η = δη_PL is δ times that of PL",
                (D.subs(tau, 1) - delta * eta * (L - star)) - delta * (g_g / 2 - eta * (L - star)),
            ),
        ),
        "(12) holds with η iff PL holds with η/δ, so that both constants are the best.",
    )


@claim(
    "lunk2026/assumption-2-smooth",
    title="Assumption 2 for J = 0",
    statement=r"J = 0: \quad \rho(\tau) = \tau^2,\; \eta = \delta\,\eta_{PL} \text{ where } "
    r"\tfrac12\|\nabla\mathcal L\|^2 \ge \eta_{PL}(\mathcal L - \mathcal L^*)",
    source=f"{SOURCE}, the text after assumption 2",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "J = 0",
            "gradient descent; without it: ℓ1, group ℓ1,2, nuclear, nonnegativity, box",
            without={"problem": families.problems(losses=PL_LOSSES, regularizers=KINKED)},
        ),
        Hypothesis(
            "PL",
            "½‖∇L‖² ≥ η_PL(L − L*); without it: Huber and log-cosh with η_PL = ℓ/2 claimed",
            without={"problem": families.problems(losses=("huber", "log_cosh"), regularizers=("zero",))},
        ),
        Hypothesis(
            "the factor δ in η",
            "η = δη_PL; the paper has δ = 1 in mind",
            margin=lambda problem, pair, tau: _smooth(problem, pair, tau, 1 / Fraction(problem.delta)),
        ),
    ),
    mutants=(
        Mutant("ρ(τ) = τ", margin=lambda problem, pair, tau: _smooth(problem, pair, tau, power=1)),
        Mutant("ρ(τ) = τ³", margin=lambda problem, pair, tau: _smooth(problem, pair, tau, power=3)),
        Mutant("η = 2δη_PL", margin=lambda problem, pair, tau: _smooth(problem, pair, tau, 2)),
        Mutant("η = 1.05·δη_PL", margin=lambda problem, pair, tau: _smooth(problem, pair, tau, Fraction(21, 20))),
        planted.HALF_STEP,
        planted.PROX_OF_V,
    ),
    proof=_smooth_proof,
)  # fmt: skip
@given(
    problem=families.problems(losses=PL_LOSSES, regularizers=("zero",)),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
)
def assumption_2_smooth(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """(11) holds with equality. In (12) a factor δ belongs to η, which the paper's remark leaves out: it is right for δ = 1."""
    return _smooth(problem, pair, tau)


def _conic(
    problem: Problem, pair: PrimalDual, tau: Array, rho: Any = 1, eta: Any = 1, decay: Any = 1
) -> dict[str, Array]:
    loss = problem.loss
    mu = loss.strong_convexity or Fraction(1)
    # Without strong convexity those of μ = ℓ = 1 are claimed.
    constants = pl_step.conic_constants(loss, problem.delta) or pl_step.PLConstants(1, min(problem.delta, 1))
    above, rounding = gap(problem, pair.theta)
    small, terms, _ = divergence(problem, pair, tau)
    share = scalar(decay, tau) * scalar(problem.delta, tau) * scalar(mu, tau) * tau * tau
    return {
        "(11) with ρ(τ) = (μ/ℓ)τ²": _eleven(
            problem, pair, tau, scalar(rho, tau) * scalar(constants.rho, tau) * tau * tau
        ),
        "(12) with η": _twelve(problem, pair, scalar(eta, tau) * scalar(constants.eta, tau)),
        "D(τ) ≥ δμτ²(L − L*)": at_most(share * above, small, terms, share * rounding),
    }


def _conic_proof() -> Proof:
    tau, delta, mu, ell, s = symbols("tau", "delta", "mu", "ell", "s", positive=True)
    J, J_w, J_after, v_w, v_t, v_after, t_t, t_g, G, g_g, g_d, d_d = symbols(
        "J_d(theta)", "J_d(w)", "J_d(theta_+)", "<v,w-theta>", "<v_+,theta-theta_+>", "<v_+,w-theta>",
        "|theta|^2", "<g,theta>", "L-L*", "|g|^2", "<g,d>", "|d|^2",
    )  # fmt: skip
    D_after = J - J_after - v_t  # D(τ)
    D_w = J_w - J - v_w  # D^v(w, θ)
    D_w_after = J_w - J_after - (v_after + v_t)  # D^{v(τ)}(w, θ(τ)), ⟨v(τ), w − θ(τ)⟩ split at θ
    lower = s * tau * t_g - s**2 * t_t / (2 * delta)
    convexity = t_g - G - mu / 2 * t_t  # strong convexity between θ and 0, ≥ 0
    return Proof(
        (
            Step(
                "for any w: D(τ) + D^v(w, θ) − D^{v(τ)}(w, θ(τ)) = ⟨v(τ) − v, w − θ⟩ = τ⟨g, θ − w⟩, "
                "so D(τ) ≥ τ⟨g, θ − w⟩ − D^v(w, θ)",
                (D_after + D_w - D_w_after) - (v_after - v_w),
            ),
            Step(
                "w = (1 − s)θ and D^p_J(w, θ) = 0 (J conic at 0): D^v_{J_δ}(w, θ) = s²‖θ‖²/2δ, so D(τ) ≥ sτ⟨g, θ⟩ − s²‖θ‖²/2δ; "
                "with s = δμτ ≤ 1 this is δμτ²(L − L*) + sτ·(margin of strong convexity)",
                (lower - s * tau * convexity).subs(s, delta * mu * tau) - delta * mu * tau**2 * G,
            ),
            Step(
                "δμ > 1, τ = 1, s = 1: ⟨g, θ⟩ − ‖θ‖²/2δ = (1 + (δμ − 1)/δℓ)(L − L*) + (margin of strong convexity) "
                "+ (μ − 1/δ)(½‖θ‖² − (L − L*)/ℓ)",
                lower.subs({s: 1, tau: 1}) - (1 + (delta * mu - 1) / (delta * ell)) * G - convexity
                - (mu - 1 / delta) * (t_t / 2 - G / ell),
            ),
            Step(
                "D(1) = −D^v(θ⁺, θ) − ⟨g, d⟩ ≤ −⟨g, d⟩ − ‖d‖²/2δ = (δ/2)‖g‖² − ‖δg + d‖²/2δ, d = θ⁺ − θ",
                (-g_d - d_d / (2 * delta)) - (delta / 2 * g_g - (delta**2 * g_g + 2 * delta * g_d + d_d) / (2 * delta)),
            ),
            Step("‖g‖² ≤ 2ℓ(L − L*) gives D(1) ≤ δℓ(L − L*), and δμτ² = (μ/ℓ)τ²·δℓ",
                 mu / ell * tau**2 * delta * ell - delta * mu * tau**2),
        ),
        "τ ≤ 1/𝖫 ≤ 1/(δμ) makes s ≤ 1. Conversely, if L(0) > L* and ∂J(0) is a neighbourhood of 0, no constants exist: at "
        "θ = 0, v = 0, D(τ) = 0 for small τ (lunk2026/lemma-A.2-sparse). So for a strongly convex L and a norm: iff θ* = 0.",
    )  # fmt: skip


@claim(
    "lunk2026/assumption-2-repaired",
    title="When assumption 2 holds with a sparsity-inducing regularizer: the minimiser is 0",
    statement=r"J \text{ a norm},\; \mathcal L\ \mu\text{-strongly convex},\; \nabla\mathcal L\ \ell\text{-Lipschitz}: \quad "
    r"\text{assumption 2} \Leftrightarrow \theta^* = 0, \quad \rho(\tau) = \tfrac{\mu}{\ell}\tau^2,\; "
    r"\eta = \delta\mu \;(\delta\mu \le 1),\; 1 + \tfrac{\delta\mu - 1}{\delta\ell} \;(\delta\mu > 1)",
    source=f"ours, after {SOURCE}, assumption 2",
    hypotheses=(
        Hypothesis(
            "the minimiser is 0",
            "θ* = 0; without it: strongly convex losses with θ* ≠ 0 and ℓ1",
            without={
                "problem": MinimizedElsewhere(families.problems(losses=("quadratic", "logistic"), regularizers=("l1",)))
            },
        ),
        Hypothesis(
            "strong convexity",
            "μ > 0; without it: ¼Σwᵢθᵢ⁴ with μ = ℓ = 1 claimed",
            without={"problem": families.problems(losses=("quartic",), regularizers=("l1",))},
        ),
        Hypothesis(
            "J is conic at 0",
            "D^p_J(0, θ) = 0; without it: a box, whose normal cones hold a step back",
            without={"problem": MinimizedAtZero(("box",))},
        ),
        Hypothesis("τ ≤ 1/𝖫", "for (11); without it: τ up to 4/𝖫", without={"tau": families.step_sizes(at_most=4)}),
    ),
    mutants=(
        Mutant("ρ(τ) = 1.1·τ²", margin=lambda problem, pair, tau: _eleven(problem, pair, tau, tau * tau * 11 / 10)),
        Mutant("η = 1.1 times as large", margin=lambda problem, pair, tau: _conic(problem, pair, tau, eta=Fraction(11, 10))),
        Mutant("D(τ) ≥ δμτ(L − L*)", margin=lambda problem, pair, tau: _linear_in_tau(problem, pair, tau)),
        Mutant("D(τ) ≥ 1.5·δμτ²(L − L*)", margin=lambda problem, pair, tau: _conic(problem, pair, tau, decay=Fraction(3, 2))),
        planted.HALF_STEP,
        planted.PROX_OF_V,
    ),
    proof=_conic_proof,
)  # fmt: skip
@given(problem=MinimizedAtZero(), pair=families.primal_dual_pairs(), tau=families.step_sizes())
def assumption_2_repaired(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The weakest condition under which assumption 2 can be had with a norm: nothing is left to learn but to shrink θ to 0. The
    same constants serve every J that is conic at θ* (nonnegativity with θ* = 0, weights that vanish where θ* does not). For
    equal curvatures μ = ℓ they are sharp."""
    return _conic(problem, pair, tau)


def _linear_in_tau(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    above, rounding = gap(problem, pair.theta)
    small, terms, _ = divergence(problem, pair, tau)
    share = scalar(problem.delta, tau) * scalar(problem.loss.strong_convexity or 0, tau) * tau
    return at_most(share * above, small, terms, share * rounding)
