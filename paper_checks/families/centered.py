"""Families of problems by where the loss has its minimiser: at 0, where norms have their kink, or elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.arrays import exact
from ...theory.losses import LeastSquares, Logistic, Loss, Quadratic
from ...theory.problems import Problem
from .base import Drawn, Family
from .problem import Problems

#: Regularizers that are conic at 0: norms, the cone of nonnegative vectors, and J = 0.
CONIC = ("zero", "l1", "weighted_l1", "group_l2", "nonnegative", "nuclear")


@final
@dataclass(frozen=True)
class MinimizedAtZero(Family):
    """Strongly convex losses with ∇L(0) = 0."""

    regularizers: tuple[str, ...] = CONIC
    max_dimension: int = 5
    level: int = 3
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        dimension = int(rng.integers(1, self.max_dimension + 1))
        partition = sampling.groups(rng, dimension)
        scale, delta = 10 ** rng.uniform(-1, 1, size=2)
        regularizer = sampling.regularizer(rng, partition, self.regularizers)
        return Problem(_loss(rng, dimension, scale), regularizer, float(delta), partition)

    def simplified(self, level: int) -> MinimizedAtZero:
        return replace(self, level=level)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        kinds = [kind for kind in strategies.REGULARIZERS if kind in self.regularizers]
        return _exact_problem(kinds, max(1, min(self.level, self.max_dimension, 3)), plain=self.level == 0)


def _loss(rng: Generator, dimension: int, scale: float) -> Loss:
    kind = int(rng.integers(3))
    if kind == 0:
        return Quadratic((np.abs(rng.normal(size=dimension)) + 0.05) * scale, np.zeros(dimension))
    if kind == 1:
        matrix = rng.normal(size=(dimension + 1, dimension)) * scale
        return LeastSquares(matrix, np.zeros(dimension + 1))
    # Each row once with either label: the loss is even, so that its gradient at 0 vanishes.
    matrix = rng.normal(size=(dimension, dimension)) * scale
    labels = np.repeat([1.0, -1.0], dimension)
    return Logistic(np.concatenate([matrix, matrix]), labels, ridge=0.1 * scale)


@hs.composite
def _exact_problem(draw: DrawFn, kinds: Collection[str], dimension: int, plain: bool) -> Problem:
    dimension = draw(hs.integers(1, dimension))
    partition = draw(strategies.groups(dimension))
    if plain:
        loss: Loss = Quadratic(exact([1] * dimension), exact([0] * dimension))
    elif draw(hs.booleans()):
        # L = ½‖Aθ‖² with a triangular A, which is invertible.
        rows = [[draw(_entries(i, j)) for j in range(dimension)] for i in range(dimension)]
        loss = LeastSquares(exact(rows), exact([0] * dimension))
    else:
        curvatures = [draw(hs.sampled_from([Fraction(n) for n in ("1", "2", "1/2", "3")])) for _ in range(dimension)]
        loss = Quadratic(exact(curvatures), exact([0] * dimension))
    delta = Fraction(1) if plain else draw(strategies.positive_rationals(largest=3))
    return Problem(loss, draw(strategies.regularizers(partition, kinds)), delta, partition)


def _entries(i: int, j: int) -> SearchStrategy[Fraction]:
    numbers = [1, 2] if i == j else [0, 1, -1] if j < i else [0]
    return hs.sampled_from([Fraction(n) for n in numbers])


@final
@dataclass(frozen=True)
class MinimizedElsewhere(Family):
    """The problems of another family with L(0) > L*."""

    among: Problems
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        while True:
            problem = self.among.sample(rng, count, drawn)
            at_zero = float(problem.loss.value(np.zeros(problem.dimension)))
            if at_zero - float(problem.loss.infimum) > 1e-6 * (1 + abs(at_zero)):
                return problem

    def simplified(self, level: int) -> MinimizedElsewhere:
        return replace(self, among=self.among.simplified(max(level, 1)))  # level 0 knows ½‖θ‖² alone

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        return self.among.strategy(drawn).filter(_not_minimal_at_zero)


def _not_minimal_at_zero(problem: Problem) -> bool:
    at_zero: Any = problem.loss.value(exact([0] * problem.dimension))
    return bool(at_zero > problem.loss.infimum)
