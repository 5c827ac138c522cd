"""Families of points, of vectors, and of primal-dual pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.elastic_net import ElasticNet, PrimalDual
from ...theory.regularizers import Regularizer
from .base import Drawn, Family


@final
@dataclass(frozen=True)
class PrimalDualPairs(Family):
    """(θ, v ∈ ∂J_δ(θ)), of the problem or, with ``coarse``, of its restriction: (θ̂, v̂ ∈ ∂Ĵ_δ(θ̂))."""

    coarse: bool = False

    def _net(self, drawn: Drawn) -> tuple[ElasticNet, int]:
        problem = drawn["problem"]
        if not self.coarse:
            return problem.elastic_net, problem.dimension
        restriction = drawn["restriction"]
        return ElasticNet(problem.regularizer.restrict(restriction), problem.delta), restriction.coarse_dimension

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> PrimalDual:
        return sampling.primal_dual_pairs(rng, count, *self._net(drawn))

    def strategy(self, drawn: Drawn) -> SearchStrategy[PrimalDual]:
        return strategies.primal_dual_pairs(*self._net(drawn))

    def coordinates(self, value: PrimalDual, drawn: Drawn) -> Any:
        net, _ = self._net(drawn)
        return np.concatenate([value.theta, net.p(value)], axis=1)

    def with_coordinates(self, value: PrimalDual, coordinates: Any, drawn: Drawn) -> PrimalDual:
        net, dimension = self._net(drawn)
        theta, p = coordinates[:, :dimension], coordinates[:, dimension:]
        return net.pair(_inside(net.regularizer, theta * (value.theta != 0), value.theta), p)


@final
@dataclass(frozen=True)
class Points(Family):
    """θ ∈ dom J of the problem or, with ``coarse``, θ̂ ∈ dom Ĵ of its restriction; no subgradient attached."""

    coarse: bool = False

    def _space(self, drawn: Drawn) -> tuple[Any, int]:
        net, dimension = PrimalDualPairs(self.coarse)._net(drawn)
        return net.regularizer, dimension

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.points(rng, count, *self._space(drawn))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.points(*self._space(drawn))

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        regularizer, _ = self._space(drawn)
        return _inside(regularizer, coordinates * (value != 0), value)


@final
@dataclass(frozen=True)
class Vectors(Family):
    """Any vectors of ℝᵈ or, with ``coarse``, of the coarse space of the restriction."""

    coarse: bool = False

    def _dimension(self, drawn: Drawn) -> int:
        return int(drawn["restriction"].coarse_dimension if self.coarse else drawn["problem"].dimension)

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return rng.normal(size=(count, self._dimension(drawn))) * 10 ** rng.uniform(-1.5, 1.5, size=(count, 1))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.vectors(self._dimension(drawn))

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        return coordinates


@final
@dataclass(frozen=True)
class UnrelatedPairs(Family):
    """(θ, v) with v any vector: what is left of a pair without v ∈ ∂J_δ(θ)."""

    coarse: bool = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> PrimalDual:
        return PrimalDual(*(side.sample(rng, count, drawn) for side in (Points(self.coarse), Vectors(self.coarse))))

    def strategy(self, drawn: Drawn) -> SearchStrategy[PrimalDual]:
        theta, v = Points(self.coarse).strategy(drawn), Vectors(self.coarse).strategy(drawn)
        return hs.builds(PrimalDual, theta, v)

    def coordinates(self, value: PrimalDual, drawn: Drawn) -> Any:
        return np.concatenate([value.theta, value.v], axis=1)

    def with_coordinates(self, value: PrimalDual, coordinates: Any, drawn: Drawn) -> PrimalDual:
        dimension = value.theta.shape[1]
        theta = Points(self.coarse).with_coordinates(value.theta, coordinates[:, :dimension], drawn)
        return PrimalDual(theta, coordinates[:, dimension:])


def _inside(regularizer: Regularizer, moved: Any, old: Any) -> Any:
    """The moved points, and the old ones where these leave dom J."""
    return np.where(regularizer.in_domain(moved)[:, None], moved, old)
