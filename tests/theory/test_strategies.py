"""Hypothesis strategies: exact objects, all of them reachable, and simple when they shrink."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from mlbreg.theory import inequalities
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import IrrationalError, exact, norm
from mlbreg.theory.elastic_net import ElasticNet
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import FiniteSum, Huber, LeastSquares, Loss, Quadratic, Quartic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Regularizer, WeightedL1, Zero

examples = settings(max_examples=50, derandomize=True, database=None)


def simplest(strategy: SearchStrategy[Any], such_that: Callable[[Any], bool] = lambda _: True) -> Any:
    """What the strategy shrinks to, among the values with a property; an error when no value has it."""
    return find(strategy, such_that, settings=settings(max_examples=2000, derandomize=True, database=None))


def reached(strategy: SearchStrategy[Any], such_that: Callable[[Any], bool]) -> Any:
    """Any value of the strategy with a property; an error when no value has it."""
    return find(strategy, such_that, settings=settings(examples, max_examples=2000, phases=[Phase.generate]))


def assert_exact(array: Any, shape: tuple[int, ...]) -> None:
    assert isinstance(array, np.ndarray)
    assert array.dtype == object
    assert array.shape == shape
    assert all(type(entry) is Fraction for entry in array.flat)


# --- numbers and vectors


@given(st.rationals(5), st.positive_rationals(5))
@examples
def test_rationals_are_small(any_sign: Fraction, positive: Fraction) -> None:
    for number in (any_sign, positive):
        assert type(number) is Fraction
        assert abs(number) <= 5
        assert number.denominator <= 4
    assert positive > 0


def test_rationals_shrink_to_0_and_positive_ones_to_1() -> None:
    assert simplest(st.rationals()) == 0
    assert simplest(st.positive_rationals()) == 1
    assert simplest(st.rationals(), lambda number: number < 0) == -1
    assert reached(st.rationals(), lambda number: number.denominator == 3).denominator == 3
    assert reached(st.rationals(5), lambda number: number == -5) == -5


@given(hs.integers(1, 5).flatmap(lambda d: hs.tuples(hs.just(d), st.vectors(d))))
@examples
def test_vectors_are_exact_with_a_batch_axis_of_length_1(drawn: tuple[int, Any]) -> None:
    dimension, vector = drawn
    assert_exact(vector, (1, dimension))


@given(hs.integers(1, 6).flatmap(st.groups), hs.data())
@examples
def test_vectors_with_rational_norms_have_them_in_every_group(groups: Groups, data: hs.DataObject) -> None:
    vector = data.draw(st.vectors_with_rational_norms(groups))
    assert_exact(vector, (1, groups.dimension))
    norms = norm(groups.blocks(vector))  # or an IrrationalError
    assert_exact(norms, (1, groups.count))


def test_vectors_with_rational_norms_need_not_be_along_an_axis() -> None:
    vector = reached(st.vectors_with_rational_norms(Groups.whole(2)), lambda vector: (vector != 0).all())
    assert np.count_nonzero(vector) == 2


# --- groups and restrictions


def test_groups_shrink_to_singletons() -> None:
    for dimension in (1, 2, 4):
        assert simplest(st.groups(dimension)) == Groups.singletons(dimension)


@pytest.mark.parametrize("labels", [(0, 1, 2), (0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 0, 0)])
def test_every_partition_of_three_coordinates_is_reached(labels: tuple[int, ...]) -> None:
    def partition(groups: Groups) -> set[tuple[int, ...]]:
        return set(groups.members)

    wanted = partition(Groups(labels, max(labels) + 1))
    assert partition(reached(st.groups(3), lambda groups: partition(groups) == wanted)) == wanted


@given(hs.integers(1, 6).flatmap(st.groups), hs.data())
@examples
def test_restrictions_select_whole_groups(groups: Groups, data: hs.DataObject) -> None:
    restriction = data.draw(st.restrictions(groups))
    chosen = set(restriction.indices.tolist())
    assert all(set(members) <= chosen or not set(members) & chosen for members in groups.members)


@pytest.mark.parametrize("selected", [(), (0,), (1,), (0, 1)])
def test_every_selection_is_reached_the_empty_and_the_full_one_too(selected: tuple[int, ...]) -> None:
    groups = Groups.of_sizes([2, 1])
    assert reached(st.restrictions(groups), lambda found: found.selected == selected).selected == selected


# --- losses and regularizers


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("half_square", Quadratic),
        ("quadratic", Quadratic),
        ("least_squares", LeastSquares),
        ("finite_sum", FiniteSum),
        ("huber", Huber),
        ("quartic", Quartic),
    ],
)
@pytest.mark.parametrize("dimension", [1, 3])
def test_a_loss_of_each_kind_is_exact(kind: str, type_: type[Loss], dimension: int) -> None:
    @given(st.losses(dimension, [kind]), st.vectors(dimension))
    @settings(examples, max_examples=15)
    def check(loss: Loss, theta: Any) -> None:
        assert type(loss) is type_
        assert loss.dimension == dimension
        assert_exact(np.asarray(loss.value(theta)), (1,))
        assert_exact(loss.gradient(theta), (1, dimension))
        assert loss.lipschitz >= 0
        assert loss.lipschitz == float("inf") or isinstance(Fraction(loss.lipschitz), Fraction)
        assert (loss.lipschitz == float("inf")) == (kind == "quartic")

    check()


def test_all_kinds_of_losses_are_reached() -> None:
    for type_ in (Quadratic, LeastSquares, FiniteSum, Huber, Quartic):
        reached(st.losses(2, st.LOSSES), lambda loss, type_=type_: type(loss) is type_)
    assert reached(st.losses(2, st.LOSSES), lambda loss: loss.lipschitz == 0).lipschitz == 0  # degenerate ones, too


def test_smooth_losses_are_all_but_those_without_a_lipschitz_gradient() -> None:
    assert set(st.LOSSES) - set(st.SMOOTH) == {"quartic"}


def test_losses_shrink_to_half_of_the_square() -> None:
    loss = simplest(st.losses(2, st.LOSSES))
    assert type(loss) is Quadratic
    assert loss.curvatures.tolist() == [1, 1]
    assert loss.center.tolist() == [0, 0]


REGULARIZERS: dict[str, Callable[[Regularizer], bool]] = {
    "zero": lambda found: type(found) is Zero,
    "l1": lambda found: type(found) is L1,
    "nonnegative": lambda found: found == NonNegative(),
    "box": lambda found: type(found) is Box and found.upper < float("inf"),
    "weighted_l1": lambda found: type(found) is WeightedL1,
    "group_l2": lambda found: type(found) is GroupL2,
    "mixture": lambda found: type(found) is Mixture,
}


def test_every_kind_of_regularizer_has_a_test() -> None:
    assert set(REGULARIZERS) == set(st.REGULARIZERS)


@pytest.mark.parametrize("kind", st.REGULARIZERS)
def test_a_regularizer_of_each_kind_is_reached_and_exact(kind: str) -> None:
    reached(st.regularizers(Groups.of_sizes([2, 1])), REGULARIZERS[kind])

    @given(hs.integers(1, 4).flatmap(st.groups), hs.data())
    @settings(examples, max_examples=20)
    def check(groups: Groups, data: hs.DataObject) -> None:
        found = data.draw(st.regularizers(groups, [kind]))
        assert REGULARIZERS[kind](found)
        assert groups.is_refined_by(found.separable_groups(groups.dimension))
        theta = data.draw(st.points(found, groups.dimension))
        assert_exact(theta, (1, groups.dimension))
        assert found.in_domain(theta).all()
        assert_exact(np.asarray(found.value(theta)), (1,))  # norms are rational, so there is no IrrationalError

    check()


def test_regularizers_shrink_to_nothing_and_then_to_the_plain_norm() -> None:
    groups = Groups.of_sizes([2, 1])
    assert simplest(st.regularizers(groups)) == Zero()
    assert simplest(st.regularizers(groups), lambda found: found != Zero()) == L1(1)


@pytest.mark.parametrize("kinds", [["logistic"], ["half_square", "cubic"], []])
def test_unknown_losses_are_refused(kinds: list[str]) -> None:
    with pytest.raises(ValueError, match="kinds must be some of") as error:
        simplest(st.losses(1, kinds))
    assert repr(kinds) in str(error.value)
    assert repr(list(st.LOSSES)) in str(error.value)


@pytest.mark.parametrize("kinds", [["nuclear"], ["l1", "l2"], []])
def test_unknown_regularizers_are_refused(kinds: list[str]) -> None:
    for strategy in (st.regularizers(Groups.singletons(1), kinds), st.problems(regularizer_kinds=kinds)):
        with pytest.raises(ValueError, match="kinds must be some of") as error:
            simplest(strategy)
        assert repr(kinds) in str(error.value)
        assert repr(list(st.REGULARIZERS)) in str(error.value)


# --- problems


@given(st.problems(st.LOSSES, max_dimension=4))
@examples
def test_a_problem_is_exact_and_fits_together(problem: Problem) -> None:
    assert 1 <= problem.dimension <= 4
    assert type(problem.delta) is Fraction
    assert 0 < problem.delta <= 3
    assert problem.groups.dimension == problem.dimension
    assert problem.step_size_limit > 0
    if problem.relative_smoothness < float("inf"):
        assert isinstance(problem.step_size_limit, Fraction | int)


def test_a_problem_shrinks_to_the_half_square_in_one_dimension_without_regularizer() -> None:
    problem = simplest(st.problems())
    assert problem.dimension == 1
    assert type(problem.loss) is Quadratic
    assert (problem.loss.curvatures.tolist(), problem.loss.center.tolist()) == ([1], [0])
    assert problem.regularizer == Zero()
    assert problem.delta == 1


def test_a_problem_in_two_dimensions_shrinks_to_singletons() -> None:
    problem = simplest(st.problems(), lambda problem: problem.dimension == 2)
    assert problem.groups == Groups.singletons(2)
    assert problem.loss.curvatures.tolist() == [1, 1]
    assert (problem.regularizer, problem.delta) == (Zero(), 1)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_every_dimension_up_to_the_bound_is_reached(dimension: int) -> None:
    assert reached(st.problems(), lambda problem: problem.dimension == dimension).dimension == dimension


def test_delta_takes_other_values_than_1_unless_it_is_fixed() -> None:
    assert reached(st.problems(), lambda problem: problem.delta < 1).delta < 1
    assert reached(st.problems(), lambda problem: problem.delta > 2).delta > 2

    @given(st.problems(max_delta=0))
    @examples
    def fixed(problem: Problem) -> None:
        assert problem.delta == 1

    fixed()


# --- points and pairs


@pytest.mark.parametrize("kind", st.REGULARIZERS)
def test_the_dual_variable_is_a_subgradient_by_all_three_oracles_exactly(kind: str) -> None:
    judged = irrational = 0

    @given(st.problems(regularizer_kinds=[kind]), hs.data())
    @settings(examples, max_examples=40)
    def check(problem: Problem, data: hs.DataObject) -> None:
        nonlocal judged, irrational
        net = problem.elastic_net
        pair = data.draw(st.primal_dual_pairs(net, problem.dimension))
        assert_exact(pair.theta, (1, problem.dimension))
        assert_exact(pair.v, (1, problem.dimension))
        assert net.regularizer.in_domain(pair.theta).all()
        judged += 1
        try:
            margins = inequalities.membership(net, pair)
        except IrrationalError:
            irrational += 1
            return
        assert {name: values.tolist() for name, values in margins.items()} == {name: [0] for name in margins}

    check()
    assert irrational <= judged / 4


def pairs(regularizer: Regularizer, dimension: int = 1) -> SearchStrategy[Any]:
    """(θ, p) with p = v − θ/δ ∈ ∂J(θ), for δ = 1."""
    net = ElasticNet(regularizer, Fraction(1))
    return st.primal_dual_pairs(net, dimension).map(lambda pair: (pair.theta[0].tolist(), net.p(pair)[0].tolist()))


@pytest.mark.parametrize(
    ("regularizer", "such_that"),
    [
        (L1(2), lambda theta, p: theta == 0 and p == 0),
        (L1(2), lambda theta, p: theta == 0 and 0 < p < 2),
        (L1(2), lambda theta, p: theta == 0 and -2 < p < 0),
        (L1(2), lambda theta, p: theta == 0 and p == 2),
        (L1(2), lambda theta, p: theta == 0 and p == -2),
        (L1(2), lambda theta, p: theta > 0 and p == 2),
        (L1(2), lambda theta, p: theta < 0 and p == -2),
        (NonNegative(), lambda theta, p: theta == 0 and p < 0),
        (NonNegative(), lambda theta, p: theta == 0 and p == 0),
        (NonNegative(), lambda theta, p: theta > 0 and p == 0),
        (Box(-1, 2), lambda theta, p: theta == 2 and p > 0),
        (Box(-1, 2), lambda theta, p: theta == 2 and p == 0),
        (Box(-1, 2), lambda theta, p: theta == -1 and p < 0),
        (Box(-1, 2), lambda theta, p: -1 < theta < 2 and p == 0),
        (Zero(), lambda theta, p: theta != 0 and p == 0),
    ],
)
def test_every_part_of_the_subdifferential_is_reached(regularizer: Regularizer, such_that: Any) -> None:
    (theta,), (p,) = reached(pairs(regularizer), lambda pair: such_that(*pair[0], *pair[1]))
    assert such_that(theta, p)


@pytest.mark.parametrize(
    "such_that",
    [
        lambda square: square == 0,
        lambda square: 0 < square < 4,
        lambda square: square == 4,
    ],
    ids=["centre", "inside", "boundary"],
)
def test_the_whole_ball_of_subgradients_of_a_zero_group_is_reached(such_that: Callable[[Fraction], bool]) -> None:
    regularizer = GroupL2(2, Groups.whole(2), [1])

    def wanted(pair: Any) -> bool:
        theta, p = pair
        return theta == [0, 0] and such_that(p[0] ** 2 + p[1] ** 2)

    assert wanted(reached(pairs(regularizer, 2), wanted))


def test_a_pair_shrinks_to_zeros() -> None:
    assert simplest(pairs(L1(2), 2)) == ([0, 0], [0, 0])


# --- step sizes and noise


@pytest.mark.parametrize("at_most", [1, 2, 3.0, Fraction(5, 2), Fraction(1, 8), 0.75])
def test_step_sizes_are_within_the_bound_and_reach_it(at_most: Any) -> None:
    limit, bound = Fraction(2, 3), Fraction(at_most)

    @given(st.step_sizes(limit, at_most))
    @examples
    def check(tau: Any) -> None:
        assert_exact(tau, (1,))
        assert 0 < tau[0] <= bound * limit

    check()
    assert reached(st.step_sizes(limit, at_most), lambda tau: tau[0] == bound * limit)[0] == bound * limit


def test_step_sizes_shrink_to_the_limit_itself_where_the_bound_allows_it() -> None:
    limit = Fraction(2, 3)
    assert simplest(st.step_sizes(limit, 3)).tolist() == [limit]
    assert simplest(st.step_sizes(limit, 3), lambda tau: tau[0] > 2 * limit).tolist() == [3 * limit]
    assert simplest(st.step_sizes(limit, Fraction(1, 2))).tolist() == [limit / 2]


@pytest.mark.parametrize("outcomes", [1, 2, 3])
def test_noise_has_mean_zero(outcomes: int) -> None:
    @given(st.noise(2, outcomes))
    @examples
    def check(xi: Any) -> None:
        assert_exact(xi, (1, outcomes, 2))
        assert xi.sum(axis=1).tolist() == [[0, 0]]

    check()


def test_noise_shrinks_to_zero_and_then_to_plus_and_minus_one() -> None:
    assert simplest(st.noise(1)).tolist() == exact([[[0], [0]]]).tolist()
    assert simplest(st.noise(1), lambda xi: (xi != 0).any()).tolist() == [[[1], [-1]]]
