"""The constants of the PL-like inequalities, and the divergence that they bound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory import pl_step
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.losses import Huber, Quadratic
from mlbreg.theory.regularizers import L1, Zero


def test_without_a_regularizer_the_divergence_is_the_squared_gradient() -> None:
    loss, net = Quadratic(exact([2]), exact([1])), ElasticNet(Zero(), Fraction(3))
    pair = PrimalDual(exact([[2]]), exact([[Fraction(2, 3)]]))
    assert pl_step.step_divergence(loss, net, pair, Fraction(1, 2))[0] == Fraction(3, 2) * Fraction(1, 4) * 4


def test_at_the_kink_a_short_step_has_no_divergence() -> None:
    loss, net = Quadratic(exact([1]), exact([3])), ElasticNet(L1(Fraction(1)), Fraction(1))
    start = PrimalDual(exact([[0]]), exact([[0]]))
    values = [
        pl_step.step_divergence(loss, net, start, tau)[0]
        for tau in (Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(1))
    ]
    assert values == [0, 0, Fraction(1, 8), 2]


def test_smooth_constants_are_those_of_pl() -> None:
    assert pl_step.smooth_constants(Quadratic(exact([2, 3]), exact([0, 0])), Fraction(1, 2)) == (1, 1)
    assert pl_step.smooth_constants(Huber(np.eye(1), np.zeros(1), 1.0), 1) is None


@pytest.mark.parametrize(
    ("delta", "eta"), [(Fraction(1, 2), Fraction(1, 2)), (Fraction(1), Fraction(1)), (Fraction(3), Fraction(5, 3))]
)
def test_for_equal_curvatures_the_constants_at_the_kink_are_attained(delta: Fraction, eta: Fraction) -> None:
    loss, net = Quadratic(exact([1]), exact([0])), ElasticNet(L1(Fraction(1)), delta)
    assert pl_step.conic_constants(loss, delta) == (1, eta)
    assert pl_step.separable_constants(loss, delta) == (1, eta)
    pair = net.pair(exact([[Fraction(1, 10)]]), exact([[0]]))
    assert pl_step.step_divergence(loss, net, pair, Fraction(1))[0] == eta * loss.value(pair.theta)[0]


def test_no_constants_without_strong_convexity_or_pl() -> None:
    flat = Huber(np.eye(1), np.zeros(1), 1.0)
    assert pl_step.conic_constants(flat, 1) is None
    assert pl_step.separable_constants(flat, 1) is None
