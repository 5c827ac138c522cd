"""When the prolonged change of the coarse steps is a descent direction: convex coarse models, and few steps on any."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers import coarse_model
from ....theory.arrays import Array, Real, inner, namespace, scalar, total
from ....theory.margins import at_most
from ....theory.references import Euclidean, Reference
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.level_problems import CONVEX
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import (
    ELSHIATY_PETRA,
    NASH,
    coarse_phase,
    descends,
    factor,
    model_at,
    two_sided,
    value_terms,
)
from .coherence import _elsewhere, _opposite, _twice
from .non_convex import Humps

UNRELATED = TwoLevels(("euclidean",), ("unrelated",), ("square",), ("square",))


def _towards(
    problem: RelativeProblem, y: Array, xi: Array, *, corrected: bool = True, share: Any = 1
) -> dict[str, Array]:
    """⟨∇f(y), P(ξ − ξ⁰)⟩ ≤ c(ψ(ξ) − ψ(ξ⁰)), and ⟨∇f(y), P(ξ − ξ⁰)⟩ ≤ 0 where ψ(ξ) < ψ(ξ⁰)."""
    model, start, gradient = model_at(problem, y, corrected=corrected)
    assert problem.below is not None
    direction = problem.below[1].prolong(xi - start)
    slope, terms = inner(gradient, direction), inner(abs(gradient), abs(direction))
    gain = model.value(xi) - model.value(start)
    c = factor(problem, y)
    sizes = [c * term for term in value_terms(model, xi, start)]
    falls = gain < -scalar(Fraction(1, 10**9), gain) * sum(sizes) if gain.dtype != object else gain < 0
    negative = at_most(slope, 0 * slope, terms)
    return {
        "slope": at_most(slope, scalar(share, y) * c * gain, terms, *sizes),
        "descends": namespace(slope).where(falls, negative, 1 + 0 * slope),
    }


def _uphill(problem: RelativeProblem, y: Array, xi: Array) -> Array:
    _, start, gradient = model_at(problem, y)
    assert problem.below is not None
    direction = problem.below[1].prolong(xi - start)
    return at_most(inner(gradient, direction), total(0 * y), inner(abs(gradient), abs(direction)))


def _direction_proof() -> Proof:
    c, slope_c, psi0, psi1 = symbols("c", "<grad psi(xi0),xi-xi0>", "psi(xi0)", "psi(xi)", positive=None)
    convexity = psi1 - psi0 - slope_c
    return Proof(
        (
            Step("⟨∇f(y), cRᵀη⟩ = c⟨R∇f(y), η⟩ = c⟨∇ψ(ξ⁰), η⟩ by coherence, so that the margin is c times that of convexity",
                 (c * (psi1 - psi0) - c * slope_c) - c * convexity),
        ),
        "ψ is convex, so ψ(ξ) ≥ ψ(ξ⁰) + ⟨∇ψ(ξ⁰), ξ − ξ⁰⟩: the margin is ≥ 0 for c > 0; with ψ(ξ) < ψ(ξ⁰) the slope is < 0.",
    )  # fmt: skip


@claim(
    "mlbpgd/descent-direction",
    title="Where a convex coarse model decreases, the correction is a descent direction",
    statement=r"\psi \text{ convex},\ P = cR^\top \;\Rightarrow\; \langle \nabla f(y), P(\xi - Ry)\rangle \le "
    r"c\,(\psi(\xi) - \psi(Ry)), \text{ which is } < 0 \text{ where } \psi(\xi) < \psi(Ry)",
    source=NASH,
    reconstructed=True,
    hypotheses=(
        Hypothesis("ψ is convex", "without it: f_c with two wells",
                   without={"problem": TwoLevels(("euclidean",), coarse=("wells",))}),
        Hypothesis("linear correction", "without it ψ = f_c",
                   margin=lambda problem, y, xi: _towards(problem, y, xi, corrected=False)["descends"]),
        Hypothesis("ψ(ξ) < ψ(Ry)", "without it: any ξ", margin=_uphill),
        Hypothesis("P = cRᵀ", "without it: any P", without={"problem": UNRELATED},
                   margin=lambda problem, y, xi: _towards(problem, y, xi)["descends"]),
    ),
    mutants=(
        Mutant("2c in the place of c", margin=lambda problem, y, xi: _towards(problem, y, xi, share=2)["slope"]),
        Mutant("c/2 in the place of c",
               margin=lambda problem, y, xi: _towards(problem, y, xi, share=Fraction(1, 2))["slope"]),
        Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),
        Mutant("2R∇f(y) in the tilt", patch=(coarse_model, "coherent", _twice)),
        Mutant("∇f_c at ½Ry", patch=(coarse_model, "coherent", _elsewhere)),
    ),
    proof=_direction_proof,
)  # fmt: skip
@given(problem=TwoLevels(), y=LevelPoints(), xi=LevelPoints(coarse=True))
def descent_direction(problem: RelativeProblem, y: Array, xi: Array) -> dict[str, Array]:
    """For every ξ ∈ Ĉ, however it was found, and any f: only the coarse model need be convex. Equality for linear f_c. Each of
    the four hypotheses is needed."""
    return _towards(problem, y, xi)


def _run(
    problem: RelativeProblem, y: Array, share: Real, steps: int, *, corrected: bool = True, gain: Any = 1
) -> Array:
    """⟨∇f(y), d⟩ ≤ −(c/τ̂) Σᵢ D(ξⁱ, ξⁱ⁺¹)."""
    phase = coarse_phase(problem, y, share, steps, corrected=corrected)
    assert problem.below is not None
    phi, c = problem.below[0].reference, factor(problem, y)
    bound = sum((phi.divergence(a, b) for a, b in zip(phase.path, phase.path[1:], strict=False)), start=total(0 * y))
    bound = scalar(gain, y) * c * bound / phase.tau
    margin = at_most(phase.slope, -bound, phase.slope_terms, *(c * t for t in value_terms(phase.model, *phase.path)))
    return phase.judged(margin)


def _run_proof() -> Proof:
    c, tau = symbols("c", "tau", positive=True)
    p0, p1, p2, d1, d2, slope_c = symbols("psi0", "psi1", "psi2", "D(xi0,xi1)", "D(xi1,xi2)", "<grad psi(xi0),xi2-xi0>")
    first, second = p0 - d1 / tau - p1, p1 - d2 / tau - p2
    convexity = p2 - p0 - slope_c
    return Proof(
        (
            Step("the margin for m = 2 is c times the sum of the margins of convexity and of the descent of both steps",
                 (-c * (d1 + d2) / tau - c * slope_c) - c * (convexity + first + second)),
            Step("one more step adds its own margin: ψᵐ − ψᵐ⁺¹ − D/τ telescopes",
                 ((p0 - p2) - (d1 + d2) / tau) - (first + second)),
        ),
        "ψ is L_c-smooth relative to φ_c, as f_c is, so each step with τ̂ ≤ 1/L_c has ψ(ξ⁺) ≤ ψ(ξ) − D(ξ, ξ⁺)/τ̂; a step that "
        "was shortened to τ' ≤ τ̂ even with 1/τ'. Convexity enters once, between ξ⁰ and ξᵐ.",
    )  # fmt: skip


def _uphill_step(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return _STEP(reference, x, -gradient, tau)


_STEP = bpgd.shortened_step


@claim(
    "mlbpgd/coarse-steps-descend",
    title="Coarse steps on a convex model always give a descent direction",
    statement=r"\langle \nabla f(y), P(\xi^m - \xi^0)\rangle \le -\frac{c}{\hat\tau} \sum_{i<m} D_{\phi_c}(\xi^i, \xi^{i+1})"
    r"\quad\text{for } \hat\tau \le 1/L_c, \ f_c \text{ convex}",
    source=f"{ELSHIATY_PETRA}, made quantitative",
    reconstructed=True,
    hypotheses=(
        Hypothesis("f_c is convex", "without it: four steps past a hump, τ̂ = 1/L_c",
                   without={"problem": Humps(), "y": LevelPoints(small=True), "share": Shares(Fraction(1), exactly=True),
                            "steps": Counts(5, 6)}, margin=lambda problem, y, share, steps: descends(
                                coarse_phase(problem, y, share, steps))),
        Hypothesis("τ̂ ≤ 1/L_c", "without it: up to 3/L_c, and then it need not even descend",
                   without={"problem": TwoLevels(("euclidean",)), "share": Shares(Fraction(3))},
                   margin=lambda problem, y, share, steps: descends(coarse_phase(problem, y, share, steps))),
        Hypothesis("linear correction", "without it ψ = f_c", margin=lambda problem, y, share, steps: descends(
            coarse_phase(problem, y, share, steps, corrected=False))),
        Hypothesis("P = cRᵀ", "without it: any P", without={"problem": UNRELATED},
                   margin=lambda problem, y, share, steps: descends(coarse_phase(problem, y, share, steps))),
    ),
    mutants=(
        Mutant("gain 2.1 times as large",
               margin=lambda problem, y, share, steps: _run(problem, y, share, steps, gain=Fraction(21, 10))),
        Mutant("coarse steps uphill", patch=(bpgd, "shortened_step", _uphill_step)),
        Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),
        Mutant("∇f_c at ½Ry", patch=(coarse_model, "coherent", _elsewhere)),
    ),
    proof=_run_proof,
)  # fmt: skip
@given(problem=TwoLevels(), y=LevelPoints(), share=Shares(), steps=Counts())
def coarse_steps_descend(problem: RelativeProblem, y: Array, share: Real, steps: int) -> Array:
    """The direction is as good as the coarse steps were long. For one Euclidean step the slope is exactly twice the bound."""
    return _run(problem, y, share, steps)


def _few(problem: RelativeProblem, y: Array, share: Real, *, gain: Any = 1, most: int = 2) -> dict[str, Array]:
    phase = coarse_phase(problem, y, share, 1)
    assert problem.below is not None
    phi, c = problem.below[0].reference, factor(problem, y)
    bound = scalar(gain, y) * c * two_sided(phi, phase.path[0], phase.path[1]) / phase.tau
    sizes = phase.slope_terms, *(c * term for term in value_terms(phase.model, *phase.path))
    one = phase.judged(at_most(phase.slope, -bound, *sizes))
    if not isinstance(phi, Euclidean):
        return {"one step": one, "two Euclidean steps": 1 + 0 * one}
    two = coarse_phase(problem, y, share, most)
    return {"one step": one, "two Euclidean steps": at_most(two.slope, -bound, two.slope_terms, *sizes)}


def _few_proof() -> Proof:
    tau, c = symbols("tau", "c", positive=True)
    mirror, ip01, ip12, n01 = symbols("<grad phi(xi1)-grad phi(xi0),xi1-xi0>", "|xi1-xi0|^2", "<xi2-xi1,xi1-xi0>", "n")
    slope_one = -c * mirror / tau  # ∇ψ(ξ⁰) = −(∇φ(ξ¹) − ∇φ(ξ⁰))/τ
    slope_two = -c * (ip01 + ip12) / tau
    monotone = (ip12 + n01) - n01
    return Proof(
        (
            Step("∇ψ(ξ⁰) = (∇φ(ξ⁰) − ∇φ(ξ¹))/τ: after one step the slope is −(c/τ)(D(ξ⁰, ξ¹) + D(ξ¹, ξ⁰))",
                 slope_one + c * mirror / tau),
            Step("Euclidean, two steps: the slope is −(c/τ)⟨ξ¹ − ξ⁰, ξ² − ξ⁰⟩, less than after one by (c/τ)⟨ξ² − ξ¹, ξ¹ − ξ⁰⟩",
                 (-c * ip01 / tau - slope_two) - c * ip12 / tau),
            Step("T = id − τ∇ψ has T(ξ⁰) = ξ¹, T(ξ¹) = ξ²: that product is ⟨T(ξ¹) − T(ξ⁰), ξ¹ − ξ⁰⟩", monotone - ip12),
        ),
        "φ − τψ is convex for τ ≤ 1/L_c, so its gradient T is monotone and the product is ≥ 0. Nothing here asks for convex ψ.",
    )  # fmt: skip


@claim(
    "mlbpgd/few-coarse-steps-descend",
    title="One coarse step, and two Euclidean ones, descend whatever the coarse objective is",
    statement=r"\langle \nabla f(y), P(\xi^1 - \xi^0)\rangle \le -\frac{c}{\hat\tau}\big(D_{\phi_c}(\xi^0, \xi^1) + D_{\phi_c}"
    r"(\xi^1, \xi^0)\big); \quad \phi_c = \tfrac12\|\cdot\|^2: \text{ the same for } \xi^2",
    source=f"ours, what is left of the descent direction of {ELSHIATY_PETRA} without convexity",
    reconstructed=True,
    hypotheses=(
        Hypothesis("τ̂ ≤ 1/L_c", "without it: up to 3/L_c; one step does not need it",
                   without={"problem": TwoLevels(("euclidean",)), "share": Shares(Fraction(3))}),
        Hypothesis("at most two steps", "without it: five", without={
            "problem": Humps(), "y": LevelPoints(small=True), "share": Shares(Fraction(1), exactly=True)},
            margin=lambda problem, y, share: descends(coarse_phase(problem, y, share, 5))),
        Hypothesis("P = cRᵀ", "without it: any P", without={"problem": UNRELATED}),
        Hypothesis("linear correction", "without it ψ = f_c",
                   margin=lambda problem, y, share: descends(coarse_phase(problem, y, share, 1, corrected=False))),
    ),
    mutants=(
        Mutant("1.05 times the gain",
               margin=lambda problem, y, share: _few(problem, y, share, gain=Fraction(21, 20))["one step"]),
        Mutant("coarse steps uphill", patch=(bpgd, "shortened_step", _uphill_step)),
        Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),
        Mutant("2R∇f(y) in the tilt", patch=(coarse_model, "coherent", _twice)),
        Mutant("∇f_c at ½Ry", patch=(coarse_model, "coherent", _elsewhere)),
    ),
    proof=_few_proof,
)  # fmt: skip
@given(problem=TwoLevels(coarse=(*CONVEX["euclidean"], "wells", "poisson")), y=LevelPoints(), share=Shares())
def few_coarse_steps_descend(problem: RelativeProblem, y: Array, share: Real) -> dict[str, Array]:
    """Equality for one step that need not be shortened, for every τ̂. With one coarse step ML BPGD needs no convex f_c at all."""
    return _few(problem, y, share)
