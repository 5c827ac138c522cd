"""lunk2026, corollary 4.2: convergence when the coarse step sizes vanish, and the plateau when they do not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import linbreg
from ....theory import coarse, inequalities
from ....theory.arrays import Array, constant, namespace, scalar, square_norm, total
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.losses import Quadratic
from ....theory.margins import at_most, equal
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.runs import NoiseSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .coarse_phase import coarse_phase
from .convergence import rate
from .transfer import SOURCE

#: Cycles of the long run, whose second moments have a closed recursion, and coarse steps in each cycle.
CYCLES, COARSE_STEPS = 6, 2


def second_moments(
    problem: Problem,
    restriction: Restriction,
    square: Array,
    tau: Array,
    coarse_tau: Array,
    variances: Array,
    fine_variances: Any = 0,
) -> Array:
    """E(θ − θ*)² of each coordinate after one cycle, for J = 0 and a diagonal quadratic; shapes (batch, d), (batch,).

    A step with noise is e⁺ = (1 − δτh)e − δτξ in every coordinate, and ξ is independent of e.
    """
    loss = problem.loss
    assert isinstance(loss, Quadratic)
    delta = scalar(problem.delta, square)
    h, size = delta * constant(loss.curvatures, square), delta * coarse_tau[:, None]
    moved = square
    for _ in range(COARSE_STEPS):
        moved = (1 - h * coarse_tau[:, None]) ** 2 * moved + size**2 * variances
    half = restriction.embed(restriction.restrict(moved), square)
    return (1 - h * tau[:, None]) ** 2 * half + (delta * tau[:, None]) ** 2 * fine_variances


def _gap(problem: Problem, square: Array) -> Array:
    assert isinstance(problem.loss, Quadratic)
    return total(constant(problem.loss.curvatures, square) * square) / 2


def _center(problem: Problem, like: Array) -> Array:
    assert isinstance(problem.loss, Quadratic)
    return constant(problem.loss.center, like) + 0 * like


def _start(problem: Problem, pair: PrimalDual) -> Array:
    return (pair.theta - _center(problem, pair.theta)) ** 2


def _bound(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    tau: Array,
    coarse_tau: Array,
    xi: Array,
    *,
    c: Any = 1,
    eta: Any = 1,
    fine_noise: Any = 0,
) -> Array:
    """The margin of the corollary after `CYCLES` cycles with τ̂^k = τ̂/(k + 1); the worst case, without the sums of theorem 4.1."""
    variances = inequalities.expectation(namespace(xi).moveaxis(xi[:, 0], -2, -1) ** 2)
    sigma = total(restriction.restrict(variances))
    square, r = _start(problem, pair), rate(problem, tau, eta)
    right = first = _gap(problem, square)
    for k in range(CYCLES):
        small = coarse_tau / (k + 1)
        square = second_moments(problem, restriction, square, tau, small, variances, fine_noise * variances)
        noise = scalar(c, tau) * COARSE_STEPS * scalar(problem.delta, tau) / 2 * sigma * small
        right = r * right + r * noise
    return at_most(_gap(problem, square), right, first)


def _recursion(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> Array:
    """E L(θ¹) − L* by the recursion, and by the solver on all paths."""
    start = PrimalDual(pair.theta[:, None], pair.v[:, None])
    both = namespace(xi).stack([xi[:, 0]] * COARSE_STEPS, axis=1)
    phase = coarse_phase(problem, restriction, pair, namespace(tau).stack([coarse_tau] * COARSE_STEPS, axis=-1), both)
    half = coarse.prolong_pair(restriction, phase.end, start)
    after = linbreg.step(problem.elastic_net, half, problem.loss.gradient(half.theta), tau[:, None])
    variances = inequalities.expectation(namespace(xi).moveaxis(xi[:, 0], -2, -1) ** 2)
    moments = second_moments(problem, restriction, _start(problem, pair), tau, coarse_tau, variances)
    found = inequalities.expectation(problem.loss.value(after.theta))
    rounding = scalar(problem.loss.lipschitz, tau) * (
        square_norm(pair.theta) + square_norm(_center(problem, pair.theta))
    )
    return equal(_gap(problem, moments), found, rounding, phase.before)


def _bound_with(**changes: Any) -> Any:
    return lambda problem, restriction, pair, tau, coarse_tau, xi: _bound(
        problem, restriction, pair, tau, coarse_tau, xi, **changes
    )


def _constant_steps(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> Array:
    """lim E L(θᵏ) ≤ L* with constant τ̂: the fixed point of the recursion, coordinate by coordinate."""
    variances = inequalities.expectation(namespace(xi).moveaxis(xi[:, 0], -2, -1) ** 2)
    zero = 0 * pair.theta
    offset = second_moments(problem, restriction, zero, tau, coarse_tau, variances)
    factor = second_moments(problem, restriction, zero + 1, tau, coarse_tau, 0 * variances)
    xp = namespace(offset)
    limit = xp.where(factor < 1, offset / xp.where(factor < 1, 1 - factor, 0 * factor + 1), 0 * offset)
    return at_most(_gap(problem, limit), 0 * tau)


def _summable_steps(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> Array:
    """lim E L(θᵏ) ≤ L* with τᵏ = τ/4^{k+1}, so that r_k → 1, and no coarse steps.

    ∏(1 − x_k)² ≥ 1 − 2Σx_k bounds what is left of the gap after `CYCLES` cycles from below for all later ones.
    """
    nothing = Restriction(problem.groups, ())
    square = _start(problem, pair)
    for k in range(CYCLES):
        square = second_moments(problem, nothing, square, tau / 4 ** (k + 1), coarse_tau, 0 * square)
    rest = 1 - 2 * scalar(problem.relative_smoothness, tau) * tau / (3 * 4**CYCLES)
    return at_most(rest * _gap(problem, square), 0 * tau)


def _proof() -> Proof:
    r, cost, a, b, sup = symbols("r", "cost", "a_k", "bound_k", "sup")
    import sympy

    n = sympy.Symbol("n", integer=True, positive=True)
    geometric = sup * r * (1 - r**n) / (1 - r)
    return Proof(
        (
            Step(
                "one cycle: r(b + cost) − r(a + cost) = r(b − a), so a ≤ b carries over from k to k + 1",
                (r * (b + cost) - r * (a + cost)) - r * (b - a),
            ),
            Step(
                "b_K = r^K b₀ + Σ_{k<K} r^{K−k} cost_k solves b_{k+1} = r(b_k + cost_k): one more cycle, for equal costs",
                r * (r**n * b + geometric + sup) - (r ** (n + 1) * b + sup * r * (1 - r ** (n + 1)) / (1 - r)),
            ),
        ),
        "a_{k+1} ≤ r(a_k + C·max τ̂^{k,i}) is theorem 4.1 without its sum, which is ≥ 0 for τ̂ ≤ 1/(2𝖫). The second sum tends to 0 "
        "with max τ̂: its part over k < K/2 is at most r^{K/2}·C·sup τ̂/(1 − r), the rest at most (r/(1 − r))·C·sup_{k ≥ K/2} max τ̂.",
    )


def plateau(tau: Fraction, coarse_tau: Fraction, steps: int) -> tuple[Fraction, Fraction]:
    """(C r τ̂/(1 − r), lim E L(θᵏ) − L*) for L = ½θ², J = 0, δ = 1, σ = 1 and m = ``steps`` constant coarse steps."""
    predicted = Fraction(steps, 2) * coarse_tau * (1 - tau) / tau
    shrink = (1 - coarse_tau) ** (2 * steps)
    noise = coarse_tau**2 * (1 - shrink) / (1 - (1 - coarse_tau) ** 2)
    fine = (1 - tau) ** 2
    return predicted, fine * noise / (1 - fine * shrink) / 2


def _measurements() -> tuple[Measurement, ...]:
    found = []
    for tau, coarse_tau, steps in ((Fraction(1, 2), Fraction(1, 2), 1), (Fraction(1, 10), Fraction(1, 10), 10),
                                   (Fraction(1, 10), Fraction(1, 10), 99), (Fraction(1, 10), Fraction(1, 1000), 10)):  # fmt: skip
        predicted, measured = plateau(tau, coarse_tau, steps)
        found.append(
            Measurement(
                f"plateau of E L(θᵏ) − L* for τ = {tau}, τ̂ = {coarse_tau}, m = {steps}",
                f"{float(predicted):.4g}",
                f"{float(measured):.4g}",
                f"exact limit for L = ½θ², J = 0, δ = σ = 1; C r τ̂/(1 − r) is {float(predicted / measured):.3g} times as much",
            )
        )
    return tuple(found)


@claim(
    "lunk2026/cor-4.2",
    title="Convergence in expectation for vanishing coarse step sizes",
    statement=r"\mathbb E[\mathcal L(\theta^K) - \mathcal L^*] \le r^K (\mathcal L(\theta^0) - \mathcal L^*) + C \sum_{k<K} "
    r"r^{K-k} \max_i \hat\tau^{k,i}, \quad C = \tfrac{m\delta\sigma^2}{2}; \qquad \max_i \hat\tau^{k,i} \to 0 \Rightarrow "
    r"\mathbb E\,\mathcal L(\theta^k) \to \mathcal L^*",
    source=f"{SOURCE}, corollary 4.2 and its proof",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "max τ̂ → 0",
            "the coarse step sizes vanish; without it: constant τ̂, the limit computed",
            margin=_constant_steps,
        ),
        Hypothesis("r_k ≤ r < 1", "without it: τᵏ = τ/4^{k+1}, so that r_k → 1", margin=_summable_steps),
        Hypothesis(
            "exact gradients on the fine level", "without it: the same noise there", margin=_bound_with(fine_noise=1)
        ),
        Hypothesis("assumption 2 with this η", "just outside: 1.1·η", margin=_bound_with(eta=Fraction(11, 10))),
        Hypothesis("τ ≤ 1/𝖫", "the fine step; without it: up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}),
    ),
    mutants=(
        Mutant("a hundredth of C", margin=_bound_with(c=Fraction(1, 100))),
        Mutant("no noise", margin=_bound_with(c=0)),
        Mutant("r = 1 − 2ηρ/τ", margin=_bound_with(eta=2)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.HALF_STEP,
        planted.NO_FROZEN_THETA,
    ),
    proof=_proof,
    measurements=_measurements,
)
@given(
    problem=families.problems(losses=("quadratic",), regularizers=("zero",), max_dimension=3),
    restriction=families.restrictions(),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
    coarse_tau=families.step_sizes(at_most=Fraction(1, 2)),
    xi=NoiseSequences(1),
)
def cor_4_2(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array
) -> dict[str, Array]:
    """Six cycles with τ̂^k = τ̂/(k + 1) on diagonal quadratics with J = 0, where E‖θᵏ − θ*‖² obeys a closed recursion, which is
    compared with the solver on all paths of one cycle. With constant τ̂ the loss settles on a plateau, which C r τ̂/(1 − r)
    overestimates the more the longer the coarse phase: the bound counts m steps of noise, but contraction forgets them."""
    return {
        "after 6 cycles": _bound(problem, restriction, pair, tau, coarse_tau, xi),
        "recursion = all paths": _recursion(problem, restriction, pair, tau, coarse_tau, xi),
    }
