"""Rates of Bregman proximal gradient: O(1/k) for convex f, and linear under a PL-type inequality at the iterates."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ....theory.arrays import Array, namespace, scalar
from ....theory.margins import at_most, least
from ....theory.relative_problem import RelativeProblem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, StepSizeLimit, claim, given
from ...families.relative import CONVEX, LINEAR, SMOOTH, RelativePoints, RelativeProblems
from ...proof import Proof, Step, symbols
from .mirror_steps import ASCENT, EUCLIDEAN_STEP, HALF_STEP, NO_MIRROR_MAP, SOURCE, STEPS, after, iterates, raw


def _rate(problem: RelativeProblem, x: Array, u: Array, tau: Array, factor: Any = 1) -> Array:
    last, loss = iterates(problem, x, tau)[-1], problem.loss
    bound = scalar(factor, x) * problem.reference.divergence(u, x) / (STEPS * tau)
    return at_most(loss.value(last) - loss.value(u), bound, *raw(problem, last), loss.value(u))


def _one_step(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> Array:
    plus, loss, phi = after(problem, x, tau), problem.loss, problem.reference
    before, left = phi.divergence(u, x) / tau, phi.divergence(u, plus) / tau
    return at_most(loss.value(plus) - loss.value(u), before - left, before, left, loss.value(u), *raw(problem, x, plus))


def _exchanged(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> Array:
    plus, loss, phi = after(problem, x, tau), problem.loss, problem.reference
    bound = (phi.divergence(x, u) - phi.divergence(plus, u)) / tau
    bound = namespace(bound).where(bound == bound, bound, math.inf)  # u on the boundary
    return at_most(loss.value(plus) - loss.value(u), bound, *raw(problem, x, plus), loss.value(u))


def _rate_proof() -> Proof:
    tau, L, k = symbols("tau", "L", "k", positive=True)
    f, f_plus, f_u, slope_u, before, left, forward = symbols(
        "f(x)", "f(x⁺)", "f(u)", "⟨g,u−x⟩", "D(u,x)", "D(u,x⁺)", "D(x⁺,x)"
    )
    slope_plus = slope_u + (before - left - forward) / tau  # ⟨g, x⁺ − x⟩ by the three-point identity
    convexity = f_u - f - slope_u
    smoothness = f + slope_plus + L * forward - f_plus
    one_step = (before - left) / tau - (f_plus - f_u)
    f_k, f_next, D_0, D_k, D_next = symbols("f(xᵏ)", "f(xᵏ⁺¹)", "D(u,x⁰)", "D(u,xᵏ)", "D(u,xᵏ⁺¹)")
    potential = D_0 / tau - k * (f_k - f_u) - D_k / tau
    next_potential = D_0 / tau - (k + 1) * (f_next - f_u) - D_next / tau
    return Proof(
        (
            Step(
                "one step: its margin = convexity at (u, x) + relative smoothness at (x⁺, x) + (1/τ − L) D(x⁺, x)",
                one_step - (convexity + smoothness + (1 / tau - L) * forward),
            ),
            Step(
                "k steps: D(u, x⁰)/τ − k(f(xᵏ) − f(u)) − D(u, xᵏ)/τ grows by k times the descent and the margin of one step",
                next_potential - potential - (k * (f_k - f_next) + (D_k - D_next) / tau - (f_next - f_u)),
            ),
        ),
        "The potential is 0 for k = 0 and never decreases, by bpgd/descent; it is ≥ 0, and D(u, xᵏ) ≥ 0, so k(f(xᵏ) − f(u)) "
        "≤ D(u, x⁰)/τ.",
    )


def _huber_share(steps: int) -> Fraction:
    """(f(xᵏ) − f*)·kτ/D(x*, x⁰) for φ = ½x², L = τ = 1, x⁰ = 1 and the Huber function with threshold 1/(2k + 1)."""
    c, x = Fraction(1, 2 * steps + 1), Fraction(1)
    for _ in range(steps):
        x -= min(x, c)
    return (x * x / 2 if x <= c else c * x - c * c / 2) * steps / Fraction(1, 2)


def _kinked_share(eps: Fraction) -> Fraction:
    """(f(xᵏ) − f(u))·kτ/D(u, x⁰) for f = −x, kτ = 1, x⁰ = 0 and φ′ of slope eps to 1, then to 1 at 1 + eps, then eps.

    xᵏ = 1 + eps and u = 2 + eps. D(u, 0) is the integral of φ′, of which each piece is a trapezium.
    """
    distance = eps / 2 + eps * (eps + 1) / 2 + (2 + eps) / 2
    return 1 / distance


def _sharpness() -> tuple[Measurement, ...]:
    euclidean = ", ".join(str(_huber_share(k)) for k in (1, 2, 3, 10))
    return (
        Measurement(
            "largest share of the bound that was reached with φ = ½‖·‖²",
            "",
            f"{euclidean} for k = 1, 2, 3, 10",
            "k/(2k + 1), exact: Huber functions with threshold 1/(2k + 1) from x⁰ = 1, the worst case of gradient descent by Drori "
            "and Teboulle 2014",
        ),
        Measurement(
            "share of the bound that was reached with another φ, for every k",
            "",
            f"{float(_kinked_share(Fraction(1, 10000))):.4f}",
            "f = −x and a piecewise quadratic φ in one variable with φ″ = ε, (1 − ε)/ε, ε, here ε = 1/10000: tends to 1 with "
            "ε → 0, so that no smaller constant serves all references",
        ),
    )


_QUADRATIC_BEYOND = {"problem": RelativeProblems(("quadratic/euclidean",)), "tau": families.step_sizes(at_most=3)}


@claim(
    "bpgd/rate",
    title="O(1/k) for convex f",
    statement=r"f(x^k) - f(u) \le \frac{D_\varphi(u, x^0)}{k\tau} \quad\text{for all } u \in \operatorname{dom}\varphi,"
    r"\; \tau \le 1/L",
    source=SOURCE,
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "convexity",
            "f is convex; without it: two wells",
            without={"problem": RelativeProblems(("two_wells/euclidean",))},
        ),
        Hypothesis(
            "relative smoothness",
            "Lφ − f is convex; without it: a quartic, whose gradient is not Lipschitz, with steps up to 1",
            without={"problem": RelativeProblems(("quartic/euclidean",))},
        ),
        Hypothesis("τ ≤ 1/L", "the step size; without it: τ up to 3/L, quadratics", without=_QUADRATIC_BEYOND),
    ),
    mutants=(
        Mutant("a third of the bound", margin=lambda problem, x, u, tau: _rate(problem, x, u, tau, Fraction(1, 3))),
        Mutant("D(x, u) − D(x⁺, u): the arguments exchanged", margin=_exchanged),
        ASCENT,
        HALF_STEP,
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
    ),
    proof=_rate_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0, conclusion="one step"),
    measurements=_sharpness,
)
@given(problem=RelativeProblems(CONVEX), x=RelativePoints(), u=RelativePoints(closed=True), tau=families.step_sizes())
def rate(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> dict[str, Array]:
    """For every u, not only a minimiser: it need not exist, and u may lie on the boundary. "One step" is the inequality that
    is summed, f(x⁺) − f(u) ≤ (D(u, x) − D(u, x⁺))/τ: an equality for f = Lφ + ⟨c, ·⟩ and τ = 1/L, where its limit is sharp.
    The constant of the k steps is sharp over all references, not for the Euclidean one: see the measurements."""
    return {"rate": _rate(problem, x, u, tau), "one step": _one_step(problem, x, u, tau)}


def _pl_constant(problem: RelativeProblem, points: list[Array], tau: Array) -> Array:
    """The largest η ≤ 1 with η(f(xᵏ) − f*) ≤ D(xᵏ, xᵏ⁺¹)/τ for all k."""
    loss: Any = problem.loss
    infimum = scalar(loss.infimum, points[0])
    shares = []
    for before, plus in pairwise(points):
        gap, gain = loss.value(before) - infimum, problem.reference.divergence(before, plus) / tau
        where = namespace(gap).where
        shares.append(where(gap > gain, gain / where(gap > gain, gap, 0 * gap + 1), 0 * gap + 1))
    return least(shares)


def _linear(problem: RelativeProblem, points: list[Array], eta: Array, power: int = STEPS) -> Array:
    loss: Any = problem.loss
    infimum = scalar(loss.infimum, points[0])
    start, end = loss.value(points[0]), loss.value(points[-1])
    return at_most(end - infimum, (1 - eta) ** power * (start - infimum), 0 * end + infimum, *raw(problem, *points[:1]))


def _under_pl(
    problem: RelativeProblem, x: Array, tau: Array, stretch: Any = 1, steps: int = STEPS, power: int = 1
) -> Array:
    points = iterates(problem, x, tau, steps)
    return _linear(problem, points, scalar(stretch, x) * _pl_constant(problem, points, tau), power * steps)


def _pl_at_the_start(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    points = iterates(problem, x, tau)
    return _linear(problem, points, _pl_constant(problem, points[:2], tau))


def _any_eta(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    return _linear(problem, iterates(problem, x, tau), scalar(Fraction(1, 2), x))


def _exchanged_pl(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    points = iterates(problem, x, tau)
    return _linear(problem, points, _pl_constant(problem, points[::-1], tau))


def _linear_proof() -> Proof:
    tau, eta = symbols("tau", "eta", positive=True)
    f, f_plus, low, gain = symbols("f(x)", "f(x⁺)", "f*", "D(x,x⁺)")
    descent = f - gain / tau - f_plus
    inequality = gain / tau - eta * (f - low)
    power, gap_0 = symbols("(1−η)ᵏ", "f(x⁰)−f*")
    return Proof(
        (
            Step(
                "(1 − η)(f(x) − f*) − (f(x⁺) − f*) = margin of bpgd/descent + margin of the inequality",
                (1 - eta) * (f - low) - (f_plus - low) - (descent + inequality),
            ),
            Step(
                "induction: the margin of k + 1 steps = (1 − η)·(margin of k steps) + margin of one step",
                (power * (1 - eta) * gap_0 - (f_plus - low))
                - ((1 - eta) * (power * gap_0 - (f - low)) + (1 - eta) * (f - low) - (f_plus - low)),
            ),
        ),
        "1 − η ≥ 0, because the descent and f(x⁺) ≥ f* give D(x, x⁺)/τ ≤ f(x) − f*, unless f(x) = f*, where the run is at its end. "
        "f* may be any lower bound of f.",
    )


@claim(
    "bpgd/linear-pl",
    title="Linear rate under the PL-type inequality",
    statement=r"\eta\,(f(x^i) - f^*) \le \tfrac1\tau D_\varphi(x^i, x^{i+1}) \;\forall i < k"
    r"\;\Longrightarrow\; f(x^k) - f^* \le (1 - \eta)^k (f(x^0) - f^*)",
    source="Elshiaty and Petra, ML BPGD (bpgd under a PL-type inequality)",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "the inequality",
            "D(xⁱ, xⁱ⁺¹)/τ ≥ η(f(xⁱ) − f*) at the iterates; without it: η = ½ and two wells",
            without={"problem": RelativeProblems(("two_wells/euclidean",))},
            margin=_any_eta,
        ),
        Hypothesis(
            "at every iterate",
            "for all i < k; just outside: with the η of x⁰ alone",
            margin=_pl_at_the_start,
        ),
        Hypothesis(
            "relative smoothness",
            "Lφ − f is convex; without it: a quartic, whose gradient is not Lipschitz, with steps up to 1",
            without={"problem": RelativeProblems(("quartic/euclidean",))},
        ),
        Hypothesis("τ ≤ 1/L", "the step size; without it: τ up to 3/L, quadratics", without=_QUADRATIC_BEYOND),
    ),
    mutants=(
        Mutant("(1 − η)²ᵏ", margin=lambda problem, x, tau: _under_pl(problem, x, tau, steps=1, power=2)),
        Mutant("1.1·η", margin=lambda problem, x, tau: _under_pl(problem, x, tau, Fraction(11, 10), steps=1)),
        Mutant("D(xⁱ⁺¹, xⁱ): the arguments exchanged", margin=_exchanged_pl),
        ASCENT,
    ),
    proof=_linear_proof,
)
@given(
    problem=RelativeProblems(tuple(kind for kind in SMOOTH if kind not in LINEAR)),
    x=RelativePoints(),
    tau=families.step_sizes(),
)
def linear_pl(problem: RelativeProblem, x: Array, tau: Array) -> dict[str, Array]:
    """Not convex f included, and f* may be any lower bound. η is the largest that the iterates of the instance allow: the
    hypothesis is about the run. At a critical point that is no minimum η is 0, and nothing is said. One step is an equality
    where f has curvature L along it, relative to φ, and τ = 1/L."""
    return {"k steps": _under_pl(problem, x, tau), "one step": _under_pl(problem, x, tau, steps=1)}
