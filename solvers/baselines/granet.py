"""GraNet, gradual pruning with zero-cost neuroregeneration (Liu et al. 2021).

After every ΔT steps: prune to the density that the cubic schedule says, smallest |θ| of all layers first; then let each layer
drop the share f(t) = r/2 (1 + cos(π t/T)) of what is left and grow as many by |∂L/∂θ| of the same backward pass. The weights
that grow start at 0 and without momentum, unless they have just been dropped for the regeneration. After the last pruning,
regeneration goes on until the end of training.

symbol | argument           | in the paper
-------|--------------------|------------------------------------------------------------------
       | ``initial_density``| 0.5 distributed by ERK; 1 is the paper's dense-to-sparse variant
r      | ``regeneration``   | 0.5
T      | ``total_steps``    |
ΔT     | ``every``          |

Differences from the authors' code. Its f ends at 0.005, here it ends at 0, and the number of weights is rounded down instead of
up. Its threshold drops all weights with the same |θ|; here counts are exact and ties go to the first.
"""

from __future__ import annotations

from typing import Any, final

from torch.optim import SGD, Optimizer

from .magnitude_pruning import pruned_masks
from .masked import MaskedOptimizer
from .regrowth import regrown_masks
from .schedules import CubicPruning, PruneAndRegenerate


@final
class GraNet(MaskedOptimizer):
    """``begin``, ``end``: the first and the last pruning, in steps. Other arguments: see above and `masked`."""

    schedule: PruneAndRegenerate

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        begin: int,
        every: int,
        end: int,
        total_steps: int,
        density: float = 0.1,
        initial_density: float = 0.5,
        distribution: str = "erk",
        regeneration: float = 0.5,
        scope: str = "global",
        seed: int = 0,
        **options: Any,
    ) -> None:
        pruning = CubicPruning(begin, every, end, scope)
        schedule = PruneAndRegenerate(initial_density, pruning, regeneration, total_steps)
        super().__init__(params, base, schedule, density=density, distribution=distribution, seed=seed, options=options)

    def _change_masks(self, now: int) -> None:
        pruning = self.schedule.pruning
        if pruning.due(now):
            entries = self._trainable()
            self._set_masks(entries, pruned_masks(entries, pruning.remaining(now), pruning.scope))
        fraction = self.schedule.regenerated(now)
        if fraction > 0:
            entries, gradients = self._with_gradient()
            self._set_masks(entries, regrown_masks(entries, fraction, [g.abs() for g in gradients]))
