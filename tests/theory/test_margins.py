"""Margins: signed, scaled by the size of the terms, exact on Fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.margins import at_most, equal, equal_vectors, least

numbers = st.floats(min_value=-1e9, max_value=1e9)
rationals = st.fractions(min_value=-9, max_value=9, max_denominator=9)


@given(numbers, numbers, numbers)
def test_a_margin_has_the_sign_of_the_statement_and_is_at_most_one(lhs: float, rhs: float, term: float) -> None:
    margin = float(at_most(np.asarray(lhs), np.asarray(rhs), np.asarray(term)))
    assert (margin >= 0) == (lhs <= rhs) or abs(lhs - rhs) < 1e-300
    assert abs(margin) <= 1
    same = float(equal(np.asarray(lhs), np.asarray(rhs), np.asarray(term)))
    assert -1 <= same <= 0
    assert (same == 0) == (lhs == rhs) or abs(lhs - rhs) < 1e-300


@given(numbers, numbers, st.floats(min_value=1e-3, max_value=1e3))
def test_a_margin_does_not_depend_on_the_units(lhs: float, rhs: float, unit: float) -> None:
    before, after = at_most(np.asarray(lhs), np.asarray(rhs)), at_most(np.asarray(unit * lhs), np.asarray(unit * rhs))
    assert float(before) == pytest.approx(float(after), rel=1e-9, abs=1e-12)


def test_terms_that_cancel_widen_the_scale() -> None:
    lhs, rhs = np.asarray(1e-10), np.asarray(0.0)
    assert at_most(lhs, rhs) == -1
    assert at_most(lhs, rhs, np.asarray(1.0)) == pytest.approx(-1e-10)


def test_equal_sides_have_margin_zero() -> None:
    assert equal(np.asarray([2.0, -3.0]), np.asarray([2.0, -3.0])).tolist() == [0, 0]
    assert equal(np.asarray([2.0]), np.asarray([-2.0])).tolist() == [-1]
    assert at_most(np.asarray(0.0), np.asarray(0.0)) == 0
    assert equal(np.asarray(0.0), np.asarray(0.0)) == 0


@pytest.mark.parametrize(
    ("lhs", "rhs", "inequality", "equation"),
    [(1.0, math.inf, 1, -1), (math.inf, 1.0, -1, -1), (math.inf, math.inf, 1, 0)],
)
def test_infinite_sides(lhs: float, rhs: float, inequality: int, equation: int) -> None:
    assert at_most(np.asarray([lhs]), np.asarray([rhs])).tolist() == [inequality]
    assert equal(np.asarray([lhs]), np.asarray([rhs])).tolist() == [equation]


def test_an_infinite_term_does_not_hide_a_violation() -> None:
    assert at_most(np.asarray([2.0]), np.asarray([1.0]), np.asarray([math.inf])).tolist() == [-1 / 3]


def test_nan_stays_nan() -> None:
    assert np.isnan(at_most(np.asarray([math.nan, 1.0]), np.asarray([1.0, 2.0]))).tolist() == [True, False]


@given(rationals, rationals, rationals)
def test_margins_of_fractions_are_exact(lhs: Fraction, rhs: Fraction, term: Fraction) -> None:
    margin = at_most(exact([lhs]), exact([rhs]), exact([term]))[0]
    scale = abs(lhs) + abs(rhs) + abs(term)
    assert margin == ((rhs - lhs) / scale if scale else 0)
    assert isinstance(margin, Fraction)


def test_fractions_next_to_infinity() -> None:
    assert at_most(exact([1, math.inf]), exact([math.inf, 1])).tolist() == [1, -1]


def test_vectors_are_compared_by_their_largest_entries() -> None:
    x, y = np.asarray([[3.0, 4.0], [0.0, 0.0]]), np.asarray([[3.0, 5.0], [0.0, 0.0]])
    assert equal_vectors(x, y).tolist() == pytest.approx([-1 / (1 + 4 + 5), 0])
    assert equal_vectors(x, y, 10 * x).tolist() == pytest.approx([-1 / (1 + 4 + 5 + 40), 0])
    assert equal_vectors(exact([1, 2]), exact([1, 3])).item() == Fraction(-1, 6)
    assert equal_vectors(np.zeros((3, 0)), np.zeros((3, 0))).tolist() == [0, 0, 0]


def test_margins_broadcast() -> None:
    assert at_most(np.zeros((3, 1)), np.ones(4), np.ones((3, 4))).shape == (3, 4)


def test_the_least_of_several_margins_in_both_arithmetics() -> None:
    assert least([np.array([1.0, -2.0]), np.array([0.5, 3.0])]).tolist() == [0.5, -2.0]
    assert least([exact([1, -2]), exact([Fraction(1, 2), 3]), exact([4, 4])]).tolist() == [Fraction(1, 2), -2]
    assert np.isnan(least([np.array([np.nan]), np.array([-1.0])])).all()
