"""A sum over groups with a regularizer each; that its methods belong together is checked in `conformance`."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, WeightedL1, Zero

LAYERS = Groups.of([[0, 2, 4], [1, 5], [3]], 6)
J = Mixture(LAYERS, [WeightedL1([1, 2, 3]), GroupL2(Fraction(1, 2), Groups.whole(2), [1]), NonNegative()])


def test_every_part_acts_on_its_own_coordinates() -> None:
    theta = exact([1, 3, 1, 7, 1, 4])
    assert J.value(theta) == (1 + 2 + 3) + Fraction(5, 2)
    assert J.prox(exact([2, 3, 2, -7, 4, 4]), 1).tolist() == [1, Fraction(27, 10), 0, 0, 1, Fraction(18, 5)]
    assert J.value(exact([0, 0, 0, -1, 0, 0])) == math.inf
    assert J.in_domain(exact([[0, 0, 0, -1, 0, 0], [0, 0, 0, 1, 0, 0]])).tolist() == [False, True]


def test_conjugates_add_up_and_subgradients_are_put_together() -> None:
    assert J.conjugate(exact([1, Fraction(1, 2), 2, -5, 3, 0])) == 0
    assert J.conjugate(exact([2, 0, 0, 0, 0, 0])) == math.inf
    found = J.project_subdifferential(exact([1, 3, 0, 0, -1, 4]), exact([9, 9, 9, 9, 9, 9]))
    assert found.tolist() == [1, Fraction(3, 10), 2, 0, -3, Fraction(4, 10)]


def test_its_groups_are_those_of_the_parts_in_its_own_coordinates() -> None:
    assert set(J.separable_groups(6).members) == {(0,), (2,), (4,), (1, 5), (3,)}


def test_a_restriction_restricts_every_part() -> None:
    r = Restriction(Groups.of([[0, 1, 5], [2, 3, 4]], 6), (0,))
    part = J.restrict(r)
    x = exact([2, 3, 4])
    assert part.value(x) == 2 + Fraction(5, 2)
    assert part.value(x) == J.value(r.prolong(x))
    assert part.parts[0] == WeightedL1([1])


def test_parts_of_any_kind_may_be_split_only_where_they_are_separable() -> None:
    mixed = Mixture(Groups.of_sizes([4, 2]), [Nuclear(1.0, (2, 2)), L1(1.0)])
    assert mixed.restrict(Restriction(Groups.singletons(6), (5,))).value(np.asarray([2.0])) == 2
    with pytest.raises(ValueError, match=r"is split"):
        mixed.restrict(Restriction(Groups.singletons(6), (0, 5)))


def test_mixtures_nest() -> None:
    inner = Mixture(Groups.of([[0, 2], [1]], 3), [L1(1), Zero()])
    outer = Mixture(Groups.of([[0, 1, 3], [2]], 4), [inner, Box(0, 1)])
    assert outer.value(exact([1, 5, 1, -2])) == 3
    assert outer.restrict(Restriction(Groups.singletons(4), (0, 3))).value(exact([1, -2])) == 3


def test_an_empty_part_is_harmless() -> None:
    mixed = Mixture(Groups.of_sizes([0, 2]), [L1(1.0), L1(2.0)])
    assert mixed.value(np.asarray([1.0, -1.0])) == 4
    assert mixed.prox(np.asarray([3.0, -1.0]), 1.0).tolist() == [1.0, 0.0]
    assert mixed.in_domain(np.zeros((3, 2))).tolist() == [True, True, True]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="parts must have one regularizer for each of the 3 groups, got 1"):
        Mixture(LAYERS, [Zero()])
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 6\), got \(5,\)"):
        J.value(np.zeros(5))
    with pytest.raises(ValueError, match="dimension must be 6"):
        J.separable_groups(5)
    with pytest.raises(ValueError, match="dimension must be 6"):
        J.restrict(Restriction(Groups.singletons(5), (0,)))
