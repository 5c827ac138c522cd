"""The flows: closed form, differential equation, and the limits of the iterations."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers import bregman_iteration, inverse_scale_space, linbreg, momentum
from mlbreg.theory.arrays import exact
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1

from .problem_list import Case

F = np.array([2.0, -1.0, 0.4, 0.0])
LAM, DELTA = 0.5, 3.0
PROBLEM = Problem(Quadratic(np.ones(4), F), L1(LAM), DELTA, Groups.singletons(4))
START = linbreg.init(PROBLEM.elastic_net, np.zeros(4))
TIMES = np.linspace(0, 3, 25)


def test_the_closed_form_jumps_at_lambda_over_f_exactly() -> None:
    f = exact([2, -1, 0])
    times = exact([0, Fraction(1, 4), Fraction(1, 4) + Fraction(1, 10**9), Fraction(1, 2), 3])
    values = inverse_scale_space.closed_form(f, Fraction(1, 2), times).tolist()
    assert values == [[0, 0, 0], [0, 0, 0], [2, 0, 0], [2, 0, 0], [2, -1, 0]]


def test_bregman_iterations_with_small_steps_follow_the_closed_form() -> None:
    tau = 0.01
    trace = bregman_iteration.run(PROBLEM, START, tau, 300)
    expected = inverse_scale_space.closed_form(F, LAM, np.arange(301) * tau)
    away = abs(np.arange(301)[:, None] * tau * abs(F) - LAM) > 2 * tau * abs(F)
    np.testing.assert_allclose(trace.thetas[away], expected[away], atol=1e-12)


def test_the_closed_form_with_delta_solves_the_differential_equation() -> None:
    exact_flow = inverse_scale_space.closed_form_elastic(F, LAM, DELTA, TIMES)
    flow = inverse_scale_space.flow(PROBLEM, START, TIMES)
    np.testing.assert_allclose(flow.thetas, exact_flow.thetas, atol=1e-8)
    np.testing.assert_allclose(flow.vs, exact_flow.vs, atol=1e-8)


def test_the_closed_form_with_delta_tends_to_the_one_without() -> None:
    times = np.array([0.1, 0.3, 1.0, 2.0])
    sharp = inverse_scale_space.closed_form(F, LAM, times)
    np.testing.assert_allclose(inverse_scale_space.closed_form_elastic(F, LAM, 1e4, times).thetas, sharp, atol=1e-12)


def test_linbreg_converges_to_the_flow_with_order_one() -> None:
    flow = inverse_scale_space.closed_form_elastic(F, LAM, DELTA, [2.0])
    errors = [
        np.max(abs(linbreg.run(PROBLEM, START, 2.0 / steps, steps).final.theta - flow.thetas[0])) for steps in (64, 512)
    ]
    assert errors[1] < errors[0] / 5
    assert errors[1] < 5e-3


def test_linbreg_with_small_steps_follows_the_flow_of_every_problem(case: Case) -> None:
    steps, end = 400, 0.5
    flow = inverse_scale_space.flow(case.problem, case.start, [0.0, end])
    trace = linbreg.run(case.problem, case.start, end / steps, steps)
    np.testing.assert_allclose(flow.vs[0], case.start.v)
    np.testing.assert_allclose(trace.final.v, flow.vs[1], atol=4e-3)


def test_momentum_with_small_steps_follows_the_inertial_flow() -> None:
    gamma, end, steps = 0.5, 1.5, 2000
    flow = inverse_scale_space.inertial_flow(PROBLEM, START, [end], gamma)
    trace = momentum.run_inertial(PROBLEM, START, end / steps, steps, gamma)
    np.testing.assert_allclose(trace.final.v, flow.vs[0], atol=5e-3)


def test_the_inertial_flow_carries_its_memory_with_a_factor_one_over_gamma() -> None:
    # bungert2021 (2.5) prints v̇ = −∫ exp((s − t)/γ) ∇L(θ_s) ds; the solution of γṁ + m = −∇L is 1/γ times that.
    gamma = 0.5
    times = np.linspace(0, 1.5, 3001)
    flow = inverse_scale_space.inertial_flow(PROBLEM, START, times, gamma)
    forces = -PROBLEM.loss.gradient(flow.thetas)
    weights = np.exp((times - times[-1]) / gamma)[:, None]
    memory = np.trapezoid(weights * forces, times, axis=0)
    velocity = (flow.vs[-1] - flow.vs[-2]) / (times[-1] - times[-2])
    np.testing.assert_allclose(velocity, memory / gamma, atol=2e-3)
    assert np.max(abs(velocity - memory)) > 0.1


def test_a_flow_at_time_zero_is_the_start() -> None:
    np.testing.assert_array_equal(inverse_scale_space.flow(PROBLEM, START, [0.0, 0.0]).vs, np.stack([START.v] * 2))


def test_errors_name_the_argument() -> None:
    for times in ([-1.0], [1.0, 0.5], []):
        with pytest.raises(ValueError, match="times must be increasing numbers ≥ 0"):
            inverse_scale_space.flow(PROBLEM, START, times)
    with pytest.raises(ValueError, match="lam must be a finite number > 0, got 0"):
        inverse_scale_space.closed_form(F, 0, [1.0])
    with pytest.raises(ValueError, match="gamma must be a finite number > 0, got 0"):
        inverse_scale_space.inertial_flow(PROBLEM, START, [1.0], 0)
    with pytest.raises(TypeError, match="f must be in floating point"):
        inverse_scale_space.closed_form_elastic(exact([1]), 1, 1, [1])
    with pytest.raises(TypeError, match="start must be in floating point"):
        inverse_scale_space.flow(PROBLEM, linbreg.init(PROBLEM.elastic_net, exact([0, 0, 0, 0])), [1])
