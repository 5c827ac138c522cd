"""The problems that every solver is tried on: each kind of loss and regularizer, with a start in the domain of J."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from mlbreg.solvers import linbreg
from mlbreg.theory.arrays import Array
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import FiniteSum, LeastSquares, Logistic, Quadratic, SineQuadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, Nuclear, WeightedL1, Zero

_rng = np.random.default_rng(7)
_TALL, _WIDE = _rng.normal(size=(9, 4)) / 2, _rng.normal(size=(3, 4)) / 2
_NINE, _THREE = _rng.normal(size=9), _rng.normal(size=3)
_LABELS = np.where(_rng.random(9) < 0.5, -1.0, 1.0)
_PAIRS, _SINGLES = Groups.of_sizes([2, 2]), Groups.singletons(4)


class Case(NamedTuple):
    """A problem and a batch of three starting points θ, shape (3, 4); the first is 0 wherever the domain allows it."""

    problem: Problem
    thetas: Array
    convex: bool = True

    @property
    def start(self) -> PrimalDual:
        """The pairs with the subgradient of J nearest to 0."""
        return linbreg.init(self.problem.elastic_net, self.thetas)


_THETAS = np.array([[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, -0.3, 0.1], [0.0, 0.9, 0.7, 0.2]])
_QUADRATIC = Quadratic([1.0, 2.0, 0.5, 1.0], [1.0, -0.6, 0.4, 0.0])
_MIXTURE = Mixture(_PAIRS, [L1(0.2), GroupL2(0.3, Groups.whole(2))])

PROBLEMS = {
    "gradient descent": Case(Problem(_QUADRATIC, Zero(), 1.0, _SINGLES), _THETAS),
    "quadratic, l1": Case(Problem(_QUADRATIC, L1(0.3), 2.0, _SINGLES), _THETAS),
    "quadratic, box": Case(Problem(_QUADRATIC, Box(-1.0, 2.0), 0.5, _SINGLES), _THETAS),
    "least squares, weighted l1": Case(
        Problem(LeastSquares(_TALL, _NINE), WeightedL1([0.1, 0.0, 1.0, 0.5]), 1.0, _SINGLES), _THETAS
    ),
    "underdetermined, l1": Case(Problem(LeastSquares(_WIDE, _THREE), L1(0.5), 1.0, _SINGLES), _THETAS),
    "least squares, groups": Case(Problem(LeastSquares(_TALL, _NINE), GroupL2(0.3, _PAIRS), 1.0, _PAIRS), _THETAS),
    "finite sum, mixture": Case(Problem(FiniteSum.least_squares(_TALL, _NINE), _MIXTURE, 1.0, _PAIRS), _THETAS),
    "least squares, nuclear": Case(
        Problem(LeastSquares(_TALL, _NINE), Nuclear(0.4, (2, 2)), 1.0, Groups.whole(4)), _THETAS
    ),
    "logistic, l1": Case(Problem(Logistic(_TALL, _LABELS, ridge=0.2), L1(0.1), 1.0, _SINGLES), _THETAS),
    "not convex, l1": Case(Problem(SineQuadratic(_WIDE, _THREE), L1(0.2), 0.5, _SINGLES), _THETAS, convex=False),
}
