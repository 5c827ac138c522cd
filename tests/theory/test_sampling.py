"""Random problems and batches in floating point: members of what they are drawn from, and hard ones among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.theory import inequalities, sampling
from mlbreg.theory.elastic_net import ElasticNet
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import (
    FiniteSum,
    Huber,
    LeastSquares,
    LogCosh,
    Logistic,
    Loss,
    Quadratic,
    Quartic,
    SineQuadratic,
)
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, WeightedL1, Zero

LOSSES: dict[str, type[Loss]] = {
    "quadratic": Quadratic,
    "least_squares": LeastSquares,
    "finite_sum": FiniteSum,
    "logistic": Logistic,
    "huber": Huber,
    "log_cosh": LogCosh,
    "sine_quadratic": SineQuadratic,
    "quartic": Quartic,
}
SEEDS = range(12)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_kind_of_loss_has_a_test() -> None:
    assert set(LOSSES) == set(sampling.LOSSES)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_of_each_kind_has_finite_values_and_the_constants_of_its_kind(kind: str) -> None:
    for seed in SEEDS:
        dimension = 1 + seed % 6
        loss = sampling.LOSSES[kind](rng(seed), dimension)
        assert type(loss) is LOSSES[kind]
        assert loss.dimension == dimension
        theta = rng(seed, 1).normal(size=(5, dimension))
        assert loss.value(theta).shape == (5,)
        assert np.isfinite(loss.value(theta)).all()
        assert np.isfinite(loss.gradient(theta)).all()
        assert np.isfinite(loss.lipschitz) == (kind in sampling.SMOOTH)


def test_smooth_losses_are_all_but_the_quartic() -> None:
    assert set(sampling.LOSSES) - set(sampling.SMOOTH) == {"quartic"}


def test_all_kinds_of_losses_and_regularizers_and_all_dimensions_occur() -> None:
    problems = [sampling.problem(rng(seed), tuple(sampling.LOSSES)) for seed in range(300)]
    assert {type(problem.loss) for problem in problems} == set(LOSSES.values())
    kinds = {type(problem.regularizer) for problem in problems}
    assert kinds == {Zero, L1, WeightedL1, GroupL2, Box, Nuclear, Mixture}
    assert NonNegative() in [problem.regularizer for problem in problems]
    assert {problem.dimension for problem in problems} == set(range(1, 7))
    assert {problem.groups.count for problem in problems} >= {1, 2, 3, 4}
    deltas = [problem.delta for problem in problems]
    assert min(deltas) < 0.2
    assert max(deltas) > 5


@pytest.mark.parametrize("max_dimension", [1, 3])
def test_a_problem_is_no_larger_than_asked_for_and_of_the_kinds_asked_for(max_dimension: int) -> None:
    for seed in SEEDS:
        problem = sampling.problem(rng(seed), ("quadratic",), ("l1",), max_dimension)
        assert 1 <= problem.dimension <= max_dimension
        assert type(problem.loss) is Quadratic
        assert type(problem.regularizer) is L1


def test_the_same_generator_gives_the_same_problem() -> None:
    def draw(seed: int) -> tuple[Any, ...]:
        generator = rng(seed)
        problem = sampling.problem(generator)
        theta = sampling.points(generator, 3, problem.regularizer, problem.dimension)
        return (
            repr(problem.regularizer),
            problem.delta,
            problem.groups,
            theta.tolist(),
            problem.loss.value(theta).tolist(),
        )

    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_unknown_regularizers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kinds must be some of .* got 'l7'"):
        sampling.regularizer(rng(0), Groups.singletons(2), ["l7"])


def test_groups_are_partitions_and_all_numbers_of_groups_occur() -> None:
    drawn = [sampling.groups(rng(seed), 4) for seed in range(100)]
    assert {groups.count for groups in drawn} == {1, 2, 3, 4}
    for groups in drawn:
        assert groups.dimension == 4
        assert all(size > 0 for size in groups.sizes)


def test_restrictions_select_any_number_of_groups() -> None:
    groups = Groups.of_sizes([2, 1, 3])
    selections = {sampling.restriction(rng(seed), groups).selected for seed in range(200)}
    assert len(selections) == 8


# --- points and pairs


def problem_of(kind: str, seed: int) -> Problem:
    return sampling.problem(rng(seed), ("quadratic",), (kind,))


@pytest.mark.parametrize("kind", sampling.REGULARIZERS)
def test_points_are_in_the_domain(kind: str) -> None:
    for seed in SEEDS:
        problem = problem_of(kind, seed)
        theta = sampling.points(rng(seed, 1), 40, problem.regularizer, problem.dimension)
        assert theta.shape == (40, problem.dimension)
        assert np.isfinite(theta).all()
        assert problem.regularizer.in_domain(theta).all()


@pytest.mark.parametrize("kind", sampling.REGULARIZERS)
def test_the_dual_variable_is_a_subgradient_by_all_three_oracles(kind: str) -> None:
    for seed in SEEDS:
        problem = problem_of(kind, seed)
        pair = sampling.primal_dual_pairs(rng(seed, 1), 40, problem.elastic_net, problem.dimension)
        assert pair.theta.shape == pair.v.shape == (40, problem.dimension)
        for name, margins in inequalities.membership(problem.elastic_net, pair).items():
            assert margins.min() >= -1e-9, name


@pytest.mark.parametrize("kind", ["zero", "l1", "weighted_l1", "group_l2", "mixture"])
def test_whole_groups_are_zero_in_some_instances_and_not_in_others(kind: str) -> None:
    zero = nonzero = 0
    for seed in SEEDS:
        problem = problem_of(kind, seed)
        finest = problem.regularizer.separable_groups(problem.dimension)
        theta = sampling.points(rng(seed, 1), 40, problem.regularizer, problem.dimension)
        sizes = finest.sums(abs(theta))
        zero, nonzero = zero + int((sizes == 0).sum()), nonzero + int((sizes != 0).sum())
    assert zero > 0.1 * nonzero
    assert nonzero > 0.1 * zero


def test_matrices_of_low_rank_occur() -> None:
    regularizer = Nuclear(1.0, (3, 3))
    theta = sampling.points(rng(0), 300, regularizer, 9)
    ranks = np.linalg.matrix_rank(theta.reshape(-1, 3, 3), tol=1e-9)
    assert set(ranks) == {0, 1, 2, 3}


def test_points_have_widely_different_sizes() -> None:
    sizes = abs(sampling.points(rng(0), 400, Zero(), 3)).max(axis=1)
    sizes = sizes[sizes > 0]
    assert sizes.max() / sizes.min() > 1e3


def test_subgradients_are_inside_their_set_and_on_its_boundary() -> None:
    net = ElasticNet(L1(0.5), 2.0)
    pair = sampling.primal_dual_pairs(rng(0), 500, net, 2)
    p = net.p(pair)[pair.theta == 0]
    assert len(p) > 100
    for part in (p == 0.5, p == -0.5, abs(p) < 0.5):
        assert part.mean() > 0.1
    assert (abs(p) <= 0.5).all()


def test_subgradients_of_a_zero_group_are_inside_the_ball_and_on_its_sphere() -> None:
    net = ElasticNet(GroupL2(0.5, Groups.whole(2), [1.0]), 2.0)
    pair = sampling.primal_dual_pairs(rng(0), 500, net, 2)
    sizes = np.linalg.norm(net.p(pair)[(pair.theta == 0).all(axis=1)], axis=1)
    assert len(sizes) > 50
    on_the_sphere = np.isclose(sizes, 0.5, rtol=1e-12)
    assert on_the_sphere.mean() > 0.1
    assert (sizes < 0.499).mean() > 0.1
    assert (sizes <= 0.5 + 1e-12).all()


# --- step sizes and noise


@pytest.mark.parametrize(("limit", "at_most"), [(0.5, 1.0), (2.0, 3.0), (1e-3, 0.5)])
def test_step_sizes_are_within_the_bound_and_a_fifth_of_them_at_it(limit: float, at_most: float) -> None:
    tau = sampling.step_sizes(rng(0), 2000, limit, at_most)
    assert tau.shape == (2000,)
    assert (tau > 0).all()
    assert tau.max() == at_most * limit
    assert 0.15 < (tau == at_most * limit).mean() < 0.25
    assert tau.min() < 0.01 * at_most * limit  # short steps occur, too


@pytest.mark.parametrize("outcomes", [1, 2, 5])
def test_noise_has_mean_zero(outcomes: int) -> None:
    xi = sampling.noise(rng(0), 50, 3, outcomes)
    assert xi.shape == (50, outcomes, 3)
    np.testing.assert_allclose(xi.mean(axis=1), 0, atol=1e-14 * (1 + abs(xi).max()))
    assert (abs(xi).max() > 0) == (outcomes > 1)
    if outcomes > 1:
        sizes = abs(xi).max(axis=(1, 2))
        assert sizes.max() / sizes.min() > 30
