"""bungert2021 (v1), section 3.1: theorem 3.4, decay of the loss with momentum, and remark 3.5.

The theorem is about (3.7), which differs from (2.14) by a misprint (eq-3.7-vs-2.14), and it is stated for stochastic gradients.
So it is judged as printed, in the reading (2.14) with noise, in the reading (2.14) without noise, and repaired.

Every state (θ, v, m) is an iterate: the noise of the step before may have been anything, and so m = (1 − β)τg.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import momentum
from ....solvers.momentum import MomentumState
from ....theory import inequalities
from ....theory.arrays import Array, scalar, square_norm
from ....theory.elastic_net import PrimalDual
from ....theory.margins import least
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.inertia import Betas
from ...proof import Proof, Step, symbols
from .. import planted
from .inertia import ascending, heavy, heavy_as_printed
from .loss_decay import SOURCE
from .momentum_paths import inertial_decay, monotone, next_states, start_state

#: Steps of (3.7) as printed: the first does not move and the second repeats the gradient of the first.
STEPS = 3

STATEMENT = (
    r"(1-\beta)\,\mathbb E\,\mathcal L(\theta^{+}) + \tfrac1\tau \mathbb E\, D^{sym}_J(\theta^{+}, \theta) "
    r"+ \tfrac{2 - (1-\beta)\ell\tau\delta}{2\tau\delta}\, \mathbb E\|\theta^{+} - \theta\|^2 \le (1-\beta)\,\mathbb E\,"
    r"\mathcal L(\theta) - \tfrac{\beta}{\tau}\, \mathbb E\langle m, \theta^{+} - \theta\rangle"
)


def _on_paths(problem: Problem, pair: PrimalDual, tau: Array, beta: Array, xi: Array) -> dict[str, Array]:
    """(3.8), (3.9) and D^sym ≥ 0 in each of the first steps of (3.7) as printed, expectations over all paths."""
    state, found = start_state(pair), []
    for _ in range(STEPS):
        before, state = next_states(problem, state, tau, beta, xi, momentum.step_as_printed)
        sides = inertial_decay(problem, before, state, tau, beta)
        margins = {name: side.margin() for name, side in sides.items()}
        found.append({**margins, "D^sym ≥ 0": monotone(problem, before, state)})
    return {name: least([margins[name] for margins in found]) for name in found[0]}


def _one_step(
    problem: Problem,
    pair: PrimalDual,
    m: Array,
    tau: Array,
    beta: Array,
    xi: Array,
    *,
    variance: Any = 0,
    **change: Any,
) -> dict[str, Array]:
    """(3.8) and (3.9) + variance·(1 − β)²δτσ² for one step of (2.14), expectations over the outcomes."""
    before, after = next_states(problem, start_state(pair, m), tau, beta, xi, momentum.step)
    slack = variance * (1 - beta) ** 2 * scalar(problem.delta, tau) * tau * inequalities.expectation(square_norm(xi))
    sides = inertial_decay(problem, before, after, tau, beta, **change)
    return {**{name: side.margin(slack) for name, side in sides.items()}, "D^sym ≥ 0": monotone(problem, before, after)}


_STATES = {
    "problem": families.problems(max_dimension=4),
    "pair": families.primal_dual_pairs(),
}
_UNRELATED = Hypothesis(
    "v is a subgradient", "v ∈ ∂J_δ(θ); without it: any v", without={"pair": families.unrelated_pairs()}
)


@claim(
    "bungert2021/thm-3.4",
    title="Inertial loss decay, with the iteration as printed",
    statement=STATEMENT + r", \qquad \text{(3.9): } (1-\beta)\big(\mathbb E\,\mathcal L(\theta^+) - \mathbb E\,"
    r"\mathcal L(\theta)\big) \le -\tfrac\beta\tau\,\mathbb E\langle m, \theta^+ - \theta\rangle \text{ for } \tau \le "
    r"\tfrac{2}{(1-\beta)\delta\ell}",
    source=f"{SOURCE}, theorem 3.4, (3.8), (3.9), for (3.7) as printed",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz", why="both conclusions fail with it, too"),
    ),
    mutants=(
        planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA,
        Mutant("the dual variable jumps back to 0", patch=(momentum, "step_as_printed", lambda net, state, gradient, tau, beta:
               MomentumState(net.mirror_map(-state.v), 0 * state.v, heavy_as_printed(net, state, gradient, tau, beta).m))),
    ),
)  # fmt: skip
@given(**_STATES, tau=families.step_sizes(at_most=2), beta=Betas(), xi=families.noise())
def thm_3_4(problem: Problem, pair: PrimalDual, tau: Array, beta: Array, xi: Array) -> dict[str, Array]:
    """The first three steps from m⁰ = 0, all paths of the noise. In (3.7) as printed v⁺ = v − m: then D^sym_J = −⟨m, d⟩ − ‖d‖²/δ
    for d = θ⁺ − θ has no gradient of this step in it, and (3.8) fails without any noise. The other readings are
    thm-3.4-as-2.14 (the same with noise), thm-3.4-deterministic and thm-3.4-repaired."""
    return _on_paths(problem, pair, tau, beta, xi)


@claim(
    "bungert2021/thm-3.4-printed-without-noise",
    title="Inertial loss decay, with the iteration as printed and exact gradients",
    statement=STATEMENT.replace(r"\mathbb E\,", "").replace(r"\mathbb E", ""),
    source=f"{SOURCE}, theorem 3.4, (3.8), for (3.7) as printed, σ = 0",
    hypotheses=(
        Hypothesis("three steps", "the iterates k = 0, 1, 2, 3",
                   why="the first step does not move, and in the second (3.8) holds when the step sizes are equal"),
    ),
    mutants=(planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA),
)  # fmt: skip
@given(**_STATES, tau=families.step_sizes(at_most=2), beta=Betas())
def thm_3_4_without_noise(problem: Problem, pair: PrimalDual, tau: Array, beta: Array) -> dict[str, Array]:
    """The failure of theorem 3.4 for (3.7) as printed has nothing to do with noise."""
    return _on_paths(problem, pair, tau, beta, 0 * pair.v[..., None, :])


@claim(
    "bungert2021/thm-3.4-as-2.14",
    title="Inertial loss decay, with the momentum form (2.14)",
    statement=STATEMENT,
    source=f"{SOURCE}, theorem 3.4, (3.8), (3.9), for (2.14) with stochastic gradients",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside, without noise: curvature ℓ is claimed to be 0.9·ℓ",
                   margin=lambda problem, pair, m, tau, beta, xi: _one_step(
                       problem, pair, m, tau, beta, 0 * xi, share=Fraction(9, 10))["(3.8)"]),
    ),
    mutants=(
        planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA,
        Mutant("v⁺ ∉ ∂J_δ(θ⁺): θ⁺ from −v⁺", patch=(momentum, "step", lambda net, state, gradient, tau, beta:
               MomentumState(net.mirror_map(-state.v), heavy(net, state, gradient, tau, beta).v, state.m))),
    ),
)  # fmt: skip
@given(**_STATES, m=families.vectors(), tau=families.step_sizes(at_most=2), beta=Betas(), xi=families.noise())
def thm_3_4_as_2_14(
    problem: Problem, pair: PrimalDual, m: Array, tau: Array, beta: Array, xi: Array
) -> dict[str, Array]:
    """With m⁺ in (3.7d), for any state (θ, v, m). The error of theorem 3.2 is here, too: θ⁺ depends on g, so E⟨g, θ⁺ − θ⟩ is not
    E⟨∇L(θ), θ⁺ − θ⟩. The noise costs (1 − β)²δτσ², see thm-3.4-repaired."""
    return _one_step(problem, pair, m, tau, beta, xi)


def _stretched(tau: Array, beta: Array) -> Array:
    """τ in units of 1/((1 − β)𝖫)."""
    return tau / (1 - beta)


def _exact_gradient(
    problem: Problem, pair: PrimalDual, m: Array, tau: Array, beta: Array, **change: Any
) -> dict[str, Array]:
    return _one_step(problem, pair, m, _stretched(tau, beta), beta, 0 * pair.v[..., None, :], **change)


def _lemma(L0: Any, L1: Any, n_d: Any, ell: Any, d_d: Any) -> Any:
    return L0 + n_d + ell / 2 * d_d - L1


def _deterministic_proof() -> Proof:
    tau, delta, ell = symbols("tau", "delta", "ell", positive=True)
    beta, L0, L1, m_d, g_d, d_d = symbols("beta", "L(theta)", "L(theta_+)", "<m,d>", "<g,d>", "|d|^2")
    keep = 1 - beta
    sym = -(beta * m_d + keep * tau * g_d) - d_d / delta
    square = (2 - keep * ell * tau * delta) / (2 * tau * delta) * d_d
    margin = keep * L0 - beta / tau * m_d - keep * L1 - sym / tau - square
    decay = -beta / tau * m_d - keep * (L1 - L0)
    return Proof(
        (
            Step("with d = θ⁺ − θ: D^sym_J = ⟨p⁺ − p, d⟩ = −⟨βm + (1 − β)τg, d⟩ − ‖d‖²/δ, so the margin of (3.8) is 1 "
                 "− β times the "
                 "margin of the descent lemma", margin - keep * _lemma(L0, L1, g_d, ell, d_d)),
            Step("the margin of (3.9) is that of (3.8) plus D^sym_J/τ plus (2 − (1 − β)ℓτδ)/(2τδ)·‖d‖²",
                 decay - (margin + sym / tau + square)),
            Step("at τ = 2/((1 − β)δℓ) the last factor vanishes",
                 ((2 - keep * ell * tau * delta) / (2 * tau * delta)).subs(tau, 2 / (keep * delta * ell))),
        ),
        "All summands are ≥ 0: the descent lemma by assumption 1, D^sym_J by v ∈ ∂J_δ(θ), the last one for τ ≤ 2/((1 − β)δℓ). "
        "(3.8) itself needs neither the step size nor v ∈ ∂J_δ(θ).",
    )  # fmt: skip


@claim(
    "bungert2021/thm-3.4-deterministic",
    title="Inertial loss decay without noise",
    statement=STATEMENT.replace(r"\mathbb E\,", "").replace(r"\mathbb E", "") + r",\quad \text{(3.9) for } \tau \le "
    r"\tfrac{2}{(1-\beta)\delta\ell}",
    source=f"ours, after {SOURCE}, theorem 3.4, for (2.14) with exact gradients",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be 0.9·ℓ",
                   margin=lambda problem, pair, m, tau, beta: _exact_gradient(
                       problem, pair, m, tau, beta, share=Fraction(9, 10))["(3.8)"]),
        Hypothesis("τ ≤ 2/((1−β)δℓ)", "for (3.9); without it: twice that", without={"tau": families.step_sizes(at_most=4)}),
        _UNRELATED,
    ),
    mutants=(
        Mutant("the momentum term with the wrong sign", margin=lambda problem, pair, m, tau, beta: _exact_gradient(
            problem, pair, m, tau, beta, momentum_sign=-1)),
        Mutant("without the momentum term", margin=lambda problem, pair, m, tau, beta: _exact_gradient(
            problem, pair, m, tau, beta, momentum_sign=0)),
        Mutant("losses without the factor 1 − β", margin=lambda problem, pair, m, tau, beta: _exact_gradient(
            problem, pair, m, tau, beta, weight=1)),
        Mutant("m⁺ without the factor 1 − β", patch=(momentum, "step", heavy)),
        Mutant("(3.7) as printed", patch=(momentum, "step", momentum.step_as_printed)),
        Mutant("m⁺ = βm − (1 − β)τg", patch=(momentum, "step", ascending)),
        planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA,
    ),
    proof=_deterministic_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="(3.9)"),
)  # fmt: skip
@given(**_STATES, m=families.vectors(), tau=families.step_sizes(at_most=2), beta=Betas())
def thm_3_4_deterministic(problem: Problem, pair: PrimalDual, m: Array, tau: Array, beta: Array) -> dict[str, Array]:
    """For any state (θ, v, m); the drawn τ is in units of 1/((1 − β)𝖫). (3.8) is 1 − β times the descent lemma, and its step-size
    limit is sharp: with m = 0, J = 0 a step of (2.14) is a gradient step of length (1 − β)δτ."""
    return _exact_gradient(problem, pair, m, tau, beta)


def _repaired_proof() -> Proof:
    tau, delta, ell = symbols("tau", "delta", "ell", positive=True)
    beta, L0, L1, m_d, g_d, n_d, d_d = symbols("beta", "L(theta)", "L(theta_+)", "<m,d>", "<g,d>", "<grad,d>", "|d|^2")
    x_x, x_D, D_D, s = symbols("|xi|^2", "<xi,Delta>", "|Delta|^2", "s")
    keep = 1 - beta
    sym = -(beta * m_d + keep * tau * g_d) - d_d / delta
    square = (2 - keep * ell * tau * delta) / (2 * tau * delta) * d_d
    margin = keep * L0 - beta / tau * m_d - keep * L1 - sym / tau - square
    return Proof(
        (
            Step("for one outcome the margin of (3.8) is 1 − β times (the margin of the descent lemma plus ⟨g − ∇L(θ), d⟩)",
                 margin - keep * (_lemma(L0, L1, n_d, ell, d_d) + (g_d - n_d))),
            Step("with s = (1 − β)τ, θ̄ the step without noise and Δ = θ̄ − θ⁺: δs‖ξ‖² − ⟨ξ, Δ⟩ = (‖δsξ − Δ‖² + "
                 "(δs⟨ξ, Δ⟩ − ‖Δ‖²))/(δs), "
                 "and δs⟨ξ, Δ⟩ ≥ ‖Δ‖² because prox_{δJ} is firmly non-expansive",
                 (delta * s * x_x - x_D)
                 - ((delta**2 * s**2 * x_x - 2 * delta * s * x_D + D_D) + (delta * s * x_D - D_D)) / (delta * s)),
            Step("1 − β times δs is (1 − β)²δτ", (keep * delta * s).subs(s, keep * tau) - keep**2 * delta * tau),
        ),
        "E⟨ξ, θ̄ − θ⟩ = 0 because neither θ̄ nor m depends on ξ, so (1 − β)E⟨ξ, d⟩ ≥ −(1 − β)²δτσ². For J = 0 and "
        "equal curvatures all "
        "summands vanish: (1 − β)²δτσ² is sharp.",
    )  # fmt: skip


@claim(
    "bungert2021/thm-3.4-repaired",
    title="Inertial loss decay with the variance that the noise costs",
    statement=STATEMENT + r" + (1-\beta)^2\,\delta\tau\sigma^2 \quad\text{for (2.14)}",
    source=f"ours, after {SOURCE}, theorem 3.4",
    hypotheses=(
        Hypothesis("the variance term (1−β)²δτσ²", "σ² = E‖g − ∇L(θ)‖²; just outside: 0.9 times that",
                   margin=lambda problem, pair, m, tau, beta, xi: _one_step(
                       problem, pair, m, tau, beta, xi, variance=scalar(Fraction(9, 10), tau))["(3.8)"]),
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be 0.9·ℓ",
                   margin=lambda problem, pair, m, tau, beta, xi: _one_step(
                       problem, pair, m, tau, beta, 0 * xi, variance=1, share=Fraction(9, 10))["(3.8)"]),
        Hypothesis("the iteration (2.14)", "v⁺ = v − m⁺; without it: v⁺ = v − m, and all of m", margin=lambda problem, pair, m, tau,
                   beta, xi: _printed_step(problem, pair, m, tau, beta, xi)),
        _UNRELATED,
    ),
    mutants=(
        Mutant("(1 − β)³ in the variance term", margin=lambda problem, pair, m, tau, beta, xi: _one_step(
            problem, pair, m, tau, beta, xi, variance=1 - beta)),
        Mutant("half the variance", margin=lambda problem, pair, m, tau, beta, xi: _one_step(
            problem, pair, m, tau, beta, xi, variance=scalar(Fraction(1, 2), tau))),
        Mutant("the momentum term with the wrong sign", margin=lambda problem, pair, m, tau, beta, xi: _one_step(
            problem, pair, m, tau, beta, xi, variance=1, momentum_sign=-1)),
        Mutant("m⁺ without the factor 1 − β", patch=(momentum, "step", heavy)),
        Mutant("(3.7) as printed", patch=(momentum, "step", momentum.step_as_printed)),
        Mutant("m⁺ = βm − (1 − β)τg", patch=(momentum, "step", ascending)),
        planted.NEGATIVE_SYMMETRIC, planted.PROX_OF_V, planted.DELTA_LAMBDA,
    ),
    proof=_repaired_proof,
)  # fmt: skip
@given(**_STATES, m=families.vectors(), tau=families.step_sizes(at_most=2), beta=Betas(), xi=families.noise())
def thm_3_4_repaired(
    problem: Problem, pair: PrimalDual, m: Array, tau: Array, beta: Array, xi: Array
) -> dict[str, Array]:
    """The weakest repair, with σ² the variance of this step's gradient: momentum damps its cost by (1 − β)². For any state
    (θ, v, m), so also on average over the states that a run has reached. β = 0 is thm-3.2-repaired."""
    return _one_step(problem, pair, m, tau, beta, xi, variance=1)


def _printed_step(problem: Problem, pair: PrimalDual, m: Array, tau: Array, beta: Array, xi: Array) -> Array:
    before, after = next_states(problem, start_state(pair, m), tau, beta, xi, momentum.step_as_printed)
    slack = (1 - beta) ** 2 * scalar(problem.delta, tau) * tau * inequalities.expectation(square_norm(xi))
    return inertial_decay(problem, before, after, tau, beta)["(3.8)"].margin(slack)
