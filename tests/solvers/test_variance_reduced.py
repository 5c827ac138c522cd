"""The SVRG coarse model: unbiased, exact where the cycle started, and the gradient of the function that it claims."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import variance_reduced
from mlbreg.solvers.oracles import all_batches, expected
from mlbreg.solvers.variance_reduced import VarianceReduced
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import exact, square_norm
from mlbreg.theory.coarse import CoarseLoss
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import FiniteSum, Quadratic

from .examples import few

LOSS = FiniteSum.least_squares(
    exact([[1, 2, 0], [0, 1, -1], [2, 0, 1], [Fraction(1, 2), 1, 1]]), exact([1, 0, -1, Fraction(2, 3)])
)
KEEP = Restriction(Groups.singletons(3), (0, 2))


@few
@given(st.vectors(3), st.vectors(2), hs.integers(1, 4))
def test_the_estimate_is_unbiased_exactly(theta: np.ndarray, hat: np.ndarray, size: int) -> None:
    coarse = CoarseLoss(LOSS, KEEP, theta)
    assert np.all(expected(VarianceReduced(size).outcomes(coarse, hat)) == coarse.gradient(hat))


@few
@given(st.vectors(3))
def test_at_the_start_of_the_cycle_there_is_no_variance(theta: np.ndarray) -> None:
    coarse = CoarseLoss(LOSS, KEEP, theta)
    hat = KEEP.restrict(theta)
    values, _ = VarianceReduced(1).outcomes(coarse, hat)
    assert np.all(values == coarse.gradient(hat)[..., None, :])


@few
@given(st.vectors(3), st.vectors(2), hs.integers(1, 4))
def test_the_variance_obeys_lemma_b_1(theta: np.ndarray, hat: np.ndarray, size: int) -> None:
    coarse = CoarseLoss(LOSS, KEEP, theta)
    values, _ = VarianceReduced(size).outcomes(coarse, hat)
    spread = square_norm(values - coarse.gradient(hat)[..., None, :])
    share = Fraction(4 - size, size * 3)
    bound = share * LOSS.component_lipschitz**2 * square_norm(hat - KEEP.restrict(theta))
    assert np.all(np.sum(spread, axis=-1) / spread.shape[-1] <= bound)


@few
@given(st.vectors(3), st.vectors(2))
def test_the_estimate_is_the_gradient_of_the_model(theta: np.ndarray, hat: np.ndarray) -> None:
    # ψ is a quadratic function here, so central differences are exact.
    coarse = CoarseLoss(LOSS, KEEP, theta)
    for batch in all_batches(4, 2):
        gradient = variance_reduced.model_gradient(coarse, hat, batch)
        for i, unit in enumerate(exact(np.eye(2))):
            up, down = (variance_reduced.model_value(coarse, hat + sign * unit, batch) for sign in (1, -1))
            assert np.all(gradient[..., i] == (up - down) / 2)


def test_a_sample_is_one_of_the_outcomes_and_reproducible() -> None:
    theta, hat = exact([[1, 2, 3], [0, 0, 1]]), exact([[0, 1], [2, 2]])
    coarse = CoarseLoss(LOSS, KEEP, theta)
    values, _ = VarianceReduced(2).outcomes(coarse, hat)
    drawn = VarianceReduced(2).sample(coarse, hat, np.random.default_rng(0))
    assert all(any(np.all(drawn[i] == value) for value in values[i]) for i in range(2))
    assert np.all(drawn == VarianceReduced(2).sample(coarse, hat, np.random.default_rng(0)))


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="size must be an integer ≥ 1, got 0"):
        VarianceReduced(0)
    with pytest.raises(TypeError, match=r"loss must be a CoarseLoss.* got FiniteSum"):
        VarianceReduced(1).outcomes(LOSS, exact([0, 0, 0]))
    coarse = CoarseLoss(Quadratic(exact([1, 1, 1])), KEEP, exact([0, 0, 0]))
    with pytest.raises(TypeError, match=r"loss must be a FiniteSum or a coarse level of one.* got Quadratic"):
        VarianceReduced(1).outcomes(coarse, exact([0, 0]))
