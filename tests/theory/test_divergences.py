"""Bregman divergences by their definitions, and the identities that connect them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.divergences import bregman, size, symmetric
from mlbreg.theory.elastic_net import ElasticNet
from mlbreg.theory.references import Euclidean, Shannon
from mlbreg.theory.regularizers import L1

vectors = st.lists(st.fractions(min_value=-4, max_value=4, max_denominator=8), min_size=3, max_size=3).map(exact)
NET = ElasticNet(L1(Fraction(1, 2)), Fraction(3))


@given(vectors, vectors)
def test_the_divergence_of_half_the_square_is_half_the_squared_distance(x, y) -> None:
    assert bregman(Euclidean(), x, y, y) == sum((x - y) ** 2) / 2


@given(vectors, vectors, vectors)
def test_the_divergence_is_not_negative_for_a_subgradient(theta, other, p) -> None:
    J = L1(Fraction(1, 2))
    p = J.project_subdifferential(theta, p)
    assert bregman(J, other, theta, p) >= 0
    assert bregman(J, theta, theta, p) == 0


@given(vectors, vectors, vectors, vectors)
def test_the_symmetric_divergence_is_the_sum_of_both(theta, other, p, q) -> None:
    first, second = NET.pair(theta, p), NET.pair(other, q)
    both = bregman(NET, other, theta, first.v) + bregman(NET, theta, other, second.v)
    assert symmetric(second.v, first.v, other, theta) == both >= 0


@given(vectors, vectors, vectors)
def test_the_elastic_net_adds_half_the_squared_distance_over_delta(theta, other, p) -> None:
    pair = NET.pair(theta, p)
    plain = bregman(NET.regularizer, other, theta, NET.p(pair))
    assert bregman(NET, other, theta, pair.v) == plain + sum((other - theta) ** 2) / 6


@given(vectors, vectors, vectors)
def test_the_size_is_that_of_the_terms_which_cancel(theta, other, p) -> None:
    terms = [NET.value(other), NET.value(theta), *(abs(p) * abs(other)), *(abs(p) * abs(theta))]
    assert size(NET, other, theta, p) == sum(terms) >= abs(bregman(NET, other, theta, p))


def test_divergences_serve_batches() -> None:
    x, y = np.ones((4, 1, 3)), 2 * np.ones((5, 3))
    assert bregman(Shannon(), x, y, np.log(y)).shape == (4, 5)
    assert np.allclose(bregman(Shannon(), x, y, np.log(y)), Shannon().divergence(x, y))
    assert symmetric(x, y, x, y).shape == (4, 5)
