"""Assumptions as margins: the numbers of small examples by hand, and what they are in general."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.theory import assumptions, sampling
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.regularizers import L1, NonNegative, Zero

F = Fraction


def square(curvature: Any = 1) -> Quadratic:
    """½hθ² on ℝ."""
    return Quadratic(exact([curvature]), exact([0]))


def at(theta: Any) -> Any:
    """θ ∈ ℝ, as a batch of one."""
    return exact([[theta]])


def pair(theta: Any, v: Any) -> PrimalDual:
    return PrimalDual(at(theta), at(v))


L1_NET = ElasticNet(L1(1), F(1))
PLAIN_NET = ElasticNet(Zero(), F(1))
POSITIVE_NET = ElasticNet(NonNegative(), F(1))


@pytest.mark.parametrize(("constant", "margin"), [(2, F(0)), (1, F(-1, 3)), (3, F(1, 5))])
def test_lipschitz_gradient(constant: int, margin: F) -> None:
    # ‖∇L(3) − ∇L(1)‖ = 4 for L = θ², against constant·2
    assert assumptions.lipschitz_gradient(square(2), constant, at(3), at(1)).tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(1, F(0)), (2, F(4, 35)), (0, F(-4, 19))])
def test_quadratic_upper_bound(constant: int, margin: F) -> None:
    # L = ½θ²: 9/2 ≤ 1/2 + 2 + constant·2, over |9/2| + |rhs| + 1/2 + 2 + constant·2
    assert assumptions.quadratic_upper_bound(square(), constant, at(3), at(1)).tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(1, F(0)), (2, F(-4, 35)), (0, F(4, 19))])
def test_strong_convexity(constant: int, margin: F) -> None:
    assert assumptions.strong_convexity(square(), constant, at(3), at(1)).tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(1, F(1, 10)), (F(1, 2), F(-1, 12)), (F(2, 3), F(0))])
def test_relative_smoothness(constant: F, margin: F) -> None:
    # θ = 0, v = ½, θ̃ = 2, J = |θ|, δ = 1: D = 4 − 0 − 1 = 3 and L(θ̃) = 2 ≤ 3·constant, terms 5·constant
    found = assumptions.relative_smoothness(square(), L1_NET, constant, at(2), pair(0, F(1, 2)))
    assert found.tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(1, F(-1, 10)), (F(1, 2), F(1, 12)), (F(2, 3), F(0))])
def test_relative_strong_convexity(constant: F, margin: F) -> None:
    found = assumptions.relative_strong_convexity(square(), L1_NET, constant, at(2), pair(0, F(1, 2)))
    assert found.tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(2, F(0)), (1, F(1, 3)), (4, F(-1, 3))])
def test_polyak_lojasiewicz(constant: int, margin: F) -> None:
    # L = θ² at θ = 1: ½·2² = 2 against constant·1
    assert assumptions.polyak_lojasiewicz(square(2), constant, at(1)).tolist() == [margin]


@pytest.mark.parametrize(("constant", "margin"), [(2, F(0)), (1, F(1, 6)), (4, F(-2, 9))])
def test_mirror_polyak_lojasiewicz(constant: int, margin: F) -> None:
    # L = θ² at θ = v = 1, J = 0, δ = 1: v(1) = θ(1) = −1, D = ½·2² = 2, terms ½ + ½ + 1·2 = 3
    assert assumptions.mirror_polyak_lojasiewicz(square(2), PLAIN_NET, constant, pair(1, 1)).tolist() == [margin]


def test_the_mirror_inequality_sees_a_dual_variable_that_the_plain_one_cannot() -> None:
    # J = |θ|, θ = 0 = the minimiser of neither J_δ nor L = ½(θ − 1)²: v = −1 takes the whole step, θ(1) = 0, D = 0.
    loss = Quadratic(exact([1]), exact([1]))
    assert assumptions.polyak_lojasiewicz(loss, 1, at(0)).tolist() == [0]
    assert (assumptions.mirror_polyak_lojasiewicz(loss, L1_NET, 1, pair(0, -1)) < 0).all()


def test_an_infinite_divergence_is_the_weakest_upper_bound_and_the_strongest_lower_bound() -> None:
    outside = at(-1)
    assert assumptions.relative_smoothness(square(), POSITIVE_NET, 1, outside, pair(1, 1)).tolist() == [1]
    assert assumptions.relative_strong_convexity(square(), POSITIVE_NET, 1, outside, pair(1, 1)).tolist() == [-1]


def test_every_instance_of_a_batch_has_a_margin_of_its_own() -> None:
    theta_tilde, theta = exact([[3], [1]]), exact([[1], [1]])
    assert assumptions.quadratic_upper_bound(square(), 0, theta_tilde, theta).tolist() == [F(-4, 19), F(0)]


@pytest.mark.parametrize("seed", range(20))
def test_the_constants_of_a_loss_satisfy_its_assumptions_and_margins_are_at_most_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = sampling.problem(rng)
    loss, net = problem.loss, problem.elastic_net
    start = sampling.primal_dual_pairs(rng, 30, net, problem.dimension)
    other = sampling.points(rng, 30, problem.regularizer, problem.dimension)
    ell, smooth = loss.lipschitz, problem.relative_smoothness
    true = [
        assumptions.lipschitz_gradient(loss, ell, other, start.theta),
        assumptions.quadratic_upper_bound(loss, ell, other, start.theta),
        assumptions.relative_smoothness(loss, net, smooth, other, start),
    ]
    if loss.strong_convexity is not None:
        true.append(assumptions.strong_convexity(loss, loss.strong_convexity, other, start.theta))
    if loss.pl_constant is not None:
        true.append(assumptions.polyak_lojasiewicz(loss, loss.pl_constant, start.theta))
    for margins in true:
        assert margins.shape == (30,)
        assert (margins >= -1e-9).all()
        assert (margins <= 1).all()
    anything = [
        assumptions.lipschitz_gradient(loss, ell / 7, other, start.theta),
        assumptions.strong_convexity(loss, 100 * ell, other, start.theta),
        assumptions.relative_strong_convexity(loss, net, 100 * ell, other, start),
        assumptions.mirror_polyak_lojasiewicz(loss, net, 100.0, start),
    ]
    for margins in anything:
        assert not np.isnan(margins).any()
        assert (abs(margins) <= 1).all()


def test_a_constant_that_is_too_small_is_noticed_at_the_steepest_place() -> None:
    loss = Quadratic(np.array([1.0, 4.0]), np.zeros(2))
    theta, steep = np.zeros((1, 2)), np.array([[0.0, 1.0]])
    for margin in (assumptions.lipschitz_gradient, assumptions.quadratic_upper_bound):
        assert margin(loss, 4.0, steep, theta) == pytest.approx(0)
        assert margin(loss, 3.9, steep, theta) < 0
    assert assumptions.relative_smoothness(loss, ElasticNet(Zero(), 0.5), 2.0, steep, PrimalDual(theta, theta)) == 0
    assert assumptions.relative_smoothness(loss, ElasticNet(Zero(), 0.5), 1.9, steep, PrimalDual(theta, theta)) < 0


def test_an_infinite_constant_holds_trivially() -> None:
    theta = np.zeros((1, 1))
    assert assumptions.lipschitz_gradient(square(), math.inf, theta + 1, theta).tolist() == [1]
