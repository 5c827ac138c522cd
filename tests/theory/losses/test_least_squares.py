"""Least squares: constants, minimum-norm solutions, errors; and the rational linear algebra behind it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.theory.arrays import exact, to_float
from mlbreg.theory.losses import LeastSquares
from mlbreg.theory.losses.rational import minimum_norm_solution, semidefinite_rank
from mlbreg.theory.losses.spectrum import gram_spectrum

_entries = hs.fractions(-3, 3, max_denominator=3)
matrices = hs.tuples(hs.integers(1, 4), hs.integers(1, 4)).flatmap(
    lambda shape: hs.lists(
        hs.lists(_entries, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    ).map(exact)
)


@given(matrices)
def test_exact_eigenvalues_are_bounds_next_to_the_float_ones(matrix):
    found, eigenvalues = gram_spectrum(matrix), np.linalg.eigvalsh(to_float(matrix.T @ matrix))
    assert found.rank == np.linalg.matrix_rank(to_float(matrix))
    assert float(found.largest) == pytest.approx(eigenvalues[-1], rel=1e-8, abs=1e-12)
    unit = exact(np.eye(matrix.shape[1], dtype=int).astype(object))
    assert semidefinite_rank(found.largest * unit - matrix.T @ matrix) is not None
    assert (found.smallest > 0) == (found.rank == matrix.shape[1])
    if found.rank:
        assert float(found.smallest_nonzero) == pytest.approx(eigenvalues[-found.rank], rel=1e-8)
    else:
        assert found.smallest_nonzero is None


@given(matrices)
def test_float_eigenvalues_agree_with_exact_ones(matrix):
    expected, found = gram_spectrum(matrix), gram_spectrum(to_float(matrix))
    assert found.rank == expected.rank
    assert found.largest == pytest.approx(float(expected.largest), rel=1e-8, abs=1e-12)
    if expected.rank:
        assert found.smallest_nonzero == pytest.approx(float(expected.smallest_nonzero), rel=1e-6)


@pytest.mark.parametrize(
    ("matrix", "largest", "least"),
    [
        ([[1, 2, 3]], 14, 14),
        ([[Fraction(1, 3), 0], [0, Fraction(5, 7)]], Fraction(25, 49), Fraction(1, 9)),
        ([[2, 1], [1, 2]], 9, 1),
        ([[1, 1], [1, 1], [1, 1]], 6, 6),
        ([[0, 0]], 0, None),
        ([[3, 0, 0], [0, 1, 0]], 9, 1),
    ],
)
def test_rational_eigenvalues_are_found_exactly(matrix, largest, least):
    found = gram_spectrum(exact(matrix))
    assert (found.largest, found.smallest_nonzero) == (largest, least)


def test_irrational_eigenvalues_are_bounded_from_the_right_side():
    found = gram_spectrum(exact([[1, 1], [0, 1]]))  # the eigenvalues are (3 ± √5)/2, the roots of x² − 3x + 1
    for bound, sign in ((found.largest, 1), (found.smallest_nonzero, 1)):
        assert (bound**2 - 3 * bound + 1) * sign > 0
    assert found.largest > Fraction(3, 2) > found.smallest_nonzero
    assert float(found.largest) == pytest.approx((3 + 5**0.5) / 2, rel=1e-8)
    assert float(found.smallest_nonzero) == pytest.approx((3 - 5**0.5) / 2, rel=1e-8)


def test_bounds_hold_where_the_floating_point_guess_is_noise():
    matrix = exact([[1, 1], [1, 1 + Fraction(1, 10**10)]])  # the smallest eigenvalue is about 2.5e-21
    found, G = gram_spectrum(matrix), matrix.T @ matrix
    assert (found.rank, found.smallest) == (2, found.smallest_nonzero)
    assert found.smallest > 0
    assert semidefinite_rank(G - found.smallest * exact([[1, 0], [0, 1]])) is not None


def test_entries_that_are_long_rationals_still_give_verified_bounds():
    matrix = exact(np.random.default_rng(0).normal(size=(3, 3)))
    found = gram_spectrum(matrix)
    assert float(found.largest) == pytest.approx(gram_spectrum(to_float(matrix)).largest, rel=1e-8)
    assert found.largest.denominator < 2**40


@given(matrices, hs.data())
def test_minimum_norm_solution_solves_the_normal_equations_in_the_row_space(matrix, data):
    rows, columns = matrix.shape
    target = exact(data.draw(hs.lists(_entries, min_size=rows, max_size=rows)))
    theta = minimum_norm_solution(matrix, target)
    assert not np.any(matrix.T @ (matrix @ theta - target))
    expected = np.linalg.pinv(to_float(matrix)) @ to_float(target)
    np.testing.assert_allclose(to_float(theta), expected, rtol=1e-9, atol=1e-9)
    assert theta.shape == (columns,)


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        ([[1, 0], [0, 0]], 1),
        ([[0, 1], [1, 0]], None),
        ([[1, 2], [2, 4]], 1),
        ([[1, 2], [2, 3]], None),
        ([[0, 0], [0, 0]], 0),
        ([[2, 1], [1, Fraction(1, 2) + Fraction(1, 10**12)]], 2),
        ([[2, 1], [1, Fraction(1, 2) - Fraction(1, 10**12)]], None),
    ],
)
def test_semidefiniteness_is_decided_exactly(matrix, rank):
    assert semidefinite_rank(exact(matrix)) == rank


def test_the_lipschitz_constant_is_attained():
    matrix = np.random.default_rng(1).normal(size=(6, 4))
    loss = LeastSquares(matrix, np.ones(6))
    direction = np.linalg.svd(matrix)[2][0]
    change = loss.gradient(direction) - loss.gradient(0 * direction)
    assert np.linalg.norm(change) == pytest.approx(loss.lipschitz)


def test_the_pl_constant_is_attained_for_a_rank_deficient_matrix():
    matrix = np.array([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    loss = LeastSquares(matrix, np.zeros(2))
    theta = np.array([0.0, 1.0, 5.0])
    assert (loss.strong_convexity, loss.pl_constant) == (0, pytest.approx(0.25))
    assert np.sum(loss.gradient(theta) ** 2) / 2 == pytest.approx(loss.pl_constant * loss.value(theta))


def test_a_zero_matrix_gives_a_constant_loss():
    for loss in (LeastSquares(np.zeros((2, 3)), np.ones(2)), LeastSquares(exact([[0, 0, 0]] * 2), exact([1, 1]))):
        assert (loss.lipschitz, loss.strong_convexity, loss.pl_constant, loss.infimum) == (0, 0, None, 1)
        assert not np.any(loss.minimizer())


def test_one_array_of_fractions_makes_the_other_exact():
    loss = LeastSquares([[0.5]], exact([1]))
    assert loss.matrix[0, 0] == Fraction(1, 2)
    assert loss.lipschitz == Fraction(1, 4)


def test_wrong_data_are_refused_with_the_name_of_the_argument():
    with pytest.raises(ValueError, match=r"matrix must have shape \(rows, columns\) with no empty axis, got \(2,\)"):
        LeastSquares([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"matrix must have shape \(rows, columns\) with no empty axis, got \(1, 0\)"):
        LeastSquares(np.zeros((1, 0)), [1.0])
    with pytest.raises(ValueError, match="matrix has 2 rows, so it needs as many targets or labels, got 1"):
        LeastSquares([[1.0], [2.0]], [1.0])
    with pytest.raises(ValueError, match="target must be finite, got nan at index"):
        LeastSquares([[1.0]], [np.nan])
    with pytest.raises(TypeError, match="matrix must be an array of real numbers, got 'abc'"):
        LeastSquares("abc", [1.0])
