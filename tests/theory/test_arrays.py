"""The operations in which floats, Fractions and torch tensors differ."""

from __future__ import annotations

import importlib.util
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory import arrays
from mlbreg.theory.arrays import IrrationalError, exact

HAS_TORCH = importlib.util.find_spec("torch") is not None
rationals = st.fractions(min_value=-50, max_value=50, max_denominator=60)


def test_a_float_becomes_the_rational_number_that_it_is() -> None:
    assert exact([0.1, 1, Fraction(2, 3)]).tolist() == [Fraction(0.1), Fraction(1), Fraction(2, 3)]
    assert exact([[1], [2]]).shape == (2, 1)
    assert exact(0.5).item() == Fraction(1, 2)


def test_infinity_stays_a_float_among_fractions() -> None:
    assert exact([math.inf, -math.inf]).tolist() == [math.inf, -math.inf]
    assert arrays.scalar(math.inf, exact([1])) == math.inf
    assert math.isinf(arrays.sqrt(exact([math.inf]))[0])


def test_an_object_array_and_a_fraction_are_exact_and_nothing_else_is() -> None:
    assert arrays.is_exact(exact([1]))
    assert arrays.is_exact(Fraction(1, 2))
    assert not arrays.is_exact(np.zeros(2))
    assert not arrays.is_exact(0.5)


@given(st.lists(rationals, min_size=1, max_size=5))
def test_the_root_of_a_square_is_exact(values: list[Fraction]) -> None:
    assert arrays.sqrt(exact(values) ** 2).tolist() == [abs(value) for value in values]


@pytest.mark.parametrize("value", [2, Fraction(1, 3), Fraction(4, 3), -1])
def test_an_irrational_root_is_refused(value: Fraction) -> None:
    with pytest.raises((IrrationalError, ValueError)):
        arrays.sqrt(exact([value]))


def test_an_irrational_root_is_named() -> None:
    with pytest.raises(IrrationalError, match="the square root of 4/3 is irrational"):
        arrays.sqrt(exact([Fraction(4, 3)]))


@given(st.lists(rationals, min_size=3, max_size=3), st.lists(rationals, min_size=3, max_size=3))
def test_inner_products_of_fractions_agree_with_floats(x: list[Fraction], y: list[Fraction]) -> None:
    found = arrays.inner(exact(x), exact(y))
    assert arrays.is_exact(found)
    assert float(found) == pytest.approx(np.dot(np.asarray(x, float), np.asarray(y, float)), rel=1e-9, abs=1e-9)


def test_sums_stay_arrays_of_their_kind_also_over_nothing() -> None:
    assert arrays.total(exact([[1, 2], [3, 4]])).tolist() == [3, 7]
    assert arrays.is_exact(arrays.total(exact([1, 2])))
    assert arrays.total(exact(np.zeros((2, 0)))).tolist() == [0, 0]
    assert arrays.total(np.zeros((2, 0))).tolist() == [0.0, 0.0]
    assert arrays.total(np.ones((2, 3), dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1.0, 1e200, 1e307])
def test_the_norm_neither_overflows_nor_underflows(scale: float) -> None:
    assert arrays.norm(scale * np.asarray([3.0, 4.0])) == pytest.approx(
        5 * scale, rel=1e-3 if scale < 1e-300 else 1e-14
    )


def test_the_norm_of_special_vectors() -> None:
    assert arrays.norm(np.zeros(3)) == 0
    assert arrays.norm(np.zeros((2, 0))).tolist() == [0, 0]
    assert arrays.norm(np.asarray([[1.0, math.inf], [3.0, 4.0]])).tolist() == [math.inf, 5.0]
    assert np.isnan(arrays.norm(np.asarray([math.nan, 1.0])))
    assert arrays.norm(exact([3, 4])).item() == 5
    with pytest.raises(IrrationalError):
        arrays.norm(exact([1, 1]))


def test_the_largest_entry_in_modulus() -> None:
    assert arrays.largest(np.asarray([[1.0, -3.0], [0.0, 0.0]])).tolist() == [3.0, 0.0]
    assert arrays.largest(exact([Fraction(-1, 2), Fraction(1, 3)])).item() == Fraction(1, 2)
    assert arrays.largest(np.asarray([1.0, -3.0])) == 3
    assert arrays.largest(np.ones((2, 3, 4))).shape == (2, 3)
    assert arrays.largest(np.zeros((2, 0))).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("values", [[math.nan, 0], [0, math.nan], [[1, 2], [math.nan, 3]]])
def test_nan_is_not_lost_among_fractions(values: list[float]) -> None:
    found = arrays.largest(exact(values))
    assert math.isnan(found.ravel()[-1])
    assert found.ravel()[:-1].tolist() == [2] * (found.size - 1)


