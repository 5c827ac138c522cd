"""Conclusions as margins: the numbers of small examples by hand, and what they are in general."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.theory import inequalities, sampling
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.regularizers import L1, NonNegative, Zero

F = Fraction
HALF_SQUARE = Quadratic(exact([1]), exact([0]))
L1_NET = ElasticNet(L1(1), F(1))
PLAIN_NET = ElasticNet(Zero(), F(1))


def pair(theta: Any, v: Any) -> PrimalDual:
    """(θ, v) on ℝ, as a batch of one."""
    return PrimalDual(exact([[theta]]), exact([[v]]))


def step(theta: Any, tau: Any) -> PrimalDual:
    """One step for L = ½θ², J = 0, δ = 1, where v = θ."""
    return pair((1 - tau) * theta, (1 - tau) * theta)


# --- membership

PROX, GAP, EXPLICIT = "θ = prox_{δJ}(δv)", "Fenchel–Young gap = 0", "v − θ/δ ∈ ∂J(θ)"


@pytest.mark.parametrize(("theta", "v"), [(0, 0), (0, F(1, 2)), (0, 1), (0, -1), (2, 3), (-2, -3)])
def test_a_subgradient_has_margin_zero_by_every_oracle(theta: Any, v: Any) -> None:
    found = inequalities.membership(L1_NET, pair(theta, v))
    assert {name: values.tolist() for name, values in found.items()} == {PROX: [0], GAP: [0], EXPLICIT: [0]}


def test_what_is_no_subgradient_is_told_by_every_oracle_and_how_far_it_is() -> None:
    # J = |θ|, δ = 1, (θ, v) = (0, 2): prox(2) = 1, J*(2) = ∞, the nearest subgradient is 1.
    found = inequalities.membership(L1_NET, pair(0, 2))
    assert {name: values.tolist() for name, values in found.items()} == {
        PROX: [F(-1, 3)],
        GAP: [-1],
        EXPLICIT: [F(-1, 3)],
    }


def test_a_point_outside_the_domain_has_no_subgradient() -> None:
    net = ElasticNet(NonNegative(), F(1))
    found = inequalities.membership(net, pair(-1, -1))
    assert {name: values.tolist() for name, values in found.items()} == {PROX: [F(-1, 3)], GAP: [-1], EXPLICIT: [-1]}


@pytest.mark.parametrize("seed", range(20))
def test_the_oracles_agree_on_what_is_a_subgradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = sampling.problem(rng)
    net = problem.elastic_net
    good = sampling.primal_dual_pairs(rng, 40, net, problem.dimension)
    bad = PrimalDual(good.theta, good.v + rng.normal(size=good.v.shape))
    verdicts = np.stack([margins > -1e-9 for margins in inequalities.membership(net, bad).values()])
    assert (verdicts == verdicts[0]).all()
    for margins in inequalities.membership(net, bad).values():
        assert (margins >= -1).all()
        assert (margins <= 0).all()


# --- one step


@pytest.mark.parametrize(("tau", "margin"), [(1, F(0)), (F(1, 2), F(1, 29)), (2, F(-1, 3))])
def test_descent(tau: Any, margin: F) -> None:
    # L = ½θ², J = 0, δ = 1, θ = 1: L(θ⁺) = ½(1 − τ)² against ½ − τ/2, over the terms ½ and (L + L⁺ + |v⁺|(1 + |θ⁺|))/τ
    found = inequalities.descent(HALF_SQUARE, PLAIN_NET, pair(1, 1), step(F(1), F(tau)), exact([tau]))
    assert found.tolist() == [margin]


@pytest.mark.parametrize(("outcomes", "margin"), [([0, 2], F(-1, 9)), ([0, 0], F(1, 3)), ([1, -1], F(0))])
def test_decrease_in_expectation(outcomes: list[int], margin: F) -> None:
    # L = ½θ² at θ = 1: E L(θ⁺) against ½, over both and the rounding 1 + E(θ⁺)²
    found = inequalities.decrease(HALF_SQUARE, exact([[1]]), exact([[[theta] for theta in outcomes]]))
    assert found.tolist() == [margin]


def outcomes_of(xi: list[Any]) -> PrimalDual:
    """LinBreg from θ = v = 0 with τ = 1 for L = ½θ², J = 0, δ = 1: g = ξ, θ⁺ = −ξ."""
    return PrimalDual(exact([[[-x] for x in xi]]), exact([[[-x] for x in xi]]))


@pytest.mark.parametrize(("slack", "margin"), [(0, F(-2, 7)), (1, F(0)), (2, F(2, 11))])
def test_loss_decay_and_its_slack(slack: int, margin: F) -> None:
    # E L(θ⁺) = ½, D^sym = 0, (2 − 1)/2·1 = ½: 1 ≤ 0 + slack, over 1 + slack + ½ + (½ + 3/2)
    found = inequalities.loss_decay(HALF_SQUARE, PLAIN_NET, pair(0, 0), outcomes_of([1, -1]), exact([1]), slack)
    assert found.tolist() == [margin]


def test_loss_decay_without_noise_is_an_equation_for_the_half_square() -> None:
    # θ = 1, τ = 1: L(θ⁺) = 0 and (2 − 1)/2·‖θ⁺ − θ‖² = ½ = L(θ)
    still = PrimalDual(exact([[[0], [0]]]), exact([[[0], [0]]]))
    assert inequalities.loss_decay(HALF_SQUARE, PLAIN_NET, pair(1, 1), still, exact([1])).tolist() == [0]


def test_an_expectation_is_the_mean_over_the_outcomes() -> None:
    assert inequalities.expectation(exact([[1, 2], [3, 5]])).tolist() == [F(3, 2), 4]
    assert inequalities.expectation(exact([[7]])).tolist() == [7]


# --- divergences


@pytest.mark.parametrize("v", [F(1, 2), 1, -1, 5])
def test_the_divergence_of_the_elastic_net_splits_for_any_v(v: Any) -> None:
    assert inequalities.bregman_split(L1_NET, exact([[3]]), pair(0, v)).tolist() == [0]


def test_a_split_with_another_delta_is_noticed() -> None:
    class Wrong:
        """J_δ with δ = 1, and p = v − θ/δ with δ = 2."""

        regularizer, delta, value = L1(1), F(1), L1_NET.value
        p = ElasticNet(L1(1), F(2)).p

    # J_δ: 3 + 9/2 − (1 + ½) − 2·2 = 2; J: 3 − 1 − (2 − ½)·2 = −1, and ½·2² = 2; the terms are 15/2 + 3/2 + 2·4
    assert inequalities.bregman_split(Wrong(), exact([[3]]), pair(1, 2)).tolist() == [F(-1, 20)]  # type: ignore[arg-type]


def test_two_infinite_divergences_are_equal() -> None:
    net = ElasticNet(NonNegative(), F(1))
    assert inequalities.bregman_split(net, exact([[-1]]), pair(1, 1)).tolist() == [0]


def test_the_change_of_the_distance_to_a_point_has_both_sides_and_their_size() -> None:
    # J = 0, δ = 1, θ* = 0, θ = v = 1, g = τ = 1, so θ⁺ = v⁺ = 0: d falls from ½ to 0.
    found = inequalities.distance_change(PLAIN_NET, exact([[0]]), pair(1, 1), pair(0, 0), exact([1]), exact([[1]]))
    plain = {name: [side.tolist() for side in sides] for name, sides in found.items()}
    assert plain == {"(B.1)": [[F(-1, 2)], [F(-1, 2)], [F(7, 2)]], "(B.2)": [[F(-1, 2)], [F(-1, 2)], [F(7, 2)]]}


def test_the_change_of_the_distance_tells_the_two_equations_apart() -> None:
    # (θ⁺, v⁺) = (1, 0) was not made by the step, so J = |θ| is not 0 there: (B.2) holds as algebra, (B.1), too.
    found = inequalities.distance_change(L1_NET, exact([[2]]), pair(0, 1), pair(1, 0), exact([1]), exact([[1]]))
    for left, right, _ in found.values():
        assert left.tolist() == right.tolist()
    wrong = inequalities.distance_change(L1_NET, exact([[2]]), pair(0, 1), pair(1, 0), exact([1]), exact([[2]]))
    assert wrong["(B.1)"][0].tolist() != wrong["(B.1)"][1].tolist()
    assert wrong["(B.2)"][0].tolist() != wrong["(B.2)"][1].tolist()


@pytest.mark.parametrize(
    ("first", "margin"),
    [
        (pair(0, F(-1, 2)), F(3, 8)),  # (−½ − 1)(0 − 1) = 3/2, terms ½ and 2
        (pair(0, 1), F(0)),
        (pair(0, 3), F(-2, 7)),  # no subgradient: (3 − 1)(0 − 1) = −2, terms 3 and 2
    ],
)
def test_monotone(first: PrimalDual, margin: F) -> None:
    assert inequalities.monotone(L1_NET, first, pair(1, 2)).tolist() == [margin]
    assert inequalities.monotone(L1_NET, pair(1, 2), first).tolist() == [margin]


@pytest.mark.parametrize("seed", range(20))
def test_margins_are_at_most_1_whatever_the_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = sampling.problem(rng)
    loss, net, dimension = problem.loss, problem.elastic_net, problem.dimension
    # Points of dom J with a v that is anything, so that every inequality fails somewhere.
    start, after = (
        PrimalDual(sampling.points(rng, 30, net.regularizer, dimension), 10 * rng.normal(size=(30, dimension)))
        for _ in range(2)
    )
    theta = sampling.points(rng, 90, net.regularizer, dimension).reshape(30, 3, dimension)
    outcomes = PrimalDual(theta, rng.normal(size=theta.shape))
    tau = 10 ** rng.uniform(-2, 2, size=30)
    found = [
        inequalities.descent(loss, net, start, after, tau),
        inequalities.decrease(loss, start.theta, outcomes.theta),
        inequalities.loss_decay(loss, net, start, outcomes, tau),
        inequalities.bregman_split(net, after.theta, start),
        inequalities.monotone(net, start, after),
        *inequalities.membership(net, start).values(),
    ]
    for margins in found:
        assert margins.shape == (30,)
        assert (abs(margins) <= 1).all()
