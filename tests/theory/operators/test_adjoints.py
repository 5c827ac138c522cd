"""The adjoint identity of every operator and size, their patterns and bounds, and their errors."""

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.operators import GaussianBlur, LinearOperator, MatrixOperator, Radon
from mlbreg.theory.operators.spectrum import nonnegative_norm_bound

_rng = np.random.default_rng(3)
OPERATORS = [
    *(
        GaussianBlur(n, width, boundary)
        for n in (1, 2, 5, 8, 17, 32)
        for width in (0.003, 0.05, 0.6)
        for boundary in ("reflect", "zero")
    ),
    *(Radon(n, angles) for n in (1, 2, 3, 8, 15, 32) for angles in (1, 2, 4, 7)),
    MatrixOperator(_rng.normal(size=(5, 9))),
    MatrixOperator(np.abs(_rng.normal(size=(7, 4))) * (_rng.random((7, 4)) < 0.6)),
]
every = pytest.mark.parametrize(
    "operator", OPERATORS, ids=lambda operator: f"{type(operator).__name__}-{operator.shape}"
)


def dense(operator: LinearOperator) -> np.ndarray:
    return operator.apply(np.eye(operator.shape[1])).T


small = pytest.mark.parametrize(
    "operator",
    [operator for operator in OPERATORS if operator.shape[1] <= 300],
    ids=lambda operator: f"{type(operator).__name__}-{operator.shape}",
)


@every
def test_the_adjoint_identity_holds_to_rounding(operator):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, operator.shape[1])), rng.normal(size=(3, operator.shape[0]))
    Ax, Ay = operator.apply(x), operator.adjoint(y)
    left, right = np.sum(Ax * y, axis=-1), np.sum(x * Ay, axis=-1)
    assert np.all(np.abs(left - right) <= 1e-12 * np.linalg.norm(Ax, axis=-1) * np.linalg.norm(y, axis=-1))


@every
def test_a_batch_is_its_members_one_by_one(operator):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 2, operator.shape[1])), rng.normal(size=(2, 2, operator.shape[0]))
    assert operator.apply(x).shape == (2, 2, operator.shape[0])
    np.testing.assert_allclose(operator.apply(x)[1, 0], operator.apply(x[1, 0]), atol=1e-13)
    np.testing.assert_allclose(operator.adjoint(y)[0, 1], operator.adjoint(y[0, 1]), atol=1e-13)


@small
def test_the_norm_bound_is_an_upper_bound_of_the_norm(operator):
    norm = np.linalg.norm(dense(operator), 2)
    assert norm <= operator.norm_bound * (1 + 1e-14)
    if not isinstance(operator, GaussianBlur) or operator.boundary == "reflect":
        assert operator.norm_bound <= 1.02 * norm


@small
def test_the_pattern_and_the_sign_are_those_of_the_entries(operator):
    matrix, y = dense(operator), np.random.default_rng(2).random(operator.shape[0])
    np.testing.assert_allclose(operator.adjoint_pattern(y), (matrix != 0).T @ y, rtol=1e-12)
    assert operator.nonnegative == bool(np.all(matrix >= 0))


@every
def test_a_vector_of_the_wrong_length_is_refused(operator):
    with pytest.raises(ValueError, match=rf"x must have shape \(..., {operator.shape[1]}\)"):
        operator.apply(np.ones(operator.shape[1] + 1))
    with pytest.raises(ValueError, match=rf"y must have shape \(..., {operator.shape[0]}\)"):
        operator.adjoint(np.ones(operator.shape[0] + 1))


def test_the_bound_decreases_with_power_steps_from_that_of_schur():
    operator = Radon(16, 5)
    matrix = dense(operator)
    bounds = [nonnegative_norm_bound(operator, steps) for steps in (0, 1, 5, 40)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] <= np.sqrt(np.linalg.norm(matrix, 1) * np.linalg.norm(matrix, np.inf)) * (1 + 1e-10)
    assert bounds[-1] == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-4)


def test_the_norm_bound_of_a_zero_matrix_is_zero():
    assert MatrixOperator(np.zeros((2, 3))).norm_bound == 0


def test_the_bound_for_nonnegative_operators_refuses_others():
    with pytest.raises(ValueError, match="operator must be nonnegative"):
        nonnegative_norm_bound(MatrixOperator([[1.0, -1.0]]))
    with pytest.raises(ValueError, match="power_steps must be ≥ 0, got -1"):
        nonnegative_norm_bound(MatrixOperator([[1.0]]), -1)


def test_a_matrix_operator_is_exact_on_fractions_and_keeps_its_entries():
    entries = np.array([[0.5, -1.0], [0.0, 3.0]])
    operator = MatrixOperator(entries)
    entries[0, 0] = 7
    assert list(operator.apply(exact(["1/3", 2]))) == list(exact(["-11/6", 6]))


@pytest.mark.parametrize("matrix", [np.ones(3), np.ones((0, 2)), [[np.nan]]])
def test_a_matrix_operator_refuses_what_is_no_finite_matrix(matrix):
    with pytest.raises(ValueError, match="matrix"):
        MatrixOperator(matrix)
