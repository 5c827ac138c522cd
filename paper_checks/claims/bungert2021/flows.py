"""bungert2021 (v1), section 2: the flows as limits of the iterations, with explicit constants.

The right-hand side of (2.10), F(v) = −∇L(prox_{δJ}(δv)), is Lipschitz with constant 𝖫 = ℓδ, and LinBreg is the explicit Euler
method v⁺ = v + τF(v). One step of τ and two steps of τ/2 differ by at most 𝖫τ²‖F(v)‖/4, and the rest is Gronwall's lemma; all
constants are rational, so that convergence with order 1 is judged on Fractions, without following the flow itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....solvers import bregman_iteration, linbreg
from ....theory import flows, inequalities
from ....theory.arrays import Array, column, is_exact, largest, scalar, square_norm
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Groups
from ....theory.losses import Quadratic
from ....theory.margins import at_most, equal_vectors, least
from ....theory.problems import Problem
from ....theory.regularizers import L1
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, StepSizeLimit, claim, given
from ...families.denoising import Denoising, Times
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE

#: How many steps of τ a run takes; the finer run takes twice as many of τ/2.
STEPS = 3


def _run(problem: Problem, pair: PrimalDual, tau: Array, steps: int) -> list[PrimalDual]:
    iterates = [pair]
    for _ in range(steps):
        pair = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
        iterates.append(pair)
    return iterates


def _rounding(v: Array) -> Array:
    """What keeps the rounding of a squared distance, some (1e-16·‖v‖)², below the tolerance; nothing on Fractions."""
    return 0 * square_norm(v) if is_exact(v) else 1e-6 * square_norm(v)


def _halving(
    problem: Problem, pair: PrimalDual, tau: Array, *, share: Any = 1, order: int = 1, factor: Any = 1
) -> dict[str, Array]:
    """‖v^τ_k − v^{τ/2}_{2k}‖ ≤ (𝖫kτ²/4)(1 + 𝖫τ/2)^{2(k−1)}‖∇L(θ⁰)‖ for k = 1 … STEPS, and the same for θ with a factor δ."""
    like = pair.v
    smooth = scalar(share, like) * scalar(problem.relative_smoothness, like)
    delta, half = scalar(problem.delta, like), scalar(2, like)
    coarse, fine = _run(problem, pair, tau, STEPS), _run(problem, pair, tau / half, 2 * STEPS)
    slope = square_norm(problem.loss.gradient(pair.theta))
    dual, primal, euler = [], [], []
    for k in range(1, STEPS + 1):
        # an order of 2 would have another factor 𝖫τ
        bound = (
            factor * smooth * k * tau**2 / 4 * (1 + smooth * tau / 2) ** (2 * (k - 1)) * (smooth * tau) ** (order - 1)
        )
        size = _rounding(abs(coarse[k].v) + abs(fine[2 * k].v) + abs(pair.v))
        gap = square_norm(coarse[k].v - fine[2 * k].v)
        dual.append(at_most(gap, bound**2 * slope, size))
        gap = square_norm(coarse[k].theta - fine[2 * k].theta)
        primal.append(at_most(gap, (delta * bound) ** 2 * slope, delta**2 * size))
        before = coarse[k - 1]
        gradient = problem.loss.gradient(before.theta)
        euler.append(equal_vectors((coarse[k].v - before.v) / column(tau), -gradient, abs(coarse[k].v) / column(tau)))
    members = [inequalities.membership(problem.elastic_net, state)["v − θ/δ ∈ ∂J(θ)"] for state in coarse[1:]]
    return {
        "v: halving τ moves by O(τ)": least(dual),
        "θ: halving τ moves by O(τ)": least(primal),
        "(v⁺ − v)/τ = −∇L(θ)": least(euler),
        "v ∈ ∂J_δ(θ)": least(members),
    }


def _limit_proof() -> Proof:
    L, tau, F, k, q = symbols("L_rel", "tau", "|F(v)|", "k", "q", positive=True)
    local = L * tau**2 / 4 * F
    return Proof(
        (
            Step("‖F(v + (τ/2)F(v)) − F(v)‖ ≤ 𝖫(τ/2)‖F(v)‖: one step of τ and two of τ/2 differ by (τ/2) times this at most",
                 (tau / 2) * (L * (tau / 2) * F) - local),
            Step("one step of τ expands distances by 1 + 𝖫τ ≤ q = (1 + 𝖫τ/2)² at most, and two steps of τ/2 expand ‖F‖ by q",
                 (1 + L * tau / 2) ** 2 - (1 + L * tau) - (L * tau / 2) ** 2),
            Step("so e_{k+1} ≤ q·e_k + q^k·𝖫τ²‖F(v⁰)‖/4, which k·q^{k−1}·𝖫τ²‖F(v⁰)‖/4 solves",
                 q * (k * q ** (k - 1) * local) + q**k * local - (k + 1) * q**k * local),
            Step("with T = kτ the bounds for τ, τ/2, τ/4, … are at most 𝖫Tτ2^{−n}e^{𝖫T}‖F(v⁰)‖/4, a geometric series",
                 L * k * tau / 4 * tau * F * 2 - L * (k * tau) * tau / 2 * F),
        ),
        "F = −∇L∘prox_{δJ}(δ·) is ℓδ-Lipschitz, as the prox is non-expansive. So vᵏ(τ2^{−n}) is a Cauchy sequence at "
        "every T = kτ, "
        "with ‖vᵏ − lim‖ ≤ ½𝖫Te^{𝖫T}‖∇L(θ⁰)‖τ; as v^{k} = v⁰ − Σ τ∇L(θʲ), the limit solves v(T) = v⁰ − ∫₀ᵀ ∇L(θ_t)dt with "
        "v ∈ ∂J_δ(θ), which is (2.10) and has one solution. The order is 1: for J = 0, L = ½θ² one halving attains the bound.",
    )  # fmt: skip


@claim(
    "bungert2021/flow-limit",
    title="LinBreg converges to the flow with order 1",
    statement=r"\theta^{k} \to \theta_t \text{ as } \tau \to 0,\; k\tau = t, \quad \dot v_t = -\nabla\mathcal L(\theta_t),\; "
    r"v_t \in \partial J_\delta(\theta_t): \quad \|v^k - v_t\| \le \tfrac12 \ell\delta t\, e^{\ell\delta t} "
    r"\|\nabla\mathcal L(\theta^0)\|\, \tau",
    source=f"{SOURCE}, section 2.2, (2.10); the constant is ours",
    hypotheses=(
        Hypothesis("assumption 1", "∇L is ℓ-Lipschitz; just outside: curvature ℓ is claimed to be 0.9·ℓ",
                   margin=lambda problem, pair, tau: _halving(
                       problem, pair, tau, share=scalar(1, tau) * 9 / 10)["v: halving τ moves by O(τ)"]),
        Hypothesis("v is a subgradient", "v⁰ ∈ ∂J_δ(θ⁰); without it: any v⁰", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("order 2", margin=lambda problem, pair, tau: _halving(problem, pair, tau, order=2)),
        Mutant("half the constant", margin=lambda problem, pair, tau: _halving(
            problem, pair, tau, factor=scalar(1, tau) / 2)),
        planted.ASCENT, planted.DOUBLE_STEP, planted.HALF_STEP, planted.PRIMAL_STEP, planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
    ),
    proof=_limit_proof,
)  # fmt: skip
@given(
    problem=families.problems(max_dimension=4),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(at_most=1),
)
def flow_limit(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The paper says this without an order or a proof. For every J and every loss with a Lipschitz gradient, convex or not; the
    bound on one halving of τ is judged, exactly, and it is attained for k = 1, J = 0 and a quadratic: no order above 1.
    flow-limit-l1 compares with a flow that is known."""
    return _halving(problem, pair, tau)


