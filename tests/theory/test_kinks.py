"""The pieces of a regularizer, and the points at which it is conic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mlbreg.theory.divergences import bregman
from mlbreg.theory.groups import Groups
from mlbreg.theory.kinks import Piece, is_conic_at, pieces
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, Regularizer, WeightedL1, Zero

GROUPS = Groups.of_sizes([2, 2])


def test_pieces_of_sums_over_coordinates() -> None:
    assert pieces(L1(0.5), 2) == (Piece((0,), radius=0.5), Piece((1,), radius=0.5))
    assert [piece.is_smooth for piece in pieces(WeightedL1([1, 0]), 2)] == [False, True]
    assert pieces(Box([0, -math.inf], 1), 2)[1].ends == (1,)
    assert all(piece.is_smooth for piece in pieces(Zero(), 3))


def test_pieces_of_groups_carry_their_radius() -> None:
    first, second = pieces(GroupL2(0.5, Groups.of_sizes([4, 1])), 5)
    assert first == Piece((0, 1, 2, 3), radius=1.0)
    assert second == Piece((4,), radius=0.5)


def test_pieces_of_a_mixture_have_the_coordinates_of_the_whole() -> None:
    found = pieces(Mixture(Groups.of([[0, 2], [1, 3]], 4), [L1(1), NonNegative()]), 4)
    assert [piece.indices for piece in found] == [(0,), (2,), (1,), (3,)]
    assert [piece.is_norm for piece in found] == [True, True, False, False]


@pytest.mark.parametrize("regularizer", [L1(0.5), GroupL2(0.5, GROUPS), Nuclear(0.5, (2, 2)), Nuclear(0.5, (1, 4))])
def test_the_dual_size_tells_who_is_a_subgradient_at_zero(regularizer: Regularizer) -> None:
    rng = np.random.default_rng(0)
    zero = np.zeros((50, 4))
    p = rng.normal(size=(50, 4)) * rng.uniform(0.1, 1, size=(50, 1))
    inside = np.all([piece.dual_size(p) <= piece.radius for piece in pieces(regularizer, 4)], axis=0)
    assert 0 < inside.sum() < 50
    assert (inside == (regularizer.subdifferential_distance(zero, p) < 1e-12)).all()


CONIC: list[tuple[Regularizer, list[float], bool]] = [
    (Zero(), [1, 2, 3, 4], True),
    (L1(0.5), [0, 0, 0, 0], True),
    (L1(0.5), [0, 0, 1, 0], False),
    (WeightedL1([1, 1, 0, 1]), [0, 0, 1, 0], True),
    (GroupL2(0.5, GROUPS), [0, 0, 0, 0], True),
    (GroupL2(0.5, GROUPS), [0, 0, 0, 1], False),
    (Nuclear(0.5, (2, 2)), [0, 0, 0, 0], True),
    (Nuclear(0.5, (2, 2)), [1, 0, 0, 1], False),
    (NonNegative(), [0, 0, 0, 0], True),
    (NonNegative(), [0, 1, 0, 0], False),
    (Box(-1, 2), [-1, 2, -1, -1], False),
    (Box(-math.inf, 2), [2, 2, 2, 2], True),
]


@pytest.mark.parametrize(("regularizer", "star", "expected"), CONIC)
def test_conic_means_that_the_divergence_to_the_point_vanishes(
    regularizer: Regularizer, star: list[float], expected: bool
) -> None:
    assert is_conic_at(regularizer, np.array(star)) is expected
    rng = np.random.default_rng(1)
    theta = rng.normal(size=(200, 4)) * (rng.random((200, 4)) < 0.5)
    theta = regularizer.prox(theta, 0.1)
    p = regularizer.project_subdifferential(theta, 10 * rng.normal(size=theta.shape))
    distance: Any = bregman(regularizer, np.array(star) + 0 * theta, theta, p)
    assert bool(np.abs(distance).max() < 1e-12) is expected


def test_a_regularizer_without_known_kinks_is_refused_by_name() -> None:
    class Strange(Zero.__mro__[1]):  # type: ignore[misc]
        """Abstract but for its name."""

    Strange.__abstractmethods__ = frozenset()
    with pytest.raises(NotImplementedError, match="the kinks of Strange are not known"):
        pieces(Strange(), 2)
