"""ML LinBreg: its special cases, what a cycle may change, selection rules, batches, oracles and errors."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import linbreg, multilevel, selections
from mlbreg.solvers.criteria import EveryKth, GradientTest, Magma, Never
from mlbreg.solvers.multilevel import Multilevel
from mlbreg.solvers.oracles import AdditiveNoise, MiniBatch
from mlbreg.solvers.variance_reduced import VarianceReduced
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import Array, exact
from mlbreg.theory.coarse import prolong_pair
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import FiniteSum, Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1

from .examples import few
from .problem_list import PROBLEMS, Case

SMALL = ("zero", "l1", "weighted_l1", "box", "nonnegative", "mixture")


@pytest.mark.parametrize("settings", [Multilevel(0), Multilevel(3, criterion=Never())])
def test_without_coarse_steps_it_is_linbreg(settings: Multilevel, case: Case) -> None:
    plain = linbreg.run(case.problem, case.start, 0.2, 5)
    trace = multilevel.run(case.problem, settings, case.start, 0.2, 0.1, 5)
    every = settings.coarse_steps + 1
    np.testing.assert_array_equal(trace.thetas[::every], plain.thetas)
    np.testing.assert_array_equal(trace.vs[::every], plain.vs)
    np.testing.assert_array_equal(trace.gradients[trace.fine_steps], plain.gradients)


@few
@given(hs.data())
def test_with_all_groups_selected_a_cycle_is_m_plus_one_steps_of_linbreg(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=SMALL))
    start = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.dimension))
    tau = data.draw(st.positive_rationals())
    settings = Multilevel(2, selection=selections.everything)
    trace = multilevel.run(problem, settings, start, tau, tau, 1)
    plain = linbreg.run(problem, start, tau, 3)
    assert np.all(trace.thetas == plain.thetas)
    assert np.all(trace.vs == plain.vs)
    assert np.all(trace.gradients == plain.gradients)


@few
@given(hs.data())
def test_frozen_groups_keep_both_variables_exactly(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=SMALL))
    start = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.dimension))
    restriction = data.draw(st.restrictions(problem.groups))
    settings = Multilevel(2, selection=selections.fixed(restriction))
    trace = multilevel.run(problem, settings, start, Fraction(1, 3), Fraction(1, 5), 1)
    frozen = restriction.complement.indices
    for array in (trace.thetas, trace.vs):
        assert np.all(array[1:3][..., frozen] == array[0][..., frozen])
    assert np.all(problem.elastic_net.subgradient_residual(trace.pairs) == 0)


def test_within_a_cycle_the_support_stays_inside_the_support_at_the_restriction(case: Case) -> None:
    m = 4
    trace = multilevel.run(case.problem, Multilevel(m), case.start, 0.3, 0.2, 6)
    groups = case.problem.groups
    for k in range(6):
        cycle = trace.thetas[k * (m + 1) : k * (m + 1) + m + 1]
        support = groups.sums((cycle != 0).astype(float)) > 0
        assert np.all(support <= support[0])


def test_a_selected_parameter_that_became_zero_may_return_and_one_that_was_not_selected_may_not() -> None:
    # L pulls θ₀ below zero and back up; θ₁ starts at zero and wants to leave it.
    loss = Quadratic(exact([2, 1]), exact([Fraction(-1, 4), 8]))
    problem = Problem(loss, L1(Fraction(1, 8)), 1, Groups.singletons(2))
    start = linbreg.init(problem.elastic_net, exact([[Fraction(1, 2), 0]]))
    taus = [Fraction(3, 8), Fraction(1, 2), Fraction(1, 2)]
    trace = multilevel.run(problem, Multilevel(3), start, 1, lambda _, i: taus[i], 1)
    first = [theta[0, 0] for theta in trace.thetas]
    assert first[0] != 0
    assert first[1] == 0
    assert first[2] != 0
    assert all(theta[0, 1] == 0 for theta in trace.thetas[:4])
    assert trace.thetas[4][0, 1] != 0


def test_the_next_cycle_selects_anew() -> None:
    # θ₀ = 1 falls to 0 in the first fine step, and θ₁ leaves 0 there.
    problem = Problem(Quadratic([1.0, 1.0], [0.0, 9.0]), L1(0.5), 1.0, Groups.singletons(2))
    start = linbreg.init(problem.elastic_net, np.array([[1.0, 0.0]]))
    trace = multilevel.run(problem, Multilevel(1), start, 1.0, 0.5, 2)
    assert (trace.thetas[2, 0] != 0).tolist() == [False, True]
    assert trace.active[:, 0].tolist() == [[True, False], [True, True], [False, True], [True, True]]
    assert trace.coarse.tolist() == [True, False, True, False]


def test_the_trace_satisfies_the_dual_update_in_every_step(case: Case) -> None:
    trace = multilevel.run(case.problem, Multilevel(3), case.start, 0.3, lambda k, i: 0.1 / (1 + k + i), 4)
    np.testing.assert_allclose(trace.vs[1:], trace.vs[:-1] - trace.step_sizes[..., None] * trace.gradients, atol=1e-14)
    assert np.all(trace.gradients[~trace.active] == 0)
    exact_gradient = case.problem.loss.gradient(trace.before.theta)
    np.testing.assert_allclose(trace.gradients, np.where(trace.active, exact_gradient, 0), atol=1e-14)
    np.testing.assert_allclose(trace.step_sizes[0], 0.1)
    np.testing.assert_allclose(trace.step_sizes[4 + 2], 0.1 / 4)
    np.testing.assert_allclose(trace.step_sizes[trace.fine_steps], 0.3)


@pytest.mark.parametrize("criterion", [None, GradientTest(0.6, 1e-6)])
def test_a_batch_runs_like_its_instances(case: Case, criterion: GradientTest | None) -> None:
    settings = Multilevel(3) if criterion is None else Multilevel(3, criterion=criterion)
    taus = np.array([0.3, 0.2, 0.1])
    together = multilevel.run(case.problem, settings, case.start, taus, taus / 2, 5)
    for i, tau in enumerate(taus):
        alone = PrimalDual(case.start.theta[i], case.start.v[i])
        trace = multilevel.run(case.problem, settings, alone, float(tau), float(tau / 2), 5)
        np.testing.assert_allclose(together.thetas[:, i], trace.thetas, atol=1e-13)
        np.testing.assert_allclose(together.vs[:, i], trace.vs, atol=1e-13)
        np.testing.assert_array_equal(together.active[:, i], trace.active)


def test_the_coarse_steps_are_linbreg_on_the_coarse_problem(case: Case) -> None:
    groups = case.problem.groups
    restriction = Restriction(groups, (groups.count - 1,))
    lower = multilevel.coarse_steps(case.problem, restriction, case.start, 0.2, 3)
    assert lower.thetas.shape == (4, 3, restriction.coarse_dimension)
    settings = Multilevel(3, selection=selections.fixed(restriction))
    fine = multilevel.run(case.problem, settings, case.start, 0.3, 0.2, 1)
    half = prolong_pair(restriction, lower.final, case.start)
    np.testing.assert_array_equal(fine.thetas[3], half.theta)
    np.testing.assert_array_equal(fine.vs[3], half.v)
    np.testing.assert_allclose(lower.losses, fine.losses[:4], rtol=1e-13)


def test_instances_that_the_criterion_keeps_fine_wait_during_the_coarse_steps() -> None:
    case = PROBLEMS["quadratic, l1"]
    settings = Multilevel(2, criterion=GradientTest(0.8, 1e-6))
    trace = multilevel.run(case.problem, settings, case.start, 0.3, 0.2, 1)
    waits = ~trace.active[0].any(axis=-1)
    assert waits.any()
    assert not waits.all()
    np.testing.assert_array_equal(trace.thetas[:3, waits], np.stack([case.start.theta[waits]] * 3))


def test_every_kth_cycle_goes_coarse() -> None:
    case = PROBLEMS["gradient descent"]
    settings = Multilevel(1, selection=selections.everything, criterion=EveryKth(2, first=1))
    trace = multilevel.run(case.problem, settings, case.start, 0.1, 0.1, 4)
    assert trace.active[trace.coarse].any(axis=(1, 2)).tolist() == [False, True, False, True]


def test_the_criterion_remembers_from_cycle_to_cycle() -> None:
    case = PROBLEMS["gradient descent"]
    settings = Multilevel(1, selection=selections.everything, criterion=Magma(0.5, 100.0, 0))
    trace = multilevel.run(case.problem, settings, case.start, 0.1, 0.1, 4)
    assert trace.active[trace.coarse][:, 1].any(axis=-1).tolist() == [True, False, False, False]


def test_random_groups_are_as_many_as_asked_for() -> None:
    case, rng = PROBLEMS["quadratic, l1"], np.random.default_rng(0)
    groups, theta = case.problem.groups, case.thetas[0]
    assert all(len(selections.random_groups(3)(groups, theta, k, rng).selected) == 3 for k in range(20))
    assert selections.random_groups(9)(groups, theta, 0, rng).selected == (0, 1, 2, 3)


def test_random_groups_are_whole_reproducible_and_anew_in_every_cycle() -> None:
    case = PROBLEMS["least squares, groups"]
    settings = Multilevel(1, selection=selections.random_groups(1))
    runs = [
        multilevel.run(case.problem, settings, case.start, 0.1, 0.1, 12, np.random.default_rng(4)) for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].thetas, runs[1].thetas)
    active = runs[0].active[runs[0].coarse]
    assert np.all(active[..., 0] == active[..., 1])
    assert np.all(active.sum(axis=-1) == 2)
    assert len(np.unique(active[:, 0], axis=0)) == 2


def test_a_rule_of_ones_own_is_a_function() -> None:
    case = PROBLEMS["gradient descent"]

    def largest(groups: Groups, theta: Array, k: int, rng: object) -> Restriction:  # noqa: ARG001
        return Restriction(groups, (int(np.argmax(abs(theta))),))

    trace = multilevel.run(case.problem, Multilevel(1, selection=largest), case.start, 0.1, 0.1, 1)
    assert trace.active[0].tolist() == [[i == j for j in range(4)] for i in (0, 0, 1)]


def test_an_empty_selection_does_nothing_on_the_coarse_level() -> None:
    case = PROBLEMS["quadratic, l1"]
    start = PrimalDual(case.start.theta[0], case.start.v[0])
    trace = multilevel.run(case.problem, Multilevel(2), start, 0.3, 0.2, 1)
    assert not trace.active[:2].any()
    np.testing.assert_array_equal(trace.thetas[3], linbreg.run(case.problem, start, 0.3, 1).final.theta)


@pytest.mark.parametrize("oracle", [MiniBatch(2), VarianceReduced(2), AdditiveNoise(np.ones((3, 2, 4)))])
def test_stochastic_coarse_gradients_leave_frozen_groups_alone(oracle: object) -> None:
    case = PROBLEMS["finite sum, mixture"]
    settings = Multilevel(3, coarse_oracle=oracle)  # type: ignore[arg-type]
    trace = multilevel.run(case.problem, settings, case.start, 0.2, 0.1, 3, np.random.default_rng(0))
    coarse = np.flatnonzero(trace.coarse)
    frozen = ~trace.active[coarse]
    np.testing.assert_array_equal(trace.vs[coarse + 1][frozen], trace.vs[coarse][frozen])
    gradient = case.problem.loss.gradient(trace.before.theta)
    assert np.any(abs(trace.gradients[coarse] - gradient[coarse])[~frozen] > 1e-3)
    np.testing.assert_allclose(trace.gradients[trace.fine_steps], gradient[trace.fine_steps])


def test_stochastic_fine_gradients_are_used_on_the_fine_level() -> None:
    case = PROBLEMS["finite sum, mixture"]
    settings = Multilevel(1, fine_oracle=AdditiveNoise(np.full((1, 4), 0.5)))
    trace = multilevel.run(case.problem, settings, case.start, 0.2, 0.1, 1, np.random.default_rng(0))
    gradient = case.problem.loss.gradient(trace.before.theta)
    np.testing.assert_allclose(trace.gradients[1], gradient[1] + 0.5)


def test_the_expected_loss_after_a_noisy_coarse_phase_by_all_paths() -> None:
    loss = FiniteSum.least_squares(exact([[1, 0, 1], [0, 1, 1]]), exact([1, -1]))
    problem = Problem(loss, L1(Fraction(1, 4)), 1, Groups.singletons(3))
    start = linbreg.init(problem.elastic_net, exact([[1, 0, 2]]))
    restriction = Restriction.to_support(problem.groups, start.theta[0])
    lower = problem.coarse(restriction, start.theta[..., None, :])
    coarse_start = PrimalDual(restriction.restrict(start.theta), restriction.restrict(start.v))
    levels = linbreg.all_paths(lower.elastic_net, lower.loss, coarse_start, Fraction(1, 8), 2, MiniBatch(1))
    pair, chances = levels[-1]
    assert pair.theta.shape == (1, 4, 2)
    assert lower.loss.value(pair.theta).shape == (1, 4)
    assert sum(chances) == 1


def test_errors_name_the_argument() -> None:
    case = PROBLEMS["quadratic, l1"]
    with pytest.raises(ValueError, match="coarse_steps must be an integer ≥ 0, got -1"):
        Multilevel(-1)
    with pytest.raises(TypeError, match=r"coarse_steps must be an integer ≥ 0, got 1\.5"):
        Multilevel(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cycles must be an integer ≥ 0, got -2"):
        multilevel.run(case.problem, Multilevel(1), case.start, 0.1, 0.1, -2)
    with pytest.raises(ValueError, match="tau must be a finite number > 0, got 0"):
        multilevel.run(case.problem, Multilevel(1), case.start, 0.1, 0, 1)
    with pytest.raises(ValueError, match="count must be an integer ≥ 0, got -1"):
        selections.random_groups(-1)
    with pytest.raises(ValueError, match=r"rng must be a numpy.random.Generator to select groups at random, got None"):
        multilevel.run(case.problem, Multilevel(1, selections.random_groups(1)), case.start, 0.1, 0.1, 1)
    other = selections.fixed(Restriction(Groups.whole(4), (0,)))
    with pytest.raises(ValueError, match="restriction must select groups of"):
        multilevel.run(case.problem, Multilevel(1, other), case.start, 0.1, 0.1, 1)
