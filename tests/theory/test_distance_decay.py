"""One step of gradient descent by hand against the margins about the distance to the minimiser."""

from __future__ import annotations

from fractions import Fraction

from mlbreg.theory import distance_decay
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.regularizers import Zero

NET = ElasticNet(Zero(), Fraction(1))
STAR = exact([0])
LOSS = Quadratic(exact([1]), exact([0]))


def step(theta: Fraction, tau: Fraction, noise: Fraction) -> tuple[PrimalDual, PrimalDual]:
    """(θ, v) and both outcomes of θ⁺ = θ − τ(θ ± noise)."""
    after = exact([[[theta - tau * (theta + noise)], [theta - tau * (theta - noise)]]])
    return PrimalDual(exact([[theta]]), exact([[theta]])), PrimalDual(after, after)


def test_the_expected_distance_before_and_after_a_step() -> None:
    pair, after = step(Fraction(2), Fraction(1, 2), Fraction(1))
    found = distance_decay.change(NET, STAR, pair, after)
    assert found.before[0] == 2
    assert found.after[0] == Fraction(1, 2) + Fraction(1, 8)


def test_noise_at_the_minimiser_is_an_increase_by_exactly_its_cost() -> None:
    tau, xi = exact([Fraction(1, 2)]), exact([[[3], [-3]]])
    pair, after = step(Fraction(0), Fraction(1, 2), Fraction(3))
    assert distance_decay.noise_cost(NET, tau, xi)[0] == Fraction(9, 8)
    assert distance_decay.no_increase(NET, STAR, pair, after)[0] < 0
    assert distance_decay.no_increase(NET, STAR, pair, after, distance_decay.noise_cost(NET, tau, xi))[0] == 0


def test_the_gain_and_the_contraction_are_equalities_for_equal_curvatures() -> None:
    tau = exact([Fraction(1, 2)])
    pair, after = step(Fraction(2), Fraction(1, 2), Fraction(0))
    assert distance_decay.gradient_gain(LOSS, NET, STAR, pair, after, tau)[0] == 0
    factor = Fraction(3, 2)  # 1 − τ·(3/2) = (1 − τ)² for τ = ½
    assert distance_decay.contraction(NET, factor, STAR, pair, after, tau)[0] == 0
    assert distance_decay.contraction(NET, 2, STAR, pair, after, tau)[0] < 0
