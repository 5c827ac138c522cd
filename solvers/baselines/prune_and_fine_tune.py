"""Train, prune once, fine-tune: lunk2026's baseline, 180 epochs dense, then 20 with the mask.

The learning rate of the fine-tuning is the scheduler's. lunk2026 does not say whether it prunes by layer or over all of them:
``scope`` has both.
"""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from .magnitude_pruning import pruned_masks
from .masked import MaskedOptimizer
from .schedules import Once


@final
class PruneAndFineTune(MaskedOptimizer):
    """``prune_after``: how many steps are dense. ``scope``: ``"global"`` or ``"layer"``. Other arguments: see `masked`."""

    schedule: Once

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        prune_after: int,
        density: float = 0.1,
        distribution: str = "uniform",
        scope: str = "global",
        seed: int = 0,
        **options: Any,
    ) -> None:
        schedule = Once(prune_after, scope)
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        entries = self._trainable()
        self._set_masks(entries, pruned_masks(entries, 0.0, self.schedule.scope))
