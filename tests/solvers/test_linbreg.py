"""LinBreg: the update, its special cases, its errors, and the enumeration of random runs."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import linbreg
from mlbreg.solvers.oracles import AdditiveNoise, MiniBatch
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import FiniteSum, Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, NonNegative, Zero

from .examples import few
from .problem_list import Case

HALF = Fraction(1, 2)


def test_a_step_by_hand() -> None:
    # δ = 2, λ = 1/2: v⁺ = (1, -3/4, 1/4) − 1/2·(1, 1, 1) = (1/2, -5/4, -1/4); θ⁺ = 2·sign(v⁺)·max(|v⁺| − 1/2, 0)
    net = ElasticNet(L1(HALF), 2)
    pair = linbreg.init(net, exact([[1, HALF, 0]]), exact([[0, 0, Fraction(1, 4)]]))
    assert pair.v.tolist() == [[1, Fraction(3, 4), Fraction(1, 4)]]
    pair = PrimalDual(pair.theta, exact([[1, Fraction(-3, 4), Fraction(1, 4)]]))
    after = linbreg.step(net, pair, exact([[1, 1, 1]]), HALF)
    assert after.v.tolist() == [[HALF, Fraction(-5, 4), Fraction(-1, 4)]]
    assert after.theta.tolist() == [[0, Fraction(-3, 2), 0]]


@few
@given(hs.data())
def test_without_a_regularizer_and_with_delta_one_it_is_gradient_descent(data: hs.DataObject) -> None:
    loss = data.draw(st.losses(2))
    theta, tau = data.draw(st.vectors(2)), data.draw(st.positive_rationals())
    trace = linbreg.run(Problem(loss, Zero(), 1, Groups.singletons(2)), PrimalDual(theta, theta), tau, 4)
    for k in range(4):
        theta = theta - tau * loss.gradient(theta)
        assert np.all(trace.thetas[k + 1] == theta)


@few
@given(hs.data())
def test_in_exact_arithmetic_the_pair_stays_in_the_subdifferential(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=("l1", "weighted_l1", "box", "nonnegative", "mixture")))
    net = problem.elastic_net
    start = data.draw(st.primal_dual_pairs(net, problem.dimension))
    pairs = linbreg.run(problem, start, problem.step_size_limit, 3).pairs
    assert np.all(net.fixed_point_residual(pairs) == 0)
    assert np.all(net.fenchel_young_gap(pairs) == 0)
    assert np.all(net.subgradient_residual(pairs) == 0)


def test_the_example_that_converges_to_no_critical_point() -> None:
    # bungert2021, example 3.6: L(θ) = (θ + 1)², J = χ_{[0, ∞)}.
    problem = Problem(Quadratic(exact([2]), exact([-1])), NonNegative(), 1, Groups.singletons(1))
    trace = linbreg.run(problem, linbreg.init(problem.elastic_net, exact([[3]])), Fraction(1, 4), 10)
    assert trace.final.theta.tolist() == [[0]]
    assert problem.loss.gradient(trace.final.theta).tolist() == [[2]]


def test_a_batch_runs_like_its_instances_each_with_its_own_step_size(case: Case) -> None:
    limit = float(case.problem.step_size_limit)
    taus = np.array([1.0, 0.5, 0.1]) * limit
    together = linbreg.run(case.problem, case.start, taus, 8)
    for i, tau in enumerate(taus):
        alone = linbreg.run(case.problem, PrimalDual(case.start.theta[i], case.start.v[i]), float(tau), 8)
        np.testing.assert_allclose(together.thetas[:, i], alone.thetas, rtol=1e-12, atol=1e-14)


def test_a_trace_satisfies_the_update_that_it_reports(case: Case) -> None:
    trace = linbreg.run(case.problem, case.start, lambda k: 0.1 / (k + 1), 5)
    np.testing.assert_allclose(trace.vs[1:], trace.vs[:-1] - trace.step_sizes[..., None] * trace.gradients, atol=1e-15)
    np.testing.assert_array_equal(trace.gradients, case.problem.loss.gradient(trace.before.theta))
    np.testing.assert_array_equal(trace.losses, case.problem.loss.value(trace.thetas))
    np.testing.assert_allclose(trace.step_sizes, 0.1 / np.arange(1, 6)[:, None] * np.ones(3))
    assert len(trace) == 5
    assert trace.active.all()
    assert not trace.coarse.any()


def test_no_iterations_leave_the_start(case: Case) -> None:
    trace = linbreg.run(case.problem, case.start, 1.0, 0)
    assert trace.thetas.shape == (1, 3, 4)
    assert trace.gradients.shape == (0, 3, 4)
    assert trace.step_sizes.shape == (0, 3)


NET = ElasticNet(L1(0.5), 1.0)
PAIR = linbreg.init(NET, np.array([1.0, 0.0]))


@pytest.mark.parametrize("tau", [0, -0.5, float("nan"), float("inf"), np.array([0.1, -0.1]), np.array([np.nan, 1.0])])
def test_a_step_size_that_is_not_positive_and_finite_is_refused(tau: object) -> None:
    with pytest.raises(ValueError, match=r"tau must be .*> 0, got"):
        linbreg.step(NET, PAIR, np.array([1.0, 1.0]), tau)


def test_a_step_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="tau must be a finite number > 0, got 'fast'"):
        linbreg.step(NET, PAIR, np.array([1.0, 1.0]), "fast")


def test_a_gradient_that_is_not_finite_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"gradient must be finite, got nan at index \(1,\)"):
        linbreg.step(NET, PAIR, np.array([1.0, np.nan]), 0.1)


def test_a_gradient_of_a_wrong_length_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"gradient must have shape \(\.\.\., 2\), got \(3,\)"):
        linbreg.step(NET, PAIR, np.ones(3), 0.1)


def test_a_floating_point_gradient_does_not_slip_into_exact_arithmetic() -> None:
    with pytest.raises(TypeError, match="gradient must be of the kind of v, Fractions, got floating point"):
        linbreg.step(ElasticNet(L1(1), 1), linbreg.init(ElasticNet(L1(1), 1), exact([1, 0])), np.ones(2), HALF)


def test_a_start_outside_the_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="theta must be in the domain of Box"):
        linbreg.init(ElasticNet(NonNegative(), 1.0), np.array([[1.0, 0.0], [1.0, -2.0]]))


@pytest.mark.parametrize("iterations", [-1, True])
def test_a_negative_number_of_iterations_is_refused(iterations: int) -> None:
    problem = Problem(Quadratic([1.0, 1.0]), L1(0.5), 1.0, Groups.singletons(2))
    with pytest.raises(ValueError, match="iterations must be an integer ≥ 0, got"):
        linbreg.run(problem, PAIR, 0.1, iterations)


def test_a_float_step_size_is_taken_as_the_rational_that_it_is() -> None:
    net = ElasticNet(L1(1), 1)
    after = linbreg.step(net, linbreg.init(net, exact([1])), exact([1]), 0.1)
    assert after.v[0] == 2 - Fraction(0.1)


def test_all_paths_give_exact_expectations_of_a_stochastic_run() -> None:
    # L₁ = ½(θ − 1)², L₂ = ½(θ + 2)², J = 0, δ = 1: θ² after two steps has a mean that can be worked out by hand.
    loss = FiniteSum.least_squares(exact([[1], [1]]), exact([1, -2]))
    net = ElasticNet(Zero(), 1)
    levels = linbreg.all_paths(net, loss, PrimalDual(exact([1]), exact([1])), HALF, 2, MiniBatch(1))
    (_, first), (one, chances), (two, all_chances) = levels
    assert first.tolist() == [1]
    assert sorted(one.theta[:, 0].tolist()) == [-HALF, 1]
    assert chances.tolist() == [HALF, HALF]
    assert sorted(two.theta[:, 0].tolist()) == [Fraction(-5, 4), -HALF, Fraction(1, 4), 1]
    assert all_chances.tolist() == [Fraction(1, 4)] * 4


def test_all_paths_keep_the_batch_and_its_own_noise_and_step_sizes_apart() -> None:
    loss = Quadratic([1.0, 2.0], [0.5, -0.5])
    net = ElasticNet(L1(0.1), 1.0)
    rng = np.random.default_rng(0)
    start = linbreg.init(net, rng.normal(size=(3, 2)))
    noise, tau = rng.normal(size=(3, 2, 2)), np.array([0.1, 0.2, 0.3])
    pairs, chances = linbreg.all_paths(net, loss, start, tau, 3, AdditiveNoise(noise, [0.25, 0.75]))[-1]
    assert pairs.theta.shape == (3, 8, 2)
    assert sum(chances) == 1
    for i in range(3):
        alone = PrimalDual(start.theta[i], start.v[i])
        own, own_chances = linbreg.all_paths(net, loss, alone, tau[i], 3, AdditiveNoise(noise[i], [0.25, 0.75]))[-1]
        np.testing.assert_allclose(pairs.theta[i], own.theta, rtol=1e-13)
        assert own_chances.tolist() == chances.tolist()


def test_too_many_paths_are_refused() -> None:
    loss = FiniteSum.least_squares(np.ones((6, 1)), np.zeros(6))
    with pytest.raises(ValueError, match="more than 1000000 paths"):
        linbreg.all_paths(NET, loss, PrimalDual(np.ones(1), np.ones(1)), 0.1, 8, MiniBatch(1))