def _shifted(problem: Problem) -> Callable[[Array, Array], Array]:
    """∇L for L = ½‖θ − f‖², another f for each instance."""
    return lambda theta, f: problem.loss.gradient(theta - f)


def _lam(problem: Problem, like: Array) -> Any:
    """λ of the ℓ1 norm."""
    assert isinstance(problem.regularizer, L1)
    return scalar(problem.regularizer.lam, like)


def _elastic(problem: Problem, f: Array, tau: Array, *, order: int = 1, factor: Any = 1, steps: int = 6) -> Array:
    """|vᵏ − v(kτ)| ≤ τ|fᵢ| and |θᵏ − θ(kτ)| ≤ δτ|fᵢ| for k = 1 … steps, in every coordinate."""
    net, gradient = problem.elastic_net, _shifted(problem)
    lam, delta = _lam(problem, f), scalar(problem.delta, f)
    pair, margins = PrimalDual(0 * f, 0 * f), []
    for k in range(1, steps + 1):
        pair = linbreg.step(net, pair, gradient(pair.theta, f), tau)
        time = k * tau
        (low, high), since = flows.elastic_flow(f, lam, delta, time)
        released = since > 0
        sign = np.sign(f)
        v_low = np.where(released, lam * sign + low / delta, column(time) * f)
        v_high = np.where(released, lam * sign + high / delta, column(time) * f)
        bound = factor * column(tau) * abs(f) * (delta * column(tau)) ** (order - 1)
        for ours, lower, upper, width in ((pair.v, v_low, v_high, bound), (pair.theta, low, high, delta * bound)):
            distance = np.maximum(abs(ours - lower), abs(ours - upper))
            margins.append(at_most(distance, width, abs(ours), abs(upper)).min(axis=-1))
    return least(margins)


