"""LinBreg with momentum: its special case, the inertial form, and the misprint in (3.7)."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import linbreg, momentum
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Zero

from .examples import few
from .problem_list import Case

RATIONAL = ("zero", "l1", "weighted_l1", "box", "nonnegative", "mixture")


def test_without_momentum_it_is_linbreg(case: Case) -> None:
    plain = linbreg.run(case.problem, case.start, 0.2, 10)
    np.testing.assert_array_equal(momentum.run(case.problem, case.start, 0.2, 10, beta=0).thetas, plain.thetas)
    inertial = momentum.run_inertial(case.problem, case.start, 0.2, 10, gamma=0)
    np.testing.assert_allclose(inertial.vs, plain.vs, atol=1e-13)


@few
@given(hs.data())
def test_the_inertial_form_is_the_momentum_form_with_beta_from_gamma_and_tau(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=RATIONAL))
    start = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.dimension))
    gamma = data.draw(st.positive_rationals())
    one, other = momentum.init(start), momentum.init_inertial(start)
    for _ in range(3):
        tau = data.draw(st.positive_rationals())  # the step size, and with it β, may change from step to step
        gradient = problem.loss.gradient(one.theta)
        one = momentum.step(problem.elastic_net, one, gradient, tau, beta=gamma / (tau + gamma))
        other = momentum.step_inertial(problem.elastic_net, other, gradient, tau, gamma)
        assert np.all(one.v == other.v)
        assert np.all(one.theta == other.theta)
        assert np.all(one.m == other.v_previous - other.v)


def test_a_step_by_hand() -> None:
    net = ElasticNet(Zero(), 1)
    state = momentum.MomentumState(exact([1]), exact([1]), exact([4]))
    after = momentum.step(net, state, exact([2]), Fraction(1, 2), beta=Fraction(3, 4))
    # m⁺ = 3/4·4 + 1/4·1/2·2 = 13/4
    assert (after.m[0], after.v[0], after.theta[0]) == (Fraction(13, 4), Fraction(-9, 4), Fraction(-9, 4))


def test_the_printed_form_is_a_different_iteration_that_lags_by_one_step() -> None:
    problem = Problem(Quadratic(exact([1, 2]), exact([1, -1])), L1(Fraction(1, 4)), 1, Groups.singletons(2))
    start = linbreg.init(problem.elastic_net, exact([[2, 1]]))
    printed = momentum.run_as_printed(problem, start, Fraction(1, 4), 3, beta=Fraction(1, 2))
    assert np.all(printed.thetas[1] == start.theta)
    assert not np.all(momentum.run(problem, start, Fraction(1, 4), 1, beta=Fraction(1, 2)).thetas[1] == start.theta)
    # With β = 0 it is v⁺ = v − τ∇L(θᵏ⁻¹).
    lagging = momentum.run_as_printed(problem, start, Fraction(1, 4), 3, beta=0)
    assert np.all(lagging.vs[2] == lagging.vs[1] - problem.loss.gradient(lagging.thetas[0]) / 4)


@pytest.mark.parametrize("beta", [-0.1, 1, 1.5])
def test_beta_outside_its_range_is_refused(beta: float) -> None:
    state = momentum.init(PrimalDual(np.zeros(1), np.zeros(1)))
    for step in (momentum.step, momentum.step_as_printed):
        with pytest.raises(ValueError, match=r"beta must be in \[0, 1\), got"):
            step(ElasticNet(Zero(), 1), state, np.ones(1), 0.1, beta=beta)


def test_negative_inertia_is_refused() -> None:
    state = momentum.init_inertial(PrimalDual(np.zeros(1), np.zeros(1)))
    with pytest.raises(ValueError, match="gamma must be a finite number ≥ 0, got -1"):
        momentum.step_inertial(ElasticNet(Zero(), 1), state, np.ones(1), 0.1, gamma=-1)


def test_beta_and_gamma_may_be_one_number_for_each_instance() -> None:
    net = ElasticNet(Zero(), 1)
    v, g = exact([[1], [1]]), exact([[1], [1]])
    tau, gamma = exact([1, 1]), exact([1, 3])
    state = momentum.MomentumState(v, v, 0 * v)
    both = momentum.step(net, state, g, tau, gamma / (tau + gamma))
    assert both.v.tolist() == [[Fraction(1, 2)], [Fraction(3, 4)]]
    inertial = momentum.step_inertial(net, momentum.init_inertial(PrimalDual(v, v)), g, tau, gamma)
    assert inertial.v.tolist() == both.v.tolist()


def test_a_beta_or_gamma_outside_its_range_is_refused_in_a_batch() -> None:
    net, v = ElasticNet(Zero(), 1), np.ones((2, 1))
    with pytest.raises(ValueError, match=r"beta must be in \[0, 1\), got"):
        momentum.step(net, momentum.MomentumState(v, v, v), v, 0.1, beta=np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match="gamma must be finite numbers ≥ 0, got"):
        momentum.step_inertial(net, momentum.InertialState(v, v, v), v, 0.1, gamma=np.array([1.0, -1.0]))
