"""What a loss is: value, gradient, and the constants that theorems ask for.

symbol | attribute           | meaning
-------|---------------------|-------------------------------------------------------------------------------------
L*     | `infimum`           | inf L, always known here
ℓ      | `lipschitz`         | a Lipschitz constant of ∇L (``math.inf`` when there is none)
μ      | `strong_convexity`  | L − (μ/2)‖·‖² is convex; 0 when L is merely convex, None when L is not convex
η      | `pl_constant`       | ½‖∇L‖² ≥ η(L − L*) everywhere (Polyak–Łojasiewicz); None when there is no such η > 0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

from ..arrays import Array, Real, check_finite, check_vector


class Loss(ABC):
    """A differentiable loss L: ℝᵈ → ℝ; everything acts along the last axis, leading axes are a batch."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def value(self, theta: Array) -> Array:
        """L(θ), shape ``(..., d) → (...)``."""

    @abstractmethod
    def gradient(self, theta: Array) -> Array:
        """∇L(θ), shape ``(..., d) → (..., d)``."""

    @property
    @abstractmethod
    def infimum(self) -> Real:
        """L* = inf L."""

    @property
    @abstractmethod
    def lipschitz(self) -> Real:
        """A Lipschitz constant ℓ of ∇L; ``math.inf`` when ∇L has none."""

    @property
    @abstractmethod
    def strong_convexity(self) -> Real | None:
        """μ ≥ 0 for a convex loss, None for a loss that is not convex."""

    @property
    @abstractmethod
    def pl_constant(self) -> Real | None:
        """η with ½‖∇L‖² ≥ η(L − L*) for all θ, or None."""

    @abstractmethod
    def minimizer(self) -> Array | None:
        """A θ* with L(θ*) = L*, shape ``(d,)``, or None when the infimum is not attained."""

    @final
    def __call__(self, theta: Array) -> Array:
        """L(θ); a `ValueError` when θ has the wrong shape or an entry that is not finite."""
        return self.value(check_finite("theta", check_vector("theta", theta, self.dimension)))
