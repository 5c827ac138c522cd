"""SET, sparse evolutionary training (Mocanu et al. 2018).

After every ΔT steps, each layer drops the share ζ of its active weights with the smallest |θ|, and as many grow at random
places, from 0.

Differences from the paper. It drops the smallest positive and the largest negative weights, a share ζ of each sign; here, as
where Evci et al. 2020 compare with it, the sign does not matter. It draws new weights at random; here they start at 0, so
that the step does not change the network's outputs by what it adds. ``anneal="cosine"`` is Evci et al.'s as well.
"""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from .masked import MaskedOptimizer
from .regrowth import regrown_masks
from .schedules import DropFraction
from .selection import random_scores


@final
class SET(MaskedOptimizer):
    """``drop_fraction``: ζ. ``every``: ΔT, an epoch in the paper. The masks do not change from the last step on.

    Other arguments: see `masked`.
    """

    schedule: DropFraction

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        total_steps: int,
        every: int,
        density: float | str = 0.1,
        distribution: str = "er",
        drop_fraction: float = 0.3,
        anneal: str = "constant",
        seed: int = 0,
        **options: Any,
    ) -> None:
        schedule = DropFraction(every, drop_fraction, total_steps, anneal)
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        entries, _ = self._with_gradient()
        growth = [random_scores(self.seed, now, entry.position, entry.theta) for entry in entries]
        self._set_masks(entries, regrown_masks(entries, self.schedule(now), growth))
