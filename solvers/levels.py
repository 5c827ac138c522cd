"""What the multilevel methods ask of a problem and of the transfer between two of its levels.

symbol | here                 | meaning                                              | shape
-------|----------------------|------------------------------------------------------|-------------------------
f      | `Level.loss`         | `value` and `gradient`                               | (..., d) → (...), (..., d)
φ      | `Level.reference`    | a `theory.references.Reference`; C = int dom φ       |
L      | `Level.smoothness`   | f is L-smooth relative to φ: Lφ − f is convex on C   | a number > 0
R      | `Transfer.restrict`  | linear                                               | (..., d) → (..., d̂)
P      | `Transfer.prolong`   | linear, P = cRᵀ for a c > 0                          | (..., d̂) → (..., d)

P = cRᵀ is what makes the coarse correction a descent direction: ⟨∇f(y), Pη⟩ = c⟨R∇f(y), η⟩.

A coarse start R y lies in Ĉ whenever R has no negative entry and no zero row, and, for a box, row sums ≤ 1: each entry of
R y is then a sum of positive numbers that is less than 1 when all y_j are. Full weighting is such an R, with Dirichlet
boundaries (row sums ¾ at the ends), too. Rounding can still put an entry on the boundary, so the solver looks.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

from ..theory.arrays import Array, Real
from ..theory.references import Reference
from . import arguments


class Objective(Protocol):
    """f, or a coarse model of it."""

    def value(self, x: Array, /) -> Array:
        """f(x), shape ``(..., d) → (...)``."""

    def gradient(self, x: Array, /) -> Array:
        """∇f(x), shape ``(..., d) → (..., d)``."""


class Transfer(Protocol):
    """R and P between a level and the next coarser one."""

    def restrict(self, x: Array, /) -> Array:
        """R x."""

    def prolong(self, x: Array, /) -> Array:
        """P x."""


class Level(Protocol):
    """A problem min_{x ∈ C} f(x) that may have a coarser version."""

    @property
    def loss(self) -> Objective:
        """f."""

    @property
    def reference(self) -> Reference:
        """φ."""

    @property
    def smoothness(self) -> Real:
        """L relative to φ."""

    def coarse(self) -> tuple[Any, Transfer] | None:
        """The next coarser `Level` and the transfer to it; None on the coarsest level."""


class Hierarchy(NamedTuple):
    """All levels, the finest first, and the transfers between neighbours: made once, for `Level.coarse` may be costly."""

    levels: tuple[Level, ...]
    transfers: tuple[Transfer, ...]


def hierarchy(problem: Level, levels: int | None = None) -> Hierarchy:
    """The levels below ``problem``; at most ``levels`` ≥ 1 of them in all when that is given."""
    most = math.inf if levels is None else arguments.count("levels", levels, at_least=1)
    found: list[Level] = [problem]
    transfers: list[Transfer] = []
    while len(found) < most:
        below = found[-1].coarse()
        if below is None:
            break
        found.append(below[0])
        transfers.append(below[1])
    return Hierarchy(tuple(found), tuple(transfers))
