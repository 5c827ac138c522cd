"""A problem: a loss L, a regularizer J, δ, and the partition over which J is separable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from .arrays import Array, Real
from .coarse import CoarseLoss
from .elastic_net import ElasticNet
from .groups import Groups, Restriction
from .losses.base import Loss
from .regularizers import Regularizer


@dataclass(frozen=True, eq=False)
class Problem:
    """min L with the regularizer J = Σ_g J_g; ``groups`` is the partition, each J_g may split it further."""

    loss: Loss
    regularizer: Regularizer
    delta: Real
    groups: Groups

    def __post_init__(self) -> None:
        if self.groups.dimension != self.loss.dimension:
            raise ValueError(
                f"groups must partition 0 … {self.loss.dimension - 1}, got {self.groups.dimension} coordinates"
            )
        finest = self.regularizer.separable_groups(self.loss.dimension)
        if not self.groups.is_refined_by(finest):
            raise ValueError(f"groups must not split a group of {self.regularizer!r}, got {self.groups.members}")
        _ = self.elastic_net

    @cached_property
    def elastic_net(self) -> ElasticNet:
        """J_δ."""
        return ElasticNet(self.regularizer, self.delta)

    @property
    def dimension(self) -> int:
        """d."""
        return self.loss.dimension

    @property
    def relative_smoothness(self) -> Real:
        """𝖫 = ℓδ: L is 𝖫-smooth relative to J_δ (assumption 1 of lunk2026); ``inf`` when ∇L is not Lipschitz."""
        return math.inf if self.loss.lipschitz == math.inf else self.loss.lipschitz * self.delta

    @property
    def step_size_limit(self) -> Real:
        """1/𝖫, the step size that the theorems ask for; 1 where 𝖫 is 0 or infinite and any unit serves."""
        smoothness = self.relative_smoothness
        return 1 / smoothness if 0 < smoothness < math.inf else 1

    def coarse(self, restriction: Restriction, theta: Array) -> Problem:
        """The problem on the selected groups with the others frozen at θ."""
        return Problem(
            CoarseLoss(self.loss, restriction, theta),
            self.regularizer.restrict(restriction),
            self.delta,
            restriction.coarse_groups,
        )
