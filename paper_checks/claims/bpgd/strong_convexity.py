"""f strongly convex relative to φ: the linear rate, and how sharp it is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....theory.arrays import Array, constant, scalar
from ....theory.margins import at_most
from ....theory.references import Burg, Euclidean, FermiDirac, Reference, Shannon
from ....theory.relative_problem import RelativeProblem
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, StepSizeLimit, claim, given
from ...families.relative import WITH_MINIMIZER, RelativePoints, RelativeProblems
from ...families.relative_losses import ReferencePlusLinear
from ...proof import Proof, Step, symbols
from .mirror_steps import (
    ASCENT,
    EUCLIDEAN_STEP,
    HALF_STEP,
    NO_MIRROR_MAP,
    STEPS,
    after,
    convexity,
    iterates,
    raw,
)

LU = "Lu, Freund and Nesterov 2018 (bpgd with τ = 1/L)"


def minimizer(problem: RelativeProblem, x: Array) -> Array:
    """x*, in the arithmetic of x."""
    loss: Any = problem.loss
    return 0 * x + constant(loss.minimizer(), x)


def _distance(problem: RelativeProblem, x: Array, tau: Array, stretch: Any = 1, power: int = 1) -> Array:
    phi, star = problem.reference, minimizer(problem, x)
    before, rate = phi.divergence(star, x), 1 - scalar(stretch, x) * convexity(problem, x) * tau
    return at_most(phi.divergence(star, after(problem, x, tau)), rate**power * before, before, rate**power * before)


def _values(problem: RelativeProblem, x: Array, tau: Array, stretch: Any = 1, power: int = STEPS) -> Array:
    last, star, loss = iterates(problem, x, tau)[-1], minimizer(problem, x), problem.loss
    rate = 1 - scalar(stretch, x) * convexity(problem, x) * tau
    weights = sum((rate**j for j in range(1, STEPS)), start=1 + 0 * tau)
    bound = rate**power * problem.reference.divergence(star, x) / (tau * weights)
    return at_most(loss.value(last) - loss.value(star), bound, *raw(problem, x, star))


def _one_step(problem: RelativeProblem, x: Array, u: Array, tau: Array, stretch: Any = 1) -> Array:
    plus, loss, phi = after(problem, x, tau), problem.loss, problem.reference
    before, left = phi.divergence(u, x) / tau, phi.divergence(u, plus) / tau
    share = 1 - scalar(stretch, x) * convexity(problem, x) * tau
    return at_most(
        loss.value(plus) - loss.value(u), share * before - left, before, left, loss.value(u), *raw(problem, x, plus)
    )


def _all(problem: RelativeProblem, x: Array, u: Array, tau: Array, stretch: Any = 1) -> dict[str, Array]:
    return {
        "one step, every u": _one_step(problem, x, u, tau, stretch),
        "distance": _distance(problem, x, tau, stretch),
        "values": _values(problem, x, tau, stretch),
    }


def _rate_proof() -> Proof:
    tau, L, mu = symbols("tau", "L", "mu", positive=True)
    f, f_plus, f_u, slope_u, before, left, forward, start, S = symbols(
        "f(x)", "f(x⁺)", "f(u)", "⟨g,u−x⟩", "D(u,x)", "D(u,x⁺)", "D(x⁺,x)", "(1−μτ)ᵏD(x*,x⁰)", "S"
    )
    slope_plus = slope_u + (before - left - forward) / tau  # ⟨g, x⁺ − x⟩ by the three-point identity
    strong = f_u - f - slope_u - mu * before
    smoothness = f + slope_plus + L * forward - f_plus
    one_step = ((1 - mu * tau) * before - left) / tau - (f_plus - f_u)
    return Proof(
        (
            Step(
                "margin of one step = relative strong convexity at (u, x) + relative smoothness at (x⁺, x) + (1/τ − L) D(x⁺, x)",
                one_step - (strong + smoothness + (1 / tau - L) * forward),
            ),
            Step(
                "so for u = x* the margin of the distance is that times τ, plus τ(f(x⁺) − f*)",
                ((1 - mu * tau) * before - left) - tau * (one_step + (f_plus - f_u)),
            ),
            Step(
                "k steps: (1 − μτ)ᵏ D(x*, x⁰)/τ − S(f(xᵏ) − f*) − D(x*, xᵏ)/τ with S = Σ_{j<k} (1 − μτ)ʲ is, for k + 1, 1 − μτ "
                "times that for k, plus (1 − μτ)S times the descent, plus the margin of one step",
                ((1 - mu * tau) * start / tau - (1 + (1 - mu * tau) * S) * (f_plus - f_u) - left / tau)
                - (1 - mu * tau) * (start / tau - S * (f - f_u) - before / tau)
                - (1 - mu * tau) * S * (f - f_plus)
                - one_step,
            ),
        ),
        "μ ≤ L, because (L − μ)φ is convex, so 1 − μτ ≥ 0 for τ ≤ 1/L; f(x⁺) ≥ f* and D ≥ 0. The sum of the "
        "k steps is 0 for k = 0 and stays ≥ 0 by bpgd/descent, which is the bound.",
    )


def _slowest(reference: Reference, x: float, star: float) -> float:
    """D(x*, x⁺)/D(x*, x) for f = φ + ⟨c, ·⟩, μ = L = 1, and τ = ½."""
    problem = tilted(reference, star)
    point, half = np.array([[x]]), np.array([0.5])
    at_star = np.array([[star]])
    left = reference.divergence(at_star, after(problem, point, half))
    return float((left / reference.divergence(at_star, point))[0])


def tilted(reference: Reference, star: float) -> RelativeProblem:
    """f = φ + ⟨c, ·⟩ in one variable with x* = ``star``: μ = L = 1."""
    slope = -reference.gradient(np.array([star]))
    return RelativeProblem(ReferencePlusLinear(reference, 1.0, slope), reference, 1.0, 1, 1.0)


#: The four references, and an x* for each.
FOUR: tuple[tuple[Reference, float], ...] = ((Euclidean(), 1.0), (Shannon(), 1.0), (Burg(), 1.0), (FermiDirac(), 0.5))


def _sharpness() -> tuple[Measurement, ...]:
    shares = [f"{_slowest(reference, 1e-100, star):.3f} {type(reference).__name__}" for reference, star in FOUR]
    return (
        Measurement(
            "D(x*, x⁺)/D(x*, x) for μ = L and τ = 1/(2L), where the bound is 1 − μτ = 0.5",
            "",
            ", ".join(shares),
            "f = φ + ⟨c, ·⟩ in one variable, x = 1e-100 and x* = 1 (½ in the box): sharp with x → 0, where φ* is nearly "
            "linear; with the Euclidean reference the factor is (1 − μτ)²",
        ),
    )


@claim(
    "bpgd/linear-relative-convexity",
    title="Linear rate for f strongly convex relative to φ",
    statement=r"D_\varphi(x^*, x^+) \le (1 - \mu\tau)\, D_\varphi(x^*, x), \quad f(x^k) - f^* \le "
    r"\frac{(1 - \mu\tau)^k}{\sum_{j<k} (1 - \mu\tau)^j}\, \frac{D_\varphi(x^*, x^0)}{\tau} \quad\text{for } \tau \le 1/L",
    source=LU,
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "relative strong convexity",
            "f − μφ is convex; just outside: 1.5·μ in its place, quadratics",
            without={"problem": RelativeProblems(("quadratic/euclidean",))},
            margin=lambda problem, x, u, tau: _all(problem, x, u, tau, Fraction(3, 2)),
        ),
        Hypothesis(
            "relative smoothness, τ ≤ 1/L",
            "the step size; without it: τ up to 3/L, quadratics",
            without={"problem": RelativeProblems(("quadratic/euclidean",)), "tau": families.step_sizes(at_most=3)},
        ),
    ),
    mutants=(
        Mutant("1 − 1.05μτ", margin=lambda problem, x, u, tau: _distance(problem, x, tau, Fraction(21, 20))),
        Mutant("(1 − μτ)², the Euclidean rate", margin=lambda problem, x, u, tau: _distance(problem, x, tau, power=2)),
        Mutant("(1 − μτ)ᵏ⁺³", margin=lambda problem, x, u, tau: _values(problem, x, tau, power=2 * STEPS)),
        ASCENT,
        HALF_STEP,
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
    ),
    proof=_rate_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0, conclusion="one step, every u"),
    measurements=_sharpness,
)
@given(
    problem=RelativeProblems(WITH_MINIMIZER),
    x=RelativePoints(),
    u=RelativePoints(closed=True),
    tau=families.step_sizes(),
)
def linear_relative_convexity(problem: RelativeProblem, x: Array, u: Array, tau: Array) -> dict[str, Array]:
    """The inequality that both follow from holds for every u: f(x⁺) − f(u) ≤ ((1 − μτ) D(u, x) − D(u, x⁺))/τ, with equality
    for f = Lφ + ⟨c, ·⟩ and τ = 1/L. The factor 1 − μτ is sharp: D(x*, x⁺)/D(x*, x) tends to it with Burg, Shannon and
    Fermi–Dirac, μ = L, x → 0. The (1 − μτ)² of the Euclidean reference holds for no other of them. The sum in the bound of
    the values is k for μ = 0, where it is bpgd/rate."""
    return _all(problem, x, u, tau)
