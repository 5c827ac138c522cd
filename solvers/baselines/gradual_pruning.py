"""Iterative magnitude pruning with the cubic schedule of Zhu & Gupta 2017.

From a dense network, the smallest weights go after the steps t₀, t₀ + Δt, …, t₀ + nΔt; between them the others are trained. A
weight that has gone stays away.

bungert2021 compares with the pruning and retraining of Han et al. 2015, whose schedule it does not give. Zhu & Gupta prune
each layer to the same density: ``scope="layer"`` and ``distribution="uniform"``; ``"global"`` ranks the weights of all layers.
"""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from .magnitude_pruning import pruned_masks
from .masked import MaskedOptimizer
from .schedules import CubicPruning


@final
class GradualPruning(MaskedOptimizer):
    """``begin``: t₀, ``every``: Δt, ``end``: t₀ + nΔt, in steps. ``scope``: ``"global"`` or ``"layer"``.

    Other arguments: see `masked`.
    """

    schedule: CubicPruning

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        begin: int,
        every: int,
        end: int,
        density: float = 0.1,
        distribution: str = "uniform",
        scope: str = "global",
        seed: int = 0,
        **options: Any,
    ) -> None:
        schedule = CubicPruning(begin, every, end, scope)
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        entries = self._trainable()
        self._set_masks(entries, pruned_masks(entries, self.schedule.remaining(now), self.schedule.scope))
