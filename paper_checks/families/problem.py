"""Families of problems and of restrictions of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.problems import Problem
from .base import Drawn, Family


@final
@dataclass(frozen=True)
class Problems(Family):
    """Loss, regularizer, δ and groups. ``losses`` and ``regularizers`` restrict the kinds by their names."""

    losses: tuple[str, ...] = sampling.SMOOTH
    regularizers: tuple[str, ...] = sampling.REGULARIZERS
    max_dimension: int = 6
    is_simplest: bool = False
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        return sampling.problem(rng, self.losses, self.regularizers, self.max_dimension)

    def simplified(self, level: int) -> Problems:
        """Level 0: d = 1, the simplest loss and regularizer of the family, δ = 1; then d ≤ 1, 2, 3."""
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)), is_simplest=level == 0)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        named = {*self.losses, *(["half_square"] if "quadratic" in self.losses else [])}
        losses = [kind for kind in strategies.LOSSES if kind in named]
        regularizers = [kind for kind in strategies.REGULARIZERS if kind in self.regularizers]
        if not losses or not regularizers:
            return hs.nothing()  # logistic, say: floating point alone is left
        if self.is_simplest:
            return strategies.problems(losses[:1], regularizers[:1], 1, max_delta=0)
        return strategies.problems(losses, regularizers, min(self.max_dimension, 3))


@final
@dataclass(frozen=True)
class Restrictions(Family):
    """Selections of whole groups of the problem."""

    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.restriction(rng, drawn["problem"].groups)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.restrictions(drawn["problem"].groups)
