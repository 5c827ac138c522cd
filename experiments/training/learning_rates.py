"""The factor on the learning rate: warm-up, then cosine, plateau or constant.

symbol | meaning
-------|------------------------------------------------------------------
n      | steps that are done, of N in all
w      | share of N in which the factor rises linearly: (n + 1)/(wN)

cosine: ½(1 + cos π(n − wN)/(N − wN)). plateau: halved when the training loss of an epoch has not fallen below .99 of the best one
in more than 5 epochs in a row: torch's ReduceLROnPlateau(factor=.5, patience=5, threshold=.01), in plain numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

_FACTOR, _PATIENCE, _THRESHOLD = 0.5, 5, 0.01


@final
@dataclass(frozen=True)
class Plateau:
    """What the plateau schedule remembers."""

    best: float = math.inf
    bad: int = 0
    factor: float = 1.0

    def after(self, loss: float) -> Plateau:
        """The state after an epoch with this training loss."""
        if loss < self.best * (1 - _THRESHOLD):
            return Plateau(loss, 0, self.factor)
        if self.bad + 1 > _PATIENCE:
            return Plateau(self.best, 0, self.factor * _FACTOR)
        return Plateau(self.best, self.bad + 1, self.factor)


def factor(schedule: str, done: int, total: int, warmup: float, plateau: Plateau) -> float:
    """The factor in the step after ``done`` steps."""
    rising = round(warmup * total)
    if done < rising:
        return (done + 1) / rising
    if schedule == "cosine":
        return (1 + math.cos(math.pi * (done - rising) / (total - rising))) / 2
    return plateau.factor if schedule == "plateau" else 1.0
