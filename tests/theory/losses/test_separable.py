"""Quadratic and quartic losses, and matrix factorization: polynomials with known minima."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import MatrixFactorization, Quadratic, Quartic


def test_example_3_6_of_bungert2021_is_a_quadratic():
    loss = Quadratic(exact([2]), exact([-1]))  # (θ + 1)²
    assert loss.value(exact([[0], [1]])).tolist() == [1, 4]
    assert loss.gradient(exact([[0], [1]])).ravel().tolist() == [2, 4]


def test_the_center_is_zero_when_left_out():
    assert not np.any(Quadratic([1.0, 2.0]).minimizer())
    assert Quartic(exact([1, 2])).center.tolist() == [0, 0]


def test_a_quartic_has_no_lipschitz_gradient_and_no_pl_constant():
    loss = Quartic([1.0])
    assert (loss.lipschitz, loss.strong_convexity, loss.pl_constant) == (math.inf, 0, None)
    x = np.array([[1e-6]])
    assert np.sum(loss.gradient(x) ** 2) / 2 < 1e-11 * loss.value(x)
    assert Quartic([0.0]).lipschitz == 0


@pytest.mark.parametrize(("kind", "name"), [(Quadratic, "curvatures"), (Quartic, "weights")])
def test_wrong_arguments_are_refused(kind, name):
    with pytest.raises(ValueError, match=rf"{name} must be ≥ 0, got -1\.0"):
        kind([1.0, -1.0])
    with pytest.raises(ValueError, match=f"center must have as many entries as {name}, 2, got 1"):
        kind([1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match=f"{name} must have shape"):
        kind([])


def test_the_infimum_of_a_factorization_is_that_of_eckart_and_young():
    loss = MatrixFactorization(np.diag([3.0, 2.0, 1.0]), 2)
    assert loss.dimension == 12
    assert loss.infimum == pytest.approx(0.5)
    assert loss.value(loss.minimizer()) == pytest.approx(0.5)


def test_the_origin_of_a_factorization_is_a_critical_point_above_the_infimum():
    loss = MatrixFactorization([[1.0, 2.0], [0.0, 1.0]], 1)
    origin = np.zeros(loss.dimension)
    assert not np.any(loss.gradient(origin))
    assert loss.value(origin) > loss.infimum
    assert (loss.lipschitz, loss.strong_convexity, loss.pl_constant) == (math.inf, None, None)


def test_factors_are_stored_row_by_row_and_a_large_rank_fits_exactly():
    loss = MatrixFactorization(exact([[1, 2, 3], [2, 4, 6]]), 2)
    U, V = loss.factors(loss.minimizer())
    assert (U.shape, V.shape) == ((2, 2), (3, 2))
    assert np.all(loss.target == U @ V.T)
    assert loss.infimum == 0
    assert isinstance(loss.infimum, Fraction)


def test_the_rank_must_be_a_positive_integer():
    with pytest.raises(ValueError, match="rank must be an integer ≥ 1, got 0"):
        MatrixFactorization([[1.0]], 0)
    with pytest.raises(TypeError, match=r"rank must be an integer ≥ 1, got 1\.5"):
        MatrixFactorization([[1.0]], 1.5)
