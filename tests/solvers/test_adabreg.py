"""AdaBreg: its first step, Adam as a special case, and its errors."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers import adabreg, linbreg
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Zero

from .problem_list import Case


def test_the_first_step_is_the_sign_of_the_gradient_up_to_epsilon() -> None:
    net = ElasticNet(L1(Fraction(1, 8)), 1)
    state = adabreg.init(linbreg.init(net, exact([[1, 0, 0]])))
    after = adabreg.step(
        net, state, exact([[3, -2, 0]]), Fraction(1, 2), Fraction(9, 10), Fraction(99, 100), Fraction(1)
    )
    # v − τ g/(|g| + ε) with ε = 1
    moved = [-Fraction(1, 2) * 3 / 4, Fraction(1, 2) * 2 / 3, 0]
    assert (after.v - state.v).tolist() == [moved]
    assert after.k == 1


def test_the_second_step_leaves_the_rationals_and_says_so() -> None:
    net = ElasticNet(Zero(), 1)
    state = adabreg.init(PrimalDual(exact([1]), exact([1])))
    state = adabreg.step(net, state, exact([3]), Fraction(1, 2))
    with pytest.raises(IrrationalError):
        adabreg.step(net, state, exact([1]), Fraction(1, 2))


def test_without_a_regularizer_it_is_adam() -> None:
    loss = Quadratic([1.0, 3.0], [1.0, -2.0])
    theta = np.array([0.3, 0.7])
    trace = adabreg.run(Problem(loss, Zero(), 1.0, Groups.singletons(2)), PrimalDual(theta, theta), 0.1, 20)
    m, s = 0 * theta, 0 * theta
    for k in range(1, 21):
        g = loss.gradient(theta)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        theta = theta - 0.1 * (m / (1 - 0.9**k)) / (np.sqrt(s / (1 - 0.999**k)) + 1e-8)
        np.testing.assert_allclose(trace.thetas[k], theta, rtol=1e-12)


def test_a_coordinate_without_gradient_stays(case: Case) -> None:
    state = adabreg.init(case.start)
    gradient = np.ones((3, 4)) * np.array([1.0, 0.0, 1.0, 1.0])
    after = adabreg.step(case.problem.elastic_net, state, gradient, 0.1)
    np.testing.assert_array_equal(after.v[:, 1], case.start.v[:, 1])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"beta1": 1.0}, r"beta1 must be in \[0, 1\), got 1.0"),
        ({"beta2": -0.5}, r"beta2 must be in \[0, 1\), got -0.5"),
        ({"epsilon": 0.0}, "epsilon must be a finite number > 0, got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, float], message: str) -> None:
    state = adabreg.init(PrimalDual(np.zeros(1), np.zeros(1)))
    with pytest.raises(ValueError, match=message):
        adabreg.step(ElasticNet(Zero(), 1), state, np.ones(1), 0.1, **setting)
