"""Smooth references: Legendre duality, divergences without cancellation, behaviour at the boundary."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

REFERENCES = [Euclidean(), Shannon(), FermiDirac(), Burg()]
LOGARITHMIC = REFERENCES[1:]
every = pytest.mark.parametrize("phi", REFERENCES, ids=lambda phi: type(phi).__name__)
logarithmic = pytest.mark.parametrize("phi", LOGARITHMIC, ids=lambda phi: type(phi).__name__)


def _interior(phi, count=200, seed=0):
    rng = np.random.default_rng(seed)
    if isinstance(phi, Euclidean):
        return rng.normal(size=(count, 3))
    if isinstance(phi, FermiDirac):
        return np.clip(rng.random((count, 3)) ** rng.choice([1, 4], size=(count, 1)), 1e-6, 1 - 1e-6)
    return 10 ** rng.uniform(-3, 3, size=(count, 3))


def _reference_value(phi, x, y):
    """D_φ(x, y) of one coordinate from its definition, in enough digits for 1 − 1e-150."""
    with mpmath.workdps(400):
        x, y = mpmath.mpf(x), mpmath.mpf(y)
        if isinstance(phi, Shannon):
            return x * mpmath.log(x / y) - x + y if x else y
        if isinstance(phi, Burg):
            return x / y - mpmath.log(x / y) - 1
        low = x * mpmath.log(x / y) if x else 0
        return low + ((1 - x) * mpmath.log((1 - x) / (1 - y)) if x != 1 else 0)


@every
def test_the_gradient_is_the_derivative_of_the_value(phi):
    x = _interior(phi)
    width = 1e-5 * x if not isinstance(phi, Euclidean | FermiDirac) else 1e-5 * np.minimum(np.abs(x), np.abs(1 - x))
    for i in range(3):
        shift = np.where(np.arange(3) == i, width, 0)
        slope = (phi.value(x + shift) - phi.value(x - shift)) / (2 * width[:, i])
        size = np.abs(phi.value(x)) / np.abs(width[:, i]) * 1e-15 + np.abs(slope) * 1e-6 + 1e-6
        assert np.all(np.abs(phi.gradient(x)[:, i] - slope) <= 10 * size)


@every
def test_the_conjugate_gradient_inverts_the_mirror_map(phi):
    x = _interior(phi)
    np.testing.assert_allclose(phi.conjugate_gradient(phi.gradient(x)), x, rtol=1e-12)
    p = phi.gradient(x)
    np.testing.assert_allclose(phi.gradient(phi.conjugate_gradient(p)), p, rtol=1e-9, atol=1e-9)


@every
def test_fenchel_equality_holds_on_the_graph_of_the_gradient(phi):
    x = _interior(phi)
    p = phi.gradient(x)
    pairing = np.sum(p * x, axis=1)
    size = 1 + np.abs(phi.value(x)) + np.abs(phi.conjugate(p)) + np.abs(pairing)
    assert np.all(np.abs(phi.value(x) + phi.conjugate(p) - pairing) <= 1e-13 * size)


@every
def test_fenchel_inequality_holds_off_the_graph(phi):
    x, p = _interior(phi), phi.gradient(_interior(phi, seed=1))
    size = 1 + np.abs(phi.value(x)) + np.abs(phi.conjugate(p)) + np.abs(np.sum(p * x, axis=1))
    assert np.all(phi.value(x) + phi.conjugate(p) - np.sum(p * x, axis=1) >= -1e-13 * size)


@every
def test_the_divergence_is_its_definition(phi):
    x, y = _interior(phi), _interior(phi, seed=1)
    terms = [phi.value(x), -phi.value(y), -np.sum(phi.gradient(y) * (x - y), axis=1)]
    size = 1 + sum(np.abs(term) for term in terms)
    assert np.all(np.abs(phi.divergence(x, y) - sum(terms)) <= 1e-13 * size)


@every
def test_the_divergence_is_that_of_the_conjugate_with_exchanged_arguments(phi):
    x, y = _interior(phi), _interior(phi, seed=1)
    p, q = phi.gradient(x), phi.gradient(y)
    terms = [phi.conjugate(q), -phi.conjugate(p), -np.sum(phi.conjugate_gradient(p) * (q - p), axis=1)]
    size = 1 + sum(np.abs(term) for term in terms)
    assert np.all(np.abs(phi.divergence(x, y) - sum(terms)) <= 1e-12 * size)


@logarithmic
@given(
    hs.floats(1e-150, 1 - 1e-9),
    hs.floats(-15, 0).map(lambda exponent: 10.0**exponent),
    hs.sampled_from([-1, 0, 1]),
)
def test_the_divergence_is_accurate_to_rounding_however_close_the_points(phi, y, distance, sign):
    x = min(y * (1 + sign * distance), 1.0)
    if x <= 0:
        return
    found, expected = phi.divergence(np.array([x]), np.array([y])), float(_reference_value(phi, x, y))
    assert found >= 0
    assert found == pytest.approx(expected, rel=1e-13, abs=1e-300)


@logarithmic
def test_the_divergence_is_accurate_for_points_of_very_different_size(phi):
    for x, y in [(1e-12, 0.7), (0.7, 1e-12), (1e-100, 0.999), (0.3, 1e-150), (1e-200, 1e-10)]:
        found = phi.divergence(np.array([x]), np.array([y]))
        assert found == pytest.approx(float(_reference_value(phi, x, y)), rel=1e-13)


def test_a_quotient_that_overflows_is_no_obstacle():
    huge, tiny = np.array([1e200]), np.array([1e-200])
    assert Shannon().divergence(huge, tiny) == pytest.approx(1e200 * (400 * np.log(10) - 1), rel=1e-13)
    assert Burg().divergence(tiny, huge) == pytest.approx(400 * np.log(10) - 1, rel=1e-13)
    assert Burg().divergence(huge, tiny) == np.inf


@every
def test_the_divergence_of_a_point_from_itself_is_zero(phi):
    x = _interior(phi)
    assert not np.any(phi.divergence(x, x))


@every
def test_leading_axes_are_a_batch_and_broadcast(phi):
    x = _interior(phi, 6)
    assert phi.value(x.reshape(2, 3, 3)).shape == (2, 3)
    assert phi.gradient(x.reshape(2, 3, 3)).shape == (2, 3, 3)
    assert phi.in_domain(x).shape == (6,)
    np.testing.assert_array_equal(phi.divergence(x[0], x), [phi.divergence(x[0], row) for row in x])


@every
def test_float32_stays_float32(phi):
    x = _interior(phi).astype(np.float32)
    p = phi.gradient(x)
    results = [phi.value(x), p, phi.conjugate(p), phi.conjugate_gradient(p), phi.divergence(x, x[::-1])]
    assert all(result.dtype == np.float32 for result in results)
    assert np.all(phi.in_domain(phi.conjugate_gradient(1e3 * p)) | isinstance(phi, Shannon))


def test_the_interior_excludes_the_boundary():
    x = np.array([[-1.0], [0.0], [0.5], [1.0], [2.0]])
    assert Euclidean().in_domain(x).tolist() == [True] * 5
    assert Shannon().in_domain(x).tolist() == [False, False, True, True, True]
    assert FermiDirac().in_domain(x).tolist() == [False, False, True, False, False]
    assert Burg().in_domain(x).tolist() == [False, False, True, True, True]


def test_values_on_and_outside_the_boundary():
    x = np.array([[-1.0], [0.0], [1.0], [2.0]])
    assert Shannon().value(x).tolist() == [np.inf, 0, -1, 2 * np.log(2) - 2]
    assert FermiDirac().value(x).tolist() == [np.inf, 0, 0, np.inf]
    assert Burg().value(x).tolist() == [np.inf, np.inf, 0, -np.log(2)]


def test_gradients_on_and_outside_the_boundary():
    x = np.array([[-1.0], [0.0], [1.0], [2.0]])
    np.testing.assert_array_equal(Shannon().gradient(x).ravel(), [np.nan, -np.inf, 0, np.log(2)])
    np.testing.assert_array_equal(FermiDirac().gradient(x).ravel(), [np.nan, -np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(Burg().gradient(x).ravel(), [np.nan, -np.inf, -1, -0.5])


@logarithmic
def test_divergences_on_and_outside_the_boundary(phi):
    inside, zero, outside = np.array([0.5]), np.array([0.0]), np.array([-1.0])
    assert np.isnan(phi.divergence(inside, zero))
    assert np.isnan(phi.divergence(inside, outside))
    assert phi.divergence(outside, inside) == np.inf
    at_zero = {Shannon: 0.5, FermiDirac: np.log(2), Burg: np.inf}
    assert phi.divergence(zero, inside) == pytest.approx(at_zero[type(phi)])


@logarithmic
def test_nan_stays_nan(phi):
    nan = np.array([np.nan])
    results = [phi.value(nan), phi.gradient(nan), phi.conjugate(nan), phi.conjugate_gradient(nan)]
    assert all(np.all(np.isnan(result)) for result in results)
    assert not phi.in_domain(nan)


def test_the_inverse_mirror_map_never_leaves_the_interior_and_never_warns():
    p = np.array([[-1e300], [-800.0], [-40.0], [0.0], [40.0], [700.0]])
    for phi in (Shannon(), FermiDirac()):
        assert np.all(phi.in_domain(phi.conjugate_gradient(p)))
    assert FermiDirac().conjugate(np.array([1e300])) == 1e300
    assert Shannon().conjugate_gradient(np.array([1e300])) == np.inf
    assert Burg().conjugate_gradient(np.array([-1e300])) == 1e-300
    assert np.isnan(Burg().conjugate_gradient(np.array([1.0])))
    assert Burg().conjugate(np.array([1.0])) == np.inf


def test_rational_formulas_are_exact_and_the_others_refuse_fractions():
    x, y = exact([Fraction(1, 2), 3]), exact([1, Fraction(1, 3)])
    assert Euclidean().divergence(x, y).item() == (Fraction(1, 4) + Fraction(64, 9)) / 2
    assert Euclidean().value(x).item() == Euclidean().conjugate(x).item() == Fraction(37, 8)
    assert Burg().gradient(x).tolist() == [-2, Fraction(-1, 3)]
    assert Burg().conjugate_gradient(-x).tolist() == [2, Fraction(1, 3)]
    for phi in LOGARITHMIC:
        for call in (
            lambda phi=phi: phi.value(x),
            lambda phi=phi: phi.divergence(x, y),
            lambda phi=phi: phi.conjugate(-x),
        ):
            with pytest.raises(IrrationalError, match="give floats, got Fractions"):
                call()
    for phi in (Shannon(), FermiDirac()):
        for call in (phi.gradient, phi.conjugate_gradient):
            with pytest.raises(IrrationalError, match="give floats, got Fractions"):
                call(x)


@pytest.mark.torch
@every
def test_torch_tensors_give_the_same_as_numpy(phi):
    torch = pytest.importorskip("torch")
    x, y = _interior(phi), _interior(phi, seed=1)
    p = phi.gradient(x)
    X, Y, P = (torch.tensor(array) for array in (x, y, p))
    for found, expected in [
        (phi.value(X), phi.value(x)),
        (phi.gradient(X), p),
        (phi.conjugate(P), phi.conjugate(p)),
        (phi.conjugate_gradient(P), phi.conjugate_gradient(p)),
        (phi.divergence(X, Y), phi.divergence(x, y)),
        (phi.in_domain(X), phi.in_domain(x)),
    ]:
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert phi.divergence(X.float(), Y.float()).dtype == torch.float32
