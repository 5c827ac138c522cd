"""Zero, ℓ1, weighted ℓ1 and boxes by their formulas; that the formulas belong together is checked in `conformance`."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.regularizers import L1, Box, NonNegative, WeightedL1, Zero

HALF = Fraction(1, 2)
rationals = st.fractions(min_value=-4, max_value=4, max_denominator=8)


def test_zero_changes_nothing() -> None:
    J, z = Zero(), np.asarray([1.0, -2.0])
    assert J.value(z) == 0
    assert J.prox(z, 3).tolist() == z.tolist()
    assert J.conjugate(np.zeros(2)) == 0
    assert J.conjugate(np.asarray([1e-3, 0])) == math.inf
    assert J.project_subdifferential(z, z).tolist() == [0, 0]


@given(rationals, st.fractions(min_value=HALF, max_value=4), st.fractions(min_value=0, max_value=2))
def test_the_prox_of_l1_is_soft_thresholding(z: Fraction, step: Fraction, lam: Fraction) -> None:
    expected = max(abs(z) - step * lam, 0) * (1 if z > 0 else -1)
    assert L1(lam).prox(exact([z]), step).tolist() == [expected]
    assert WeightedL1([lam]).prox(exact([z]), step).tolist() == [expected]


def test_the_subdifferential_of_l1_is_a_sign_or_an_interval() -> None:
    J = L1(HALF)
    theta, p = exact([2, -1, 0, 0, 0]), exact([9, 9, 9, -9, Fraction(1, 3)])
    assert J.project_subdifferential(theta, p).tolist() == [HALF, -HALF, HALF, -HALF, Fraction(1, 3)]
    assert J.subdifferential_distance(exact([0, 0]), exact([HALF + 3, -HALF - 4])).item() == 5


def test_the_conjugate_of_l1_is_the_indicator_of_a_box_exactly_in_fractions() -> None:
    J = L1(HALF)
    assert J.conjugate(exact([HALF, -HALF])).item() == 0
    assert J.conjugate(exact([HALF + Fraction(1, 10**15)])).item() == math.inf
    assert J.conjugate(np.asarray([0.5 + 1e-15])) == 0
    assert J.conjugate(np.asarray([0.5 + 1e-6])) == math.inf
    assert J.conjugate(np.asarray([0.5 + 1e-6], dtype=np.float32)) == 0


def test_a_weight_of_zero_allows_for_the_rounding_of_a_subgradient() -> None:
    assert WeightedL1([0, 1]).conjugate(np.asarray([1e-16, 1.0])) == 0
    assert L1(0).conjugate(np.asarray([-1e-16])) == 0
    assert WeightedL1([0, 1]).conjugate(exact([Fraction(1, 10**16), 1])).item() == math.inf


def test_weighted_l1_weighs_every_coordinate() -> None:
    J = WeightedL1([1, 0, 3])
    assert J.value(exact([1, 5, -2])).item() == 7
    assert J.prox(exact([2, 2, 2]), 1).tolist() == [1, 2, 0]
    assert J.restrict(Restriction(Groups.singletons(3), (0, 2))) == WeightedL1([1, 3])


def test_the_prox_of_a_box_is_the_projection() -> None:
    J = Box([-1, 0, -math.inf], [1, math.inf, 5])
    assert J.prox(exact([3, -3, 9]), 2).tolist() == [1, 0, 5]
    assert J.prox(np.asarray([-0.5, 7.0, -1e300]), 2.0).tolist() == [-0.5, 7.0, -1e300]


def test_the_normal_cone_of_a_box() -> None:
    J = Box([0, 0, 0, 1], [1, 1, 1, 1])
    theta = np.asarray([0.0, 0.5, 1.0, 1.0])
    assert J.project_subdifferential(theta, np.asarray([2.0, 2.0, 2.0, 2.0])).tolist() == [0, 0, 2, 2]
    assert J.project_subdifferential(theta, np.asarray([-2.0, -2.0, -2.0, -2.0])).tolist() == [-2, 0, 0, -2]
    assert J.subdifferential_distance(theta + 1, theta) == math.inf


def test_the_conjugate_of_a_box_is_its_support_function() -> None:
    J = Box(-1, 2)
    assert J.conjugate(exact([3, -3])).item() == 9
    assert NonNegative().conjugate(exact([-1, 0])).item() == 0
    assert NonNegative().conjugate(exact([Fraction(1, 10**16)])).item() == math.inf
    assert NonNegative().conjugate(np.asarray([1e-16, -3.0])) == 0
    assert NonNegative().conjugate(np.asarray([1e-3])) == math.inf


def test_nonnegativity_is_the_box_from_zero_upwards() -> None:
    J = NonNegative()
    assert Box(0, math.inf) == J
    assert J.value(np.asarray([[0.0, 1.0], [-1e-300, 1.0]])).tolist() == [0, math.inf]
    assert J.in_domain(np.asarray([[0.0, 1.0], [-1e-300, 1.0]])).tolist() == [True, False]


def test_restrictions_keep_the_bounds_of_the_selected_coordinates() -> None:
    r = Restriction(Groups.singletons(3), (1, 2))
    assert Box([1, 2, 3], 9).restrict(r) == Box([2, 3], 9)
    assert Zero().restrict(r) == Zero()
    assert L1(HALF).restrict(r) == L1(HALF)


@pytest.mark.parametrize("J", [Zero(), L1(1), WeightedL1([1]), Box(0, 1)], ids=repr)
@pytest.mark.parametrize("step", [0, -1, math.nan, math.inf])
def test_a_step_is_positive_and_finite(J, step: float) -> None:
    with pytest.raises(ValueError, match="step must be a finite number > 0"):
        J.prox(np.zeros(1), step)


@pytest.mark.parametrize("make", [L1, lambda lam: WeightedL1([1, lam])])
def test_a_negative_or_infinite_weight_is_refused(make) -> None:
    for lam in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="must be a finite number ≥ 0"):
            make(lam)
    with pytest.raises(TypeError, match="must be a finite number ≥ 0"):
        make("1")


@pytest.mark.parametrize(("lower", "upper"), [(1, 0), (math.inf, math.inf), (-math.inf, -math.inf), ([0, 2], [1, 1])])
def test_a_box_that_is_empty_is_refused(lower, upper) -> None:
    with pytest.raises(ValueError, match="lower must be ≤ upper"):
        Box(lower, upper)


def test_nan_is_no_bound() -> None:
    with pytest.raises(ValueError, match="upper must not be NaN"):
        Box([0, 0], [1, math.nan])


@pytest.mark.parametrize("J", [WeightedL1([1, 2]), Box([0, 0], [1, 1]), Box(0, [1, 1])], ids=repr)
def test_a_vector_or_a_dimension_that_does_not_fit_is_refused(J) -> None:
    with pytest.raises(ValueError, match=r"has 2 entries, so the vector must have shape \(..., 2\), got \(3,\)"):
        J.value(np.zeros(3))
    with pytest.raises(ValueError, match="dimension must be 2"):
        J.separable_groups(3)
    with pytest.raises(ValueError, match="dimension must be 2"):
        J.restrict(Restriction(Groups.singletons(3), (0,)))


def test_calling_a_regularizer_checks_its_argument() -> None:
    assert L1(2)(np.asarray([1.0, -1.0])) == 4
    with pytest.raises(ValueError, match="theta must be finite"):
        L1(2)(np.asarray([math.nan]))
    with pytest.raises(ValueError, match="theta must have shape"):
        L1(2)(np.asarray(1.0))
