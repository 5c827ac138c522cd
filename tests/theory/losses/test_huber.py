"""Huber and log-cosh: tight constants, exact minima, no overflow."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.theory.arrays import exact, to_float
from mlbreg.theory.losses import Huber, LeastSquares, LogCosh
from mlbreg.theory.losses.huber_minimum import exact_newton

_WIDE = np.random.default_rng(3).normal(size=(2, 4))


@pytest.mark.parametrize("loss", [Huber(_WIDE, [1.0, -1.0], 0.3), LogCosh(_WIDE, [1.0, -1.0])])
def test_the_lipschitz_constant_is_attained_at_zero_residuals(loss):
    direction = 1e-5 * np.linalg.svd(_WIDE)[2][0]
    change = loss.gradient(loss.minimizer() + direction) - loss.gradient(loss.minimizer() - direction)
    ratio = np.linalg.norm(change) / np.linalg.norm(2 * direction)
    assert loss.lipschitz * (1 - 1e-6) <= ratio <= loss.lipschitz * (1 + 1e-6)


@pytest.mark.parametrize("loss", [Huber([[1.0]], [0.0], 2.0), LogCosh([[1.0]], [0.0])])
def test_huge_residuals_neither_overflow_nor_lose_the_gradient(loss):
    theta = np.array([[1e300], [-1e300], [1e-300], [0.0]])
    assert np.all(np.isfinite(loss.value(theta)))
    limit = loss.gradient(np.array([1e3]))[0]
    np.testing.assert_allclose(loss.gradient(theta)[:, 0], [limit, -limit, 1e-300, 0.0])


def test_log_cosh_keeps_small_residuals_accurate():
    theta = np.array([[1e-8], [1e-4], [0.5]])
    expected = [0.5e-16, 0.5e-8 - 1e-16 / 12, np.log(np.cosh(0.5))]
    np.testing.assert_allclose(LogCosh([[1.0]], [0.0]).value(theta), expected, rtol=1e-14)


def test_huber_is_least_squares_below_the_threshold_and_linear_above():
    loss = Huber(exact([[1]]), exact([0]), Fraction(2))
    assert [loss.value(exact([t])).item() for t in (1, 2, 3, -5)] == [Fraction(1, 2), 2, 4, 8]
    assert [loss.gradient(exact([t])).item() for t in (1, 2, 3, -5)] == [1, 2, 2, -2]


@given(hs.data())
def test_the_exact_minimum_of_huber_has_a_zero_gradient(data):
    columns, rows = data.draw(hs.integers(1, 3)), data.draw(hs.integers(1, 5))
    small = hs.integers(-2, 2).map(Fraction)
    matrix = exact([data.draw(hs.lists(small, min_size=columns, max_size=columns)) for _ in range(rows)])
    target = exact(data.draw(hs.lists(hs.fractions(-6, 6, max_denominator=2), min_size=rows, max_size=rows)))
    threshold = data.draw(hs.sampled_from([Fraction(1, 2), Fraction(1), Fraction(3)]))
    loss = Huber(matrix, target, threshold)
    assert not np.any(loss.gradient(loss.minimizer()))
    twin = Huber(to_float(matrix), to_float(target), float(threshold))
    assert twin.infimum == pytest.approx(float(loss.infimum), rel=1e-12, abs=1e-12)


@given(hs.data())
def test_the_exact_newton_method_arrives_from_far_away_where_pieces_are_linear(data):
    columns, rows = data.draw(hs.integers(1, 3)), data.draw(hs.integers(1, 5))
    small = hs.integers(-2, 2).map(Fraction)
    matrix = exact([data.draw(hs.lists(small, min_size=columns, max_size=columns)) for _ in range(rows)])
    target = exact(data.draw(hs.lists(hs.fractions(-6, 6, max_denominator=2), min_size=rows, max_size=rows)))
    start = exact(data.draw(hs.lists(hs.integers(-50, 50), min_size=columns, max_size=columns)))
    theta = exact_newton(matrix, target, Fraction(1), start)
    assert not np.any(Huber(matrix, target, 1).gradient(theta))


def test_the_huber_minimum_is_the_median_for_a_small_threshold():
    loss = Huber(exact([[1], [1], [1]]), exact([0, 1, 100]), Fraction(1, 100))
    assert loss.minimizer().item() == 1
    assert LeastSquares(exact([[1], [1], [1]]), exact([0, 1, 100])).minimizer().item() == Fraction(101, 3)


@pytest.mark.parametrize("seed", range(5))
def test_numerical_minima_are_stationary_for_outliers_and_rank_deficient_matrices(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(9, 3)), rng.normal(size=9)
    matrix[:, 2] = matrix[:, 0]
    target[0] = 1e4
    for loss in (Huber(matrix, target, 0.1), LogCosh(matrix, target)):
        assert np.abs(loss.gradient(loss.minimizer())).max() < 1e-12


def test_a_zero_matrix_gives_a_constant_loss():
    for loss in (Huber(exact([[0]]), exact([3]), 1), Huber([[0.0]], [3.0], 1), LogCosh([[0.0]], [3.0])):
        assert (loss.lipschitz, loss.strong_convexity, loss.pl_constant) == (0, 0, None)
        assert loss.infimum == loss.value(0 * loss.minimizer())


@pytest.mark.parametrize("threshold", [0, -1.0, np.inf, np.nan])
def test_the_threshold_must_be_positive(threshold):
    with pytest.raises(ValueError, match="threshold must be a finite number > 0"):
        Huber([[1.0]], [0.0], threshold)
