"""Gradient oracles: unbiased by exact enumeration, reproducible, and the same on the coarse level."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers.oracles import EXACT, AdditiveNoise, MiniBatch, expected
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.coarse import CoarseLoss
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import FiniteSum, Quadratic

from .examples import few

LOSS = FiniteSum.least_squares(
    exact([[1, 2, 0], [0, 1, -1], [2, 0, 1], [Fraction(1, 2), 1, 1]]), exact([1, 0, -1, Fraction(2, 3)])
)
PAIRS = Restriction(Groups.of_sizes([1, 2]), (1,))


@few
@given(st.vectors(3), hs.integers(1, 4))
def test_a_mini_batch_without_replacement_is_unbiased_exactly(theta: np.ndarray, size: int) -> None:
    outcomes = MiniBatch(size).outcomes(LOSS, theta)
    assert outcomes.values.shape[-2] == [4, 6, 4, 1][size - 1]
    assert sum(outcomes.probabilities) == 1
    assert np.all(expected(outcomes) == LOSS.gradient(theta))


def test_the_full_batch_is_the_gradient() -> None:
    theta = exact([[1, -1, 2]])
    assert np.all(MiniBatch(4).outcomes(LOSS, theta).values[..., 0, :] == LOSS.gradient(theta))
    assert np.all(MiniBatch(4).sample(LOSS, theta, np.random.default_rng(0)) == LOSS.gradient(theta))


def test_a_mini_batch_is_a_mean_of_different_summands() -> None:
    theta = exact([1, 2, 3])
    each = LOSS.component_gradients(theta)
    values = MiniBatch(2).outcomes(LOSS, theta).values
    assert values.tolist() == [((each[i] + each[j]) / 2).tolist() for i in range(4) for j in range(i + 1, 4)]


@pytest.mark.parametrize("oracle", [EXACT, MiniBatch(2), AdditiveNoise(exact([[1, 0, 0], [0, 2, 0], [-1, -1, 3]]))])
def test_every_sample_is_one_of_the_outcomes(oracle: object) -> None:
    theta = exact([[1, 2, 3], [0, 0, 1]])
    values, _ = oracle.outcomes(LOSS, theta)  # type: ignore[attr-defined]
    rng = np.random.default_rng(3)
    for _ in range(10):
        drawn = oracle.sample(LOSS, theta, rng)  # type: ignore[attr-defined]
        assert all(any(np.all(drawn[i] == value) for value in values[i]) for i in range(2))


@pytest.mark.parametrize("oracle", [MiniBatch(1), AdditiveNoise(np.eye(3))])
def test_the_same_seed_gives_the_same_draws_and_instances_draw_on_their_own(oracle: object) -> None:
    loss = FiniteSum.least_squares(np.arange(12.0).reshape(4, 3), np.ones(4))
    theta = np.ones((50, 3))
    first, again = (oracle.sample(loss, theta, np.random.default_rng(5)) for _ in range(2))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) > 1


def test_samples_have_the_probabilities_of_the_outcomes() -> None:
    oracle = AdditiveNoise(np.array([[0.0], [1.0]]), [0.9, 0.1])
    drawn = oracle.sample(Quadratic([1.0]), np.zeros((4000, 1)), np.random.default_rng(0))
    assert abs(drawn.mean() - 0.1) < 0.02


def test_weighted_noise_has_its_mean() -> None:
    oracle = AdditiveNoise(exact([[1, 0], [-3, 2]]), [Fraction(3, 4), Fraction(1, 4)])
    loss = Quadratic(exact([1, 1]))
    assert expected(oracle.outcomes(loss, exact([[0, 0]]))).tolist() == [[0, Fraction(1, 2)]]


@pytest.mark.parametrize("oracle", [EXACT, MiniBatch(3), AdditiveNoise(exact([[1, 0, 0], [-1, 0, 5]]))])
def test_on_the_coarse_level_an_estimate_is_the_restriction_of_the_fine_one(oracle: object) -> None:
    theta, hat = exact([[1, 2, 3], [0, 1, 0]]), exact([[5, 6], [7, 8]])
    coarse = CoarseLoss(LOSS, PAIRS, theta)
    fine = oracle.outcomes(LOSS, coarse.lift(hat))  # type: ignore[attr-defined]
    values, chances = oracle.outcomes(coarse, hat)  # type: ignore[attr-defined]
    assert np.all(values == PAIRS.restrict(fine.values))
    assert chances.tolist() == fine.probabilities.tolist()
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    drawn = oracle.sample(LOSS, coarse.lift(hat), one)  # type: ignore[attr-defined]
    assert np.all(oracle.sample(coarse, hat, other) == PAIRS.restrict(drawn))  # type: ignore[attr-defined]


def test_instances_keep_their_own_noise_when_some_are_taken() -> None:
    noise = np.arange(12.0).reshape(3, 2, 2)
    taken = AdditiveNoise(noise, [Fraction(1, 4), Fraction(3, 4)]).take(np.array([2, 0]))
    assert taken.probabilities.tolist() == [Fraction(1, 4), Fraction(3, 4)]
    np.testing.assert_array_equal(taken.noise, noise[[2, 0]])
    values, _ = AdditiveNoise(noise).outcomes(Quadratic([0.0, 0.0]), np.zeros((3, 5, 2)))
    np.testing.assert_array_equal(values, np.broadcast_to(noise[:, None], (3, 5, 2, 2)))


@pytest.mark.parametrize("oracle", [MiniBatch(1), AdditiveNoise(np.zeros((1, 3)))])
def test_a_random_oracle_needs_a_generator(oracle: object) -> None:
    with pytest.raises(ValueError, match=r"rng must be a numpy.random.Generator .* got None"):
        oracle.sample(FiniteSum.least_squares(np.eye(3), np.ones(3)), np.zeros(3))  # type: ignore[attr-defined]


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="size must be an integer ≥ 1, got 0"):
        MiniBatch(0)
    with pytest.raises(ValueError, match="size must be ≤ 4, the number of summands, got 5"):
        MiniBatch(5).outcomes(LOSS, exact([0, 0, 0]))
    with pytest.raises(TypeError, match=r"loss must be a FiniteSum .* got Quadratic"):
        MiniBatch(1).outcomes(Quadratic([1.0]), np.zeros(1))
    with pytest.raises(ValueError, match=r"noise must have shape \(\.\.\., S, d\), got \(3,\)"):
        AdditiveNoise(np.zeros(3))
    with pytest.raises(ValueError, match="noise must be finite, got nan"):
        AdditiveNoise(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="probabilities must have 2 entries"):
        AdditiveNoise(np.zeros((2, 1)), [1])
    with pytest.raises(ValueError, match="probabilities must be ≥ 0 with sum 1"):
        AdditiveNoise(np.zeros((2, 1)), [Fraction(3, 2), Fraction(-1, 2)])
