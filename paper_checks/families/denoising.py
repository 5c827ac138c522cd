"""The problem whose flows are known: L = ½‖θ − f‖², J = λ‖·‖₁, from θ = 0 and v = 0; and times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import strategies
from ...theory.arrays import exact
from ...theory.groups import Groups
from ...theory.losses import Quadratic
from ...theory.problems import Problem
from ...theory.regularizers import L1
from .base import LARGEST, Drawn, Family


@final
@dataclass(frozen=True)
class Denoising(Family):
    """L = ½‖θ‖², J = λ‖·‖₁, any δ > 0; the data f come as a batch (`Data`), so that L = ½‖θ − f‖² is another for each instance."""

    max_dimension: int = 4
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        dimension = int(rng.integers(1, self.max_dimension + 1))
        lam, delta = (float(10 ** rng.uniform(-1, 1)) for _ in range(2))
        return Problem(Quadratic(np.ones(dimension)), L1(lam), delta, Groups.singletons(dimension))

    def simplified(self, level: int) -> Denoising:
        """One coordinate, then at most 1, 2, 3."""
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        return hs.builds(
            lambda d, lam, delta: Problem(Quadratic(exact([1] * d)), L1(lam), delta, Groups.singletons(d)),
            hs.integers(1, min(self.max_dimension, 3)),
            strategies.positive_rationals(3),
            strategies.positive_rationals(3),
        )


@final
@dataclass(frozen=True)
class Times(Family):
    """Times t > 0, shape (count,), in units of λ/max|f| where ``data`` is f: about the time of the first release."""

    data: str = "f"

    def _unit(self, drawn: Drawn) -> Any:
        f, lam = drawn[self.data], drawn["problem"].regularizer.lam
        largest = np.max(abs(f), axis=-1)
        return lam / np.where(largest == 0, 1 + 0 * largest, largest)

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return self._unit(drawn) * 10 ** rng.uniform(-1, 1, size=count)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        unit = exact(self._unit(drawn))
        return hs.sampled_from([Fraction(2), Fraction(1), Fraction(1, 2), Fraction(3), Fraction(5, 2)]).map(
            lambda t: unit * t
        )

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        return (value * np.exp(size * rng.normal(size=value.shape))).clip(1e-6, LARGEST)
