"""The correction without line search: does it lower f, and does it stay in C?"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ....solvers import armijo, coarse_model
from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers.armijo import Armijo
from ....theory.arrays import Array, Real, inner, largest, scalar
from ....theory.margins import at_most, equal, least
from ....theory.references import FermiDirac
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.level_problems import RidgeSum
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA, NASH, coarse_phase, factor, model_at, value_terms
from .coherence import _elsewhere, _opposite, _twice


def _raises(problem: RelativeProblem, y: Array, share: Real, steps: int) -> dict[str, Array]:
    phase = coarse_phase(problem, y, share, steps)
    before, after = problem.loss.value(y), problem.loss.value(y + phase.direction)
    found = armijo.search(Armijo(), problem.loss, problem.reference, y, phase.direction, phase.gradient)
    return {
        "α = 1": at_most(after, before, phase.slope_terms),
        "Armijo's α": at_most(problem.loss.value(found.x), before),
    }


_SEARCH = armijo.search


def _unit_search(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    """Takes the first α, whatever it does to f."""
    found = _SEARCH(settings, loss, reference, y, direction, gradient)
    return found._replace(x=y + direction)


@claim(
    "mlbpgd/unit-step",
    title="The whole correction, without line search, does not raise the objective",
    statement=r"f(y + P(\xi^m - \xi^0)) \le f(y) \quad\text{for convex quadratic } f, f_c \text{ and } \hat\tau \le 1/L_c",
    source=f"the ablation of the line search in {ELSHIATY_PETRA}",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "τ̂ ≤ 1/L_c",
            "the coarse steps are no longer than ψ allows",
            why="the conclusion fails with it, too; with Armijo's α, judged beside it, it holds",
        ),
    ),
    mutants=(Mutant("the line search takes α = 1", patch=(armijo, "search", _unit_search)),),
)
@given(
    problem=TwoLevels(("euclidean",), ("cell", "vertex", "any"), ("square",), ("square",)),
    y=LevelPoints(),
    share=Shares(),
    steps=Counts(),
)
def unit_step(problem: RelativeProblem, y: Array, share: Real, steps: int) -> dict[str, Array]:
    """Coherence fixes the slope of ψ at ξ⁰ and nothing else: where f_c is flatter than f along P, its steps are too long for f.
    The line search is needed unless f_c is at least as curved as f∘P/c (galerkin-unit-step)."""
    return _raises(problem, y, share, steps)


def _galerkin(
    problem: RelativeProblem, y: Array, xi: Array, scale: Any = 1, *, corrected: bool = True
) -> tuple[Array, ...]:
    """f(y + P(ξ − ξ⁰)) − f(y), c(ψ(ξ) − ψ(ξ⁰)) for s = ``scale``, and the sizes of their terms."""
    assert problem.below is not None
    lower, transfer = problem.below
    f = lower.loss
    assert isinstance(f, RidgeSum)
    scaled = replace(lower, loss=RidgeSum(f.matrix, f.target, f.ridge, scalar(scale, f.matrix) * f.weight, f.steepness))
    model, start, gradient = model_at(replace(problem, below=(scaled, transfer)), y, corrected=corrected)
    change, c = transfer.prolong(xi - start), factor(problem, y)
    before, after = problem.loss.value(y), problem.loss.value(y + change)
    sizes = before, after, inner(abs(gradient), abs(change)), *(c * term for term in value_terms(model, xi, start))
    return after - before, c * (model.value(xi) - model.value(start)), *sizes


def _galerkin_margins(problem: RelativeProblem, y: Array, xi: Array, scale: Any = 1) -> dict[str, Array]:
    return {
        "f_c = f∘P/c": equal(*_galerkin(problem, y, xi, scale)),
        "f_c = 3f∘P/c": at_most(*_galerkin(problem, y, xi, 3 * scale)),
    }


def _galerkin_proof() -> Proof:
    c, s = symbols("c", "s", positive=True)
    slope, q, slope_c, start = symbols("<grad f(y),P eta>", "<P eta,H P eta>", "<R grad f(y),eta>", "psi(xi0)")
    fine = slope + q / 2
    model = slope_c + s * q / (2 * c)
    return Proof(
        (
            Step("f(y + Pη) − f(y) = ⟨∇f(y), Pη⟩ + ½⟨Pη, HPη⟩, and f_c = s·f∘P/c has the Hessian (s/c)PᵀHP, ψ the slope R∇f(y): "
                 "c(ψ(ξ⁰ + η) − ψ(ξ⁰)) = f(y + Pη) − f(y) + ½(s − 1)⟨Pη, HPη⟩",
                 (c * model - fine - (s - 1) * q / 2).subs(slope, c * slope_c)),
            Step("a constant in f_c cancels", (start + model) - start - model),
        ),
        "For s = 1 both sides are equal, for s ≥ 1 and H ⪰ 0 the left one is the smaller. Coarse steps with τ̂ ≤ 1/L_c lower ψ, so "
        "the whole correction lowers f.",
    )  # fmt: skip


def _galerkin_alone(kind: str) -> TwoLevels:
    return TwoLevels(("euclidean",), ("cell", "vertex", "any"), (kind,), galerkin=Fraction(1))


@claim(
    "mlbpgd/galerkin-unit-step",
    title="For quadratic f and its Galerkin coarse model no line search is needed",
    statement=r"f_c = \tfrac{s}{c} f\circ P \;\Rightarrow\; f(y + P(\xi - \xi^0)) - f(y) \le c\,(\psi(\xi) - \psi(\xi^0)) "
    r"\text{ for } s \ge 1, \text{ with equality for } s = 1",
    source=f"ours: when {NASH} needs its line search",
    reconstructed=True,
    hypotheses=(
        Hypothesis("f is quadratic", "without it: Huber's function, convex and as smooth",
                   without={"problem": _galerkin_alone("huber")}),
        Hypothesis("s ≥ 1", "without it: s = ½, f_c = f∘P/c and the coarse step 1/L_c; then f may even rise",
                   margin=lambda problem, y, xi: at_most(*_galerkin(problem, y, xi, Fraction(1, 2)))),
        Hypothesis("linear correction", "without it ψ = f_c",
                   margin=lambda problem, y, xi: equal(*_galerkin(problem, y, xi, corrected=False))),
        Hypothesis("P = cRᵀ", "without it: any P, f_c = f∘P", without={
            "problem": TwoLevels(("euclidean",), ("unrelated",), ("square",), galerkin=Fraction(1))}),
    ),
    mutants=(
        Mutant("f_c 1.05 times as large",
               margin=lambda problem, y, xi: _galerkin_margins(problem, y, xi, Fraction(21, 20))["f_c = f∘P/c"]),
        Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),
        Mutant("2R∇f(y) in the tilt", patch=(coarse_model, "coherent", _twice)),
        Mutant("∇f_c at ½Ry", patch=(coarse_model, "coherent", _elsewhere)),
    ),
    proof=_galerkin_proof,
)  # fmt: skip
@given(problem=_galerkin_alone("square"), y=LevelPoints(), xi=LevelPoints(coarse=True))
def galerkin_unit_step(problem: RelativeProblem, y: Array, xi: Array) -> dict[str, Array]:
    """ψ is then c⁻¹f along P, exactly: the coarse steps lower f itself, by c times what they lower ψ. A coarse objective that is
    too curved costs speed, one that is too flat the descent."""
    return _galerkin_margins(problem, y, xi)


def _inside(problem: RelativeProblem, y: Array, share: Real) -> dict[str, Array]:
    """How far y + P(ξ¹ − ξ⁰), and what the dual transfer makes of it, are from the boundary of C."""
    assert problem.below is not None
    phase, (lower, transfer) = coarse_phase(problem, y, share, 1), problem.below
    added = transfer.prolong(lower.reference.gradient(phase.path[-1]) - lower.reference.gradient(phase.path[0]))
    dual = bpgd.shortened_step(problem.reference, y, -added, 1)
    found = {}
    for name, point in (("y + d", y + phase.direction), ("the dual transfer", dual)):
        sides = [-largest_of(-point)] + ([1 - largest_of(point)] if isinstance(problem.reference, FermiDirac) else [])
        found[name] = least([at_most(0 * side, side, largest(y), largest(phase.direction)) for side in sides])
    return found


def largest_of(x: Array) -> Array:
    """max xᵢ along the last axis."""
    return np.asarray(np.max(x, axis=-1), dtype=x.dtype)


def _no_mirror(reference: Any, x: Array, gradient: Array, tau: Any) -> Array:
    """A step in the primal variables, as if φ were Euclidean."""
    return x - tau * gradient


@claim(
    "mlbpgd/unit-step-stays-inside",
    title="The whole correction stays in the domain",
    statement=r"y + P(\xi^1 - \xi^0) \in C \text{ for } y \in C,\ \xi^0, \xi^1 \in \hat C",
    source=f"the ablation of the domain test in {ELSHIATY_PETRA}",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "ξ¹ ∈ Ĉ",
            "the coarse step stays in the coarse domain",
            why="the conclusion fails with it, too; the dual transfer, judged beside it, stays inside",
        ),
    ),
    mutants=(Mutant("a primal step in the dual transfer", patch=(bpgd, "shortened_step", _no_mirror)),),
)
@given(
    problem=TwoLevels(("burg", "fermi_dirac"), ("cell",), ("linear",), ("linear",)),
    y=LevelPoints(),
    share=Shares(),
)
def unit_step_stays_inside(problem: RelativeProblem, y: Array, share: Real) -> dict[str, Array]:
    """ξ¹ > 0 says that the mean of y moves down by less than itself; the smallest entry of y, to which P adds the same, may be much
    smaller than the mean. So α must know the domain, and one entry next to the boundary makes it small for all. The dual
    transfer, ∇φ*(∇φ(y) + P(∇φ_c(ξ¹) − ∇φ_c(ξ⁰))), cannot leave C (for Burg, where it exists; it is shortened where not)."""
    return _inside(problem, y, share)
