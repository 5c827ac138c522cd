"""Coarse models that are not convex: when the correction need not descend, and when it does all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers import coarse_model
from ....theory.arrays import Array, Real, exact, scalar
from ....theory.margins import at_most
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Family
from ...families.level_problems import MatrixTransfer, RidgeSum, levels
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA, coarse_phase, descends, factor, two_sided, value_terms
from .coherence import _elsewhere, _opposite


@final
@dataclass(frozen=True)
class Humps(Family):
    """f = ⟨g, ·⟩ and a coarse objective with wells along ξ₁ and ξ₁ + ξ₂, the start next to the tops of both humps; R = P = id.

    f_c(ξ) = h(ξ₁) + h(ξ₁ + ξ₂) with h the two wells of `families.levels` with their hump at 0; L_c = 3 ≥ λ_max(AᵀA) = (3 + √5)/2.
    """

    batched = False

    def _problem(self, g: Any, steepness: int, kind: Any) -> RelativeProblem:
        wells = RidgeSum(kind([[1, 0], [1, 1]]), kind([-1, -1]), "wells", 1, steepness)
        unit = kind([[1, 0], [0, 1]])
        fine = RidgeSum(unit, kind(g), "linear")
        return levels(fine, wells, MatrixTransfer.adjoint(unit, 1))

    def sample(self, rng: Generator, count: int, drawn: Mapping[str, Any]) -> RelativeProblem:
        g = rng.uniform(-0.5, 0.5, size=2)
        return self._problem(g, int(rng.choice([16, 32])), lambda entries: np.asarray(entries, dtype=np.float64))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[RelativeProblem]:
        quarters = [(0, 1), (1, -1), (0, 2), (1, 0), (-1, 2), (2, 1)]
        slopes = hs.sampled_from([[Fraction(a, 4), Fraction(b, 4)] for a, b in quarters])
        return hs.builds(lambda g, k: self._problem(g, k, exact), slopes, hs.sampled_from([32, 16]))


@final
@dataclass(frozen=True)
class SeparableLevels(Family):
    """Two-level problems whose coarse objective is a sum of functions of one entry each, convex or not."""

    levels: TwoLevels = TwoLevels(coarse=("square", "huber", "wells", "linear", "poisson"))  # noqa: RUF009 - frozen
    batched = False

    def simplified(self, level: int) -> SeparableLevels:
        return SeparableLevels(self.levels.simplified(level))

    def sample(self, rng: Generator, count: int, drawn: Mapping[str, Any]) -> RelativeProblem:
        return _separate(self.levels.sample(rng, count, drawn))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[RelativeProblem]:
        return self.levels.strategy(drawn).map(_separate)


def _separate(problem: RelativeProblem) -> RelativeProblem:
    """Each row of the coarse matrix keeps one entry, the diagonal of the matrix."""
    assert problem.below is not None
    lower, transfer = problem.below
    f, fine = lower.loss, problem.loss
    assert isinstance(f, RidgeSum)
    assert isinstance(fine, RidgeSum)
    matrix = f.matrix * np.eye(f.matrix.shape[0], f.matrix.shape[1], dtype=np.int64)
    if f.ridge == "poisson":  # which has no rows of zeros
        matrix = matrix + (matrix.sum(axis=1, keepdims=True) == 0) * (np.arange(f.matrix.shape[1]) == 0)
    coarse = RidgeSum(matrix, f.target, f.ridge, f.weight, f.steepness)
    return levels(fine, coarse, transfer, lower.reference)


@claim(
    "mlbpgd/non-convex-coarse",
    title="The correction descends for non-convex coarse objectives, too, where ψ decreases",
    statement=r"\langle \nabla f(y), P(\xi^m - \xi^0)\rangle \le 0 \quad\text{for } \hat\tau \le 1/L_c "
    r"\text{, hence } \psi(\xi^m) \le \psi(\xi^0), \text{ and any } f_c",
    source=f"{ELSHIATY_PETRA}, without the convexity of ψ",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "ψ decreases", "ψ(ξᵐ) ≤ ψ(ξ⁰)", why="judged beside it: it holds on every instance, and does not help"
        ),
    ),
    mutants=(Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),),
)
@given(problem=Humps(), y=LevelPoints(small=True), share=Shares(exactly=True), steps=Counts(4, 6))
def non_convex_coarse(problem: RelativeProblem, y: Array, share: Real, steps: int) -> dict[str, Array]:
    """ψ decreases in every step, and yet the change as a whole points uphill: the iterates go round a hump, and where they
    arrive has nothing to do with the slope where they left. Four steps suffice in two unknowns, with f linear and R = P = id. It
    takes coupled unknowns (separable-coarse-descends), no quadratic, at least three steps (few-coarse-steps-descend); the
    steeper the hump, the fewer steps. L_c bounds the curvature from above only, as relative smoothness does; with humps
    no steeper than the wells 8 steps were found to do, with three ridges, in floating point. The line search turns such a
    direction down, so that a cycle is then one fine step."""
    phase = coarse_phase(problem, y, share, steps)
    assert problem.below is not None
    before, after = (phase.model.value(phase.path[i]) for i in (0, -1))
    return {
        "the correction descends": descends(phase),
        "ψ decreases": at_most(after, before, *value_terms(phase.model, phase.path[0], phase.path[-1])),
        "after two steps": descends(coarse_phase(problem, y, share, 2)),
    }


def _separable(problem: RelativeProblem, y: Array, share: Real, steps: int, gain: Any = 1) -> Array:
    phase = coarse_phase(problem, y, share, steps)
    assert problem.below is not None
    c = factor(problem, y)
    bound = two_sided(problem.below[0].reference, phase.path[0], phase.path[1])
    bound = scalar(gain, y) * c * bound / phase.tau
    sizes = (c * term for term in value_terms(phase.model, phase.path[0], phase.path[-1]))
    return phase.judged(at_most(phase.slope, -bound, phase.slope_terms, *sizes))


def _separable_proof() -> Proof:
    tau, T0, T1, p0, p1, p2, x0, x1, x2 = symbols(
        "tau", "T(x0)", "T(x1)", "phi'(x0)", "phi'(x1)", "phi'(x2)", "x0", "x1", "x2"
    )
    slope = (p0 - p1) / tau
    return Proof(
        (
            Step("in one entry, φ'(ξ¹) = T(ξ⁰) and φ'(ξ²) = T(ξ¹) with T = φ' − τψ': the steps of φ' are the changes of T",
                 ((p2 - p1) - (T1 - T0)).subs({p2: T1, p1: T0})),
            Step("ψ'(ξ⁰)(ξᵐ − ξ⁰) = ψ'(ξ⁰)(ξ¹ − ξ⁰) + ψ'(ξ⁰)(ξᵐ − ξ¹), with ψ'(ξ⁰) = (φ'(ξ⁰) − φ'(ξ¹))/τ",
                 slope * (x2 - x0) - slope * (x1 - x0) - slope * (x2 - x1)),
        ),
        "φ − τψ is convex for τ ≤ 1/L_c, so T is nondecreasing, and φ' is increasing: ξ¹ ≥ ξ⁰ gives T(ξ¹) ≥ T(ξ⁰), ξ² ≥ ξ¹ and so "
        "on. Each entry moves one way only, so ψ'(ξ⁰)(ξᵐ − ξ¹) ≤ 0. For Euclidean references and quadratic ψ this holds in the "
        "coordinates of the eigenvectors. A step that is shortened keeps the way, too: T for the smaller τ is nondecreasing.",
    )  # fmt: skip


_STEP = bpgd.shortened_step


@claim(
    "mlbpgd/separable-coarse-descends",
    title="For separable coarse objectives any number of coarse steps descends, convex or not",
    statement=r"f_c(\xi) = \sum_i h_i(\xi_i) \;\Rightarrow\; \langle \nabla f(y), P(\xi^m - \xi^0)\rangle \le "
    r"-\frac{c}{\hat\tau}\big(D(\xi^0, \xi^1) + D(\xi^1, \xi^0)\big) \quad\text{for } \hat\tau \le 1/L_c",
    source="ours (mlbpgd): how far non-convexity of ψ does no harm",
    reconstructed=True,
    hypotheses=(
        Hypothesis("f_c is separable", "without it: wells along coupled unknowns", without={
            "problem": Humps(), "y": LevelPoints(small=True), "share": Shares(exactly=True), "steps": Counts(4, 6)}),
        Hypothesis("τ̂ ≤ 1/L_c", "without it: up to 3/L_c", without={
            "problem": SeparableLevels(TwoLevels(("euclidean",), coarse=("square", "wells"))), "share": Shares(Fraction(3))}),
    ),
    mutants=(
        Mutant("1.05 times the gain",
               margin=lambda problem, y, share, steps: _separable(problem, y, share, steps, Fraction(21, 20))),
        Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),
        Mutant("∇f_c at ½Ry", patch=(coarse_model, "coherent", _elsewhere)),
        Mutant("coarse steps of 3τ̂", patch=(
            bpgd, "shortened_step", lambda reference, x, gradient, tau: _STEP(reference, x, gradient, 3 * tau))),
    ),
    proof=_separable_proof,
)  # fmt: skip
@given(problem=SeparableLevels(), y=LevelPoints(), share=Shares(), steps=Counts())
def separable_coarse_descends(problem: RelativeProblem, y: Array, share: Real, steps: int) -> Array:
    """Every entry of ξ moves one way only. In particular for one coarse unknown, and, with Euclidean references, for every
    quadratic f_c, indefinite ones included."""
    return _separable(problem, y, share, steps)
