"""Two wells: value and gradient agree, the constants hold, and it is not convex."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import TwoWells


def test_the_values_at_the_wells_and_between_them() -> None:
    loss = TwoWells(exact([1]))
    theta = exact([[1], [5], [3], [0], [6]])
    assert loss.value(theta).tolist() == [0, 0, 1, Fraction(1, 2), Fraction(1, 2)]
    assert loss.gradient(theta)[:, 0].tolist() == [0, 0, 0, -1, 1]
    assert loss.minimizer().tolist() == [1]
    assert (loss.infimum, loss.lipschitz) == (0, 1)
    assert loss.strong_convexity is None
    assert loss.pl_constant is None


def test_the_gradient_is_the_slope_of_the_value_and_is_1_lipschitz() -> None:
    loss = TwoWells(np.array([0.5, -1.0]))
    theta = np.random.default_rng(0).uniform(-3, 8, size=(400, 2))
    for i in range(2):
        h = 1e-6 * np.eye(2)[i]
        slope = (loss.value(theta + h) - loss.value(theta - h)) / 2e-6
        np.testing.assert_allclose(slope, loss.gradient(theta)[:, i], atol=1e-6)
    other = theta[::-1]
    change = np.linalg.norm(loss.gradient(theta) - loss.gradient(other), axis=1)
    assert (change <= np.linalg.norm(theta - other, axis=1) * (1 + 1e-12)).all()
