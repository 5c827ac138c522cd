"""Expected distances along a run, and noise that grows with the distance: both against arithmetic by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers.expected_distance import distances
from mlbreg.solvers.growing_noise import GrowingNoise
from mlbreg.solvers.oracles import EXACT, AdditiveNoise, expected
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import Zero

PROBLEM = Problem(Quadratic(exact([1]), exact([0])), Zero(), Fraction(1), Groups.singletons(1))
TAU = exact([[Fraction(1, 2), Fraction(1, 4)]])


def start(theta: int) -> PrimalDual:
    """θ = v for J = 0, δ = 1."""
    return PrimalDual(exact([[theta]]), exact([[theta]]))


def test_exact_gradients_multiply_the_distance() -> None:
    found = distances(PROBLEM, exact([[0]]), start(4), TAU, EXACT)
    assert found.values[0].tolist() == [8, 2, Fraction(9, 8)]


def test_noise_follows_the_recursion_of_the_half_square() -> None:
    found = distances(PROBLEM, exact([[0]]), start(4), TAU, AdditiveNoise(exact([[[1], [-1]]])))
    d = Fraction(8)
    for k, tau in enumerate(TAU[0], start=1):
        d = (1 - tau) ** 2 * d + tau**2 / 2
        assert found.values[0, k] == d
    assert found.expected_norm(exact([[0]]), 1)[0] == 2


def test_growing_noise_is_unbiased_silent_at_its_centre_and_quadratic_beyond() -> None:
    oracle = GrowingNoise(exact([[2], [-2]]), exact([1]))
    values, chances = oracle.outcomes(PROBLEM.loss, exact([[1], [4]]))
    assert values[..., 0].tolist() == [[1, 1], [4 + 18, 4 - 18]]
    assert chances.tolist() == [Fraction(1, 2)] * 2
    assert expected(oracle.outcomes(PROBLEM.loss, exact([[4]])))[0, 0] == 4


def test_growing_noise_has_one_amplitude_for_each_instance_on_every_path() -> None:
    oracle = GrowingNoise(exact([[[1], [-1]], [[3], [-3]]]), exact([0]))
    two = PrimalDual(exact([[1], [1]]), exact([[1], [1]]))
    found = distances(PROBLEM, exact([[0], [0]]), two, exact([[Fraction(1)], [Fraction(1)]]), oracle)
    assert found.values[:, 1].tolist() == [Fraction(1, 2), Fraction(9, 2)]
    assert oracle.take(np.array([1])).noise[0, 0, 0] == 3


def test_growing_noise_draws_its_outcomes() -> None:
    oracle = GrowingNoise(np.array([[1.0], [-1.0]]), np.zeros(1))
    drawn = oracle.sample(PROBLEM.loss, np.full((200, 1), 2.0), np.random.default_rng(0))
    assert set(drawn[:, 0]) == {6.0, -2.0}


@pytest.mark.parametrize("noise", [np.ones(2), np.array([[np.nan], [0.0]])])
def test_noise_of_a_wrong_shape_or_without_numbers_is_refused(noise: np.ndarray) -> None:
    with pytest.raises(ValueError, match="noise must"):
        GrowingNoise(noise, np.zeros(1))
