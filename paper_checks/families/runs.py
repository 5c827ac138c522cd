"""Families for claims about several steps: relative step sizes, noise in each step, problems that zero does not solve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import sampling
from ...theory.arrays import exact
from ...theory.problems import Problem
from .base import Drawn, Family
from .problem import Problems


@final
@dataclass(frozen=True)
class Shares(Family):
    """s_i ∈ (0, 1], shape (batch, count): the step sizes τ·s_i of a run whose largest step size is at most τ."""

    count: int

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.step_sizes(rng, count * self.count, 1.0).reshape(count, self.count)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        share = hs.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 4), Fraction(1, 100)])
        return hs.lists(share, min_size=self.count, max_size=self.count).map(lambda shares: exact([shares]))

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        return coordinates.clip(1e-6, 1)


@final
@dataclass(frozen=True)
class NoiseSequences(Family):
    """Noise for each of ``steps`` steps, shape (batch, steps, outcomes, d): equally likely, with mean zero where ``mean_zero``."""

    steps: int
    outcomes: int = 2
    mean_zero: bool = True

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        dimension = drawn["problem"].dimension
        raw = sampling.noise(rng, count * self.steps, dimension, self.outcomes)
        raw = raw.reshape(count, self.steps, self.outcomes, dimension)
        return raw if self.mean_zero else raw + rng.normal(size=(count, 1, 1, dimension)) * abs(raw).max()

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        # Small integers and all of them in one list: noise is the largest part of such an instance, and this draws fast.
        shape = (1, self.steps, self.outcomes - 1 if self.mean_zero else 1, drawn["problem"].dimension)
        count = math.prod(shape)

        def noise(entries: list[int]) -> Any:
            free = exact(entries).reshape(shape)
            last = -free.sum(axis=2, keepdims=True) if self.mean_zero else free
            return np.concatenate([free, last], axis=2)

        return hs.lists(hs.integers(-3, 3), min_size=count, max_size=count).map(noise)

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value.reshape(len(value), -1)

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        moved = coordinates.reshape(value.shape)
        return moved - moved.mean(axis=2, keepdims=True) if self.mean_zero else moved


@final
@dataclass(frozen=True)
class UnsolvedByZero(Family):
    """The problems of another family with ∇L(0) ≠ 0: θ = 0, the sparsest point, is not a minimiser."""

    problems: Problems
    batched = False

    def simplified(self, level: int) -> UnsolvedByZero:
        return UnsolvedByZero(self.problems.simplified(max(level, 1)))

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        for _ in range(100):
            problem = self.problems.sample(rng, count, drawn)
            if _unsolved(problem, np.zeros(problem.dimension)):
                return problem
        raise ValueError(f"problems must have ∇L(0) ≠ 0 now and then, got {self.problems!r}")

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        def unsolved(problem: Problem) -> bool:
            return _unsolved(problem, exact([0] * problem.dimension))

        return self.problems.strategy(drawn).filter(unsolved)


def _unsolved(problem: Problem, zero: Any) -> bool:
    return bool((abs(problem.loss.gradient(zero)) > 0).any())
