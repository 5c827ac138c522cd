"""What the grid transfers do to points of C and to gradients: coarse starts, and the range of the criterion's κ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers.criteria import GradientTest, View
from ....theory.arrays import Array, Real, exact, largest, scalar, square_norm
from ....theory.margins import at_most, least
from ....theory.references import FermiDirac
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Family
from ...families.base import Drawn
from ...families.level_problems import MatrixTransfer, RidgeSum, levels
from ...families.levels import LevelPoints, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA
from .unit_steps import largest_of


@final
@dataclass(frozen=True)
class Averages(Family):
    """Two levels with linear objectives, Burg or Fermi–Dirac, and R = (r₁, …, r_d) of one row that leaves one hypothesis.

    ``entries`` are those of R before its row sum is made ``row_sum``; None leaves it.
    """

    entries: tuple[int, ...]
    row_sum: Fraction | None
    references: tuple[str, ...] = ("burg", "fermi_dirac")
    batched = False

    def _problem(self, pick: Any, kind: Any) -> RelativeProblem:
        reference, dimension = pick(self.references), pick((1, 2, 3))
        row = [Fraction(pick(self.entries)) for _ in range(dimension)]
        whole = sum(row, Fraction(0))
        if self.row_sum is not None and whole:
            row = [entry * self.row_sum / whole for entry in row]
        unit = np.eye(dimension, dtype=int)
        fine = RidgeSum(kind(unit), kind([1] * dimension), "linear")
        return levels(
            fine, RidgeSum(kind([[1]]), kind([1]), "linear"), MatrixTransfer.adjoint(kind([row]), 1), reference
        )

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> RelativeProblem:
        return self._problem(
            lambda values: values[int(rng.integers(len(values)))], lambda entries: np.asarray(entries, dtype=np.float64)
        )

    def strategy(self, drawn: Drawn) -> SearchStrategy[RelativeProblem]:
        return hs.composite(lambda draw: self._problem(lambda values: draw(hs.sampled_from(values)), exact))()


def _inside(problem: RelativeProblem, y: Array) -> Array:
    """How far Ry is from the boundary of Ĉ; −1 on it."""
    assert problem.below is not None
    lower, transfer = problem.below
    start = transfer.restrict(y)
    sides = [-largest_of(-start)] + ([1 - largest_of(start)] if isinstance(lower.reference, FermiDirac) else [])
    margin = least([at_most(0 * side, side, largest(y)) for side in sides])
    inside = np.asarray(lower.reference.in_domain(start), dtype=bool)
    # A sum of floats next to 1 may be rounded to 1: that is no evidence.
    rounded = (margin > -1e-12) & (y.dtype != object) & (margin != 0)
    return np.where(inside | rounded, abs(margin), np.where(margin < 0, margin, margin - 1))


def _inside_proof() -> Proof:
    r1, r2, y1, y2 = symbols("r_1", "r_2", "y_1", "y_2")
    return Proof(
        (
            Step("1 − Σ rⱼyⱼ = (1 − Σ rⱼ) + Σ rⱼ(1 − yⱼ)",
                 (1 - r1 * y1 - r2 * y2) - ((1 - r1 - r2) + r1 * (1 - y1) + r2 * (1 - y2))),
        ),
        "Σ rⱼyⱼ > 0 because no term is negative and one is positive; for the box the right side is > 0 by row sums ≤ 1 and y < 1.",
    )  # fmt: skip


@claim(
    "mlbpgd/coarse-start-inside",
    title="The coarse start lies in the coarse domain",
    statement=r"R \ge 0 \text{ without a zero row (box: row sums} \le 1) \;\Rightarrow\; Ry \in \hat C \text{ for } y \in C",
    source=ELSHIATY_PETRA,
    reconstructed=True,
    hypotheses=(
        Hypothesis("R ≥ 0", "without it: entries of either sign", without={"problem": Averages((2, -1, 1), Fraction(1))}),
        Hypothesis("no zero row", "without it: R = 0", without={"problem": Averages((0,), None)}),
        Hypothesis("row sums ≤ 1", "without it, for the box: row sums 3/2",
                   without={"problem": Averages((1, 2), Fraction(3, 2), ("fermi_dirac",))}),
    ),
    mutants=(
        Mutant("P in the place of Rᵀ: row sums up to 2", margin=lambda problem, y: _inside(_scaled(problem, 2), y)),
        Mutant("R with the other sign", margin=lambda problem, y: _inside(_scaled(problem, -1), y)),
        Mutant("no weights", patch=(MatrixTransfer, "restrict", lambda self, x: x @ (self.restriction != 0).T.astype(float))),
    ),
    proof=_inside_proof,
)  # fmt: skip
@given(
    problem=TwoLevels(
        ("fermi_dirac", "burg", "shannon"), ("cell", "vertex", "any"), ("linear",), ("linear",), largest=8
    ),
    y=LevelPoints(),
)
def coarse_start_inside(problem: RelativeProblem, y: Array) -> Array:
    """Full weighting is such an R in both conventions: R1 = 1. For the orthant row sums may be anything."""
    return _inside(problem, y)


def _scaled(problem: RelativeProblem, scale: int) -> RelativeProblem:
    assert problem.below is not None
    lower, transfer = problem.below
    return replace(problem, below=(lower, MatrixTransfer.adjoint(scale * transfer.restriction, 1)))


@final
@dataclass(frozen=True)
class Thresholds(Family):
    """κ ∈ (0, 1), one for the whole batch."""

    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> float:
        return float(rng.uniform(0.01, 0.99))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Fraction]:
        return hs.sampled_from([Fraction(1, 2), Fraction(3, 4), Fraction(1, 4), Fraction(9, 10)])


GRIDS = TwoLevels(("euclidean",), ("cell", "vertex"), ("square",), ("square",), largest=9)


def _schur(problem: RelativeProblem, like: Array) -> Real:
    """(largest row sum)·(largest column sum) of R ≥ 0: a bound of ‖R‖²."""
    assert problem.below is not None
    R = problem.below[1].restriction
    return scalar(max(R.sum(axis=1)), like) * scalar(max(R.sum(axis=0)), like)


def _restricted(problem: RelativeProblem, g: Array, factor: Any = 1) -> Array:
    """‖Rg‖² ≤ factor·‖g‖²/c."""
    assert problem.below is not None
    transfer = problem.below[1]
    return at_most(square_norm(transfer.restrict(g)), scalar(factor, g) * square_norm(g) / scalar(transfer.factor, g))


@claim(
    "mlbpgd/criterion-range",
    title="The gradient criterion may have any κ in (0, 1)",
    statement=r"\forall \kappa \in (0, 1)\ \exists y:\ \|R\nabla f(y)\| \ge \kappa \|\nabla f(y)\| \quad\text{for full weighting}",
    source="lunk2026 (10), with the transfers of ML BPGD (mlbpgd)",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "full weighting",
            "a selection has norm 1, and any κ < 1 can be met",
            why="what is judged is what full weighting does: the bound of the norm is beside it",
        ),
    ),
    mutants=(
        Mutant("κ up to 1/√c for c = 4", margin=lambda problem, kappa, g: _restricted(problem, g, Fraction(1, 2))),
        Mutant("P in the place of Rᵀ", patch=(MatrixTransfer, "restrict", lambda self, x: x @ self.prolongation)),
    ),
)
@given(problem=GRIDS, kappa=Thresholds(), g=LevelPoints())
def criterion_range(problem: RelativeProblem, kappa: Real, g: Array) -> dict[str, Array]:
    """The exact range on a line is κ ≤ 1/√2 for cell-centred grids, attained by constant gradients, and κ < 1/√2 for vertex-centred
    ones; 2^(−n/2) in n dimensions. Above it the test says no for every y, and the method silently is BPGD. √c‖R∇f‖ ≥ κ‖∇f‖ has the
    whole range. lunk2026 selects entries, ‖R‖ = 1, where any κ in (0, 1) can be met."""
    test = GradientTest(kappa, Fraction(1, 10**12) if g.dtype == object else 1e-12)
    assert problem.below is not None
    restricted = problem.below[1].restrict(g)
    accepted, _ = test.decide(None, View(0, g, None, g, restricted))
    bound = _schur(problem, g) - scalar(kappa, g) ** 2 + 0 * square_norm(g)
    return {
        "some gradient can pass": bound,
        # Beside it: what the criterion of the solver says where the bound excludes it.
        "the solver's test agrees": np.where(np.asarray(accepted) & (bound < 0), -1 + 0 * bound, 1 + 0 * bound),
        "‖Rg‖² ≤ ‖g‖²/c": _restricted(problem, g),
    }


def _schur_proof() -> Proof:
    r1, r2, g1, g2 = symbols("r_1", "r_2", "g_1", "g_2")
    row = (r1 + r2) * (r1 * g1**2 + r2 * g2**2) - (r1 * g1 + r2 * g2) ** 2
    return Proof(
        (
            Step("in one row (Σ rⱼgⱼ)² ≤ (Σ rⱼ)(Σ rⱼgⱼ²): the difference is a sum of rⱼr_k(gⱼ − g_k)², for each pair of entries",
                 row - r1 * r2 * (g1 - g2) ** 2),
        ),
        "The row sums are 1, so ‖Rg‖² ≤ Σⱼ gⱼ² Σᵢ Rᵢⱼ, and the column sums are at most 1/c because the rows of P = cRᵀ sum to at "
        "most 1 (to 1 on cell-centred grids, where constant g give equality; less next to the edge of vertex-centred ones).",
    )  # fmt: skip


@claim(
    "mlbpgd/restricted-gradient",
    title="Full weighting loses at least the share 1 − 1/√c of every gradient",
    statement=r"\|R\nabla f(y)\|^2 \le \tfrac1c \|\nabla f(y)\|^2 \quad\text{for } R \ge 0,\ R1 \le 1,\ P1 = cR^\top 1 \le 1",
    source="ours (mlbpgd): the range of κ in lunk2026 (10) for grid transfers",
    reconstructed=True,
    hypotheses=(
        Hypothesis("P1 ≤ 1", "without it: any R ≥ 0 with R1 = 1",
                   without={"problem": Averages((1, 2), Fraction(1), ("burg",)), "g": LevelPoints(anywhere=True)},
                   margin=lambda problem, g: _restricted(problem, g, Fraction(1, 2))),
        Hypothesis("R1 ≤ 1", "without it: twice full weighting, c = 2",
                   margin=lambda problem, g: _restricted(problem, g, Fraction(1, 4))),
    ),
    mutants=(
        Mutant("1/c² in the place of 1/c", margin=lambda problem, g: _restricted(problem, g, Fraction(1, 2))),
        Mutant("0.95/c in the place of 1/c", margin=lambda problem, g: _restricted(problem, g, Fraction(19, 20))),
        Mutant("P in the place of Rᵀ", patch=(MatrixTransfer, "restrict", lambda self, x: x @ self.prolongation)),
    ),
    proof=_schur_proof,
)  # fmt: skip
@given(problem=GRIDS, g=LevelPoints())
def restricted_gradient(problem: RelativeProblem, g: Array) -> Array:
    """The constant is the best one: equality for constant g on cell-centred grids of any size."""
    return _restricted(problem, g)
