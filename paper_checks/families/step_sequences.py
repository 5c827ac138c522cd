"""Families of step-size sequences τ_0 … τ_{K−1}, shape (count, K): constant, decreasing, c/k, k^{−α}, slowly decreasing.

law          | τ_k                                                       | what it is for
-------------|-----------------------------------------------------------|---------------------------------
constant     | τ                                                         | (3.13) of bungert2021
decreasing   | any, non-increasing                                       | (3.14), finitely many terms of it
slow         | 1/τ_{k+1} − 1/τ_k ≤ ν/2: k^{−α} from some k on is slow     | corollary 3.9

The largest step is ``at_most`` units, 1/𝖫 = 1/(ℓδ) if nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.arrays import exact
from ...theory.bregman_convexity import constant_at_minimizer
from ...theory.problems import Problem
from .base import Drawn, Family
from .steps import UNITS

LAWS = ("constant", "decreasing", "slow")


@final
@dataclass(frozen=True)
class StepSequences(Family):
    """K step sizes for each instance by one of the `LAWS`."""

    law: str = "decreasing"
    length: int = 3
    at_most: float | Fraction = 1
    unit: str = "1/𝖫"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit must be one of {list(UNITS)}, got {self.unit!r}")
        if self.law not in LAWS:
            raise ValueError(f"law must be one of {list(LAWS)}, got {self.law!r}")
        if self.length < 1 or not self.at_most > 0:
            raise ValueError(f"length must be ≥ 1 and at_most > 0, got {self.length!r} and {self.at_most!r}")

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        problem: Problem = drawn["problem"]
        first = sampling.step_sizes(rng, count, float(UNITS[self.unit](problem)), float(self.at_most))
        if self.law == "constant":
            return np.repeat(first[:, None], self.length, axis=1)
        shares = rng.random((count, self.length)) * (rng.random((count, 1)) < 0.8)
        if self.law == "decreasing":
            shares[:, 0] = 0
            return first[:, None] * np.cumprod(1 - 0.9 * shares, axis=1)
        return 1 / (1 / first[:, None] + _growth(shares, float(constant_at_minimizer(problem)) / 2))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        problem: Problem = drawn["problem"]
        first = strategies.step_sizes(Fraction(UNITS[self.unit](problem)), Fraction(self.at_most))
        if self.law == "slow":
            return _slow(problem, self.length, first)
        return _exact(self.law, self.length, first)

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value[:, :1] if self.law == "constant" else value

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        problem: Problem = drawn["problem"]
        limit = float(self.at_most) * float(UNITS[self.unit](problem))
        moved = coordinates.clip(1e-9 * limit, limit)
        if self.law == "constant":
            return np.repeat(moved, self.length, axis=1)
        if self.law == "decreasing":
            return -np.sort(-moved, axis=1)
        growth = np.diff(1 / moved, axis=1).clip(0, float(constant_at_minimizer(problem)) / 2)
        first = moved[:, :1]
        return 1 / (1 / first + np.concatenate([0 * first, np.cumsum(growth, axis=1)], axis=1))


def _growth(shares: Any, largest: float) -> Any:
    """Σ of the increments of 1/τ, 0 for the first step."""
    return np.concatenate([0 * shares[:, :1], np.cumsum(shares[:, 1:] * largest, axis=1)], axis=1)


@hs.composite
def _exact(draw: DrawFn, law: str, length: int, first: SearchStrategy[Any]) -> Any:
    drawn = [draw(first)[0]]
    while len(drawn) < length:
        drawn.append(drawn[-1] * (1 if law == "constant" else draw(hs.sampled_from(_SHARES))))
    return exact([drawn])


@hs.composite
def _slow(draw: DrawFn, problem: Problem, length: int, first: SearchStrategy[Any]) -> Any:
    inverse = [1 / draw(first)[0]]
    while len(inverse) < length:
        inverse.append(inverse[-1] + draw(hs.sampled_from(_SHARES)) * constant_at_minimizer(problem) / 2)
    return exact([[1 / value for value in inverse]])


_SHARES = (Fraction(1), Fraction(1, 2), Fraction(3, 4))


@final
@dataclass(frozen=True)
class HarmonicSteps(Family):
    """τ_k = c/k ≤ 1/(ℓδ) for k = k₀ … k₀ + K − 1, with c = 1 or, when ``fast``, cν > 1."""

    length: int = 3
    fast: bool = False

    def _first(self, problem: Problem, c: Any) -> int:
        first: int = ceil(c / problem.step_size_limit)
        return max(1, first)

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        problem: Problem = drawn["problem"]
        c = np.ones(count)
        if self.fast:
            c = rng.uniform(1.05, 4, size=count) / float(constant_at_minimizer(problem))
        first = np.array([self._first(problem, float(entry)) for entry in c])
        late = rng.integers(0, 3, size=count)
        return c[:, None] / ((first + late)[:, None] + np.arange(self.length))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        problem: Problem = drawn["problem"]
        scales = [2 / Fraction(constant_at_minimizer(problem)), 3 / Fraction(constant_at_minimizer(problem))]

        def sequence(c: Fraction, late: int) -> Any:
            first = self._first(problem, c) + late
            return exact([[c / (first + k) for k in range(self.length)]])

        return hs.builds(sequence, hs.sampled_from(scales if self.fast else [Fraction(1)]), hs.integers(0, 2))


@final
@dataclass(frozen=True)
class PowerSteps(Family):
    """τ_k = k^{−α} ≤ 1/(ℓδ) for k = k₀ … k₀ + K − 1, 0 < α < 1. Exact: α = ½ and k₀ a square, for one step."""

    length: int = 3

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        alpha = rng.uniform(0.3, 0.95, size=(count, 1))
        limit = float(drawn["problem"].step_size_limit)
        first = np.maximum(1, np.ceil(limit ** (-1 / alpha) * (1 + 1e-12))) + rng.integers(0, 3, size=(count, 1))
        return (first + np.arange(self.length)) ** -alpha

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        root = max(1, ceil(1 / Fraction(drawn["problem"].step_size_limit)))
        return hs.integers(root, root + 2).map(lambda n: exact([[Fraction(1, n)]]))
