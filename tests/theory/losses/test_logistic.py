"""Logistic regression: stable for huge margins; the infimum of separable, half separable and other data."""

import numpy as np
import pytest
from mlbreg.theory.losses import Logistic
from mlbreg.theory.losses.separation import separable_rows
from scipy.optimize import minimize


def test_huge_margins_neither_overflow_nor_cancel():
    loss = Logistic([[1.0]], [1])
    theta = np.array([[-1e300], [-800.0], [0.0], [40.0], [800.0]])
    np.testing.assert_allclose(loss.value(theta), [1e300, 800, np.log(2), np.exp(-40), 0], rtol=1e-15)
    np.testing.assert_allclose(loss.gradient(theta)[:, 0], [-1, -1, -0.5, -np.exp(-40), 0], rtol=1e-15)


def test_the_lipschitz_constant_is_attained_at_zero():
    matrix = np.random.default_rng(0).normal(size=(5, 3))
    loss = Logistic(matrix, [1, 1, -1, 1, -1], ridge=0.2)
    direction = 1e-5 * np.linalg.svd(matrix)[2][0]
    change = np.linalg.norm(loss.gradient(direction) - loss.gradient(-direction)) / np.linalg.norm(2 * direction)
    assert change == pytest.approx(loss.lipschitz, rel=1e-8)


def test_separable_data_have_infimum_zero_which_is_not_attained():
    loss = Logistic([[1.0, 0.0], [2.0, 1.0], [-1.0, 0.5]], [1, 1, -1])
    assert loss.infimum == 0
    assert loss.minimizer() is None


def test_half_separable_data_keep_the_loss_of_the_rows_that_contradict_each_other():
    # The first coordinate separates the first row; along the second the other rows disagree, two against one.
    loss = Logistic([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], [1, 1, 1, -1])
    assert loss.minimizer() is None
    assert loss.infimum == pytest.approx(3 * np.log(3) - 2 * np.log(2), rel=1e-14)
    assert loss.value(np.array([50.0, np.log(2)])) == pytest.approx(loss.infimum, rel=1e-14)


def test_rows_without_any_preference_cost_log_two_each():
    loss = Logistic([[0.0], [0.0]], [1, -1])
    assert loss.infimum == pytest.approx(2 * np.log(2))
    assert loss.minimizer() is not None


@pytest.mark.parametrize("seed", range(8))
def test_the_minimum_of_overlapping_data_is_found_to_rounding(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(14, 2)) * 10.0 ** rng.integers(-2, 3)
    loss = Logistic(matrix, np.where(np.arange(14) % 2, 1, -1))
    assert not separable_rows(loss.labels[:, None] * matrix).any()
    assert np.abs(loss.gradient(loss.minimizer())).max() < 1e-14 * np.abs(matrix).sum()


def test_a_ridge_gives_a_minimum_to_separable_data():
    loss = Logistic([[1.0, 2.0], [2.0, 4.0]], [1, 1], ridge=1e-3, mean=True)
    assert np.abs(loss.gradient(loss.minimizer())).max() < 1e-15
    assert (loss.strong_convexity, loss.pl_constant) == (1e-3, 1e-3)
    independent = minimize(loss.value, np.zeros(2), jac=loss.gradient, tol=1e-12)
    assert loss.infimum == pytest.approx(independent.fun, rel=1e-10)


def test_the_mean_divides_the_sum_and_leaves_the_ridge():
    matrix, labels, theta = [[1.0], [3.0]], [1, -1], np.array([0.7])
    total, mean = Logistic(matrix, labels), Logistic(matrix, labels, ridge=2.0, mean=True)
    assert mean.value(theta) == pytest.approx(total.value(theta) / 2 + 0.49)
    assert mean.lipschitz == pytest.approx(total.lipschitz / 2 + 2)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"labels must be −1 or 1, got 0\.0"):
        Logistic([[1.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match=r"ridge must be a finite number ≥ 0, got -1\.0"):
        Logistic([[1.0]], [1], ridge=-1.0)
