"""Hypothesis strategies for the objects of both papers, in small rationals: they shrink to counterexamples one can read.

All arrays are object arrays of Fractions with one leading batch axis of length 1, so that every function of
`mlbreg.theory` gives an array back. Norms of groups are rational by construction (Pythagorean vectors); a computation
that leaves the rationals all the same raises `IrrationalError`, which a test should `assume` away.

    from hypothesis import given, strategies as hs
    from mlbreg.theory import strategies as st

    @given(hs.data())
    def test_bregman_divergence_is_nonnegative(data):
        problem = data.draw(st.problems())
        pair = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.groups))
        ...
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from functools import cache
from math import isqrt
from typing import Any

from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy

from .arrays import Array, exact
from .elastic_net import ElasticNet, PrimalDual
from .groups import Groups, Restriction
from .losses import FiniteSum, Huber, LeastSquares, Loss, Quadratic, Quartic
from .problems import Problem
from .regularizers import L1, Box, GroupL2, Mixture, NonNegative, Regularizer, WeightedL1, Zero

#: The losses with exact arithmetic, by name; those of `SMOOTH` have a Lipschitz gradient.
LOSSES = ("half_square", "quadratic", "least_squares", "finite_sum", "huber", "quartic")
SMOOTH = ("half_square", "quadratic", "least_squares", "finite_sum", "huber")
#: The regularizers with exact arithmetic, by name.
REGULARIZERS = ("zero", "l1", "nonnegative", "box", "weighted_l1", "group_l2", "mixture")

# Integer vectors with integer norm, by length: blocks of groups that stay rational under the group norm.
_PYTHAGOREAN: dict[int, list[tuple[int, ...]]] = {
    1: [(1,)],
    2: [(1, 0), (0, 1), (3, 4), (4, 3), (-3, 4), (5, 12)],
    3: [(1, 0, 0), (0, 1, 0), (1, 2, 2), (2, -1, 2), (2, 3, 6)],
    4: [(1, 1, 1, 1), (1, 0, 0, 0), (1, -1, 1, 1), (2, 4, 5, 6)],
}


def _rational_patterns(size: int) -> list[tuple[int, ...]]:
    return list(_PYTHAGOREAN.get(size, [(1,) + (0,) * (size - 1)]))


@cache
def rationals(largest: int = 6) -> SearchStrategy[Fraction]:
    """Fractions n/m with |n| ≤ largest and m ≤ 4; simplest: 0, 1, −1, 2, …"""
    return hs.builds(lambda m, n: Fraction(n, m), hs.sampled_from([1, 2, 3, 4]), hs.integers(-largest, largest))


@cache
def positive_rationals(largest: int = 6) -> SearchStrategy[Fraction]:
    """Fractions n/m > 0 with n ≤ largest and m ≤ 4; simplest: 1."""
    return hs.builds(lambda m, n: Fraction(n, m), hs.sampled_from([1, 2, 3, 4]), hs.integers(1, largest))


@hs.composite
def groups(draw: DrawFn, dimension: int) -> Groups:
    """Any partition of 0 … d−1; simplest: singletons."""
    labels: list[int] = []
    for coordinate in range(dimension):
        # A new group unless an old label is chosen: index 0 stands for "new", so that shrinking splits groups.
        choice = draw(hs.integers(0, len(set(labels)))) if coordinate else 0
        labels.append(len(set(labels)) if choice == 0 else choice - 1)
    return Groups(tuple(labels), len(set(labels)))


@hs.composite
def restrictions(draw: DrawFn, groups: Groups) -> Restriction:
    """Any selection of whole groups, the empty and the full one included."""
    chosen = [draw(hs.booleans()) for _ in range(groups.count)]
    return Restriction(groups, tuple(g for g, keep in enumerate(chosen) if keep))


def vectors(dimension: int) -> SearchStrategy[Array]:
    """Any rational vector, shape (1, d)."""
    return hs.lists(rationals(), min_size=dimension, max_size=dimension).map(lambda entries: exact([entries]))


@hs.composite
def vectors_with_rational_norms(draw: DrawFn, groups: Groups) -> Array:
    """A rational vector of shape (1, d) whose groups all have a rational Euclidean norm."""
    entries = [Fraction(0)] * groups.dimension
    for members in groups.members:
        if not members:
            continue
        scale = draw(rationals())
        pattern = draw(hs.sampled_from(_rational_patterns(len(members))))
        norm = isqrt(sum(entry * entry for entry in pattern))
        for coordinate, entry in zip(members, pattern, strict=True):
            entries[coordinate] = scale * Fraction(entry, norm)
    return exact([entries])


@hs.composite
def losses(draw: DrawFn, dimension: int, kinds: Collection[str] = SMOOTH) -> Loss:
    """A loss with exact arithmetic, of one of the kinds in `LOSSES`; simplest: ½‖θ‖²."""
    _check_kinds("kinds", kinds, LOSSES)
    kind = draw(hs.sampled_from([kind for kind in LOSSES if kind in kinds]))
    curvature = hs.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3), Fraction(0)])

    def entries(strategy: SearchStrategy[Fraction], count: int) -> list[Fraction]:
        return [draw(strategy) for _ in range(count)]

    if kind == "half_square":
        return Quadratic(exact([1] * dimension), exact([0] * dimension))
    if kind == "quadratic":
        return Quadratic(exact(entries(curvature, dimension)), exact(entries(rationals(), dimension)))
    if kind == "quartic":
        return Quartic(exact(entries(positive_rationals(), dimension)))
    rows = 1 if kind != "finite_sum" else 2
    matrix = exact(
        [
            entries(hs.sampled_from([Fraction(1), Fraction(0), Fraction(-1), Fraction(2)]), dimension)
            for _ in range(rows)
        ]
    )
    target = exact(entries(rationals(), rows))
    if kind == "huber":
        return Huber(matrix, target, draw(positive_rationals()))
    return FiniteSum.least_squares(matrix, target) if kind == "finite_sum" else LeastSquares(matrix, target)


@hs.composite
def regularizers(draw: DrawFn, groups: Groups, kinds: Collection[str] = REGULARIZERS) -> Regularizer:
    """A regularizer with exact arithmetic that is separable over the groups, of one of the kinds in `REGULARIZERS`."""
    _check_kinds("kinds", kinds, REGULARIZERS)
    kind = draw(hs.sampled_from([kind for kind in REGULARIZERS if kind in kinds]))
    if kind == "zero":
        return Zero()
    if kind == "l1":
        return L1(draw(positive_rationals()))
    if kind == "nonnegative":
        return NonNegative()
    if kind == "box":
        lower = draw(rationals())
        return Box(lower, lower + draw(positive_rationals()))
    if kind == "weighted_l1":
        weight = hs.one_of(positive_rationals(), hs.just(Fraction(0)))
        return WeightedL1([draw(weight) for _ in range(groups.dimension)])
    if kind == "group_l2":
        roots = [isqrt(size) for size in groups.sizes]
        rational = all(root * root == size for root, size in zip(roots, groups.sizes, strict=True))
        weights = None if rational else [draw(positive_rationals()) for _ in range(groups.count)]
        return GroupL2(draw(positive_rationals()), groups, weights)
    simple = [kind for kind in ("zero", "l1", "nonnegative", "box") if kind in REGULARIZERS]
    return Mixture(groups, [draw(regularizers(Groups.singletons(size), simple)) for size in groups.sizes])


@hs.composite
def problems(
    draw: DrawFn,
    loss_kinds: Collection[str] = SMOOTH,
    regularizer_kinds: Collection[str] = REGULARIZERS,
    max_dimension: int = 3,
    max_delta: int = 3,
) -> Problem:
    """A whole problem; simplest: d = 1, L(θ) = ½θ², J = 0, δ = 1. ``max_delta=0`` fixes δ = 1."""
    dimension = draw(hs.integers(1, max_dimension))
    partition = draw(groups(dimension))
    loss = draw(losses(dimension, loss_kinds))
    regularizer = draw(regularizers(partition, regularizer_kinds))
    delta = draw(positive_rationals(largest=max_delta)) if max_delta else Fraction(1)
    return Problem(loss, regularizer, delta, partition)


@hs.composite
def points(draw: DrawFn, regularizer: Regularizer, dimension: int) -> Array:
    """θ ∈ dom J with rational group norms, shape (1, d)."""
    theta = draw(vectors_with_rational_norms(regularizer.separable_groups(dimension)))
    return theta if bool(regularizer.in_domain(theta)[0]) else regularizer.prox(theta, 1)


@hs.composite
def primal_dual_pairs(draw: DrawFn, net: ElasticNet, dimension: int) -> PrimalDual:
    """(θ, v) with v anywhere in ∂J_δ(θ), not only where an algorithm would arrive; both of shape (1, d)."""
    theta = draw(points(net.regularizer, dimension))
    return net.pair(theta, draw(vectors_with_rational_norms(net.regularizer.separable_groups(dimension))))


def step_sizes(limit: Fraction, at_most: Fraction | float = 1) -> SearchStrategy[Array]:
    """τ = s·limit with s in quarters of (0, at_most], the end point included; shape (1,). Simplest: s = 1."""
    bound = Fraction(at_most)
    quarters = [Fraction(n, 4) for n in range(1, int(4 * bound) + 1)]
    ordered = sorted({*quarters, bound}, key=lambda s: (s != 1, s.denominator, s))
    return hs.sampled_from(ordered).map(lambda s: exact([s * limit]))


@hs.composite
def noise(draw: DrawFn, dimension: int, outcomes: int = 2) -> Array:
    """Equally likely noise vectors with mean zero, shape (1, outcomes, d); simplest: 0, then ±1."""
    free = [[draw(rationals()) for _ in range(dimension)] for _ in range(outcomes - 1)]
    last = [-sum((vector[i] for vector in free), start=Fraction(0)) for i in range(dimension)]
    return exact([[*free, last]])


def _check_kinds(name: str, kinds: Collection[str], known: Collection[str]) -> None:
    unknown: list[Any] = [kind for kind in kinds if kind not in known]
    if unknown or not kinds:
        raise ValueError(f"{name} must be some of {list(known)}, got {list(kinds)}")
