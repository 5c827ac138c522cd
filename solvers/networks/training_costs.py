"""The FLOPs of one training step by each method, from those of the forward pass (lunk2026 appendix C, after RigL).

symbol | here                | meaning
-------|---------------------|-------------------------------------------------------------
f_D    | `FlopCount.dense`   | FLOPs of a dense forward pass
f_S    | `FlopCount.sparse`  | FLOPs of a forward pass with the non-zero weights
m      | ``coarse_steps``    | coarse steps between two fine steps of ML LinBreg
ΔT     | ``update_interval`` | sparse steps of RigL for each change of its support

The formulas are those of `mlbreg.theory.costs`. Products without weights (attention) are in f_S and f_D alike, so that
every formula charges them three times: forward, and the gradient of either factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ...theory import costs
from .flops import FlopCount
from .text_table import text_table


@final
@dataclass(frozen=True)
class TrainingCosts:
    """FLOPs of one training step by each method, with the support as it is now."""

    dense: float
    linbreg: float
    multilevel: float
    rigl: float
    static: float
    coarse_steps: int
    update_interval: int
    count: FlopCount

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the formulas take for granted beyond the count of the forward pass."""
        return (
            "A step is three passes that cost the same: forward, gradient of the inputs, gradient of the weights.",
            "The gradient of the first layer's inputs is charged, though nobody needs it.",
            "The optimizer's own work and the choice of a support (masks, top-k) are not counted.",
            "The support stays as it is: for a whole training add up the steps.",
            f"ML LinBreg: {self.coarse_steps} coarse steps for each fine step.",
            f"RigL: RigL's formula, {self.update_interval} sparse steps for each update; its Algorithm 1 makes one fewer.",
            "Static sparse training and SET never need a dense gradient.",
        )

    def __str__(self) -> str:
        rows = [
            (name, round(value), value / self.dense if self.dense else None)
            for name, value in (
                ("dense (SGD, Adam)", self.dense),
                ("LinBreg", self.linbreg),
                (f"ML LinBreg, m = {self.coarse_steps}", self.multilevel),
                (f"RigL, ΔT = {self.update_interval}", self.rigl),
                ("static, SET", self.static),
            )
        ]
        table = text_table(("method", "FLOPs per step", "share of dense"), rows)
        return "\n".join([table, *(f"- {line}" for line in (*self.assumptions, *self.count.assumptions))])


def training_costs(count: FlopCount, *, coarse_steps: int = 99, update_interval: int = 100) -> TrainingCosts:
    """The FLOPs of a training step from those of its forward pass, after lunk2026 appendix C.

    method      | FLOPs
    ------------|--------------------------------------
    dense       | 3 f_D
    LinBreg     | 2 f_S + f_D
    ML LinBreg  | (m·3 f_S + 2 f_S + f_D)/(m + 1)
    RigL        | (ΔT·3 f_S + 2 f_S + f_D)/(ΔT + 1)
    static, SET | 3 f_S

    RigL's Algorithm 1 updates at every ΔT-th step *instead of* a gradient step, which makes ΔT − 1 sparse steps for each
    update and not the ΔT of its own formula: that is ``update_interval=ΔT − 1`` here.
    """
    for name, value in (("coarse_steps", coarse_steps), ("update_interval", update_interval)):
        if value < 0:
            raise ValueError(f"{name} must be ≥ 0, got {value}")
    return TrainingCosts(
        dense=costs.dense_step(count.dense),
        linbreg=costs.linbreg_step(count.sparse, count.dense),
        multilevel=costs.multilevel_step(count.sparse, count.dense, coarse_steps),
        rigl=costs.multilevel_step(count.sparse, count.dense, update_interval),
        static=costs.dense_step(count.sparse),
        coarse_steps=coarse_steps,
        update_interval=update_interval,
        count=count,
    )
