"""The group norm by its formulas; that the formulas belong together is checked in `conformance`."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.regularizers import L1, GroupL2

TWO = Groups.of([[0, 2, 3, 5], [1, 4]], 6)


def test_the_value_weighs_a_group_by_the_root_of_its_size() -> None:
    J = GroupL2(3, Groups.of_sizes([1, 4]))
    assert J.value(exact([-2, 1, 1, 1, 1])).item() == 3 * (2 + 2 * 2)
    assert J.value(np.asarray([0.0, 3, 4, 0, 0])) == pytest.approx(3 * 2 * 5)


def test_given_weights_replace_the_roots_and_make_every_size_rational() -> None:
    J = GroupL2(2, Groups.of_sizes([2, 3]), [1, Fraction(1, 2)])
    assert J.value(exact([3, 4, 1, 2, 2])).item() == 2 * 5 + 3
    assert J.prox(exact([3, 4, 0, 0, Fraction(1, 3)]), 1).tolist() == [Fraction(9, 5), Fraction(12, 5), 0, 0, 0]


def test_the_prox_shrinks_the_norm_of_a_group() -> None:
    J = GroupL2(1.0, TWO)
    z = np.asarray([3.0, 0.1, 0.0, 4.0, 0.1, 0.0])
    found = J.prox(z, 0.5)
    assert found[[0, 2, 3, 5]] == pytest.approx((1 - 0.5 * 2 / 5) * z[[0, 2, 3, 5]])
    assert found[[1, 4]].tolist() == [0, 0]


def test_an_exact_tie_gives_zero() -> None:
    J = GroupL2(Fraction(5, 2), Groups.whole(4))
    assert J.prox(exact([3, 4, 0, 0]), 1).tolist() == [0, 0, 0, 0]
    assert J.prox(np.asarray([3.0, 4.0, 0.0, 0.0]), 1.0).tolist() == [0, 0, 0, 0]
    assert J.prox(exact([6, 8, 0, 0]), 1).tolist() == [3, 4, 0, 0]


def test_single_coordinates_make_it_the_l1_norm() -> None:
    J, z = GroupL2(0.3, Groups.singletons(5)), np.random.default_rng(0).normal(size=(20, 5))
    assert np.allclose(J.value(z), L1(0.3).value(z))
    assert np.allclose(J.prox(z, 2.0), L1(0.3).prox(z, 2.0))
    assert np.allclose(J.project_subdifferential(J.prox(z, 2.0), z), L1(0.3).project_subdifferential(J.prox(z, 2.0), z))


def test_a_group_that_the_prox_sets_to_zero_needs_no_rational_norm() -> None:
    J = GroupL2(1, Groups.of_sizes([4, 4]))
    assert J.prox(exact([1, 1, 0, 0, 0, 6, 8, 0]), 1).tolist() == [0, 0, 0, 0, 0, Fraction(24, 5), Fraction(32, 5), 0]
    with pytest.raises(IrrationalError):
        J.prox(exact([9, 9, 0, 0, 0, 0, 0, 0]), 1)
    with pytest.raises(IrrationalError):
        GroupL2(1, Groups.whole(2)).value(exact([3, 4]))


def test_the_subdifferential_is_a_direction_or_a_ball() -> None:
    J = GroupL2(1, Groups.of_sizes([4, 4]))
    theta, p = exact([3, 4, 0, 0, 0, 0, 0, 0]), exact([9, 9, 9, 9, 3, 4, 0, 0])
    expected = [Fraction(6, 5), Fraction(8, 5), 0, 0, Fraction(6, 5), Fraction(8, 5), 0, 0]
    assert J.project_subdifferential(theta, p).tolist() == expected
    inside = exact([0, 0, 0, 0, 1, 1, 0, 0])
    assert J.project_subdifferential(theta, inside).tolist()[4:] == [1, 1, 0, 0]


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-200, 1e200])
def test_the_direction_of_a_tiny_or_huge_group_keeps_its_length(scale: float) -> None:
    J = GroupL2(0.1, Groups.whole(3))
    p = J.project_subdifferential(scale * np.asarray([1.0, -1.0, 1.0]), np.zeros(3))
    assert np.allclose(p, 0.1 * np.asarray([1.0, -1.0, 1.0]))


def test_the_conjugate_is_the_indicator_of_the_balls() -> None:
    J = GroupL2(1, Groups.of_sizes([4, 1]))
    assert J.conjugate(exact([Fraction(6, 5), Fraction(8, 5), 0, 0, 1])).item() == 0
    assert J.conjugate(exact([Fraction(6, 5), Fraction(8, 5), 0, Fraction(1, 10**9), 1])).item() == math.inf
    assert J.conjugate(exact([1, 1, 1, 1, -1])).item() == 0


def test_empty_groups_count_for_nothing() -> None:
    J = GroupL2(1.0, Groups.of_sizes([0, 2, 0]))
    assert J.value(np.asarray([3.0, 4.0])) == pytest.approx(5 * math.sqrt(2))
    none = J.restrict(Restriction(J.groups, (0, 2)))
    assert none.value(np.zeros((3, 0))).tolist() == [0, 0, 0]
    assert none.prox(np.zeros((3, 0)), 1.0).shape == (3, 0)
    assert none.conjugate(np.zeros((3, 0))).tolist() == [0, 0, 0]


def test_restrictions_keep_weights_and_sizes() -> None:
    J = GroupL2(0.5, TWO, [3, 7])
    part = J.restrict(Restriction(TWO, (1,)))
    assert part.weights == (7,)
    assert part.groups.members == ((0, 1),)
    assert GroupL2(0.5, TWO).restrict(Restriction(TWO, (0,))).groups.sizes == (4,)
    merged = J.restrict(Restriction(Groups.whole(6), (0,)))
    assert merged.groups == TWO


def test_what_does_not_fit_is_refused() -> None:
    J = GroupL2(0.5, TWO)
    with pytest.raises(ValueError, match=r"group 1 = \[1, 4\] is split"):
        J.restrict(Restriction(Groups.singletons(6), (1,)))
    with pytest.raises(ValueError, match="dimension must be 6"):
        J.restrict(Restriction(Groups.singletons(5), (1, 4)))
    with pytest.raises(ValueError, match="dimension must be 6, the size of the groups, got 4"):
        J.separable_groups(4)
    with pytest.raises(ValueError, match="weights must have one entry for each of the 2 groups"):
        GroupL2(1, TWO, [1])
    with pytest.raises(ValueError, match="weights must be a finite number ≥ 0"):
        GroupL2(1, TWO, [1, -1])
    with pytest.raises(ValueError, match="lam must be a finite number ≥ 0"):
        GroupL2(-1, TWO)
    with pytest.raises(ValueError, match="step must be a finite number > 0"):
        J.prox(np.zeros(6), 0)
