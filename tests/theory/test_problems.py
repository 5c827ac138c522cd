"""A problem: loss, regularizer, δ and groups that fit together."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import Quadratic, Quartic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, GroupL2, WeightedL1

LOSS = Quadratic(exact([1, 2, 4]), exact([1, 0, -1]))


def test_relative_smoothness_is_lipschitz_times_delta() -> None:
    problem = Problem(LOSS, L1(Fraction(1, 2)), Fraction(1, 3), Groups.singletons(3))
    assert problem.relative_smoothness == Fraction(4, 3)
    assert problem.dimension == 3
    assert problem.elastic_net.delta == Fraction(1, 3)
    assert Problem(Quartic([1.0]), L1(1), 0.5, Groups.singletons(1)).relative_smoothness == math.inf


def test_the_step_size_limit_is_one_over_it_and_a_unit_where_there_is_none() -> None:
    assert Problem(LOSS, L1(1), Fraction(1, 3), Groups.singletons(3)).step_size_limit == Fraction(3, 4)
    assert Problem(Quartic([1.0]), L1(1), 0.5, Groups.singletons(1)).step_size_limit == 1
    assert Problem(Quadratic([0.0]), L1(1), 0.5, Groups.singletons(1)).step_size_limit == 1


def test_the_groups_may_be_coarser_than_those_of_the_regularizer_but_must_not_split_them() -> None:
    fine = GroupL2(1, Groups.of([[0, 1], [2]], 3))
    assert Problem(LOSS, fine, 1, Groups.whole(3)).groups.count == 1
    with pytest.raises(ValueError, match=r"groups must not split a group of GroupL2"):
        Problem(LOSS, fine, 1, Groups.singletons(3))


def test_dimensions_must_fit() -> None:
    with pytest.raises(ValueError, match="groups must partition 0 … 2, got 2 coordinates"):
        Problem(LOSS, L1(1), 1, Groups.singletons(2))
    with pytest.raises(ValueError, match="dimension must be 2, the number of entries of weights, got 3"):
        Problem(LOSS, WeightedL1([1, 2]), 1, Groups.singletons(3))
    with pytest.raises(ValueError, match="delta must be a finite number > 0"):
        Problem(LOSS, L1(1), 0, Groups.singletons(3))


def test_the_coarse_problem_has_the_selected_weights_groups_and_coordinates() -> None:
    problem = Problem(LOSS, WeightedL1([1, 2, 3]), Fraction(1, 2), Groups.of([[0, 2], [1]], 3))
    coarse = problem.coarse(Restriction(problem.groups, (0,)), exact([5, 6, 7]))
    assert coarse.regularizer == WeightedL1([1, 3])
    assert coarse.groups == Groups.whole(2)
    assert coarse.delta == problem.delta
    assert coarse.relative_smoothness == problem.relative_smoothness
    at = exact([2, 3])
    assert coarse.loss.value(at) == LOSS.value(exact([2, 6, 3]))
    assert coarse.loss.gradient(at).tolist() == LOSS.gradient(exact([2, 6, 3]))[[0, 2]].tolist()


def test_coarse_problems_nest() -> None:
    problem = Problem(LOSS, L1(1), 1.0, Groups.singletons(3))
    theta = np.asarray([1.0, 2.0, 3.0])
    first = problem.coarse(Restriction(problem.groups, (0, 2)), theta)
    second = first.coarse(Restriction(first.groups, (1,)), theta[[0, 2]])
    assert second.dimension == 1
    assert second.loss.value(np.asarray([9.0])) == LOSS.value(np.asarray([1.0, 2.0, 9.0]))
