"""Families of positive constants: a modulus ν or the c of Young's inequality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import strategies
from ...theory.arrays import exact
from .base import Drawn, Family


@final
@dataclass(frozen=True)
class Moduli(Family):
    """A number in [10⁻², 10] for each instance, shape (count,); simplest: 1."""

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return 10 ** rng.uniform(-2, 1, size=count)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.positive_rationals(3).map(lambda nu: exact([nu]))
