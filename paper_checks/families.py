"""What a claim quantifies over. A family has two faces:

- `sample` draws a batch in floating point (fast: one problem, hundreds of points);
- `strategy` is a hypothesis strategy in small rationals (exact: it finds and shrinks counterexamples).

Families depend on what was drawn before them by its name in `given`: pairs, points, step sizes and noise belong to
``problem``, coarse pairs also to ``restriction``. A new family is one class with these two methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ..theory import sampling, strategies
from ..theory.arrays import exact, is_exact
from ..theory.elastic_net import ElasticNet, PrimalDual
from ..theory.problems import Problem

Drawn = Mapping[str, Any]

#: The adversary stays in [−LARGEST, LARGEST]: beyond it, overflow and cancellation are all that it would find.
LARGEST = 1e6


class Family(ABC):
    """A set of values with a random sampler and an exact strategy."""

    #: True when `sample` gives ``count`` values along the first axis, False when it gives one for the whole batch.
    batched: bool = True

    @abstractmethod
    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        """Floating-point values."""

    @abstractmethod
    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        """One exact value, with a leading batch axis of length 1 where the family is batched."""

    def simplified(self, level: int) -> Family:
        """The part of the family to be searched first for a small counterexample: level 0 is the simplest, 3 everything."""
        return self

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        """A value near the given one, for the adversary; the value itself where nothing is continuous."""
        return value


@final
@dataclass(frozen=True)
class Problems(Family):
    """Loss, regularizer, δ and groups. ``losses`` and ``regularizers`` restrict the kinds by their names."""

    losses: tuple[str, ...] = sampling.SMOOTH
    regularizers: tuple[str, ...] = sampling.REGULARIZERS
    max_dimension: int = 6
    is_simplest: bool = False
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Problem:
        return sampling.problem(rng, self.losses, self.regularizers, self.max_dimension)

    def simplified(self, level: int) -> Problems:
        """Level 0: d = 1, the simplest loss and regularizer of the family, δ = 1; then d ≤ 1, 2, 3."""
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)), is_simplest=level == 0)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        named = {*self.losses, *(["half_square"] if "quadratic" in self.losses else [])}
        losses = [kind for kind in strategies.LOSSES if kind in named]
        regularizers = [kind for kind in strategies.REGULARIZERS if kind in self.regularizers]
        if not losses or not regularizers:
            return hs.nothing()  # logistic, say: floating point alone is left
        if self.is_simplest:
            return strategies.problems(losses[:1], regularizers[:1], 1, max_delta=0)
        return strategies.problems(losses, regularizers, min(self.max_dimension, 3))


@final
@dataclass(frozen=True)
class Restrictions(Family):
    """Selections of whole groups of the problem."""

    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.restriction(rng, drawn["problem"].groups)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.restrictions(drawn["problem"].groups)


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

    def perturb(self, rng: Generator, value: PrimalDual, drawn: Drawn, size: float) -> PrimalDual:
        net, _ = self._net(drawn)
        theta = value.theta * (1 + size * rng.normal(size=value.theta.shape))
        theta = theta + size * rng.normal(size=theta.shape) * (rng.random((len(theta), 1)) < 0.5) * (value.theta != 0)
        theta = theta.clip(-LARGEST, LARGEST)
        inside = net.regularizer.in_domain(theta)
        theta = theta * inside[:, None] + value.theta * ~inside[:, None]
        p = net.p(value)
        return net.pair(theta, (p + size * rng.normal(size=p.shape) * (1 + abs(p))).clip(-LARGEST, LARGEST))


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

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        regularizer, _ = self._space(drawn)
        moved = value * (1 + size * rng.normal(size=value.shape)) + size * rng.normal(size=value.shape) * (value != 0)
        moved = moved.clip(-LARGEST, LARGEST)
        inside = regularizer.in_domain(moved)
        return moved * inside[:, None] + value * ~inside[:, None]


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

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        moved = value * (1 + size * rng.normal(size=value.shape)) + size * rng.normal(size=value.shape)
        return moved.clip(-LARGEST, LARGEST)


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


@final
@dataclass(frozen=True)
class StepSizes(Family):
    """τ ∈ (0, at_most·u] with the unit u = 1/𝖫 = 1/(ℓδ) of the problem, the end point included."""

    at_most: float | Fraction = 1

    def __post_init__(self) -> None:
        if not self.at_most > 0:
            raise ValueError(f"at_most must be > 0, got {self.at_most!r}")

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.step_sizes(rng, count, float(drawn["problem"].step_size_limit), float(self.at_most))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.step_sizes(Fraction(drawn["problem"].step_size_limit), Fraction(self.at_most))

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        limit = float(self.at_most) * float(drawn["problem"].step_size_limit)
        return (value * (1 + size * rng.normal(size=value.shape))).clip(1e-9 * limit, limit)

    def at(self, share: float, problem: Problem, like: Any) -> Any:
        """τ = share·u for every instance, in the arithmetic of ``like``."""
        unit = problem.step_size_limit
        return 0 * like + (exact(share) * Fraction(unit) if is_exact(like) else share * float(unit))


@final
@dataclass(frozen=True)
class Noise(Family):
    """Equally likely noise vectors ξ_ω with mean zero, shape (..., outcomes, d): g_ω = ∇L(θ) + ξ_ω is unbiased."""

    outcomes: int = 2

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.noise(rng, count, drawn["problem"].dimension, self.outcomes)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.noise(drawn["problem"].dimension, self.outcomes)

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        moved = (value * (1 + size * rng.normal(size=value.shape))).clip(-LARGEST, LARGEST)
        return moved - moved.mean(axis=1, keepdims=True)


def problems(
    losses: Collection[str] = sampling.SMOOTH,
    regularizers: Collection[str] = sampling.REGULARIZERS,
    max_dimension: int = 6,
) -> Problems:
    """Problems whose loss has a Lipschitz gradient, unless other kinds are named."""
    for name, kinds, known in (
        ("losses", losses, {*sampling.LOSSES, *strategies.LOSSES}),
        ("regularizers", regularizers, sampling.REGULARIZERS),
    ):
        unknown = [kind for kind in kinds if kind not in known]
        if unknown or not kinds:
            raise ValueError(f"{name} must be some of {sorted(known)}, got {list(kinds)}")
    return Problems(tuple(losses), tuple(regularizers), max_dimension)


def primal_dual_pairs() -> PrimalDualPairs:
    """(θ, v ∈ ∂J_δ(θ)) of ``problem``."""
    return PrimalDualPairs()


def coarse_pairs() -> PrimalDualPairs:
    """(θ̂, v̂ ∈ ∂Ĵ_δ(θ̂)) of ``problem`` on ``restriction``."""
    return PrimalDualPairs(coarse=True)


def unrelated_pairs(coarse: bool = False) -> UnrelatedPairs:
    """(θ, v) with v any vector, for the experiment without v ∈ ∂J_δ(θ)."""
    return UnrelatedPairs(coarse)


def points() -> Points:
    """θ̃ ∈ dom J of ``problem``."""
    return Points()


def coarse_points() -> Points:
    """θ̂ ∈ dom Ĵ of ``problem`` on ``restriction``."""
    return Points(coarse=True)


def vectors(coarse: bool = False) -> Vectors:
    """Any vectors of the dimension of ``problem`` or, with ``coarse``, of ``restriction``."""
    return Vectors(coarse)


def restrictions() -> Restrictions:
    """Selections of whole groups of ``problem``."""
    return Restrictions()


def step_sizes(at_most: float | Fraction = 1) -> StepSizes:
    """τ up to ``at_most`` in units of 1/𝖫."""
    return StepSizes(at_most)


def noise(outcomes: int = 2) -> Noise:
    """Finite noise with mean zero."""
    return Noise(outcomes)
