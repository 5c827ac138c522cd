"""AC/DC, alternating compressed and decompressed training (Peste et al. 2021).

Dense for ``warmup`` steps; then, in turns of ``length`` steps, only the largest weights are trained (compressed; the others are
0) and all of them (decompressed; the others start from 0). The last two phases have lengths of their own. The momentum is
set to 0 where a decompressed phase begins, as in the authors' runs: for SGD its buffer, for Adam the first moment.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch.optim import SGD, Optimizer

from .magnitude_pruning import pruned_masks
from .masked import MaskedOptimizer
from .schedules import Phases

_MOMENTA = ("momentum_buffer", "exp_avg")


@final
class ACDC(MaskedOptimizer):
    """Lengths in steps, see `schedules.Phases`. ``scope``: ``"global"`` or ``"layer"``. Other arguments: see `masked`."""

    schedule: Phases

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        warmup: int,
        length: int,
        final_decompressed: int,
        final_compressed: int,
        total_steps: int,
        density: float = 0.1,
        distribution: str = "uniform",
        scope: str = "global",
        seed: int = 0,
        **options: Any,
    ) -> None:
        schedule = Phases(warmup, length, final_decompressed, final_compressed, total_steps, scope)
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        entries = self._trainable()
        if self.schedule.compressed(now):
            self._set_masks(entries, pruned_masks(entries, 0.0, self.schedule.scope))
            return
        self._set_masks(entries, [torch.ones_like(entry.mask) for entry in entries])
        for state in self.state.values():
            for name in _MOMENTA:
                # SGD without momentum holds None.
                if state.get(name) is not None:
                    state[name].zero_()
