"""RigL, "Rigging the lottery" (Evci et al. 2020, algorithm 1).

    at t = ΔT, 2ΔT, … < T_end, in place of a step:   k = ⌊f(t)·n_l⌋,  f(t) = α/2 (1 + cos(π t/T_end))
        drop the k active weights of layer l with the smallest |θ|, then grow the k others with the largest |∂L/∂θ|, from 0

symbol | argument          | default
-------|-------------------|---------------------------------------
ΔT     | ``every``         | 100 steps
α      | ``drop_fraction`` | 0.3
T_end  | ``stop`` · ``total_steps`` | 0.75 of training
n_l    | active weights of layer l | Erdős–Rényi-Kernel

The dense gradient is that of the one backward pass of the step. A weight that is dropped and grown in the same step keeps its
value and momentum, as in the authors' code; one that was not active starts without momentum, as there.

Differences from the authors' code. It adds noise of deviation 1e-5 to |θ| before it drops; here ties go to the first weight.
Its first change is at the first step, where the magnitudes say nothing yet; here it is at t = ΔT. Its clock stands still while
masks change; here every call of `step` counts, as in algorithm 1.
"""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from ..arguments import count, share
from .masked import MaskedOptimizer
from .regrowth import regrown_masks
from .schedules import DropFraction


@final
class RigL(MaskedOptimizer):
    """Arguments: see above and `masked`."""

    replaces_step = True
    schedule: DropFraction

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        total_steps: int,
        every: int = 100,
        density: float | str = 0.1,
        distribution: str = "erk",
        drop_fraction: float = 0.3,
        stop: float = 0.75,
        seed: int = 0,
        **options: Any,
    ) -> None:
        schedule = DropFraction(every, drop_fraction, _end(stop, total_steps))
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        entries, gradients = self._with_gradient()
        self._set_masks(entries, regrown_masks(entries, self.schedule(now), [g.abs() for g in gradients]))


def _end(stop: float, total_steps: int) -> int:
    if stop != 1:
        share("stop", stop)
    return round(stop * count("total_steps", total_steps, at_least=1))
