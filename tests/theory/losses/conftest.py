"""The losses that every test of the interface runs on: one list in floats, one in Fractions."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import (
    FiniteSum,
    Huber,
    LeastSquares,
    LogCosh,
    Logistic,
    MatrixFactorization,
    Quadratic,
    Quartic,
    SineQuadratic,
)

_rng = np.random.default_rng(20260101)
_TALL, _WIDE = _rng.normal(size=(7, 4)), _rng.normal(size=(3, 4))
_SEVEN, _THREE, _FOUR = _rng.normal(size=7), _rng.normal(size=3), _rng.normal(size=4)
_LABELS = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0])
_DEFICIENT = np.concatenate([_TALL[:, :2], _TALL[:, :2] @ _rng.normal(size=(2, 2))], axis=1)

FLOAT = {
    "least squares, tall": LeastSquares(_TALL, _SEVEN),
    "least squares, wide": LeastSquares(_WIDE, _THREE),
    "least squares, rank-deficient": LeastSquares(_DEFICIENT, _SEVEN),
    "least squares, mean": LeastSquares(_TALL, _SEVEN, mean=True),
    "logistic": Logistic(_TALL, _LABELS),
    "logistic, separable": Logistic(_WIDE, [1, -1, 1]),
    "logistic, ridge": Logistic(_TALL, _LABELS, ridge=0.3),
    "logistic, mean and ridge": Logistic(_TALL, _LABELS, ridge=0.3, mean=True),
    "huber, tall": Huber(_TALL, _SEVEN, 0.4),
    "huber, wide": Huber(_WIDE, _THREE, 0.4),
    "log cosh, tall": LogCosh(_TALL, _SEVEN),
    "log cosh, wide": LogCosh(_WIDE, _THREE),
    "sine quadratic": SineQuadratic(_WIDE, _THREE),
    "sine quadratic of coordinates": SineQuadratic.of_coordinates(4),
    "quadratic": Quadratic([2.0, 0.0, 0.5, 1.0], _FOUR),
    "quartic": Quartic([2.0, 0.0, 0.5, 1.0], _FOUR),
    "matrix factorization": MatrixFactorization(_rng.normal(size=(3, 2)), 2),
    "matrix factorization, truncated": MatrixFactorization(_rng.normal(size=(3, 2)), 1),
    "finite sum, least squares": FiniteSum.least_squares(_TALL, _SEVEN),
    "finite sum, logistic": FiniteSum(Logistic(_TALL, _LABELS, ridge=0.3)),
    "finite sum, mixed": FiniteSum([LeastSquares(_TALL, _SEVEN), Logistic(_TALL, _LABELS), Quadratic(np.ones(4))]),
}

_A = [[Fraction(1), Fraction(2), Fraction(0)], [Fraction(1, 2), Fraction(-1), Fraction(1)]]
_B = [Fraction(1), Fraction(-2, 3)]
_TALL_A = [*_A, [Fraction(0), Fraction(1), Fraction(1)], [Fraction(3), Fraction(0), Fraction(-1, 2)]]
_TALL_B = [*_B, Fraction(5), Fraction(-1, 2)]

EXACT = {
    "least squares, wide": LeastSquares(exact(_A), exact(_B)),
    "least squares, tall": LeastSquares(exact(_TALL_A), exact(_TALL_B)),
    "least squares, mean": LeastSquares(exact(_TALL_A), exact(_TALL_B), mean=True),
    "huber, wide": Huber(exact(_A), exact(_B), Fraction(1, 2)),
    "huber, tall": Huber(exact(_TALL_A), exact(_TALL_B), Fraction(1, 2)),
    "quadratic": Quadratic(exact([2, 0, Fraction(1, 2)]), exact([1, -1, Fraction(1, 3)])),
    "quartic": Quartic(exact([2, 0, Fraction(1, 2)]), exact([1, -1, Fraction(1, 3)])),
    "finite sum, least squares": FiniteSum.least_squares(exact(_TALL_A), exact(_TALL_B)),
    "finite sum, mixed": FiniteSum(
        [Quadratic(exact([1, 1, 2]), exact([1, 0, 0])), Quadratic(exact([2, 1, 0]), exact([-2, 4, 1]))],
        known_minimizer=exact([-1, 2, 0]),
    ),
    "matrix factorization": MatrixFactorization(exact([[Fraction(1), Fraction(2)]]), 1),
}


@pytest.fixture(params=FLOAT.values(), ids=FLOAT.keys())
def float_loss(request):
    """A loss with float data."""
    return request.param


@pytest.fixture(params=EXACT.values(), ids=EXACT.keys())
def exact_loss(request):
    """A loss with Fractions for data, d = 3."""
    return request.param


@pytest.fixture
def points():
    """Seeded points at scales from 1e-3 to 1e2 around the origin and around the minimiser, if any: (256, d)."""

    def draw(loss, seed=0):
        rng = np.random.default_rng(seed)
        theta = rng.normal(size=(256, loss.dimension)) * 10 ** rng.uniform(-3, 2, size=(256, 1))
        center = loss.minimizer()
        return theta if center is None else np.concatenate([theta[:128], center + theta[128:]])

    return draw
