"""What a run returns."""

import numpy as np
from mlbreg.solvers import linbreg
from mlbreg.solvers.trace import Trace
from mlbreg.theory import inequalities

from .problem_list import Case


def test_a_run_in_two_halves_joins_to_the_whole_run(case: Case) -> None:
    whole = linbreg.run(case.problem, case.start, 0.2, 6)
    first = linbreg.run(case.problem, case.start, 0.2, 4)
    second = linbreg.run(case.problem, first.final, 0.2, 2)
    joined = Trace.join([first, second])
    for name in ("thetas", "vs", "step_sizes", "gradients", "losses", "active", "coarse"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    assert joined.fine_steps.tolist() == list(range(6))


def test_margins_evaluate_on_whole_traces(case: Case) -> None:
    trace = linbreg.run(case.problem, case.start, 0.1, 6)
    net, star = case.problem.elastic_net, np.array([0.1, 0.0, 0.2, 0.3])
    sides = inequalities.distance_change(net, star, trace.before, trace.after, trace.step_sizes, trace.gradients)
    for left, right, size in sides.values():
        assert left.shape == (6, 3)
        assert np.all(abs(left - right) <= 1e-13 * size)
