"""Compressed sensing: the signal, the constants, the coarse model, recovery."""

import numpy as np
import pytest
from mlbreg.theory.groups import Restriction
from mlbreg.theory.imaging import compressed_sensing


def test_the_signal_is_sparse_and_the_seed_determines_everything():
    first, again, other = (compressed_sensing(30, 12, 4, seed=seed) for seed in (5, 5, 6))
    assert np.count_nonzero(first.truth) == 4
    assert np.array_equal(first.truth, again.truth)
    assert np.array_equal(first.problem.loss.matrix, again.problem.loss.matrix)
    assert not np.array_equal(first.problem.loss.matrix, other.problem.loss.matrix)
    assert first.problem.loss.value(first.truth) == pytest.approx(0, abs=1e-20)
    assert compressed_sensing(30, 12, 4, level=0.1).problem.loss.value(first.truth) > 0


def test_columns_have_unit_norm_in_the_mean():
    matrix = compressed_sensing(400, 100, 1).problem.loss.matrix
    assert np.mean(np.sum(matrix**2, axis=0)) == pytest.approx(1, rel=0.02)


def test_linearized_bregman_recovers_the_signal():
    case = compressed_sensing(40, 24, 3, lam=20.0, delta=1.0)
    problem = case.problem
    v = np.zeros(40)
    for _ in range(1500):
        theta = problem.regularizer.prox(problem.delta * v, problem.delta)
        v = v - problem.step_size_limit * problem.loss.gradient(theta)
    np.testing.assert_allclose(theta, case.truth, atol=1e-6)


def test_the_coarse_model_is_that_of_the_selected_coordinates():
    problem = compressed_sensing(6, 4, 2).problem
    restriction = Restriction(problem.groups, (0, 3))
    theta = np.arange(6.0)
    coarse = problem.coarse(restriction, theta)
    assert coarse.dimension == 2
    assert coarse.loss.value(theta[[0, 3]]) == pytest.approx(problem.loss.value(theta))


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="measurements must be ≥ 1, got 0"):
        compressed_sensing(4, 0, 1)
    with pytest.raises(ValueError, match=r"sparsity must be in 0 … 4, got 5"):
        compressed_sensing(4, 2, 5)
    with pytest.raises(ValueError, match="lam must be a finite number ≥ 0"):
        compressed_sensing(4, 2, 1, lam=-1.0)
