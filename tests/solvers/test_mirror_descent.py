"""Mirror descent by its argmin: it agrees with the prox for every regularizer, and shares nothing with it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import linbreg, mirror_descent
from mlbreg.solvers.exact_line_argmin import UnresolvedError, simplest_between
from mlbreg.solvers.line_argmin import line_argmin
from mlbreg.theory import sampling
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import Array, IrrationalError, exact, square_norm
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, Regularizer, WeightedL1, Zero

from .examples import few

REGULARIZERS = {
    "zero": Zero(),
    "l1": L1(0.7),
    "weighted l1": WeightedL1([0.0, 0.1, 1.0, 2.0, 3.0, 0.5]),
    "box": Box(-0.3, 1.2),
    "box away from 0": Box(0.5, [0.6, 1.0, 2.0, 3.0, 0.5, 0.7]),
    "nonnegative": NonNegative(),
    "groups": GroupL2(0.5, Groups.of_sizes([1, 2, 3])),
    "one group": GroupL2(0.5, Groups.whole(6)),
    "nuclear": Nuclear(0.8, (2, 3)),
    "nuclear, tall": Nuclear(0.8, (3, 2)),
    "mixture": Mixture(Groups.of_sizes([1, 4, 1]), [Box(1.0, 2.0), Nuclear(0.5, (2, 2)), L1(0.2)]),
}


class NoProx(Regularizer):
    """J with its value, domain and groups, and nothing else."""

    def __init__(self, other: Regularizer) -> None:
        self.other = other

    def value(self, theta: Array) -> Array:
        return self.other.value(theta)

    def in_domain(self, theta: Array) -> Array:
        return self.other.in_domain(theta)

    def separable_groups(self, dimension: int) -> Groups:
        return self.other.separable_groups(dimension)

    def prox(self, z: Array, step: object) -> Array:
        raise AssertionError("mirror descent used the prox")

    def conjugate(self, p: Array) -> Array:
        raise AssertionError("mirror descent used the conjugate")

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        raise AssertionError("mirror descent used the subdifferential")

    def restrict(self, restriction: Restriction) -> Regularizer:
        raise AssertionError("mirror descent used a restriction")


@pytest.mark.parametrize("delta", [0.1, 5.0])
@pytest.mark.parametrize("name", REGULARIZERS)
def test_the_argmin_found_from_values_is_the_prox(name: str, delta: float) -> None:
    rng = np.random.default_rng(11)
    net = ElasticNet(REGULARIZERS[name], delta)
    pair = sampling.primal_dual_pairs(rng, 48, net, 6)
    gradient = rng.normal(size=(48, 6)) * 10 ** rng.uniform(-2, 2, size=(48, 1))
    tau = 10 ** rng.uniform(-2, 1, size=48)
    found = mirror_descent.step(ElasticNet(NoProx(net.regularizer), delta), pair, gradient, tau)
    after = linbreg.step(net, pair, gradient, tau)
    size = np.max(abs(pair.theta) + abs(after.theta) + delta * abs(after.v), axis=-1)
    assert np.max(np.max(abs(found.theta - after.theta), axis=-1) / size) < 1e-7
    np.testing.assert_array_equal(found.v, after.v)
    lowest = mirror_descent.objective(net, pair, gradient, tau, after.theta)
    reached = mirror_descent.objective(net, pair, gradient, tau, found.theta)
    assert np.all(reached - lowest <= 1e-13 * size * size / delta * 10)


@few
@given(hs.data())
def test_in_exact_arithmetic_the_two_steps_are_equal(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=("zero", "l1", "weighted_l1", "box", "nonnegative", "mixture")))
    net = problem.elastic_net
    pair = data.draw(st.primal_dual_pairs(net, problem.dimension))
    gradient, tau = data.draw(st.vectors(problem.dimension)), data.draw(st.positive_rationals())
    after = linbreg.step(net, pair, gradient, tau)
    found = mirror_descent.step(net, pair, gradient, tau)
    assert np.all(found.theta == after.theta)
    assert np.all(found.v == after.v)


@few
@given(hs.data())
def test_strong_convexity_separates_the_argmin_from_every_other_point(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=("l1", "box", "mixture")))
    net = problem.elastic_net
    pair = data.draw(st.primal_dual_pairs(net, problem.dimension))
    gradient, tau = data.draw(st.vectors(problem.dimension)), data.draw(st.positive_rationals())
    u = data.draw(st.points(problem.regularizer, problem.dimension))
    found = mirror_descent.step(net, pair, gradient, tau).theta
    rise = mirror_descent.objective(net, pair, gradient, tau, u) - mirror_descent.objective(
        net, pair, gradient, tau, found
    )
    assert np.all(rise >= square_norm(u - found) / (2 * net.delta))


class WrongL1(NoProx):
    """λ twice in the prox: a bug seen in the wild."""

    def prox(self, z: Array, step: object) -> Array:
        return self.other.prox(z, 2 * step)  # type: ignore[operator]


def test_a_wrong_prox_does_not_agree() -> None:
    net = ElasticNet(WrongL1(L1(0.5)), 1.0)
    pair, gradient = PrimalDual(np.array([2.0, 0.0]), np.array([2.5, 0.0])), np.array([0.5, 0.5])
    assert (
        np.max(abs(linbreg.step(net, pair, gradient, 1.0).theta - mirror_descent.step(net, pair, gradient, 1.0).theta))
        > 0.4
    )


class Tilted(NoProx):
    """½‖Mu‖², smooth and not separable, which none of the adapted lines follow."""

    def __init__(self, matrix: Array) -> None:
        super().__init__(Nuclear(1.0, (1, matrix.shape[1])))
        self.matrix = matrix

    def value(self, theta: Array) -> Array:
        return square_norm(theta @ self.matrix.T) / 2


class LargestEntry(NoProx):
    """‖u‖_∞ has kinks along which no search direction leads."""

    def __init__(self, dimension: int) -> None:
        super().__init__(GroupL2(1.0, Groups.whole(dimension)))

    def value(self, theta: Array) -> Array:
        return abs(theta).max(axis=-1)


def test_a_smooth_group_outside_the_zoo_is_solved_too() -> None:
    rng = np.random.default_rng(2)
    matrix, w = rng.normal(size=(4, 4)), rng.normal(size=(20, 4))
    found = mirror_descent.argmin(ElasticNet(Tilted(matrix), 2.0), 0 * w, w)
    np.testing.assert_allclose(found, np.linalg.solve(matrix.T @ matrix + np.eye(4) / 2, w.T).T, atol=1e-7)


def test_a_group_with_kinks_outside_the_zoo_is_refused_rather_than_solved_wrongly() -> None:
    w = np.random.default_rng(0).normal(size=(20, 3)) * 3
    with pytest.raises(UnresolvedError, match=r"the argmin over the group \[0, 1, 2\] was not found"):
        mirror_descent.argmin(ElasticNet(LargestEntry(3), 1.0), 0 * w, w)


def test_exact_arithmetic_says_which_regularizers_it_cannot_do() -> None:
    theta = exact([[0, 0]])
    with pytest.raises(IrrationalError, match="does not split into single coordinates"):
        mirror_descent.argmin(ElasticNet(GroupL2(1, Groups.whole(2), [1]), 1), theta, theta)

    class Square(NoProx):
        def value(self, theta: Array) -> Array:
            return square_norm(theta)

    with pytest.raises(UnresolvedError, match="J is not piecewise linear"):
        mirror_descent.argmin(ElasticNet(Square(Zero()), 1), theta, theta + 1)


def test_a_start_outside_the_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="theta must be in the domain of Box"):
        mirror_descent.argmin(ElasticNet(Box(0.0, 1.0), 1.0), np.array([[2.0]]), np.array([[2.0]]))


def test_lines_with_kinks_curves_and_walls() -> None:
    one = np.ones(1)
    assert line_argmin(lambda t: np.abs(t - 0.3), one, 0.5 * one)[0] == pytest.approx(0.3, abs=1e-15)
    assert line_argmin(lambda t: np.where(t > 0.1, np.inf, -t), one, one)[0] == pytest.approx(0.1, abs=1e-15)
    assert line_argmin(lambda t: np.exp(t), one, one)[0] == pytest.approx(0.0, abs=1e-7)
    assert line_argmin(lambda t: 0 * t, 1e-6 * one, one)[0] == pytest.approx(1e6)
    assert line_argmin(lambda t: np.where(t == 0, 0.0, np.inf), one, 5 * one)[0] == 0


def test_the_simplest_fraction_of_an_interval() -> None:
    assert simplest_between(Fraction(3, 10), Fraction(2, 5)) == Fraction(1, 3)
    assert simplest_between(Fraction(-2, 5), Fraction(-3, 10)) == Fraction(-1, 3)
    assert simplest_between(Fraction(-1), Fraction(1)) == 0
    assert simplest_between(Fraction(22, 7), Fraction(22, 7)) == Fraction(22, 7)
