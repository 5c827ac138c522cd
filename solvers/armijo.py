"""Armijo's backtracking line search along a direction, inside an open domain.

    the first α in α₀, βα₀, β²α₀, …, at most ``halvings`` + 1 of them, with y + αd ∈ C and
        f(y + αd) ≤ f(y) + σα⟨∇f(y), d⟩,
    where α₀ = min(``first``, ρα_max),  α_max = sup{α : y + αd ∈ C}

symbol | argument        | allowed
-------|-----------------|---------------------------------------
σ      | ``sufficient``  | (0, 1): the share of the slope that f must descend by
β      | ``shrink``      | (0, 1)
ρ      | ``boundary``    | (0, 1): how far towards the boundary of C a step may go
α₀     | ``first``       | > 0
α_max  | `feasible_step` | 0 < α_max ≤ ∞, for y ∈ C

f is evaluated along the line (`lines`): for a loss of Ax all trials together cost two products with A.

Every trial point is asked for its membership in C before f is evaluated there, so rounding cannot leave C, and references
whose domain `feasible_step` does not know are served as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from ..theory.arrays import Array, Real, check_finite, check_number, inner, is_exact, scalar
from ..theory.references import Burg, FermiDirac, Reference, Shannon
from . import arguments
from .levels import Objective
from .lines import Line, line


@final
@dataclass(frozen=True)
class Armijo:
    """The settings."""

    sufficient: Real = 1e-4
    shrink: Real = 0.5
    halvings: int = 30
    first: Real = 1
    boundary: Real = 0.99

    def __post_init__(self) -> None:
        arguments.share("sufficient", self.sufficient)
        arguments.share("shrink", self.shrink)
        arguments.count("halvings", self.halvings)
        check_number("first", self.first, above=0)
        arguments.share("boundary", self.boundary)


class Search(NamedTuple):
    """What the search found, for each instance."""

    x: Array
    """y + αd where accepted, else y; (..., d)."""
    alpha: Array
    """α, 0 where not accepted; (...)."""
    accepted: np.ndarray
    """False where d is no descent direction or no trial point decreased f enough; bool (...)."""
    evaluations: np.ndarray
    """Values of f that were needed, f(y) among them, or products with A where the trials share them; (...)."""
    line: Line | None = None
    """f along y + αd, for the gradient at ``x``."""


def feasible_step(reference: Reference, y: Array, direction: Array) -> Array:
    """α_max = sup{α : y + αd ∈ C} for y ∈ C, shape ``(..., d), (..., d) → (...)``; ∞ where nothing is in the way.

    ∞, too, for a reference other than those of `theory.references`.
    """
    lower = isinstance(reference, Shannon | FermiDirac | Burg)
    upper = isinstance(reference, FermiDirac)
    with np.errstate(over="ignore"):  # a bound beyond the largest float is ∞
        steps = np.full(y.shape, math.inf, dtype=y.dtype)
        if lower:
            falls = np.asarray(direction < 0, dtype=bool)
            steps = np.where(falls, y / np.where(falls, -direction, 1), steps)
        if upper:
            rises = np.asarray(direction > 0, dtype=bool)
            steps = np.where(rises, (1 - y) / np.where(rises, direction, 1), steps)
    return np.asarray(np.min(steps, axis=-1, initial=math.inf), dtype=y.dtype)


def search(
    settings: Armijo, loss: Objective, reference: Reference, y: Array, direction: Array, gradient: Array
) -> Search:
    """The line search from y ∈ C along d with g = ∇f(y), arrays (..., d): each instance of a batch has its own α.

    Raises where y is outside C or f(y) is not finite, and where d or g is not finite or not of the shape of y. A direction
    with ⟨g, d⟩ ≥ 0 is no error: it is not accepted.
    """
    for name, vector in (("direction", direction), ("gradient", gradient)):
        if np.shape(vector) != y.shape:
            raise ValueError(f"{name} must have the shape of y, {y.shape}, got {np.shape(vector)}")
        check_finite(name, vector)
    if not bool(np.all(reference.in_domain(y))):
        raise ValueError(f"y must be in the interior of the domain of {reference!r}, got {y}")
    along = line(loss, y, direction)
    value = along.value(0 * inner(y, y), y)
    if not np.all(value - value == 0):
        raise ValueError(f"y must be a point at which the loss is finite, got loss {value}")
    slope = np.asarray(inner(gradient, direction))
    sufficient, shrink = scalar(settings.sufficient, y), scalar(settings.shrink, y)
    alpha = _first(settings, reference, y, direction)
    pending = np.asarray(slope < 0, dtype=bool)
    accepted = np.zeros(pending.shape, dtype=bool)
    evaluations = pending.astype(np.int64) * (2 if along.shares_products else 1)
    x, taken = y, 0 * alpha
    for _ in range(settings.halvings + 1):
        if not pending.any():
            break
        trial = y + alpha[..., None] * direction
        ask = pending & np.asarray(reference.in_domain(trial), dtype=bool)
        if ask.any():
            # Instances that do not ask stand at y, where f is known to be finite.
            after = along.value(np.where(ask, alpha, 0 * alpha), np.where(ask[..., None], trial, y))
            enough = ask & np.asarray(after <= value + sufficient * alpha * slope, dtype=bool)
            evaluations = evaluations + (0 if along.shares_products else ask)
            x, taken = np.where(enough[..., None], trial, x), np.where(enough, alpha, taken)
            accepted, pending = accepted | enough, pending & ~enough
        alpha = np.where(pending, shrink * alpha, alpha)
    return Search(x, np.asarray(taken), accepted, evaluations, along)


def _first(settings: Armijo, reference: Reference, y: Array, direction: Array) -> Array:
    most, first = feasible_step(reference, y, direction), scalar(settings.first, y)
    unbounded = np.asarray(most == math.inf, dtype=bool)
    # 0·∞ and Fraction·∞ are not wanted: the bound is used where it is finite.
    bound = scalar(settings.boundary, y) * np.where(unbounded, scalar(1, y), most)
    bound = np.where(unbounded | np.asarray(bound > first, dtype=bool), first, bound)
    return np.asarray(bound, dtype=object if is_exact(y) else y.dtype)
