"""A problem for Bregman proximal gradient: min f over the closure of C = int dom φ, with f smooth relative to φ.

symbol | attribute            | meaning
-------|----------------------|-----------------------------------------------------------------------------------
f      | `loss`               | anything with ``value`` and ``gradient``
φ      | `reference`          | a Legendre function
L      | `smoothness`         | Lφ − f is convex on C (Bauschke, Bolte and Teboulle 2017)
μ      | `relative_convexity` | f − μφ is convex on C; 0 when f is merely convex, None when it is not (Lu, Freund and Nesterov 2018)
       | `below`              | the coarse problem and the transfer to it, None without one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, final

from .arrays import Array, Real, check_number
from .references import Reference


class Differentiable(Protocol):
    """f."""

    def value(self, x: Array, /) -> Array:
        """f(x), shape ``(..., d) → (...)``."""

    def gradient(self, x: Array, /) -> Array:
        """∇f(x), shape ``(..., d) → (..., d)``."""


@final
@dataclass(frozen=True, eq=False)
class RelativeProblem:
    """f, φ and the constants that connect them. It is a level of a multilevel method; `below` is the next one."""

    loss: Differentiable
    reference: Reference
    smoothness: Real
    dimension: int
    relative_convexity: Real | None = None
    below: tuple[RelativeProblem, Any] | None = None

    def __post_init__(self) -> None:
        check_number("smoothness", self.smoothness, at_least=0)
        if self.relative_convexity is not None:
            check_number("relative_convexity", self.relative_convexity, at_least=0)

    def coarse(self) -> tuple[RelativeProblem, Any] | None:
        """`below`, under the name by which solvers ask for it."""
        return self.below

    @property
    def step_size_limit(self) -> Real:
        """1/L; 1 where L is 0 and any unit serves."""
        return 1 / self.smoothness if self.smoothness else 1
