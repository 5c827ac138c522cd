"""Families for mini-batches: problems whose loss is a finite sum with N ≥ 2 summands, batch sizes, and numbers of steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.arrays import Array, Real, constant, exact, total
from ...theory.groups import Groups
from ...theory.losses import FiniteSum, Huber, LeastSquares, LinearModel, LogCosh, Loss
from ...theory.problems import Problem
from .base import Drawn, Family

#: Kinds of summands: rows of a convex linear model, and parabolas of either sign, whose sum may be flat or concave.
SUMMANDS = ("parabolas", "least_squares", "huber", "log_cosh")


@final
@dataclass(frozen=True, eq=False)
class Saddle(Loss):
    """½ Σ hᵢ(θᵢ − cᵢ)² with hᵢ of any sign: ℓ = max |hᵢ|. The smallest loss whose curvature is not that of a sum."""

    curvatures: Array
    center: Array

    def value(self, theta: Array) -> Array:
        moved = theta - constant(self.center, theta)
        return total(constant(self.curvatures, theta) * moved * moved) / 2

    def gradient(self, theta: Array) -> Array:
        return constant(self.curvatures, theta) * (theta - constant(self.center, theta))

    @property
    def dimension(self) -> int:
        return len(self.curvatures)

    @property
    def infimum(self) -> Real:
        return 0 * self.lipschitz if all(h >= 0 for h in self.curvatures) else -float("inf")

    @cached_property
    def lipschitz(self) -> Real:
        return max(abs(h) for h in self.curvatures.tolist())

    @property
    def strong_convexity(self) -> Real | None:
        return min(self.curvatures.tolist()) if all(h >= 0 for h in self.curvatures) else None

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> None:
        return None


def largest_lipschitz(loss: Loss) -> Real:
    """ℓ = max ℓᵢ of a finite sum, and 1 where every summand is affine: the unit of step sizes."""
    assert isinstance(loss, FiniteSum)
    return loss.component_lipschitz or 1


def mean_lipschitz(loss: Loss) -> Real:
    """The Lipschitz constant of ∇L = (1/N) Σ ∇Lᵢ itself, which may be much less than max ℓᵢ."""
    assert isinstance(loss, FiniteSum)
    if isinstance(loss.losses, LinearModel):
        return loss.lipschitz
    mean = sum(part.curvatures for part in loss.losses if isinstance(part, Saddle)) / loss.count
    return max(abs(h) for h in mean.tolist())


@final
@dataclass(frozen=True)
class FiniteSums(Family):
    """Problems with L = (1/N) Σ Lᵢ, 2 ≤ N ≤ ``largest``, every ∇Lᵢ Lipschitz."""

    largest: int = 4
    max_dimension: int = 3
    regularizers: tuple[str, ...] = tuple(kind for kind in sampling.REGULARIZERS if kind != "nuclear")
    summands: tuple[str, ...] = SUMMANDS
    is_simplest: bool = False
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        d, n = int(rng.integers(1, self.max_dimension + 1)), int(rng.integers(2, self.largest + 1))
        partition = sampling.groups(rng, d)
        scale = float(10 ** rng.uniform(-1, 1))
        matrix, target = rng.normal(size=(n, d)) * scale, rng.normal(size=n)
        kind = str(rng.choice(list(self.summands)))
        if "parabolas" in self.summands and rng.random() < 0.4:
            kind = "parabolas"
        if rng.random() < 0.3:
            matrix[1::2] = 0
        if kind == "parabolas":
            curvatures = scale * rng.uniform(-1, 1, size=(n, d))
            if rng.random() < 0.5:
                # +h and −h in turn, or h throughout: these attain the bounds of an ℓ-Lipschitz gradient.
                curvatures = np.full((n, d), scale)
                curvatures[1::2] *= rng.choice([-1.0, 1.0], p=[0.7, 0.3])
            loss = FiniteSum([Saddle(h, c) for h, c in zip(curvatures, rng.normal(size=(n, d)), strict=True)])
        else:
            models = {"least_squares": LeastSquares, "log_cosh": LogCosh}
            model = Huber(matrix, target, scale) if kind == "huber" else models[kind](matrix, target)
            loss = FiniteSum(model)
        regularizer = sampling.regularizer(rng, partition, self.regularizers)
        return Problem(loss, regularizer, float(10 ** rng.uniform(-1, 1)), partition)

    def simplified(self, level: int) -> FiniteSums:
        """Level 0: d = 1, N = 2, J = 0, δ = 1; then d ≤ 1, 2, 3."""
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)), is_simplest=level == 0)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        return _exact_problems(self)


@hs.composite
def _exact_problems(draw: DrawFn, family: FiniteSums) -> Problem:
    d = draw(hs.integers(1, family.max_dimension))
    n = 2 if family.is_simplest else draw(hs.integers(2, family.largest))
    kinds = [kind for kind in ("parabolas", "least_squares", "huber") if kind in family.summands]
    kind = kinds[0] if family.is_simplest else draw(hs.sampled_from(kinds))
    partition = Groups.singletons(d) if family.is_simplest else draw(strategies.groups(d))
    if kind == "parabolas":
        # Few choices where the search begins: shrinking takes longer than judging.
        curvature = hs.sampled_from([1, -1] if family.is_simplest else [1, -1, 0, 2])
        center = hs.sampled_from([0, 1]) if family.is_simplest else strategies.rationals(3)
        loss = FiniteSum(
            [
                Saddle(exact([draw(curvature) for _ in range(d)]), exact([draw(center) for _ in range(d)]))
                for _ in range(n)
            ]
        )
    else:
        entry = hs.sampled_from([1, 0, -1, 2])
        matrix = exact([[draw(entry) for _ in range(d)] for _ in range(n)])
        target = exact([draw(strategies.rationals(3)) for _ in range(n)])
        loss = FiniteSum(
            LeastSquares(matrix, target)
            if kind == "least_squares"
            else Huber(matrix, target, draw(strategies.positive_rationals(2)))
        )
    if family.is_simplest and "zero" in family.regularizers:
        return Problem(loss, draw(strategies.regularizers(partition, ["zero"])), Fraction(1), partition)
    penalties = [kind for kind in family.regularizers if kind in strategies.REGULARIZERS]
    return Problem(
        loss, draw(strategies.regularizers(partition, penalties)), draw(strategies.positive_rationals(3)), partition
    )


@final
@dataclass(frozen=True)
class BatchSizes(Family):
    """1 ≤ b ≤ N of ``problem``, one for the whole batch of instances."""

    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> int:
        # Small batches are noisy, so they break more.
        return 1 if rng.random() < 0.3 else int(rng.integers(1, drawn["problem"].loss.count + 1))

    def strategy(self, drawn: Drawn) -> SearchStrategy[int]:
        return hs.integers(1, drawn["problem"].loss.count)


@final
@dataclass(frozen=True)
class Counts(Family):
    """An integer between two bounds, one for the whole batch of instances."""

    smallest: int
    largest: int
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> int:
        return int(rng.integers(self.smallest, self.largest + 1))

    def strategy(self, drawn: Drawn) -> SearchStrategy[int]:
        return hs.integers(self.smallest, self.largest)


def finite_population_factor(count: int, size: int, like: Array) -> Any:
    """κ = (N − b)/(b(N − 1)), by which a mean over b of N ≥ 2 values drawn without replacement varies less than one value."""
    one = np.ones(1, dtype=like.dtype) if like.dtype != object else exact([1])
    return (one * (count - size) / (size * (count - 1)))[0]
