"""lunk2026, section 4, for sparse regularizers: assumption 2 cannot hold there, and what holds in the place of theorem 4.1."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import multilevel
from ....theory.arrays import Array, constant, exact, inner, is_exact, namespace, scalar, square_norm
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import L1, GroupL2
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.runs import UnsolvedByZero
from ...proof import Proof, Step, symbols
from .. import planted
from .convergence import GIVEN, contraction
from .transfer import SOURCE


def assumption_2_fails_at_zero(problem: Problem, like: Array) -> Array:
    """≥ 0 where the pair θ = v = 0 contradicts assumption 2, whatever ρ and η are.

    For a small τ the dual variable v(τ) = −τ∇L(0) is still in ∂J(0), so θ(τ) = 0 and the left side of (11) is 0. Hence
    D^{v(1)}(0, θ(1)) ≤ 0 for any ρ(τ) > 0, and (12) asks for 0 ≥ η(L(0) − L*), but L(0) > L*.
    """
    zero = 0 * (exact([[0]]) if is_exact(like) else constant([[0.0]], like)) + 0 * like[..., None]
    theta = namespace(zero).concat([zero] * problem.dimension, axis=-1)
    gradient = problem.loss.gradient(theta)
    tau = scalar(problem.step_size_limit, like)
    for _ in range(200):
        v = -tau * gradient
        after = problem.elastic_net.mirror_map(v)
        if not bool((after != 0).any()):
            break
        tau = tau / 2
    distance = bregman(problem.elastic_net, theta, after, v)
    gap = problem.loss.value(theta) - scalar(problem.loss.infimum, like)
    xp = namespace(gap)
    stuck = at_most(distance, 0 * gap, size(problem.elastic_net, theta, after, v))
    return xp.where(gap > 0, stuck, 0 * gap - 1)


def _left(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    tau: Array,
    coarse_tau: Array,
    xi: Array,
    **change: Any,
) -> Array:
    return contraction(problem, restriction, pair, tau, coarse_tau, xi, eta=0, **change)


def _left_with(**changes: Any) -> Any:
    return lambda problem, restriction, pair, tau, coarse_tau, xi: _left(
        problem, restriction, pair, tau, coarse_tau, xi, **changes
    )


_SPARSE = families.problems(losses=("quadratic", "least_squares", "finite_sum", "logistic"), regularizers=("l1", "group_l2"),
                            max_dimension=3)  # fmt: skip


@claim(
    "lunk2026/thm-4.1-sparse",
    title="Theorem 4.1 for the regularizers of the experiments",
    statement=r"J = \lambda\|\cdot\|_1 \text{ or } \lambda\sum_g \sqrt{n_g}\|\cdot\|_2,\; \nabla\mathcal L(0) \ne 0:\quad "
    r"\exists\, \rho, \eta > 0 \text{ with (11) and (12), and theorem 4.1 holds}",
    source=f"{SOURCE}, theorem 4.1, for the J of section 5",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "exact gradients on the fine level", "without it: noise there, too", margin=_left_with(fine_noise=True)
        ),
        Hypothesis("E‖ĝ − ∇L̂‖² ≤ σ²", "just outside: σ²/2", margin=_left_with(variance=Fraction(1, 2))),
    ),
    mutants=(
        Mutant("no variance term", margin=_left_with(variance=0)),
        Mutant("1/(2τ̂) − 𝖫 counted five times", margin=_left_with(gain=5)),
        planted.ASCENT,
        planted.FORGETFUL_PROLONGATION,
        planted.NO_FROZEN_THETA,
    ),
    void=lambda problem, restriction, pair, tau, coarse_tau, xi: assumption_2_fails_at_zero(problem, tau),
)
@given(**{**GIVEN, "problem": UnsolvedByZero(_SPARSE)})
def thm_4_1_sparse(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> Array:
    """Assumption 2 is void for ℓ₁ and group ℓ₁,₂ whenever 0 does not minimise a convex L: the pair θ = v = 0, where a run
    that begins empty starts, violates (11) or (12) for all ρ, η > 0. Freezing does not help: a step of small τ there moves v and
    not θ. The margin is what is left of the theorem with r_k = 1: no contraction, but a decrease up to the variance. What
    does hold for sparse regularizers is thm-4.1-sparse-repaired."""
    return _left(problem, restriction, pair, tau, coarse_tau, xi)


#: The window of thm-4.1-sparse-repaired: cycles, and coarse steps in each.
CYCLES, COARSE_STEPS = 2, 2


def largest_subgradient(problem: Problem, pair: PrimalDual) -> Array:
    """Λ² = sup ‖p‖² over all subgradients of J; where J has unbounded ones, ‖p‖² of the pair in its place. Shape (batch,)."""
    own = square_norm(problem.elastic_net.p(pair))
    if isinstance(problem.regularizer, L1):
        return 0 * own + scalar(problem.regularizer.lam, own) ** 2 * problem.dimension
    if isinstance(problem.regularizer, GroupL2):
        lam, weights = problem.regularizer.lam, problem.regularizer.weights
        if weights is None:  # √n_g
            return 0 * own + scalar(lam, own) ** 2 * problem.dimension
        return 0 * own + scalar(lam, own) ** 2 * sum(scalar(weight, own) ** 2 for weight in weights)
    return own


def _window(
    problem: Problem,
    pair: PrimalDual,
    tau: Array,
    coarse_tau: Array,
    *,
    drift: Any = 32,
    move: Any = 16,
    curve: Any = 4,
) -> Array:
    settings = multilevel.Multilevel(coarse_steps=COARSE_STEPS)
    trace = multilevel.run(problem, settings, pair, tau, coarse_tau, CYCLES)
    delta, ell = scalar(problem.delta, tau), scalar(problem.loss.lipschitz, tau)
    fine, whole = CYCLES * tau, CYCLES * (tau + COARSE_STEPS * coarse_tau)
    fall = trace.losses[0] - trace.losses[-1]
    theta = trace.thetas[-1]
    left = square_norm(problem.loss.gradient(theta))
    drifted = scalar(drift, tau) * largest_subgradient(problem, pair) / fine**2
    factor = scalar(move, tau) * whole / (delta * fine**2) + scalar(curve, tau) * ell**2 * delta * whole**2 / fine
    rounding = factor * (abs(trace.losses[0]) + inner(abs(problem.loss.gradient(theta)), abs(theta)))
    return at_most(left, drifted + factor * fall, drifted, rounding)


def _window_with(**changes: Any) -> Any:
    return lambda problem, pair, tau, coarse_tau: _window(problem, pair, tau, coarse_tau, **changes)


def _window_proof() -> Proof:
    tau, delta, ell, fine, whole, smooth = symbols("tau", "delta", "ell", "T", "S", "L_rel", positive=True)
    g_g, e_e, e_g, v_v, v_g, fall, bound, p_p, t_t, p_t = symbols(
        "|g|^2",
        "|e|^2",
        "<e,g>",
        "|dv|^2",
        "<dv,g>",
        "fall",
        "Lambda^2",
        "|dp|^2",
        "|dtheta|^2",
        "<dp,dtheta>",
    )
    half = (g_g + e_g) - (g_g / 2 - e_e / 2)
    quarter = (g_g + e_g) - (-e_e / 4)
    young = fine / 4 * g_g + v_v / fine - v_g
    summed = v_g + ell**2 * delta * whole**2 * fall - fine / 2 * g_g
    end = 4 / fine**2 * v_v + 4 * ell**2 * delta * whole**2 / fine * fall - g_g
    spread = p_p + 2 * p_t / delta + t_t / delta**2
    return Proof(
        (
            Step(
                "each step lets the loss fall by at least ‖d‖²/(2δτ): (1/δτ)(1 − 𝖫τ/2) − 1/(2δτ) = (1 − 𝖫τ)/(2δτ) ≥ 0",
                (1 - smooth * tau / 2) / (delta * tau) - 1 / (2 * delta * tau) - (1 - smooth * tau) / (2 * delta * tau),
            ),
            Step(
                "a fine step, e = ∇L(θʲ) − g: ⟨g + e, g⟩ − ½‖g‖² + ½‖e‖² = ½‖g + e‖² ≥ 0",
                half - (g_g + 2 * e_g + e_e) / 2,
            ),
            Step(
                "a coarse step, on its coordinates: ⟨g + e, g⟩ + ¼‖e‖² = ‖g + e/2‖² ≥ 0",
                quarter - (g_g + e_g + e_e / 4),
            ),
            Step(
                "Young: (T/4)‖g‖² + ‖Δv‖²/T − ⟨Δv, g⟩ = ‖(T/2)g − Δv‖²/T ≥ 0",
                young - (fine**2 / 4 * g_g - fine * v_g + v_v) / fine,
            ),
            Step(
                "(4/T)·(the sum over the steps + Young's) is the bound on ‖g‖² by ‖Δv‖²",
                end - 4 / fine * (summed + young),
            ),
            Step(
                "2‖Δp‖² + 2‖Δθ‖²/δ² − ‖Δv‖² = ‖Δp − Δθ/δ‖² ≥ 0 for Δv = Δp + Δθ/δ",
                2 * p_p + 2 * t_t / delta**2 - spread - (p_p - 2 * p_t / delta + t_t / delta**2),
            ),
            Step(
                "with ‖Δp‖² ≤ 4Λ² and ‖Δθ‖² ≤ S·Σ‖d‖²/τ ≤ 2δS·fall: 4‖Δv‖²/T² ≤ 32Λ²/T² + 16S·fall/(δT²)",
                4 / fine**2 * (2 * 4 * bound + 2 / delta**2 * 2 * delta * whole * fall)
                - (32 * bound / fine**2 + 16 * whole * fall / (delta * fine**2)),
            ),
        ),
        "g = ∇L(θⁿ) at the end of the window, Δv = v⁰ − vⁿ = Σ τ_j M_j∇L(θʲ) with M_j = I or PR. The two kinds of steps add up to "
        "⟨Δv, g⟩ ≥ (T/2)‖g‖² − ½Σ τ_j‖e_j‖², and ‖e_j‖² ≤ ℓ²‖θʲ − θⁿ‖² ≤ ℓ²·S·2δ·fall. Over all windows of W cycles the falls add "
        "up to at most W·(L(θ⁰) − L*), so they tend to 0 and lim sup ‖∇L(θᵏ)‖ ≤ √32·Λ/(Wτ) for every W: ∇L(θᵏ) → 0.",
    )


_BOUNDED = families.problems(regularizers=("zero", "l1", "group_l2"), max_dimension=3)


@claim(
    "lunk2026/thm-4.1-sparse-repaired",
    title="ML LinBreg finds critical points when the subgradients of J are bounded",
    statement=r"\|\nabla\mathcal L(\theta^{n})\|^2 \le \frac{32\Lambda^2}{T^2} + \Bigl(\frac{16 S}{\delta T^2} "
    r"+ \frac{4\ell^2\delta S^2}{T}\Bigr)\bigl(\mathcal L(\theta^{0}) - \mathcal L(\theta^{n})\bigr), \qquad "
    r"\nabla\mathcal L(\theta^k) \to 0; \quad \Lambda = \sup_{\partial J}\|p\|,\; T = \textstyle\sum \tau^k,\; "
    r"S = T + \sum \hat\tau^{k,i}",
    source=f"ours, after {SOURCE}, theorem 4.1",
    hypotheses=(
        Hypothesis(
            "bounded subgradients",
            "Λ < ∞, as for ℓ₁ and group ℓ₁,₂; without it: J = χ of [0, ∞)ᵈ, with Λ that of the first p",
            without={"problem": families.problems(regularizers=("nonnegative",), max_dimension=3)},
        ),
        Hypothesis(
            "τ, τ̂ ≤ 1/(ℓδ)", "∇L is ℓ-Lipschitz and the step sizes know it; without it: up to 6/(ℓδ)",
            without={"tau": families.step_sizes(at_most=6), "coarse_tau": families.step_sizes(at_most=6)},
        ),
    ),
    mutants=(
        Mutant("no drift of the subgradient", margin=_window_with(drift=0)),
        Mutant("the fall of the loss does not count", margin=_window_with(move=0, curve=0)),
        Mutant("a hundredth of all three constants",
               margin=_window_with(drift=Fraction(32, 100), move=Fraction(16, 100), curve=Fraction(4, 100))),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
    ),
    proof=_window_proof,
)  # fmt: skip
@given(
    problem=_BOUNDED,
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
    coarse_tau=families.step_sizes(),
)
def thm_4_1_sparse_repaired(problem: Problem, pair: PrimalDual, tau: Array, coarse_tau: Array) -> Array:
    """What holds for the whole procedure with sparse regularizers, exact gradients and changing supports, for losses that need be
    neither convex nor Polyak–Łojasiewicz: a gradient that persists moves v in one direction, and v stays within Λ + ‖θ‖/δ, so θ
    must move and the loss must fall. With windows of K^{1/4} cycles, min ‖∇L‖ = O(K^{−1/4}); for convex L with bounded level
    sets, and for a Polyak–Łojasiewicz L, hence L(θᵏ) → L*. The constants are not sharp. One window of two cycles with two
    coarse steps each, the support selected anew in each cycle."""
    return _window(problem, pair, tau, coarse_tau)
