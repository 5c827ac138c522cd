"""Does strong convexity relative to φ give the PL-type inequality? For the Euclidean reference, and with a longer step."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....theory.arrays import Array, scalar, total
from ....theory.margins import at_most
from ....theory.relative_problem import RelativeProblem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.relative import WITH_MINIMIZER, RelativePoints, RelativeProblems
from ...proof import Proof, Step, symbols
from .mirror_steps import ASCENT, EUCLIDEAN_STEP, HALF_STEP, NO_MIRROR_MAP, after, convexity, raw
from .strong_convexity import FOUR, minimizer, tilted


def _pl(problem: RelativeProblem, x: Array, tau: Array, factor: Any = 1) -> Array:
    return _at_least(problem, x, tau, problem.reference.divergence(x, after(problem, x, tau)) / tau, factor)


def _exchanged_pl(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    return _at_least(problem, x, tau, problem.reference.divergence(after(problem, x, tau), x) / tau)


def _at_least(problem: RelativeProblem, x: Array, tau: Array, gain: Array, factor: Any = 1) -> Array:
    """The margin of gain ≥ factor·μτ(f(x) − f*)."""
    star, eta = minimizer(problem, x), scalar(factor, x) * convexity(problem, x) * tau
    gap = problem.loss.value(x) - problem.loss.value(star)
    # x⁺ is a rounded number, so that D(x, x⁺)/τ is known up to a rounding of |x|·|∇f(x)|, however small τ is.
    return at_most(eta * gap, gain, total(abs(x * problem.loss.gradient(x))), *(eta * t for t in raw(problem, x, star)))


def _largest_eta() -> tuple[Measurement, ...]:
    found = []
    for reference, star in FOUR:
        problem = tilted(reference, star)
        at_star, tau = np.array([[star]]), np.array([0.5])
        shares = []
        for x in (1e-1, 1e-3, 1e-9):
            point = np.array([[x]])
            gain = reference.divergence(point, after(problem, point, tau)) / tau
            shares.append(f"{(gain / reference.divergence(point, at_star))[0]:.2g}")
        found.append(f"{', '.join(shares)} {type(reference).__name__}")
    return (
        Measurement(
            "largest η at x = 1e-1, 1e-3, 1e-9 where μ = L = 1 and τ = ½, so that μτ = ½",
            "",
            "; ".join(found),
            "D(x, x⁺)/(τ(f(x) − f*)) for f = φ + ⟨c, ·⟩ in one variable with x* = 1 (½ in the box). It tends to 0 with x → 0 but "
            "for the Euclidean reference: no η > 0 that depends on μ, L and τ alone will do",
        ),
    )


@claim(
    "bpgd/relative-convexity-gives-pl",
    title="Relative strong convexity gives the PL-type inequality",
    statement=r"\mu\tau\,(f(x) - f^*) \le \tfrac1\tau D_\varphi(x, x^+) \quad\text{for } \tau \le 1/L",
    source="what the two hypotheses of linear rates suggest (bpgd)",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "relative strong convexity",
            "f − μφ is convex",
            why="the statement fails with it; what would save it is the Euclidean reference, or the step τ = 1/μ",
        ),
    ),
    mutants=(
        Mutant("η = 2μτ", margin=lambda problem, x, tau: _pl(problem, x, tau, 2)),
        Mutant("D(x⁺, x): the arguments exchanged", margin=_exchanged_pl),
    ),
    measurements=_largest_eta,
)
@given(problem=RelativeProblems(("tilted/kinked", *WITH_MINIMIZER)), x=RelativePoints(), tau=families.step_sizes())
def relative_convexity_gives_pl(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    """False already for f = φ + ⟨c, ·⟩. With ψ(τ) = D(x, x(τ)), strong convexity bounds f(x) − f* by μψ(1/μ), and the claim
    compares that with ψ(τ)/(μτ²); ψ(τ)/τ² is constant for the Euclidean reference and grows with τ where φ* steepens along
    the step, as Shannon's, Burg's and Fermi–Dirac's do from x near 0. The exact counterexample is a φ with two curvatures;
    for those three no η that depends on μ, L and τ only will do, see the measurements. So the linear rate of
    bpgd/linear-relative-convexity is no case of bpgd/linear-pl."""
    return _pl(problem, x, tau)


def _long_step(problem: RelativeProblem, x: Array, u: Array, stretch: Any = 1) -> Array:
    loss, mu = problem.loss, scalar(stretch, x) * convexity(problem, x)
    gain = mu * problem.reference.divergence(x, after(problem, x, 0 * total(x) + 1 / mu))
    return at_most(loss.value(x) - loss.value(u), gain, gain, loss.value(u), *raw(problem, x))


def _exchanged_long_step(problem: RelativeProblem, x: Array, u: Array) -> Array:
    loss, mu = problem.loss, convexity(problem, x)
    gain = mu * problem.reference.divergence(after(problem, x, 0 * total(x) + 1 / mu), x)
    return at_most(loss.value(x) - loss.value(u), gain, gain, loss.value(u), *raw(problem, x))


def _long_step_proof() -> Proof:
    mu, tau = symbols("mu", "tau", positive=True)
    f, f_u, to_u, to_long, from_long, left, g = symbols("f(x)", "f(u)", "D(u,x)", "D(x̂,x)", "D(x,x̂)", "D(u,x̂)", "‖g‖")
    three_points_u = mu * (to_u - left - to_long)  # ⟨g, x̂ − u⟩ by the three-point identity with τ = 1/μ
    three_points_x = mu * (0 - from_long - to_long)  # ⟨g, x̂ − x⟩
    strong = f_u - f - (three_points_x - three_points_u) - mu * to_u
    return Proof(
        (
            Step(
                "⟨g, u − x⟩ = ⟨g, x̂ − x⟩ − ⟨g, x̂ − u⟩: the margin is that of relative strong convexity at (u, x), plus μD(u, x̂)",
                (mu * from_long - (f - f_u)) - (strong + mu * left),
            ),
            Step(
                "Euclidean: D(x, x(τ)) = ½τ²‖g‖², so μτ(f(x) − f(u)) ≤ μτ·μD(x, x̂) = D(x, x(τ))/τ",
                mu * tau * mu * (g / mu) ** 2 / 2 - (tau * g) ** 2 / 2 / tau,
            ),
        ),
        "f(u) ≥ f(x) + ⟨g, u − x⟩ + μD(u, x) for every u, and D(u, x̂) ≥ 0.",
    )


@claim(
    "bpgd/relative-convexity-gives-pl-repaired",
    title="Relative strong convexity bounds f − f* by the step with 1/μ",
    statement=r"f(x) - f(u) \le \mu\, D_\varphi(x, \hat x), \quad \nabla\varphi(\hat x) = \nabla\varphi(x) - \tfrac1\mu\nabla f(x)",
    source="ours, in place of what bpgd/relative-convexity-gives-pl refutes",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "relative strong convexity",
            "f − μφ is convex; just outside: 1.5·μ in its place",
            without={"problem": RelativeProblems(("quadratic/euclidean",))},
            margin=lambda problem, x, u: _long_step(problem, x, u, Fraction(3, 2)),
        ),
    ),
    mutants=(
        Mutant("1.1·μ", margin=lambda problem, x, u: _long_step(problem, x, u, Fraction(11, 10))),
        Mutant("D(x̂, x): the arguments exchanged", margin=_exchanged_long_step),
        ASCENT,
        HALF_STEP,
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
    ),
    proof=_long_step_proof,
)
@given(
    problem=RelativeProblems((*WITH_MINIMIZER, "ridge/fermi_dirac")), x=RelativePoints(), u=RelativePoints(closed=True)
)
def relative_convexity_gives_pl_repaired(problem: RelativeProblem, x: Array, u: Array) -> Array:
    """The PL-type inequality with the long step 1/μ ≥ 1/L, where that exists, for every reference; an equality for
    f = μφ + ⟨c, ·⟩ at its minimiser. For the Euclidean reference it is the usual one with any τ, η = μτ: there
    D(x, x(τ)) is a multiple of τ²."""
    return _long_step(problem, x, u)


@claim(
    "bpgd/relative-convexity-gives-pl-euclidean",
    title="Strong convexity gives the PL-type inequality of the Euclidean reference",
    statement=r"\mu\tau\,(f(x) - f^*) \le \tfrac1\tau D_\varphi(x, x^+) = \tfrac\tau2\|\nabla f(x)\|^2",
    source="Polyak 1963 (bpgd with the Euclidean reference is gradient descent)",
    reconstructed=True,
    hypotheses=(
        Hypothesis("strong convexity", "f − (μ/2)‖·‖² is convex; just outside: 1.5·μ in its place",
                   margin=lambda problem, x, tau: _pl(problem, x, tau, Fraction(3, 2))),
        Hypothesis("the Euclidean reference", "φ = ½‖·‖²; without it: ½x² for x ≤ 0, ¼x² for x ≥ 0",
                   without={"problem": RelativeProblems(("tilted/kinked",))}),
        Hypothesis("τ ≤ 1/L", "the step size; without it: τ up to 3/L", without={"tau": families.step_sizes(at_most=3)}),
    ),
    mutants=(
        Mutant("η = 1.1μτ", margin=lambda problem, x, tau: _pl(problem, x, tau, Fraction(11, 10))),
        Mutant("the gain of the step τ/2", margin=lambda problem, x, tau: _at_least(
            problem, x, tau, problem.reference.divergence(x, after(problem, x, tau / 2)) / tau)),
        HALF_STEP,
    ),
    proof=_long_step_proof,
)  # fmt: skip
@given(
    problem=RelativeProblems(("quadratic/euclidean", "tilted/euclidean")), x=RelativePoints(), tau=families.step_sizes()
)
def relative_convexity_gives_pl_euclidean(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    """For every τ > 0, the limit 1/L is not needed; an equality for equal curvatures."""
    return _pl(problem, x, tau)