def _bregman(problem: Problem, f: Array, tau: Array, *, steps: int = 4, late: int = 1) -> Array:
    """Bregman iterations are on the flow (2.2) at kτ, except where a release was less than τ ago."""
    lam = _lam(problem, f)
    tau = tau[0]  # one step size for the whole batch: the solver is fast for a number
    pair, margins = PrimalDual(0 * f, 0 * f), []
    for k in range(1, steps + 1):
        # (2.1) for L = ½‖θ − f‖² is (2.1) for ½‖θ‖² with p + τf in the place of p.
        moved = PrimalDual(pair.theta, pair.v + tau * f)
        after = bregman_iteration.argmin(problem, moved, tau)
        p = problem.elastic_net.p(pair) - tau * (after - f)
        pair = PrimalDual(after, p + after / scalar(problem.delta, f))
        theta, dual = flows.bregman_flow(f, lam, k * tau + 0 * f[..., 0])
        released = k * tau * abs(f) - lam  # > 0 after the release, by more than τ|f| when it was longer ago than τ
        recent = (released > 0) & (released <= late * tau * abs(f))
        margins.append(equal_vectors(np.where(recent, theta, pair.theta), theta, f))
        margins.append(equal_vectors(p, dual, tau * f))
    return least(margins)


def _inclusion(problem: Problem, f: Array, tau: Array, t: Array, *, late: int = 1) -> dict[str, Array]:
    """p(t) ∈ ∂J(θ(t)), and p(t) = ∫₀ᵗ (f − θ) ds for the closed form: θ is 0 until its release and constant afterwards."""
    lam = _lam(problem, f)
    theta, p = flows.bregman_flow(f, scalar(late, f) * lam, t)
    distance = largest(p - problem.regularizer.project_subdifferential(theta, p))
    size = np.where(f == 0, 1 + 0 * f, abs(f))
    release = np.where(f == 0, column(t) + 0 * f, np.minimum(scalar(late, f) * lam / size, column(t) + 0 * f))
    integral = release * f + (column(t) - release) * (f - theta)
    return {
        "(2.2): p ∈ ∂J(θ)": at_most(distance, 0 * distance, largest(p)),
        "(2.2): ṗ = f − θ": equal_vectors(p, integral, release * f),
    }


def _closed_forms(problem: Problem, f: Array, tau: Array, t: Array, late: int = 1) -> dict[str, Array]:
    return {
        **_inclusion(problem, f, tau, t, late=late),
        "(2.1) runs on (2.2)": _bregman(problem, f, tau),
        "LinBreg is within τ‖f‖ of (2.10)": _elastic(problem, f, tau),
    }


def _measured() -> tuple[Measurement, ...]:
    """Errors of LinBreg at a fixed time for τ = 2⁻³ … 2⁻¹⁰ and 64 data f: the slope of log error over log τ."""
    rng = np.random.default_rng(0)
    f, lam, delta, time = rng.uniform(0.5, 2, size=(64, 1)), 0.5, 1.0, 2.0
    problem = Problem(Quadratic(np.ones(1)), L1(lam), delta, Groups.singletons(1))
    taus, errors = 2.0 ** -np.arange(3, 11), []
    (low, _), _ = flows.elastic_flow(f, lam, delta, np.full(len(f), time))
    for tau in taus:
        pair = PrimalDual(0 * f, 0 * f)
        for _ in range(round(time / tau)):
            pair = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta - f), tau)
        errors.append(np.abs(pair.theta - low)[:, 0])
    logs = np.log2(np.asarray(errors) + 1e-300)
    slopes = np.polyfit(np.log2(taus), logs, 1)[0]
    mean, spread = slopes.mean(), slopes.std(ddof=1) / np.sqrt(len(slopes))
    worst = float((np.asarray(errors) / (taus[:, None] * np.abs(f[:, 0]))).max())
    how = (
        "64 data f ∈ [½, 2], λ = ½, δ = 1, t = 2, τ = 2⁻³ … 2⁻¹⁰; slope of log error over log τ, mean ± standard error"
    )
    return (
        Measurement("order of convergence of LinBreg to (2.10)", "", f"{mean:.4f} ± {spread:.4f}", how),
        Measurement("largest error / (δτ|f|)", "≤ 1 (ours)", f"{worst:.3f}", "the same runs"),
    )


