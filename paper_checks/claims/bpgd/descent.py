"""The three-point identity of a Bregman proximal gradient step, and its descent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory.arrays import Array, column, inner, scalar, total
from ....theory.margins import at_most, equal
from ....theory.relative_problem import RelativeProblem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.relative import RelativePoints, RelativeProblems
from ...proof import Proof, Step, symbols
from .mirror_steps import ASCENT, DOUBLE_STEP, EUCLIDEAN_STEP, HALF_STEP, NO_MIRROR_MAP, SOURCE, after, raw


def _three_points(problem: RelativeProblem, x: Array, u: Array, tau: Array, factor: Any = 1) -> Array:
    phi, plus, g = problem.reference, after(problem, x, tau), problem.loss.gradient(x)
    distances = phi.divergence(u, x), phi.divergence(u, plus), scalar(factor, x) * phi.divergence(plus, x)
    right = distances[0] - distances[1] - distances[2]
    return equal(tau * inner(g, plus - u), right, *distances, _rounding(problem, x, plus, u, tau))


def _minimises(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> Array:
    plus, g = after(problem, x, tau), problem.loss.gradient(x)
    at_u, at_plus = problem.reference.divergence(u, x), problem.reference.divergence(plus, x)
    return at_most(tau * inner(g, plus - u) + at_plus, at_u, at_plus, _rounding(problem, x, plus, u, tau))


def _rounding(problem: RelativeProblem, x: Array, plus: Array, u: Array, tau: Array) -> Array:
    """Times 1e-16 what the rounding of x⁺, and of what it is made of, does to either side: the scale of the margins."""
    gradient = problem.reference.gradient
    terms = abs(gradient(x)) + abs(gradient(plus)) + abs(column(tau) * problem.loss.gradient(x))
    return total(abs(u - plus) * (1 + terms))


def _exchanged(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> Array:
    phi, plus = problem.reference, after(problem, x, tau)
    right = phi.divergence(u, x) - phi.divergence(u, plus) - phi.divergence(x, plus)
    return equal(tau * inner(problem.loss.gradient(x), plus - u), right, phi.divergence(u, x))


def _three_points_proof() -> Proof:
    phi_u, phi_x, phi_plus, p_u, p_x, p_plus, q_u, q_plus, g_u, g_plus, tau = symbols(
        "φ(u)", "φ(x)", "φ(x⁺)", "⟨p,u⟩", "⟨p,x⟩", "⟨p,x⁺⟩", "⟨p⁺,u⟩", "⟨p⁺,x⁺⟩", "⟨g,u⟩", "⟨g,x⁺⟩", "tau"
    )
    u_x = phi_u - phi_x - (p_u - p_x)  # D(u, x) with p = ∇φ(x)
    plus_x = phi_plus - phi_x - (p_plus - p_x)
    u_plus = phi_u - phi_plus - (q_u - q_plus)  # D(u, x⁺) with p⁺ = ∇φ(x⁺)
    step = {q_u: p_u - tau * g_u, q_plus: p_plus - tau * g_plus}  # p⁺ = p − τg
    return Proof(
        (
            Step(
                "with p⁺ = p − τg inserted, the two sides are the same",
                (u_x - u_plus - plus_x).subs(step) - tau * (g_plus - g_u),
            ),
            Step(
                "so the margin of the minimisation is D(u, x⁺)",
                (tau * g_u + u_x) - (tau * g_plus + plus_x) - u_plus.subs(step),
            ),
        ),
        "The step defines p⁺ = ∇φ(x⁺) = ∇φ(x) − τg. Nothing about f is used; convexity of φ gives D(u, x⁺) ≥ 0.",
    )


@claim(
    "bpgd/three-point",
    title="The three-point identity of a step",
    statement=r"\tau\langle\nabla f(x), x^+ - u\rangle = D_\varphi(u, x) - D_\varphi(u, x^+) - D_\varphi(x^+, x), \quad "
    r"x^+ \in \operatorname*{argmin}_u\, \tau\langle\nabla f(x), u\rangle + D_\varphi(u, x)",
    source=f"{SOURCE}; Chen and Teboulle 1993",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "x⁺ is the mirror step",
            "∇φ(x⁺) = ∇φ(x) − τ∇f(x); just outside: a step with 1.1·τ",
            margin=lambda problem, x, u, tau: equal(
                tau * inner(problem.loss.gradient(x), after(problem, x, 11 * tau / 10) - u),
                problem.reference.divergence(u, x)
                - problem.reference.divergence(u, after(problem, x, 11 * tau / 10))
                - problem.reference.divergence(after(problem, x, 11 * tau / 10), x),
                problem.reference.divergence(u, x),
            ),
        ),
    ),
    mutants=(
        Mutant("1.05·D(x⁺, x)", margin=lambda problem, x, u, tau: _three_points(problem, x, u, tau, Fraction(21, 20))),
        Mutant("D(x, x⁺) in place of D(x⁺, x)", margin=_exchanged),
        ASCENT,
        HALF_STEP,
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
    ),
    proof=_three_points_proof,
)
@given(problem=RelativeProblems(), x=RelativePoints(), u=RelativePoints(closed=True), tau=families.step_sizes())
def three_point(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> dict[str, Array]:
    """An identity for every u in dom φ, its boundary included, every τ > 0 for which the step exists, and any vector in the
    place of the gradient. Every rate below is this identity and the convexity or smoothness of f."""
    return {
        "identity": _three_points(problem, x, u, tau),
        "x⁺ minimises τ⟨∇f(x), u⟩ + D(u, x)": _minimises(problem, x, u, tau),
    }


def _descent(problem: RelativeProblem, x: Array, tau: Array, factor: Any = 1) -> Array:
    plus = after(problem, x, tau)
    gain = scalar(factor, x) * problem.reference.divergence(x, plus) / tau
    before = problem.loss.value(x)
    return at_most(problem.loss.value(plus), before - gain, gain, *raw(problem, x, plus))


def _forward(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    plus = after(problem, x, tau)
    gain = problem.reference.divergence(plus, x) / tau
    return at_most(problem.loss.value(plus), problem.loss.value(x) - gain, gain, *raw(problem, x, plus))


def _descent_proof() -> Proof:
    tau, L = symbols("tau", "L", positive=True)
    f, f_plus, forward, backward = symbols("f(x)", "f(x⁺)", "D(x⁺,x)", "D(x,x⁺)")
    slope = -(forward + backward) / tau  # ⟨∇f(x), x⁺ − x⟩
    smoothness = f + slope + L * forward - f_plus
    return Proof(
        (
            Step(
                "the three-point identity at u = x, where D(u, x) = 0: τ⟨∇f(x), x⁺ − x⟩ = −D(x, x⁺) − D(x⁺, x)",
                tau * slope - (0 - backward - forward),
            ),
            Step(
                "margin of the conclusion = margin of relative smoothness at (x⁺, x) + (1/τ − L) D(x⁺, x)",
                (f - backward / tau - f_plus) - (smoothness + (1 / tau - L) * forward),
            ),
        ),
        "Lφ − f convex gives f(x⁺) ≤ f(x) + ⟨∇f(x), x⁺ − x⟩ + L D(x⁺, x), so the first summand is ≥ 0; the second is by "
        "τ ≤ 1/L and convexity of φ, which also makes the gain D(x, x⁺)/τ ≥ 0. f need not be convex.",
    )


@claim(
    "bpgd/descent",
    title="One step of Bregman proximal gradient decreases f",
    statement=r"f(x^+) \le f(x) - \tfrac1\tau D_\varphi(x, x^+) \quad\text{for } \tau \le 1/L",
    source=SOURCE,
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "relative smoothness",
            "Lφ − f is convex; without it: a quartic, whose gradient is not Lipschitz, with steps up to 1",
            without={"problem": RelativeProblems(("quartic/euclidean",))},
        ),
        Hypothesis(
            "τ ≤ 1/L",
            "the step size; without it: τ up to 3/L, quadratics",
            without={"problem": RelativeProblems(("quadratic/euclidean",)), "tau": families.step_sizes(at_most=3)},
        ),
        Hypothesis(
            "φ is convex",
            "φ is a reference; without it: φ = −½‖·‖² and a linear f, which is 0-smooth relative to it",
            without={"problem": RelativeProblems(("linear/concave",))},
        ),
    ),
    mutants=(
        Mutant("gain 1.05/τ", margin=lambda problem, x, tau: _descent(problem, x, tau, Fraction(21, 20))),
        Mutant("gain D(x⁺, x)/τ: the arguments exchanged", margin=_forward),
        ASCENT,
        DOUBLE_STEP,
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
    ),
    proof=_descent_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0, conclusion="descent"),
)
@given(problem=RelativeProblems(), x=RelativePoints(), tau=families.step_sizes())
def descent(problem: RelativeProblem, x: Array, tau: Array) -> dict[str, Array]:
    """Without convexity of f. Sharp: for f = Lφ + ⟨c, ·⟩, whatever φ is, relative smoothness is an equality and the margin is
    (1/τ − L) D(x⁺, x), so that the limit is 1/L exactly. The gain is D(x, x⁺)/τ; with the arguments exchanged the statement
    is false at τ = 1/L unless D is symmetric, which only quadratic φ make it."""
    gain = problem.reference.divergence(x, after(problem, x, tau))
    return {
        "descent": _descent(problem, x, tau),
        "the gain is ≥ 0": at_most(0 * gain, gain),
    }
