"""Armijo's line search inside an open domain."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers.armijo import Armijo, feasible_step, search
from mlbreg.theory.arrays import exact
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

from .grid_problems import LeastSquares, box, start

SQUARE = LeastSquares(np.eye(1), np.zeros(1))


def test_the_feasible_step_is_the_distance_to_the_boundary_along_d() -> None:
    y, d = np.array([[0.5, 0.2], [0.5, 0.2], [0.5, 0.2]]), np.array([[-1.0, -0.1], [1.0, 0.1], [0.0, 0.0]])
    assert feasible_step(Euclidean(), y, d).tolist() == [np.inf] * 3
    assert feasible_step(Shannon(), y, d).tolist() == [0.5, np.inf, np.inf]
    assert feasible_step(Burg(), y, d).tolist() == [0.5, np.inf, np.inf]
    assert feasible_step(FermiDirac(), y, d).tolist() == [0.5, 0.5, np.inf]
    assert feasible_step(FermiDirac(), exact([Fraction(1, 3)]), exact([-1])).tolist() == Fraction(1, 3)


@pytest.mark.parametrize(("d", "alpha", "evaluations"), [(-1.0, 1.0, 2), (-3.0, 0.5, 3), (-17.0, 0.0625, 6)])
def test_it_takes_the_first_halving_with_enough_decrease(d: float, alpha: float, evaluations: int) -> None:
    # f(y + αd) − f(y) = αd + α²d²/2 at y = 1: a descent only for α < 2/|d|.
    found = search(Armijo(), SQUARE, Euclidean(), np.ones(1), np.array([d]), np.ones(1))
    assert (float(found.alpha), bool(found.accepted), int(found.evaluations)) == (alpha, True, evaluations)
    assert found.x.tolist() == [1 + alpha * d]


def test_sufficient_decrease_is_what_is_asked_for() -> None:
    # αd + α²d²/2 ≤ σαd at d = −1 iff α ≤ 2(1 − σ): σ = ½ just holds at α = 1, in exact arithmetic.
    exact_square = LeastSquares(exact([[1]]), exact([0]))
    y, d = exact([1]), exact([-1])
    half = search(Armijo(Fraction(1, 2)), exact_square, Euclidean(), y, d, y)
    more = search(Armijo(Fraction(501, 1000)), exact_square, Euclidean(), y, d, y)
    assert half.alpha.tolist() == 1
    assert more.alpha.tolist() == Fraction(1, 2)


def test_with_no_halving_left_nothing_is_accepted() -> None:
    found = search(Armijo(halvings=0), SQUARE, Euclidean(), np.ones(1), np.array([-3.0]), np.ones(1))
    assert (float(found.alpha), bool(found.accepted), found.x.tolist()) == (0.0, False, [1.0])


def test_an_ascent_direction_is_not_accepted_and_costs_nothing() -> None:
    found = search(Armijo(), SQUARE, Euclidean(), np.ones((2, 1)), np.array([[1.0], [0.0]]), np.ones((2, 1)))
    assert not found.accepted.any()
    assert found.evaluations.tolist() == [0, 0]


@pytest.mark.parametrize("close", [1e-3, 1e-12, 1e-300])
def test_it_stays_inside_however_close_the_boundary(close: float) -> None:
    y = np.array([close, 0.5])
    loss = LeastSquares(np.eye(2), np.array([-1.0, 0.0]))
    found = search(Armijo(), loss, FermiDirac(), y, np.array([-1.0, -0.1]), loss.gradient(y))
    assert FermiDirac().in_domain(found.x)
    assert float(found.alpha) <= close


def test_at_the_largest_number_below_one_rounding_does_not_leave_the_box() -> None:
    y = np.array([1 - 2.0**-53, 0.5])
    loss = LeastSquares(np.eye(2), np.array([2.0, 0.0]))
    found = search(Armijo(), loss, FermiDirac(), y, np.array([1.0, -0.1]), loss.gradient(y))
    assert FermiDirac().in_domain(found.x)


def test_every_instance_of_a_batch_has_its_own_step() -> None:
    d = np.array([[-1.0], [-3.0], [1.0]])
    together = search(Armijo(), SQUARE, Euclidean(), np.ones((3, 1)), d, np.ones((3, 1)))
    assert together.alpha.tolist() == [1.0, 0.5, 0.0]
    assert together.evaluations.tolist() == [2, 3, 0]


def test_errors_say_what_is_wrong() -> None:
    problem = box()
    y = start(problem)
    g = problem.loss.gradient(y)
    with pytest.raises(ValueError, match=r"direction must have the shape of y, \(15,\), got \(7,\)"):
        search(Armijo(), problem.loss, problem.reference, y, y[:7], g)
    with pytest.raises(ValueError, match="gradient must be finite, got nan"):
        search(Armijo(), problem.loss, problem.reference, y, -g, np.nan * g)
    with pytest.raises(ValueError, match="y must be in the interior of the domain of FermiDirac"):
        search(Armijo(), problem.loss, problem.reference, y + 1, -g, g)
    for settings, message in (
        ({"sufficient": 0}, r"sufficient must be in \(0, 1\), got 0"),
        ({"shrink": 1}, r"shrink must be in \(0, 1\), got 1"),
        ({"halvings": -1}, "halvings must be an integer ≥ 0, got -1"),
        ({"first": 0}, "first must be a finite number > 0, got 0"),
        ({"boundary": 1.5}, r"boundary must be in \(0, 1\), got 1.5"),
    ):
        with pytest.raises(ValueError, match=message):
            Armijo(**settings)  # type: ignore[arg-type]
