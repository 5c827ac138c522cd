"""Families of problems whose loss has a known minimiser θ* in the domain of J: what theorems about ‖θ_k − θ*‖ ask for.

kind           | L                                         | μ
---------------|-------------------------------------------|-----------------------------------
quadratic      | ½ Σ hᵢ(θᵢ − θ*ᵢ)², hᵢ > 0                 | min h
correlated     | ½‖A(θ − θ*)‖², A of full column rank      | λ_min(AᵀA)
stiff          | half a quadratic and half a Huber loss    | > 0, and not quadratic
semidefinite   | a quadratic with some hᵢ = 0              | 0: convex only
huber          | a Huber loss with minimiser θ*            | 0: convex only
two_wells      | two wells in each coordinate              | not convex
"""

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
from ...theory.losses import FiniteSum, Huber, LeastSquares, Loss, Quadratic, TwoWells
from ...theory.problems import Problem
from .base import Drawn, Family

STRONGLY_CONVEX = ("quadratic", "correlated", "stiff")
CONVEX = (*STRONGLY_CONVEX, "semidefinite", "huber")
LOSSES = (*CONVEX, "two_wells")
#: The regularizers for which `bregman_convexity.constant_at_minimizer` knows ν.
NORMS = ("zero", "l1", "weighted_l1", "group_l2")

_CURVATURES = (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3), Fraction(1, 10))


def with_minimizer(
    losses: Collection[str] = STRONGLY_CONVEX,
    regularizers: Collection[str] = sampling.REGULARIZERS,
    max_dimension: int = 4,
) -> ProblemsWithMinimizer:
    """Problems with a known θ*, J(θ*) < ∞; strongly convex if nothing is said."""
    for name, kinds, known in (("losses", losses, LOSSES), ("regularizers", regularizers, sampling.REGULARIZERS)):
        unknown = [kind for kind in kinds if kind not in known]
        if unknown or not kinds:
            raise ValueError(f"{name} must be some of {sorted(known)}, got {list(kinds)}")
    return ProblemsWithMinimizer(tuple(losses), tuple(regularizers), max_dimension)


@final
@dataclass(frozen=True)
class ProblemsWithMinimizer(Family):
    """Loss around a point θ* ∈ dom J that is often sparse, regularizer, δ and groups."""

    losses: tuple[str, ...] = STRONGLY_CONVEX
    regularizers: tuple[str, ...] = sampling.REGULARIZERS
    max_dimension: int = 4
    is_simplest: bool = False
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        dimension = int(rng.integers(1, self.max_dimension + 1))
        partition = sampling.groups(rng, dimension)
        regularizer = sampling.regularizer(rng, partition, self.regularizers)
        star = sampling.points(rng, 1, regularizer, dimension)[0]
        loss = _float_loss(rng, str(rng.choice(list(self.losses))), star)
        return Problem(loss, regularizer, float(10 ** rng.uniform(-1, 1)), partition)

    def simplified(self, level: int) -> ProblemsWithMinimizer:
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)), is_simplest=level == 0)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        regularizers = [kind for kind in strategies.REGULARIZERS if kind in self.regularizers]
        if not regularizers:
            return hs.nothing()
        if self.is_simplest:
            return _problems(self.losses[:1], regularizers[:1], 1, 0)
        return _problems(self.losses, regularizers, min(self.max_dimension, 3), 3)


def _float_loss(rng: Generator, kind: str, star: Any) -> Loss:
    if kind == "two_wells":
        return TwoWells(star)
    d = star.size
    scale = float(10 ** rng.uniform(-1, 1))
    curvatures = (np.abs(rng.normal(size=d)) + 0.1) * scale
    if rng.random() < 0.3:
        curvatures[:] = scale
    if kind == "quadratic":
        return Quadratic(curvatures, star)
    if kind == "correlated":
        matrix = (np.eye(d) + 0.5 * rng.normal(size=(d, d))) * scale
        matrix = np.concatenate([matrix, 0.3 * scale * np.eye(d)])
        return FiniteSum((LeastSquares(matrix, matrix @ star),), known_minimizer=star)
    if kind == "semidefinite":
        kept = rng.random(d) < 0.5
        kept[int(rng.integers(d))] = True
        return Quadratic(curvatures * kept, star)
    matrix = rng.normal(size=(int(rng.integers(1, 2 * d + 1)), d)) * scale
    huber = Huber(matrix, matrix @ star, float(10 ** rng.uniform(-1, 1)))
    if kind == "huber":
        return FiniteSum((huber,), known_minimizer=star)
    return FiniteSum((Quadratic(curvatures * float(10 ** rng.uniform(-1, 0)), star), huber), known_minimizer=star)


@hs.composite
def _problems(
    draw: DrawFn, losses: Collection[str], regularizers: Collection[str], max_dimension: int, max_delta: int
) -> Problem:
    dimension = draw(hs.integers(1, max_dimension))
    partition = draw(strategies.groups(dimension))
    regularizer = draw(strategies.regularizers(partition, regularizers))
    star = draw(strategies.points(regularizer, dimension))[0]
    loss = draw(_exact_losses(losses, star))
    delta = draw(strategies.positive_rationals(largest=max_delta)) if max_delta else Fraction(1)
    return Problem(loss, regularizer, delta, partition)


@hs.composite
def _exact_losses(draw: DrawFn, kinds: Collection[str], star: Any) -> Loss:
    d = star.size
    kind = draw(hs.sampled_from([kind for kind in LOSSES if kind in kinds]))
    if kind == "two_wells":
        return TwoWells(star)
    curvatures = exact([draw(hs.sampled_from(_CURVATURES)) for _ in range(d)])
    if kind == "quadratic":
        return Quadratic(curvatures, star)
    if kind == "semidefinite":
        return Quadratic(curvatures * exact([1, *(draw(hs.sampled_from([0, 1])) for _ in range(d - 1))]), star)
    if kind == "correlated":
        matrix = exact(np.tril(np.ones((d, d), dtype=int)))
        return FiniteSum((LeastSquares(matrix, matrix @ star),), known_minimizer=star)
    matrix = exact(np.eye(d, dtype=int))
    huber = Huber(matrix, star, draw(strategies.positive_rationals()))
    parts = (huber,) if kind == "huber" else (Quadratic(curvatures, star), huber)
    return FiniteSum(parts, known_minimizer=star)
