"""Families for the iterations and flows with momentum: β, γ, and gradients along a path."""

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
from .base import LARGEST, Drawn, Family

_BETAS = (Fraction(1, 2), Fraction(0), Fraction(1, 4), Fraction(3, 4), Fraction(9, 10))


@final
@dataclass(frozen=True)
class Betas(Family):
    """β ∈ [0, 1), one for each instance, shape (count,); simplest: ½."""

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        near_one = 1 - 10 ** rng.uniform(-2, 0, size=count)
        beta = np.where(rng.random(count) < 0.5, rng.random(count), near_one)
        return np.where(rng.random(count) < 0.1, 0.0, beta)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return hs.sampled_from(_BETAS).map(lambda beta: exact([beta]))

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        return (value + size * rng.normal(size=value.shape) * (1 - value)).clip(0, 0.999)


@final
@dataclass(frozen=True)
class Inertias(Family):
    """γ > 0, one for each instance, shape (count,); simplest: 1."""

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return 10 ** rng.uniform(-1.5, 1.5, size=count)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.positive_rationals(3).map(lambda gamma: exact([gamma]))

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        return (value * np.exp(size * rng.normal(size=value.shape))).clip(1e-3, 1e3)


@final
@dataclass(frozen=True)
class Polynomials(Family):
    """Coefficients (a₀, …, a_n) of t ↦ Σ aⱼtʲ, shape (count, n + 1): the gradient along a path."""

    degree: int = 3
    kept: int = 4

    def simplified(self, level: int) -> Polynomials:
        """Level 0: constants; then polynomials of degree 1, 2, 3."""
        return replace(self, kept=level + 1)

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        kept = rng.random((count, self.degree + 1)) < 0.8
        return rng.normal(size=(count, self.degree + 1)) * kept

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        zeros = exact([[0] * (self.degree + 1)])
        kept = min(self.kept, self.degree + 1)
        return strategies.vectors(kept).map(lambda a: np.concatenate([a, zeros[:, kept:]], axis=-1))

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        return (value + size * rng.normal(size=value.shape)).clip(-LARGEST, LARGEST)
