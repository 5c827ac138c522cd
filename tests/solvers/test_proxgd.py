"""Proximal gradient descent."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as hs
from mlbreg.solvers import proxgd
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.regularizers import L1

from .examples import few
from .problem_list import Case

RATIONAL = ("zero", "l1", "weighted_l1", "box", "nonnegative", "mixture")


def test_a_step_by_hand() -> None:
    theta = proxgd.step(L1(2), exact([[1, -1]]), exact([[-4, 1]]), Fraction(1, 4))
    # θ − τg = (2, −5/4), threshold τλ = 1/2
    assert theta.tolist() == [[Fraction(3, 2), Fraction(-3, 4)]]


@few
@given(hs.data())
def test_the_trace_carries_a_subgradient_at_every_iterate(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(regularizer_kinds=RATIONAL))
    start = data.draw(st.primal_dual_pairs(problem.elastic_net, problem.dimension))
    trace = proxgd.run(problem, start, data.draw(st.positive_rationals()), 3)
    assert np.all(problem.elastic_net.subgradient_residual(trace.pairs) == 0)
    assert np.all(problem.elastic_net.fenchel_young_gap(trace.pairs) == 0)


def test_step_sizes_may_differ_between_instances(case: Case) -> None:
    taus = np.array([0.1, 0.3, 0.7])
    trace = proxgd.run(case.problem, case.start, taus, 5)
    for i, tau in enumerate(taus):
        alone = proxgd.run(case.problem, PrimalDual(case.start.theta[i], case.start.v[i]), float(tau), 5)
        np.testing.assert_allclose(trace.thetas[:, i], alone.thetas, rtol=1e-12, atol=1e-14)
