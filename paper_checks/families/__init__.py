"""What a claim quantifies over. A family has two faces:

- `sample` draws a batch in floating point (fast: one problem, hundreds of points);
- `strategy` is a hypothesis strategy in small rationals (exact: it finds and shrinks counterexamples).

Families depend on what was drawn before them by its name in `given`: pairs, points, step sizes and noise belong to
``problem``, coarse pairs also to ``restriction``. A new family is one class with these two methods.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from ...theory import sampling, strategies
from .base import LARGEST, Drawn, Family
from .points import Points, PrimalDualPairs, UnrelatedPairs, Vectors
from .problem import Problems, Restrictions
from .steps import Noise, StepSizes

__all__ = [
    "LARGEST", "Drawn", "Family", "Noise", "Points", "PrimalDualPairs", "Problems", "Restrictions", "StepSizes",
    "UnrelatedPairs", "Vectors", "coarse_pairs", "coarse_points", "noise", "points", "primal_dual_pairs", "problems",
    "restrictions", "step_sizes", "unrelated_pairs", "vectors",
]  # fmt: skip


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


def step_sizes(at_most: float | Fraction = 1, unit: str = "1/𝖫") -> StepSizes:
    """τ up to ``at_most`` in units of 1/𝖫 or of another entry of `steps.UNITS`."""
    return StepSizes(at_most, unit)


def noise(outcomes: int = 2) -> Noise:
    """Finite noise with mean zero."""
    return Noise(outcomes)
