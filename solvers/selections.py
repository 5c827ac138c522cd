"""Which groups the coarse level keeps: rules θᵏ ↦ Rᵏ (lunk2026, section 3; the analysis allows any).

A rule is a function ``rule(groups, theta, k, rng) -> Restriction`` of the partition, one θᵏ of shape (d,), the cycle k and
the generator of the run (None when the run has none). Write your own, or take one of these:

rule            | selects
----------------|------------------------------------------------------------
`support`       | the groups with θ_g ≠ 0: the paper's choice
`everything`    | all groups: m + 1 LinBreg steps
`random_groups` | a number of groups at random, anew in every cycle
`fixed`         | always the same groups
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..theory.arrays import Array, int_list
from ..theory.groups import Groups, Restriction
from . import arguments

Selection: TypeAlias = Callable[[Groups, Array, int, np.random.Generator | None], Restriction]


def support(groups: Groups, theta: Array, k: int, rng: np.random.Generator | None) -> Restriction:  # noqa: ARG001
    """The groups with θ_g ≠ 0."""
    return Restriction.to_support(groups, theta)


def everything(groups: Groups, theta: Array, k: int, rng: np.random.Generator | None) -> Restriction:  # noqa: ARG001
    """All groups."""
    return Restriction(groups, tuple(range(groups.count)))


def random_groups(count: int) -> Selection:
    """``count`` groups without replacement (all of them when there are fewer), anew in every cycle."""
    arguments.count("count", count)

    def rule(groups: Groups, theta: Array, k: int, rng: np.random.Generator | None) -> Restriction:  # noqa: ARG001
        if rng is None:
            raise ValueError("rng must be a numpy.random.Generator to select groups at random, got None")
        chosen = rng.choice(groups.count, size=min(count, groups.count), replace=False)
        return Restriction(groups, tuple(sorted(int_list(chosen))))

    return rule


def fixed(restriction: Restriction) -> Selection:
    """Always the same restriction."""

    def rule(groups: Groups, theta: Array, k: int, rng: np.random.Generator | None) -> Restriction:  # noqa: ARG001
        if restriction.groups != groups:
            raise ValueError(f"restriction must select groups of {groups.members}, got {restriction.groups.members}")
        return restriction

    return rule
