"""The constant of strong convexity relative to J_δ at the minimiser: valid everywhere, attained in one dimension."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory import assumptions, sampling
from mlbreg.theory.arrays import exact
from mlbreg.theory.bregman_convexity import constant_at_minimizer, minimizer
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Huber, Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Box, GroupL2, Zero


def test_without_a_regularizer_nu_is_mu_times_delta() -> None:
    problem = Problem(Quadratic(exact([3, 2]), exact([1, 0])), Zero(), Fraction(1, 2), Groups.singletons(2))
    assert constant_at_minimizer(problem) == 1


def test_the_constant_is_attained_at_zero_with_the_opposite_subgradient() -> None:
    problem = Problem(Quadratic(exact([1]), exact([2])), L1(Fraction(3)), Fraction(1), Groups.singletons(1))
    pair = PrimalDual(exact([[0]]), exact([[-3]]))
    star, nu = minimizer(problem, pair.theta)[None, :], constant_at_minimizer(problem)
    assert nu == Fraction(1, 7)
    assert assumptions.relative_strong_convexity(problem.loss, problem.elastic_net, nu, star, pair)[0] == 0
    larger = nu * Fraction(101, 100)
    assert assumptions.relative_strong_convexity(problem.loss, problem.elastic_net, larger, star, pair)[0] < 0


@pytest.mark.parametrize("seed", range(20))
def test_the_inequality_holds_everywhere_for_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    partition = Groups.of([[0, 1], [2]], 3)
    star = rng.normal(size=3) * np.array([1, 1, seed % 2])
    problem = Problem(Quadratic(rng.uniform(0.5, 2, 3), star), GroupL2(0.7, partition), 0.4, partition)
    pair = sampling.primal_dual_pairs(rng, 500, problem.elastic_net, 3)
    margin = assumptions.relative_strong_convexity(
        problem.loss, problem.elastic_net, constant_at_minimizer(problem), star + 0 * pair.theta, pair
    )
    assert margin.min() >= -1e-12


def test_indicators_and_losses_that_are_not_strongly_convex_are_refused() -> None:
    quadratic, groups = Quadratic(np.ones(1), np.zeros(1)), Groups.singletons(1)
    with pytest.raises(ValueError, match="regularizer must be zero or a sum of norms"):
        constant_at_minimizer(Problem(quadratic, Box(-1, 1), 1.0, groups))
    with pytest.raises(ValueError, match="loss must be strongly convex, got Huber"):
        constant_at_minimizer(Problem(Huber(np.ones((1, 1)), np.zeros(1), 1.0), Zero(), 1.0, groups))
