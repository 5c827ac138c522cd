"""What a descent method cost and what it reached: objective values, work units and seconds after each iteration.

A work unit is the cost of one gradient on the finest level. Values that are computed for this record alone are neither
counted nor timed; those that the algorithm needs (line search) are both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from ..theory.arrays import Array, Real, check_number


@final
@dataclass(frozen=True, eq=False)
class Progress:
    """Before the first iteration and after each of K."""

    values: Array
    """f(xᵏ), (K + 1, ...)."""
    work: np.ndarray
    """Work units so far, (K + 1, ...)."""
    seconds: np.ndarray
    """Wall-clock time since the first iteration, (K + 1,)."""

    @staticmethod
    def join(parts: Sequence[Progress]) -> Progress:
        """One record of several runs, each of which went on from the state in which the one before it ended."""
        if not parts:
            raise ValueError("parts must hold at least one Progress, got none")
        seconds = [parts[0].seconds]
        for part in parts[1:]:
            seconds.append(seconds[-1][-1] + part.seconds[1:])
        return Progress(
            np.concatenate([parts[0].values, *(part.values[1:] for part in parts[1:])]),
            np.concatenate([parts[0].work, *(part.work[1:] for part in parts[1:])]),
            np.concatenate(seconds),
        )


@final
@dataclass(frozen=True)
class Costs:
    """Work units of an evaluation.

    ``gradients``: of a gradient on each level, the finest first; left out, the ratio of the dimensions. ``value``: of a
    value, as a share of a gradient on the same level. The default ½ is that of ½‖Ax − b‖²: A without Aᵀ.
    """

    gradients: tuple[Real, ...] | None = None
    value: Real = 0.5

    def __post_init__(self) -> None:
        for cost in self.gradients or ():
            check_number("gradients", cost, at_least=0)
        check_number("value", self.value, at_least=0)

    def of_gradient(self, level: int, dimension: int, finest: int) -> float:
        """The cost of a gradient on a level of that dimension, 0 the finest, below a finest level of dimension ``finest``."""
        if self.gradients is None:
            return dimension / finest if finest else 1.0
        return float(self.gradients[level])

    def check_levels(self, levels: int) -> None:
        """A `ValueError` when there are costs, but not one for each of so many levels."""
        if self.gradients is not None and len(self.gradients) != levels:
            raise ValueError(f"gradients must have one cost for each of {levels} levels, got {self.gradients!r}")
