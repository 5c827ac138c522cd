"""Every solver on every problem of the shared list: it stays in the subdifferential, and it gets where it should."""

from collections.abc import Callable

import numpy as np
import pytest
from mlbreg.solvers import adabreg, bregman_iteration, linbreg, momentum, multilevel, proxgd, step_sizes
from mlbreg.solvers.criteria import GradientTest
from mlbreg.solvers.multilevel import Multilevel
from mlbreg.solvers.trace import Trace
from mlbreg.theory import inequalities

from .problem_list import PROBLEMS, Case

Run = Callable[[Case, int], Trace]


def _tau(case: Case, share: float = 1.0) -> float:
    return share * float(case.problem.step_size_limit)


def _multilevel(case: Case, iterations: int, settings: Multilevel) -> Trace:
    return multilevel.run(case.problem, settings, case.start, _tau(case), _tau(case, 0.5), iterations)


SOLVERS: dict[str, Run] = {
    "linbreg": lambda case, k: linbreg.run(case.problem, case.start, _tau(case), k),
    "momentum": lambda case, k: momentum.run(case.problem, case.start, _tau(case), k, beta=0.8),
    "momentum as printed": lambda case, k: momentum.run_as_printed(
        case.problem, case.start, _tau(case, 0.15), k, beta=0.8
    ),
    "inertial": lambda case, k: momentum.run_inertial(case.problem, case.start, _tau(case), k, gamma=2.0),
    "adabreg": lambda case, k: adabreg.run(case.problem, case.start, step_sizes.power(0.2, 0.5), 3 * k),
    "bregman iteration": lambda case, k: bregman_iteration.run(case.problem, case.start, 3.0, k // 20),
    "multilevel": lambda case, k: _multilevel(case, k // 3, Multilevel(coarse_steps=3)),
    "multilevel, (10)": lambda case, k: _multilevel(case, k // 2, Multilevel(2, criterion=GradientTest(0.5, 1e-9))),
}
#: AdaBreg moves by about τ ∝ 1/√k in every coordinate; the printed momentum form is stable for small τ only.
SLOW = {"adabreg": 2e-2, "momentum as printed": 2e-2}


def applies(solver: str, case: Case) -> bool:
    return case.convex or solver != "bregman iteration"


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_loss_goes_to_its_infimum(solver: str, case: Case) -> None:
    if not applies(solver, case):
        pytest.skip("the Bregman iteration is for convex losses")
    trace = SOLVERS[solver](case, 240)
    gap = trace.losses - float(case.problem.loss.infimum)
    assert np.all(gap[-1] <= SLOW.get(solver, 1e-4) * (1 + gap[0]))


@pytest.mark.parametrize("solver", [*SOLVERS, "proxgd"])
def test_every_pair_of_a_run_is_in_the_subdifferential_by_three_oracles(solver: str, case: Case) -> None:
    if not applies(solver, case):
        pytest.skip("the Bregman iteration is for convex losses")
    run = SOLVERS.get(solver, lambda case, k: proxgd.run(case.problem, case.start, _tau(case), k))
    trace = run(case, 30)
    # An implicit step is solved to 1e-10, and ProxGD divides by τ.
    tolerance = 1e-8 if solver == "bregman iteration" else 1e-12
    for oracle, margin in inequalities.membership(case.problem.elastic_net, trace.pairs).items():
        assert np.min(margin) >= -tolerance, oracle


def test_proximal_gradient_descent_reaches_a_critical_point_of_loss_plus_regularizer(case: Case) -> None:
    problem = case.problem
    trace = proxgd.run(problem, case.start, 1 / float(problem.loss.lipschitz), 600)
    theta = trace.final.theta
    distance = problem.regularizer.subdifferential_distance(theta, -problem.loss.gradient(theta))
    assert np.all(distance <= 1e-7)


def test_the_loss_of_linbreg_decreases_in_every_step_with_a_step_size_below_the_limit(case: Case) -> None:
    trace = linbreg.run(case.problem, case.start, _tau(case), 60)
    margin = inequalities.descent(
        case.problem.loss, case.problem.elastic_net, trace.before, trace.after, trace.step_sizes
    )
    assert np.min(margin) >= -1e-13


def test_the_loss_of_multilevel_linbreg_decreases_in_coarse_and_fine_steps(case: Case) -> None:
    trace = _multilevel(case, 20, Multilevel(coarse_steps=4))
    assert np.max(np.diff(trace.losses, axis=0)) <= 1e-13


def test_the_list_has_a_start_with_a_group_that_is_zero_for_every_regularizer() -> None:
    assert all(np.any(case.thetas == 0) for case in PROBLEMS.values())
