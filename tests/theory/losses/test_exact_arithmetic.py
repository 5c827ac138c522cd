"""What every loss with rational values promises, checked in Fractions: no tolerance anywhere."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.theory.arrays import IrrationalError, exact, to_float
from mlbreg.theory.losses import Huber, LeastSquares, LogCosh, Logistic, MatrixFactorization, Quadratic, SineQuadratic


def _points(count=12, seed=0):
    rng = np.random.default_rng(seed)
    numerators, denominators = rng.integers(-12, 13, size=(count, 3)), rng.integers(1, 5, size=(count, 3))
    return exact(
        [
            [Fraction(int(n), int(m)) for n, m in zip(*row, strict=True)]
            for row in zip(numerators, denominators, strict=True)
        ]
    )


def _is_fraction(number):
    return isinstance(number, Fraction)


def test_values_and_gradients_are_fractions(exact_loss):
    theta = _points()
    values, gradients = exact_loss.value(theta), exact_loss.gradient(theta)
    assert values.shape == (12,)
    assert gradients.shape == (12, 3)
    assert all(_is_fraction(entry) for entry in [*values.flat, *gradients.flat])


def test_exact_and_float_values_agree(exact_loss):
    theta = _points()
    values, gradients = exact_loss.value(to_float(theta)), exact_loss.gradient(to_float(theta))
    np.testing.assert_allclose(values, to_float(exact_loss.value(theta)), rtol=1e-12)
    np.testing.assert_allclose(gradients, to_float(exact_loss.gradient(theta)), rtol=1e-12, atol=1e-12)


def test_gradient_is_the_four_point_difference_which_is_exact_up_to_degree_four(exact_loss):
    if isinstance(exact_loss, Huber):
        pytest.skip("a polynomial only piece by piece")
    theta, h = _points(), Fraction(1, 3)
    for coordinate in range(3):
        unit = exact([int(i == coordinate) for i in range(3)])

        def change(multiple, unit=unit):
            return exact_loss.value(theta + multiple * h * unit) - exact_loss.value(theta - multiple * h * unit)

        slope = (8 * change(1) - change(2)) / (12 * h)
        assert np.all(slope == exact_loss.gradient(theta)[:, coordinate])


def test_constants_are_fractions(exact_loss):
    constants = (exact_loss.infimum, exact_loss.lipschitz, exact_loss.strong_convexity, exact_loss.pl_constant)
    assert all(number is None or number == math.inf or _is_fraction(number) for number in constants)


def test_the_minimizer_reaches_the_infimum_exactly(exact_loss):
    minimizer = exact_loss.minimizer()
    assert all(map(_is_fraction, minimizer))
    assert not np.any(exact_loss.gradient(minimizer))
    assert exact_loss.value(minimizer).item() == exact_loss.infimum


def test_no_value_lies_below_the_infimum(exact_loss):
    assert np.all(exact_loss.value(_points()) >= exact_loss.infimum)


def test_descent_lemma_and_strong_convexity_hold_without_a_tolerance(exact_loss):
    x, y = _points(), _points(seed=1)
    excess = exact_loss.value(y) - exact_loss.value(x) - np.sum(exact_loss.gradient(x) * (y - x), axis=1)
    square = np.sum((y - x) ** 2, axis=1)
    if exact_loss.lipschitz != math.inf:
        assert np.all(exact_loss.lipschitz / 2 * square >= excess)
    if exact_loss.strong_convexity is not None:
        assert np.all(excess >= exact_loss.strong_convexity / 2 * square)


def test_polyak_lojasiewicz_inequality_holds_without_a_tolerance(exact_loss):
    if exact_loss.pl_constant is None:
        pytest.skip("no PL constant")
    theta = _points()
    slope = np.sum(exact_loss.gradient(theta) ** 2, axis=1) / 2
    assert np.all(slope >= exact_loss.pl_constant * (exact_loss.value(theta) - exact_loss.infimum))


def test_float_constants_agree_with_exact_ones(exact_loss):
    if not isinstance(exact_loss, LeastSquares | Huber):
        pytest.skip("no matrix")
    arguments = {"mean": exact_loss.mean}
    if isinstance(exact_loss, Huber):
        arguments["threshold"] = float(exact_loss.threshold)
    twin = type(exact_loss)(to_float(exact_loss.matrix), to_float(exact_loss.target), **arguments)
    assert float(exact_loss.lipschitz) == pytest.approx(twin.lipschitz, rel=1e-8)
    assert float(exact_loss.lipschitz) >= twin.lipschitz * (1 - 1e-14)
    assert float(exact_loss.infimum) == pytest.approx(twin.infimum, rel=1e-12, abs=1e-14)
    assert float(exact_loss.strong_convexity) == pytest.approx(twin.strong_convexity, rel=1e-8)
    if exact_loss.pl_constant is not None:
        assert float(exact_loss.pl_constant) == pytest.approx(twin.pl_constant, rel=1e-8)


@pytest.mark.parametrize("loss", [LogCosh([[1.0]], [0.0]), Logistic([[1.0]], [1]), SineQuadratic([[1.0]], [0.0])])
def test_losses_without_rational_values_refuse_fractions(loss):
    theta = exact([1])
    for function in (loss.value, loss.gradient):
        with pytest.raises(IrrationalError, match=f"{type(loss).__name__} is not rational"):
            function(theta)


def test_an_exact_factorization_exists_only_up_to_the_rank():
    loss = MatrixFactorization(exact([[1, 2], [2, 1]]), 1)
    assert loss.value(exact([0, 0, 0, 0])).item() == 5
    with pytest.raises(IrrationalError, match="the best approximation of rank 1 to a matrix of rank 2"):
        _ = loss.infimum


@given(hs.lists(hs.fractions(0, 5, max_denominator=6), min_size=1, max_size=4), hs.data())
def test_the_constants_of_a_quadratic_are_its_extreme_curvatures(curvatures, data):
    center = data.draw(
        hs.lists(hs.fractions(-3, 3, max_denominator=4), min_size=len(curvatures), max_size=len(curvatures))
    )
    loss = Quadratic(exact(curvatures), exact(center))
    assert (loss.lipschitz, loss.strong_convexity, loss.infimum) == (max(curvatures), min(curvatures), 0)
    assert loss.pl_constant == min((h for h in curvatures if h > 0), default=None)
    assert list(loss.minimizer()) == center