def _closed_proof() -> Proof:
    import sympy

    t, s, delta, tau, f, lam = sympy.symbols("t s delta tau f lambda", positive=True)
    theta = f * (1 - sympy.exp(-delta * (t - lam / f)))
    x, y = sympy.symbols("x y", real=True)
    return Proof(
        (
            Step("(2.10) after the release (for f > 0): v = λ + θ/δ has v̇ = f − θ",
                 sympy.diff(lam + theta / delta, t) - (f - theta)),
            Step("and starts where v = tf ends, at t = λ/f: θ = 0", theta.subs(t, lam / f)),
            Step("(2.2): p = tf reaches λ at t = λ/f, and θ = f makes ṗ = f − θ vanish", (t * f).subs(t, lam / f) - lam),
            Step("the local error of a step from t to t + τ is ∫(θ(t) − θ(s))ds, at most τ(θ(t + τ) − θ(t)): θ increases. "
                 "These bounds add up to τθ(T) ≤ τ|f|", tau * (x - y) + tau * (y - s) - tau * (x - s)),
            Step("a step does not expand: S(v) = prox_{δJ}(δv) has slopes between 0 and δ, so v − τS(v) has slopes between "
                 "1 − τδ ≥ −1 and 1", (1 - tau * delta) - (1 - tau * x).subs(x, delta)),
        ),
        "So |vᵏ − v(kτ)| ≤ τ|f| in each coordinate for τ ≤ 2/δ and all k, and |θᵏ − θ(kτ)| ≤ δτ|f| as the prox is non-expansive: "
        "order 1, uniformly in time. Bregman iterations: p grows by τf until it would pass λ; that step clips it to λ "
        "and the next "
        "one gives θ = f.",
    )  # fmt: skip


@claim(
    "bungert2021/flow-limit-l1",
    title="The flows of ½‖θ − f‖² with λ‖·‖₁, and the iterations beside them",
    statement=r"\text{(2.2): } \theta_i(t) = f_i \text{ for } t > \lambda/|f_i|, \text{ else } 0; \quad \text{(2.10): } "
    r"\theta_i(t) = f_i\big(1 - e^{-\delta (t - \lambda/|f_i|)_+}\big); \quad |\theta^k_i - \theta_i(k\tau)| \le "
    r"\delta\tau |f_i| \text{ for } \tau \le 2/\delta",
    source=f"ours, after {SOURCE}, (2.2), (2.10)",
    hypotheses=(
        Hypothesis("τ ≤ 2/δ", "for the uniform bound; without it: τ up to 4/δ", without={"tau": families.step_sizes(at_most=4)}),
    ),
    mutants=(
        Mutant("release at 2λ/|f|", margin=lambda problem, f, tau, t: _closed_forms(problem, f, tau, t, late=2)),
        Mutant("order 2", margin=lambda problem, f, tau, t: _elastic(problem, f, tau, order=2)),
        Mutant("a tenth of the constant", margin=lambda problem, f, tau, t: _elastic(
            problem, f, tau, factor=scalar(1, f) / 10)),
        Mutant("no clipping of p at the release", margin=lambda problem, f, tau, t: _bregman(problem, f, tau, late=0)),
        planted.ASCENT, planted.DOUBLE_STEP, planted.PRIMAL_STEP, planted.PROX_OF_V, planted.DELTA_LAMBDA,
    ),
    proof=_closed_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="LinBreg is within τ‖f‖ of (2.10)"),
    measurements=_measured,
)  # fmt: skip
@given(problem=Denoising(), f=families.vectors(), tau=families.step_sizes(at_most=2), t=Times())
def flow_limit_l1(problem: Problem, f: Array, tau: Array, t: Array) -> dict[str, Array]:
    """From θ = 0 and v = 0. On Fractions e^{−x} is enclosed between rationals, and the distance is taken to the farther end.
    The elastic net smears the jump of (2.2) over a time 1/δ; beyond τ = 2/δ LinBreg diverges. Bregman iterations are on (2.2)
    exactly, except within τ after a release."""
    return _closed_forms(problem, f, tau, t)