def test_the_positive_part_keeps_kind_and_nan() -> None:
    assert arrays.positive_part(exact([-1, Fraction(1, 2), 0, 2])).tolist() == [0, Fraction(1, 2), 0, 2]
    assert np.isnan(arrays.positive_part(np.asarray([math.nan])))[0]
    assert arrays.positive_part(np.asarray([-1.0], dtype=np.float32)).dtype == np.float32


def test_constants_take_the_kind_and_dtype_of_their_company() -> None:
    assert arrays.constant([1, 0.5], exact([1])).tolist() == [1, Fraction(1, 2)]
    assert arrays.constant([1, 2], np.zeros(1, dtype=np.float32)).dtype == np.float32
    assert arrays.constant(exact([1, 2]), np.zeros(1)).tolist() == [1.0, 2.0]
    assert arrays.scalar(Fraction(1, 2), np.zeros(1)) == 0.5
    assert isinstance(arrays.scalar(1, np.zeros(1)), float)
    assert arrays.scalar(0.5, exact([1])) == Fraction(1, 2)


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
@pytest.mark.torch
def test_torch_tensors_are_served_alike() -> None:
    import torch

    x = torch.tensor([3.0, -4.0], dtype=torch.float32)
    assert arrays.norm(x).item() == 5
    assert arrays.largest(x).item() == 4
    assert arrays.positive_part(x).tolist() == [3, 0]
    assert arrays.constant([1, 2], x).dtype == torch.float32
    assert arrays.constant(exact([1, 2]), x).tolist() == [1, 2]
    assert not arrays.is_exact(x)
    with pytest.raises(ValueError, match=r"theta must be finite, got nan at index \(1,\)"):
        arrays.check_finite("theta", torch.tensor([1.0, math.nan]))


def test_a_step_of_batch_shape_gets_one_more_axis_and_a_number_stays() -> None:
    assert arrays.column(0.5) == 0.5
    assert arrays.column(Fraction(1, 2)) == Fraction(1, 2)
    assert arrays.column(np.ones(4)).shape == (4, 1)
    assert arrays.column(np.asarray(2.0)).shape == ()


@pytest.mark.parametrize("value", [1, 0.5, Fraction(1, 3), np.float32(2), np.float64(3), np.int64(1)])
def test_real_numbers_of_every_type_are_accepted(value: float) -> None:
    assert arrays.check_number("tau", value, above=0) is value
    assert arrays.check_number("tau", 0, at_least=0) == 0


@pytest.mark.parametrize("value", [True, "1", None, 1j, np.ones(1), np.bool_(True)])
def test_what_is_no_real_number_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="tau must be a finite number"):
        arrays.check_number("tau", value)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [(0, {"above": 0}), (-1, {"at_least": 0}), (math.nan, {}), (math.inf, {}), (Fraction(-1, 9), {"at_least": 0})],
)
def test_a_number_out_of_bounds_is_a_value_error_that_states_them(value: float, bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="tau must be a finite number") as caught:
        arrays.check_number("tau", value, **bounds)
    assert repr(value) in str(caught.value)
    for sign, bound in zip((">", "≥"), (bounds.get("above"), bounds.get("at_least")), strict=True):
        assert (f"{sign} {bound}" in str(caught.value)) == (bound is not None)


def test_the_first_entry_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match=r"g must be finite, got inf at index \(1, 0\)"):
        arrays.check_finite("g", np.asarray([[1.0, 2.0], [math.inf, math.nan]]))
    with pytest.raises(ValueError, match=r"g must be finite, got nan at index \(\)"):
        arrays.check_finite("g", np.asarray(math.nan))
    with pytest.raises(ValueError, match="got -inf at index"):
        arrays.check_finite("g", exact([1, -math.inf]))
    assert arrays.check_finite("g", exact([1, 2])).tolist() == [1, 2]


def test_a_vector_of_the_wrong_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 3\), got \(2,\)"):
        arrays.check_vector("theta", np.zeros(2), 3)
    with pytest.raises(ValueError, match=r"theta must have shape \(..., d\), got \(\)"):
        arrays.check_vector("theta", np.asarray(1.0), None)
    assert arrays.check_vector("theta", np.zeros((4, 3)), 3).shape == (4, 3)


def test_an_index_is_an_integer() -> None:
    assert arrays.int_list(np.asarray([1, 2])) == [1, 2]
    assert all(type(index) is int for index in arrays.int_list(np.asarray([1, 2])))
    with pytest.raises(TypeError):
        arrays.int_list([0.5])
