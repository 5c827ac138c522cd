"""The Bregman iteration: its closed form, its inner solver, and the certificate of the argmin."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import bregman_iteration, linbreg
from mlbreg.solvers.bregman_iteration import InnerSolver, NotSolvedError
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.divergences import bregman
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import LeastSquares, Quadratic, Quartic, SineQuadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture

from .examples import few
from .problem_list import Case

RATIONAL = ("zero", "l1", "weighted_l1", "box", "nonnegative", "mixture")
SINGLES = Groups.singletons(3)


def test_a_step_by_hand() -> None:
    # L = ½(θ − 3)², J = |θ|, θ = 0, p = 0, τ = 1/2: ½τ(u − 3)² + |u| has its minimum at u = 1, and p⁺ = 1.
    problem = Problem(Quadratic(exact([1]), exact([3])), L1(1), 1, Groups.singletons(1))
    after = bregman_iteration.step(problem, PrimalDual(exact([[0]]), exact([[0]])), Fraction(1, 2))
    assert after.theta.tolist() == [[1]]
    assert problem.elastic_net.p(after).tolist() == [[1]]


@few
@given(hs.data())
def test_the_dual_update_stays_in_the_subdifferential_exactly(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(loss_kinds=("quadratic",), regularizer_kinds=RATIONAL))
    start = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.dimension))
    trace = bregman_iteration.run(problem, start, data.draw(st.positive_rationals()), 3)
    assert np.all(problem.elastic_net.subgradient_residual(trace.pairs) == 0)
    assert np.all(problem.elastic_net.fenchel_young_gap(trace.pairs) == 0)


@few
@given(hs.data())
def test_the_argmin_beats_every_other_point(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(loss_kinds=("quadratic",), regularizer_kinds=RATIONAL))
    net, tau = problem.elastic_net, data.draw(st.positive_rationals())
    pair = data.draw(st.primal_dual_pairs(net, problem.dimension))
    other = data.draw(st.points(problem.regularizer, problem.dimension))
    best = bregman_iteration.argmin(problem, pair, tau)

    def objective(u: np.ndarray) -> np.ndarray:
        return bregman(problem.regularizer, u, pair.theta, net.p(pair)) + tau * problem.loss.value(u)

    assert np.all(objective(best) <= objective(other))


def test_the_inner_solver_finds_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    center = rng.normal(size=4)
    mixture = Mixture(Groups.of_sizes([2, 2]), [L1(0.2), GroupL2(0.3, Groups.whole(2))])
    quadratic = Problem(Quadratic([2.0, 1.0, 0.5, 0.5], center), mixture, 1.0, Groups.of_sizes([1, 1, 2]))
    root = np.sqrt([2.0, 1.0, 0.5, 0.5])
    general = Problem(LeastSquares(np.diag(root), root * center), mixture, 1.0, Groups.of_sizes([1, 1, 2]))
    start = linbreg.init(quadratic.elastic_net, rng.normal(size=(5, 4)), rng.normal(size=(5, 4)))
    for tau in (0.1, 2.0, np.array([0.1, 0.5, 1.0, 3.0, 9.0])):
        np.testing.assert_allclose(
            bregman_iteration.argmin(general, start, tau), bregman_iteration.argmin(quadratic, start, tau), atol=1e-8
        )


def test_a_curvature_that_varies_within_a_group_goes_to_the_inner_solver() -> None:
    problem = Problem(Quadratic([1.0, 5.0], [1.0, 1.0]), GroupL2(0.5, Groups.whole(2)), 1.0, Groups.whole(2))
    after = bregman_iteration.step(problem, linbreg.init(problem.elastic_net, np.array([[0.1, 0.2]])), 1.0)
    assert problem.elastic_net.subgradient_residual(after)[0] < 1e-9


def test_a_flat_direction_stays_where_it_is() -> None:
    problem = Problem(Quadratic(exact([0, 1]), exact([5, 5])), L1(1), 1, Groups.singletons(2))
    after = bregman_iteration.step(problem, linbreg.init(problem.elastic_net, exact([[2, 0]])), 1)
    assert after.theta.tolist() == [[2, 4]]


def test_the_trace_reports_the_gradients_that_moved_p(case: Case) -> None:
    if not case.convex:
        pytest.skip("the Bregman iteration is for convex losses")
    trace, net = bregman_iteration.run(case.problem, case.start, 0.7, 3), case.problem.elastic_net
    np.testing.assert_allclose(net.p(trace.after), net.p(trace.before) - 0.7 * trace.gradients, atol=1e-12)
    np.testing.assert_array_equal(trace.gradients, case.problem.loss.gradient(trace.after.theta))


def test_what_cannot_be_solved_is_refused() -> None:
    start = PrimalDual(np.ones((1, 3)), np.ones((1, 3)))
    wide = np.array([[1.0, 2.0, 0.5]])
    with pytest.raises(ValueError, match=r"loss must be convex.* got SineQuadratic"):
        bregman_iteration.step(Problem(SineQuadratic(wide, [1.0]), L1(0.1), 1.0, SINGLES), start, 1.0)
    with pytest.raises(ValueError, match="loss must have a Lipschitz gradient, got lipschitz = inf"):
        bregman_iteration.step(Problem(Quartic([1.0, 1.0, 1.0]), L1(0.1), 1.0, SINGLES), start, 1.0)
    with pytest.raises(ValueError, match="tau must be a finite number > 0, got 0"):
        bregman_iteration.step(Problem(LeastSquares(wide, [1.0]), L1(0.1), 1.0, SINGLES), start, 0)
    problem = Problem(LeastSquares(exact([[1, 1, 1]]), exact([1])), Box(-1, 1), 1, SINGLES)
    with pytest.raises(IrrationalError, match="LeastSquares has no closed form"):
        bregman_iteration.step(problem, PrimalDual(exact([[0, 0, 0]]), exact([[0, 0, 0]])), 1)
    problem = Problem(LeastSquares(np.diag([1.0, 10.0, 100.0]), [1.0, 2.0, 3.0]), L1(0.1), 1.0, SINGLES)
    with pytest.raises(NotSolvedError, match="not found in 3 inner iterations"):
        bregman_iteration.step(problem, start, 1.0, InnerSolver(max_iterations=3))
    with pytest.raises(ValueError, match="tolerance must be a finite number > 0, got 0"):
        InnerSolver(tolerance=0)
