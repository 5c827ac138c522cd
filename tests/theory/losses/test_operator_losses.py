"""Losses of an operator: formulas, gradients, constants of relative smoothness (valid, and the best), errors."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.losses import LeastSquares
from mlbreg.theory.losses.kullback_leibler import KullbackLeibler, ReverseKullbackLeibler
from mlbreg.theory.losses.operator_least_squares import OperatorLeastSquares
from mlbreg.theory.operators import GaussianBlur, MatrixOperator, Radon
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

_rng = np.random.default_rng(5)
BLUR, RADON = GaussianBlur(6, 0.1), Radon(6, 4)
SIGNED = MatrixOperator(_rng.normal(size=(7, 5)))
DENSE = MatrixOperator(_rng.random((4, 5)) + 0.1)


def _counts(operator, at_least=0):
    return np.maximum(np.random.default_rng(1).poisson(2.0, size=operator.shape[0]), at_least)


PAIRS = [
    (OperatorLeastSquares(operator, _rng.random(operator.shape[0]), weight), reference)
    for operator in (BLUR, RADON, SIGNED)
    for weight in (1.0, 0.5)
    for reference in (Euclidean(), FermiDirac())
]
for _operator in (BLUR, RADON, DENSE):
    PAIRS += [(KullbackLeibler(_operator, _counts(_operator), 2.0, beta), Burg()) for beta in (0.0, 0.3)]
    PAIRS += [(KullbackLeibler(_operator, _counts(_operator), 1.0, 0.3), phi) for phi in (Shannon(), FermiDirac())]
    PAIRS += [(ReverseKullbackLeibler(_operator, _counts(_operator, 1), 1.0, beta), Shannon()) for beta in (0.0, 0.3)]
    PAIRS += [(ReverseKullbackLeibler(_operator, _counts(_operator, 1)), FermiDirac())]
pairs = pytest.mark.parametrize(
    ("loss", "phi"), PAIRS, ids=lambda entry: f"{type(entry).__name__}-{getattr(entry, 'operator', '')!s:.14}"
)


def _points(phi, dimension, count=200, seed=0):
    """Points of int dom φ: all coordinates of one size, of very different sizes, and one that outweighs the others."""
    rng = np.random.default_rng(seed)
    if isinstance(phi, Euclidean):
        return rng.normal(size=(count, dimension))
    spread = 10.0 ** rng.uniform(-6, 0, size=(count, dimension)) * 0.999
    near = rng.uniform(0.3, 0.7, size=(count, dimension))
    single = np.where(np.arange(dimension) == rng.integers(dimension, size=(count, 1)), 0.5, 1e-5)
    points = np.concatenate([spread, near, single])
    return points if isinstance(phi, FermiDirac) else points * 10.0 ** rng.uniform(-2, 2, size=(len(points), 1))


def _loss_divergence(loss, x, y):
    return loss.value(x) - loss.value(y) - np.sum(loss.gradient(y) * (x - y), axis=-1)


@pytest.mark.parametrize("loss", [loss for loss, _ in PAIRS], ids=lambda loss: type(loss).__name__)
def test_the_gradient_is_the_derivative_of_the_value(loss):
    rng = np.random.default_rng(0)
    x, h = rng.uniform(0.2, 0.8, size=loss.dimension), rng.normal(size=loss.dimension)
    step = 1e-5
    slope = (loss.value(x + step * h) - loss.value(x - step * h)) / (2 * step)
    assert slope == pytest.approx(loss.gradient(x) @ h, rel=1e-6, abs=1e-6)


@pairs
def test_the_constant_of_relative_smoothness_holds_on_pairs_of_points(loss, phi):
    constant = loss.relative_smoothness(phi)
    x, y = _points(phi, loss.dimension), _points(phi, loss.dimension, seed=1)
    for other in (y, x * np.exp(np.random.default_rng(2).normal(size=x.shape) * 1e-2)):
        inside = phi.in_domain(other)
        ahead, behind = x[inside], other[inside]
        left, right = _loss_divergence(loss, ahead, behind), constant * phi.divergence(ahead, behind)
        slopes = np.sum(np.abs(loss.gradient(behind) * (ahead - behind)), axis=-1)
        size = 1 + right + abs(loss.value(ahead)) + abs(loss.value(behind)) + slopes
        assert np.all(right - left >= -1e-9 * size)


# Not the best in general: Shannon's constant for Fermi–Dirac, and the bound s/(s + β)² ≤ 1/(4β), which need not be attained
# in all rows at once.
BEST = [
    (loss, phi)
    for loss, phi in PAIRS
    if isinstance(loss, OperatorLeastSquares)
    or isinstance(phi, Burg)
    or (isinstance(loss, ReverseKullbackLeibler) and isinstance(phi, Shannon))
]


@pytest.mark.parametrize(("loss", "phi"), BEST, ids=lambda entry: type(entry).__name__)
def test_nine_tenths_of_a_best_constant_fail_at_some_pair(loss, phi):
    d = loss.dimension
    if isinstance(loss, OperatorLeastSquares):
        matrix = loss.operator.apply(np.eye(d)).T
        top = np.linalg.svd(matrix)[2][0]
        y = np.full(d, 0.5)
        x = y + 1e-2 * top
    else:
        column = _worst_column(loss, phi)
        y = np.where(np.arange(d) == column, 1e8, 1e-4)
        x = np.where(np.arange(d) == column, 1.02 * y, y)
    left, right = _loss_divergence(loss, x, y), loss.relative_smoothness(phi) * phi.divergence(x, y)
    assert 0.9 * right < left <= right * (1 + 1e-5)


def _worst_column(loss, phi):
    ones = np.ones(loss.operator.shape[0])
    if isinstance(phi, Burg):
        return int(np.argmax(loss.operator.adjoint_pattern(loss.data)))
    return int(np.argmax(loss.operator.adjoint(ones)))


def test_the_shannon_constant_with_a_background_is_attained_in_one_dimension():
    loss = KullbackLeibler(MatrixOperator([[2.0]]), [3.0], 1.0, 0.5)
    x, step = 0.25, 1e-3  # s = 2x = β
    second = (loss.gradient(np.array([x + step])) - loss.gradient(np.array([x - step])))[0] / (2 * step)
    assert second * x == pytest.approx(loss.relative_smoothness(Shannon()), rel=1e-4)


def test_the_constant_relative_to_burg_is_at_most_the_total_of_the_data():
    local, full = KullbackLeibler(BLUR, _counts(BLUR)), KullbackLeibler(DENSE, _counts(DENSE), 3.0)
    assert local.burg_constant <= local.total_constant
    assert full.burg_constant == full.total_constant == pytest.approx(3 * full.data.sum())
    wide = KullbackLeibler(GaussianBlur(32, 0.02), np.ones(1024))
    assert wide.burg_constant < wide.total_constant / 20


def test_least_squares_is_that_of_the_dense_matrix():
    matrix, b = _rng.normal(size=(4, 3)), _rng.normal(size=4)
    ours, dense = OperatorLeastSquares(MatrixOperator(matrix), b), LeastSquares(matrix, b)
    x = _rng.normal(size=(5, 3))
    np.testing.assert_allclose(ours.value(x), dense.value(x))
    np.testing.assert_allclose(ours.gradient(x), dense.gradient(x))
    assert ours.lipschitz == pytest.approx(dense.lipschitz)
    assert ours.infimum <= dense.infimum
    assert ours.minimizer() is None
    assert ours.pl_constant is None
    assert ours.strong_convexity <= dense.strong_convexity


def test_least_squares_with_a_matrix_is_exact_on_fractions():
    loss = OperatorLeastSquares(MatrixOperator([[1.0, 2.0]]), [0.5], 0.5)
    x = exact(["1/3", 1])
    assert loss.value(x) == Fraction(121, 144)
    assert list(loss.gradient(x)) == [Fraction(11, 12), Fraction(11, 6)]
    with pytest.raises(IrrationalError):
        KullbackLeibler(MatrixOperator([[1.0, 2.0]]), [0.5]).value(x)


def test_kullback_leibler_values_are_the_formula_and_infinite_outside_the_domain():
    loss = KullbackLeibler(MatrixOperator([[1.0, 0.0], [1.0, 1.0]]), [0.0, 2.0])
    assert loss.value(np.array([1.0, 3.0])) == pytest.approx(1 + 2 * math.log(0.5) - 2 + 4)
    np.testing.assert_allclose(loss.gradient(np.array([1.0, 3.0])), [1.5, 0.5])
    assert loss.value(np.array([-1.0, 3.0])) == math.inf
    assert loss.value(np.array([0.0, 0.0])) == math.inf
    assert loss.value(np.array([0.0, 2.0])) == 0
    np.testing.assert_allclose(loss.gradient(np.array([0.0, 2.0])), [1, 0])
    assert np.isnan(loss.gradient(np.array([-1.0, 3.0]))[0])
    assert loss.lipschitz == math.inf


def test_reverse_kullback_leibler_values_are_the_formula():
    loss = ReverseKullbackLeibler(MatrixOperator([[2.0]]), [3.0])
    assert loss.value(np.array([1.0])) == pytest.approx(2 * math.log(2 / 3) - 2 + 3)
    assert loss.gradient(np.array([1.0]))[0] == pytest.approx(2 * math.log(2 / 3))
    assert loss.value(np.array([-1.0])) == math.inf
    assert loss.value(np.array([0.0])) == 3
    assert loss.gradient(np.array([0.0]))[0] == -math.inf


def test_infeasible_data_and_operators_are_refused():
    with pytest.raises(ValueError, match=r"data must be ≥ 0 for Poisson noise, got -1.0 at index 1"):
        KullbackLeibler(MatrixOperator(np.eye(2)), [1.0, -1.0])
    with pytest.raises(ValueError, match="operator must have no zero row without a background, row 1 is zero"):
        KullbackLeibler(MatrixOperator([[1.0], [0.0]]), [1.0, 1.0])
    assert KullbackLeibler(MatrixOperator([[1.0], [0.0]]), [1.0, 1.0], 1.0, 0.1).value(np.ones(1)) > 0
    with pytest.raises(ValueError, match="operator must be nonnegative"):
        KullbackLeibler(MatrixOperator([[1.0, -1.0]]), [1.0])
    with pytest.raises(ValueError, match="background must be a finite number ≥ 0"):
        KullbackLeibler(MatrixOperator([[1.0]]), [1.0], 1.0, -0.5)
    with pytest.raises(ValueError, match=r"data must be > 0.*got 0 at index 0"):
        ReverseKullbackLeibler(MatrixOperator([[1.0]]), [0.0])
    with pytest.raises(ValueError, match=r"data must have shape \(1,\), got \(2,\)"):
        OperatorLeastSquares(MatrixOperator([[1.0]]), [1.0, 2.0])
    with pytest.raises(ValueError, match="data must be finite"):
        OperatorLeastSquares(MatrixOperator([[1.0]]), [math.nan])
    with pytest.raises(ValueError, match="weight must be a finite number > 0"):
        OperatorLeastSquares(MatrixOperator([[1.0]]), [1.0], 0.0)
    with pytest.raises(ValueError, match=r"x must have shape \(..., 1\), got \(2,\)"):
        OperatorLeastSquares(MatrixOperator([[1.0]]), [1.0]).value(np.ones(2))


@pytest.mark.parametrize(
    ("loss", "phi"),
    [
        (OperatorLeastSquares(DENSE, np.ones(4)), Shannon()),
        (OperatorLeastSquares(DENSE, np.ones(4)), Burg()),
        (KullbackLeibler(DENSE, np.ones(4)), Shannon()),
        (KullbackLeibler(DENSE, np.ones(4)), Euclidean()),
        (ReverseKullbackLeibler(DENSE, np.ones(4)), Burg()),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_a_pair_without_a_constant_is_refused(loss, phi):
    with pytest.raises(ValueError, match="reference: no constant of smoothness"):
        loss.relative_smoothness(phi)
