"""The elastic net, its pairs, and its three oracles of membership."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.regularizers import L1, Box, GroupL2, NonNegative, Nuclear, Zero

vectors = st.lists(st.fractions(min_value=-4, max_value=4, max_denominator=8), min_size=3, max_size=3).map(exact)
deltas = st.fractions(min_value=Fraction(1, 8), max_value=8, max_denominator=8)
EXACT = [Zero(), L1(Fraction(1, 2)), NonNegative(), Box(-1, Fraction(1, 2))]
FLOAT = [*EXACT, GroupL2(0.3, Groups.of_sizes([1, 2])), Nuclear(0.2, (1, 3))]


def residuals(net: ElasticNet, pair: PrimalDual) -> list[float]:
    return [net.fixed_point_residual(pair), net.fenchel_young_gap(pair), net.subgradient_residual(pair)]


@pytest.mark.parametrize("J", EXACT, ids=repr)
@given(v=vectors, delta=deltas)
def test_the_mirror_map_gives_pairs_by_all_oracles_exactly(J, v, delta) -> None:
    net = ElasticNet(J, delta)
    assert residuals(net, PrimalDual(net.mirror_map(v), v)) == [0, 0, 0]


@pytest.mark.parametrize("J", EXACT, ids=repr)
@given(v=vectors, p=vectors, delta=deltas)
def test_projecting_a_vector_gives_pairs_by_all_oracles_exactly(J, v, p, delta) -> None:
    net = ElasticNet(J, delta)
    assert residuals(net, net.pair(net.mirror_map(v), p)) == [0, 0, 0]


@pytest.mark.parametrize("J", EXACT, ids=repr)
@given(theta=vectors, v=vectors, delta=deltas)
def test_the_oracles_agree_on_any_two_vectors(J, theta, v, delta) -> None:
    net = ElasticNet(J, delta)
    answers = {residual == 0 for residual in residuals(net, PrimalDual(theta, v))}
    assert len(answers) == 1


@pytest.mark.parametrize("J", FLOAT, ids=repr)
@pytest.mark.parametrize("delta", [1e-12, 0.3, 3.7, 1e12])
def test_pairs_survive_rounding_at_every_delta(J, delta) -> None:
    net, v = ElasticNet(J, delta), np.random.default_rng(0).normal(size=(50, 3))
    pair = PrimalDual(net.mirror_map(v), v)
    scale = np.maximum(1, delta)
    assert np.all(net.fixed_point_residual(pair) <= 1e-14 * scale)
    assert np.all(abs(net.fenchel_young_gap(pair)) <= 1e-13 * scale)
    assert np.all(net.subgradient_residual(pair) <= 1e-13)


def test_the_value_adds_the_square_over_twice_delta() -> None:
    assert ElasticNet(L1(2), Fraction(1, 2)).value(exact([1, -3])) == 2 * 4 + 10
    assert ElasticNet(Zero(), 2.0).value(np.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist() == [1.0, 4.0]


def test_the_mirror_map_of_l1_is_scaled_soft_thresholding() -> None:
    net = ElasticNet(L1(Fraction(1, 2)), Fraction(3))
    assert net.mirror_map(exact([2, Fraction(-1, 2), Fraction(-5, 2)])).tolist() == [Fraction(9, 2), 0, -6]


def test_p_is_the_subgradient_of_the_regularizer() -> None:
    net = ElasticNet(L1(1), Fraction(2))
    assert net.p(PrimalDual(exact([4, 0]), exact([3, Fraction(1, 3)]))).tolist() == [1, Fraction(1, 3)]


def test_outside_the_domain_no_oracle_accepts() -> None:
    net = ElasticNet(NonNegative(), 1.0)
    pair = PrimalDual(np.asarray([-1.0, 2.0]), np.asarray([-1.0, 2.0]))
    assert net.fixed_point_residual(pair) > 0
    assert net.fenchel_young_gap(pair) == math.inf
    assert net.subgradient_residual(pair) == math.inf
    assert np.isnan(net.pair(pair.theta, pair.v).v[0])


@pytest.mark.parametrize("delta", [0, -1, math.inf, math.nan])
def test_delta_is_positive_and_finite(delta: float) -> None:
    with pytest.raises(ValueError, match="delta must be a finite number > 0"):
        ElasticNet(Zero(), delta)


def test_a_pair_is_made_of_finite_vectors_of_one_length() -> None:
    net = ElasticNet(Zero(), 1.0)
    with pytest.raises(ValueError, match="theta must be finite"):
        net.pair(np.asarray([math.nan]), np.zeros(1))
    with pytest.raises(ValueError, match="p must be finite"):
        net.pair(np.zeros(1), np.asarray([math.inf]))
    with pytest.raises(ValueError, match=r"p must have shape \(..., 2\)"):
        net.pair(np.zeros(2), np.zeros(3))
