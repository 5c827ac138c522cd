"""The nuclear norm by its formulas; that the formulas belong together is checked in `conformance`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.regularizers import GroupL2, Nuclear, Zero

RNG = np.random.default_rng(0)


def orthogonal(size: int) -> np.ndarray:
    return np.linalg.qr(RNG.normal(size=(size, size)))[0]


def matrix_of(singular: list[float], rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right = orthogonal(rows), orthogonal(columns)
    count = len(singular)
    return left[:, :count] * singular @ right[:count], left, right


def test_the_value_is_the_sum_of_the_singular_values() -> None:
    theta, _, _ = matrix_of([3.0, 1.0, 0.5], 3, 4)
    assert Nuclear(2.0, (3, 4)).value(theta.ravel()) == pytest.approx(9.0)


def test_the_prox_thresholds_singular_values_and_lowers_the_rank() -> None:
    z, left, right = matrix_of([3.0, 1.0, 0.5], 3, 4)
    found = Nuclear(0.5, (3, 4)).prox(z.ravel(), 2.0).reshape(3, 4)
    assert np.allclose(found, left[:, :1] * 2.0 @ right[:1])
    assert np.linalg.matrix_rank(found, tol=1e-10) == 1


def test_the_conjugate_is_the_indicator_of_the_spectral_ball() -> None:
    J = Nuclear(0.5, (3, 4))
    p, _, _ = matrix_of([0.5, 0.5, 0.2], 3, 4)
    assert J.conjugate(p.ravel()) == 0
    assert J.conjugate(1.001 * p.ravel()) == math.inf


def test_a_subgradient_is_fixed_on_the_range_and_free_in_a_ball_on_its_complement() -> None:
    J = Nuclear(0.5, (3, 4))
    theta, left, right = matrix_of([2.0], 3, 4)
    rest = left[:, 1:2] * 0.3 @ right[1:2]
    expected = 0.5 * left[:, :1] @ right[:1] + rest
    found = J.project_subdifferential(theta.ravel(), (5 * theta + rest).ravel())
    assert np.allclose(found, expected.ravel())
    too_long = J.project_subdifferential(theta.ravel(), (10 * rest).ravel())
    assert np.allclose(too_long, (0.5 * left[:, :1] @ right[:1] + rest / 0.3 * 0.5).ravel())


def test_a_rounded_matrix_of_low_rank_counts_as_such_in_either_precision() -> None:
    J = Nuclear(0.5, (3, 4))
    theta, _, _ = matrix_of([2.0], 3, 4)
    q = RNG.normal(size=12)
    single = J.project_subdifferential(theta.ravel().astype(np.float32), q.astype(np.float32))
    assert single.dtype == np.float32
    assert np.allclose(single, J.project_subdifferential(theta.ravel(), q), atol=1e-5)


def test_a_single_row_makes_it_the_euclidean_norm() -> None:
    J, other, z = Nuclear(0.5, (1, 4)), GroupL2(0.5, Groups.whole(4), [1]), RNG.normal(size=(10, 4))
    assert np.allclose(J.value(z), other.value(z))
    assert np.allclose(J.prox(z, 2.0), other.prox(z, 2.0))


def test_singular_values_have_no_exact_arithmetic() -> None:
    J, theta = Nuclear(1, (2, 2)), exact([1, 0, 0, 1])
    for call in (J.value, J.conjugate, J.in_domain, lambda x: J.prox(x, 1), lambda x: J.project_subdifferential(x, x)):
        with pytest.raises(IrrationalError):
            call(theta)


def test_a_restriction_takes_the_whole_matrix_or_nothing() -> None:
    J = Nuclear(1, (2, 2))
    assert J.restrict(Restriction(Groups.whole(4), (0,))) is J
    assert J.restrict(Restriction(Groups.whole(4), ())) == Zero()
    with pytest.raises(ValueError, match=r"restriction splits the matrix group of shape \(2, 2\): it selects \[0\]"):
        J.restrict(Restriction(Groups.singletons(4), (0,)))
    with pytest.raises(ValueError, match="dimension must be 2 × 2, got 5"):
        J.restrict(Restriction(Groups.singletons(5), (0,)))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape must be \(rows, columns\) with both ≥ 1, got \(0, 2\)"):
        Nuclear(1, (0, 2))
    with pytest.raises(ValueError, match="lam must be"):
        Nuclear(-1, (1, 2))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 4\), got \(3,\)"):
        Nuclear(1, (2, 2)).value(np.zeros(3))
    with pytest.raises(ValueError, match="step must be a finite number > 0"):
        Nuclear(1, (2, 2)).prox(np.zeros(4), -1)
