"""Static sparse training: a random mask that never changes (the baseline "static" of Evci et al. 2020)."""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from .masked import MaskedOptimizer
from .schedules import Never


@final
class StaticSparse(MaskedOptimizer):
    """Arguments: see `masked`."""

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        density: float | str = 0.1,
        distribution: str = "erk",
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(params, base, Never(), density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        raise AssertionError("the mask of static sparse training never changes")
