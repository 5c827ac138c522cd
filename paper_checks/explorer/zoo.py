"""One instance of each loss and each regularizer, in four dimensions: two groups of two, or a matrix of two by two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...theory.groups import Groups
from ...theory.losses import (
    Huber,
    LeastSquares,
    LogCosh,
    Logistic,
    Loss,
    MatrixFactorization,
    Quadratic,
    Quartic,
    SineQuadratic,
)  # fmt: skip
from ...theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, Regularizer, WeightedL1, Zero

DIMENSION = 4
_GROUPS = Groups.of_sizes([2, 2])
_CENTER = np.array([1.0, -1.0, 0.5, 0.0])


def losses() -> Mapping[str, Loss]:
    """By name; all but half_square have a minimiser that is not 0."""
    eye = np.eye(DIMENSION)
    rows = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])
    samples = np.array(
        [[1, 0, 1, 1], [0, 1, 1, -1], [-1, 1, 0, 1], [1, 1, -1, 0], [1, -1, 0, 1], [0, 1, -1, 1], [1, 0, 1, 2]],
        dtype=float,
    )
    labels = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    return {
        "half_square": Quadratic(np.ones(DIMENSION), np.zeros(DIMENSION)),
        "quadratic": Quadratic(np.array([1.0, 2.0, 1.0, 2.0]), _CENTER),
        "least_squares": LeastSquares(rows, np.array([1.0, -1.0])),
        "huber": Huber(eye, _CENTER, 1.0),
        "log_cosh": LogCosh(eye, _CENTER),
        "logistic": Logistic(samples, labels),
        "logistic_ridge": Logistic(samples, labels, ridge=0.1),
        "sine_quadratic": SineQuadratic(eye, _CENTER),
        "quartic": Quartic(np.ones(DIMENSION), _CENTER),
        "matrix_factorization": MatrixFactorization(np.array([[2.0, 1.0], [1.0, 2.0]]), 1),
    }


def regularizers(lam: float = 0.5) -> Mapping[str, Regularizer]:
    """By name; ``lam`` is the λ of the norms. mixture: ℓ1 on the first group, J = 0 on the second (weights and biases)."""
    return {
        "zero": Zero(),
        "l1": L1(lam),
        "weighted_l1": WeightedL1([lam, 2 * lam, lam, 0.0]),
        "group_l2": GroupL2(lam, _GROUPS),
        "nonnegative": NonNegative(),
        "box": Box(-2.0, 2.0),
        "nuclear": Nuclear(lam, (2, 2)),
        "mixture": Mixture(_GROUPS, [L1(lam), Zero()]),
    }
