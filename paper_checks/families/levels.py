"""Families of two-level problems, of points on their levels, of step sizes on both, and of numbers of steps.

The problems are those of `level_problems`: sums of ridge functions, full weighting, selections or any R, and P = cRᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory import strategies
from ...theory.arrays import Array, exact, is_exact, scalar
from ...theory.references import Euclidean, FermiDirac, Reference
from ...theory.relative_problem import RelativeProblem
from .base import LARGEST, Drawn, Family
from .level_problems import CONVEX, REFERENCES, RIDGES, TRANSFERS, MatrixTransfer, RidgeSum, grid_matrix, levels


@final
@dataclass(frozen=True)
class TwoLevels(Family):
    """Two-level problems.

    ``references``, ``transfers``: by name. ``fine`` and ``coarse``: the ridge functions, `CONVEX` ones where None.
    ``galerkin``: f_c = s·f∘P/c with this s, None for a coarse objective that has nothing to do with f.
    """

    references: tuple[str, ...] = ("euclidean", "burg", "fermi_dirac", "shannon")
    transfers: tuple[str, ...] = ("cell", "vertex", "any", "selection")
    fine: tuple[str, ...] | None = None
    coarse: tuple[str, ...] | None = None
    galerkin: Fraction | None = None
    largest: int = 4
    batched = False

    def __post_init__(self) -> None:
        for name, values, known in (
            ("references", self.references, tuple(REFERENCES)),
            ("transfers", self.transfers, TRANSFERS),
            ("fine", self.fine or RIDGES, RIDGES),
            ("coarse", self.coarse or RIDGES, RIDGES),
        ):
            if not values or not set(values) <= set(known):
                raise ValueError(f"{name} must be some of {known}, got {values!r}")

    def simplified(self, level: int) -> TwoLevels:
        """At most 1, 2, 3 unknowns (2 or 3 on a grid), and only the first reference and the first h at level 0."""
        small = replace(self, largest=min(self.largest, level + 1))
        first = self.references[:1]
        return replace(small, references=first, fine=self._ridges(first[0], self.fine)[:1]) if level == 0 else small

    def _ridges(self, reference: str, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
        wells = ("wells",) if "square" in CONVEX[reference] else ()
        return tuple(h for h in chosen or CONVEX[reference] if h in (*CONVEX[reference], *wells))

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> RelativeProblem:
        def pick(values: tuple[Any, ...]) -> Any:
            return values[int(rng.integers(len(values)))]

        def numbers(*shape: int) -> Array:
            return rng.normal(size=shape) * 10 ** rng.uniform(-0.7, 0.7)

        return self.problem(pick, numbers)

    def strategy(self, drawn: Drawn) -> SearchStrategy[RelativeProblem]:
        return _exact_problems(self)

    def problem(self, pick: Any, numbers: Any) -> RelativeProblem:
        """A problem made of choices by ``pick`` and of arrays of any shape by ``numbers``."""
        reference = pick(self.references)
        transfer = self._transfer(reference, pick, numbers)
        coarse_dimension, dimension = transfer.restriction.shape
        fine = _ridge_sum(pick(self._ridges(reference, self.fine)), dimension, pick, numbers)
        if self.galerkin is not None:
            image, kind = fine.matrix @ transfer.prolongation, fine.ridge
            c = 1 if transfer.factor is None else transfer.factor
            weight = scalar(self.galerkin, image) / scalar(c, image)
            coarse = RidgeSum(image, fine.target, kind, weight, fine.steepness)
        else:
            coarse = _ridge_sum(pick(self._ridges(reference, self.coarse)), coarse_dimension, pick, numbers)
        return levels(fine, coarse, transfer, reference)

    def _transfer(self, reference: str, pick: Any, numbers: Any) -> MatrixTransfer:
        kind = pick(self.transfers)
        ints = pick((1, 2, 3))
        if kind in ("cell", "vertex"):
            most = max(self.largest, 2 if kind == "cell" else 3)
            n = pick(tuple(range(2, most + 1, 2)) if kind == "cell" else tuple(range(3, most + 1, 2)))
            matrix = grid_matrix(kind, n)
            like = numbers(1, 1)
            return MatrixTransfer.adjoint(exact(matrix) if is_exact(like) else matrix, 2)
        dimension = pick(tuple(range(1, self.largest + 1)))
        rows = pick(tuple(range(1, min(dimension, 2) + 1)))
        if kind == "selection":
            R = np.eye(dimension, dtype=int)[:rows] + 0 * numbers(1, 1)  # in the arithmetic of the numbers
            return MatrixTransfer.adjoint(R, 1)
        R = numbers(rows, dimension)
        if reference != "euclidean":
            R = abs(R) + (abs(R).sum(axis=1, keepdims=True) == 0)
        if reference == "fermi_dirac":
            R = R / R.sum(axis=1, keepdims=True)
        if kind == "unrelated":
            return MatrixTransfer(R, numbers(dimension, rows), None)
        return MatrixTransfer.adjoint(R, ints)


@hs.composite
def _exact_problems(draw: DrawFn, family: TwoLevels) -> RelativeProblem:
    def pick(values: tuple[Any, ...]) -> Any:
        return values[0] if len(values) == 1 else draw(hs.sampled_from(values))

    def numbers(*shape: int) -> Array:
        size = int(np.prod(shape))
        entries = draw(hs.lists(_SMALL, min_size=size, max_size=size))
        return exact(np.array(entries, dtype=object).reshape(shape))

    return family.problem(pick, numbers)


_SMALL = hs.integers(-3, 3)


def _ridge_sum(kind: str, dimension: int, pick: Any, numbers: Any) -> RidgeSum:
    if kind == "linear":
        return RidgeSum(np.eye(dimension, dtype=int), numbers(dimension), kind)
    rows = pick((1, 2))
    matrix, target = numbers(rows, dimension), numbers(rows)
    if kind == "poisson":
        matrix, target = abs(matrix) + (abs(matrix).sum(axis=1, keepdims=True) == 0), abs(target) + 1
    elif not np.any(matrix):
        matrix = matrix + 1  # a constant objective is of no interest
    return RidgeSum(matrix, target, kind, 1, pick((1, 16)) if kind == "wells" else 1)


@final
@dataclass(frozen=True)
class LevelPoints(Family):
    """x ∈ C or, with ``coarse``, ξ ∈ Ĉ of a two-level ``problem``; with ``anywhere``, any vector; ``small``: near 0."""

    coarse: bool = False
    anywhere: bool = False
    small: bool = False

    def _space(self, drawn: Drawn) -> tuple[Reference, int]:
        problem = drawn["problem"]
        space = problem.below[0] if self.coarse else problem
        return Euclidean() if self.anywhere else space.reference, space.dimension

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        reference, dimension = self._space(drawn)
        normal = rng.normal(size=(count, dimension)) * 10 ** rng.uniform(-1, 1, size=(count, 1))
        if isinstance(reference, Euclidean):
            return normal / 20 if self.small else normal
        return (
            1 / (1 + np.exp(-normal.clip(-15, 15))) if isinstance(reference, FermiDirac) else np.exp(normal.clip(-7, 7))
        )

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        reference, dimension = self._space(drawn)
        entries: SearchStrategy[Fraction] = strategies.rationals()
        if isinstance(reference, FermiDirac):
            entries = strategies.positive_rationals().map(lambda x: x / (1 + x))
        elif not isinstance(reference, Euclidean):
            entries = strategies.positive_rationals()
        if self.small:
            entries = entries.map(lambda x: x / 64)
        return hs.lists(entries, min_size=dimension, max_size=dimension).map(lambda point: exact([point]))

    def coordinates(self, value: Array, drawn: Drawn) -> Array:
        return value

    def with_coordinates(self, value: Array, coordinates: Array, drawn: Drawn) -> Array:
        inside = self._space(drawn)[0].in_domain(coordinates)
        return np.where(inside[:, None], coordinates.clip(-LARGEST, LARGEST), value)


@final
@dataclass(frozen=True)
class Shares(Family):
    """A number in (0, at_most] for the whole batch: τ in units of 1/L, on both levels. The end point is drawn every other
    time, or always where ``exactly``."""

    at_most: Fraction = Fraction(1)
    exactly: bool = False
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> float:
        return float(self.at_most) * (1.0 if self.exactly or rng.random() < 0.5 else float(rng.uniform(0.05, 1)))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Fraction]:
        shares = [self.at_most, self.at_most / 2, self.at_most / 3]
        return hs.sampled_from(shares[:1] if self.exactly else shares)


@final
@dataclass(frozen=True)
class Counts(Family):
    """An integer from ``least`` to ``most``: coarse steps, or cycles."""

    least: int = 1
    most: int = 3
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> int:
        return int(rng.integers(self.least, self.most + 1))

    def strategy(self, drawn: Drawn) -> SearchStrategy[int]:
        return hs.integers(self.least, self.most)
