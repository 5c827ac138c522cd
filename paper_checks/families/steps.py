"""Families of step sizes and of noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import sampling, strategies
from ...theory.arrays import exact, is_exact
from ...theory.bregman_convexity import constant_at_minimizer
from ...theory.losses import FiniteSum
from ...theory.problems import Problem
from .base import Drawn, Family


def _strongly_convex(problem: Problem) -> Any:
    ell, mu = problem.loss.lipschitz, problem.loss.strong_convexity
    if not mu:
        raise ValueError(
            f"the unit μ/(ℓ²δ) needs a strongly convex loss, got {type(problem.loss).__name__} with μ = {mu}"
        )
    return mu / (ell * ell * problem.delta)


def _largest_summand(problem: Problem) -> Any:
    if not isinstance(problem.loss, FiniteSum):
        raise ValueError(f"the unit 1/(δ·max ℓᵢ) needs a finite sum, got {type(problem.loss).__name__}")
    return 1 / ((problem.loss.component_lipschitz or 1) * problem.delta)


#: Units of step sizes: what the theorems' limits are multiples of.
UNITS: Mapping[str, Callable[[Problem], Any]] = {
    "1/𝖫": lambda problem: problem.step_size_limit,
    "μ/(ℓ²δ)": _strongly_convex,
    "1/(δ·max ℓᵢ)": _largest_summand,
    "1/ν": lambda problem: 1 / constant_at_minimizer(problem),
}


@final
@dataclass(frozen=True)
class StepSizes(Family):
    """τ ∈ (0, at_most·u], the end point included; the unit u belongs to the problem, 1/𝖫 = 1/(ℓδ) if nothing is said."""

    at_most: float | Fraction = 1
    unit: str = "1/𝖫"

    def __post_init__(self) -> None:
        if not self.at_most > 0:
            raise ValueError(f"at_most must be > 0, got {self.at_most!r}")
        if self.unit not in UNITS:
            raise ValueError(f"unit must be one of {list(UNITS)}, got {self.unit!r}")

    def of(self, problem: Problem) -> Any:
        """The unit for this problem, a number."""
        return UNITS[self.unit](problem)

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        return sampling.step_sizes(rng, count, float(self.of(drawn["problem"])), float(self.at_most))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        return strategies.step_sizes(Fraction(self.of(drawn["problem"])), Fraction(self.at_most))

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value[:, None] / self._largest(drawn)

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        return coordinates[:, 0].clip(1e-9, 1) * self._largest(drawn)

    def _largest(self, drawn: Drawn) -> float:
        return float(self.at_most) * float(self.of(drawn["problem"]))

    def at(self, share: Any, problem: Problem, like: Any) -> Any:
        """τ = share·u, in the arithmetic of ``like``; ``share`` is a number or an array of the shape of ``like``."""
        unit = self.of(problem)
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

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        return value.reshape(len(value), -1)

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        moved = coordinates.reshape(value.shape)
        return moved - moved.mean(axis=1, keepdims=True)
