"""The FLOPs that training has used so far, with the support as it was in each step (lunk2026 appendix C).

symbol | meaning
-------|--------------------------------------------------------------------------------------
f_D    | FLOPs of a dense forward pass of one example: `solvers.networks.flops`
f_S    | Σ_l (non-zero weights of l/weights of l) f_D,l, at the step
f_C    | f_S when the coarse phase began: what it may move

step                                                          | FLOPs for one example
--------------------------------------------------------------|-----------------------
full gradient: dense, LinBreg, AdaBreg, ProxSGD, Lasso        | 2 f_S + f_D
a coarse step of ML LinBreg                                   | 2 f_S + f_C
masks: static, SET, pruning, AC/DC, RigL and GraNet           | 3 f_S
masks change by a dense gradient: RigL, GraNet                | 2 f_S + f_D

A dense network has f_S = f_D. Whatever `FlopCount.assumptions` says holds here, and the optimizer's own work is not counted.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...solvers.baselines.granet import GraNet
from ...solvers.baselines.masked import MaskedOptimizer
from ...solvers.baselines.rigl import RigL
from ...solvers.networks.flops import count_flops
from ...solvers.optim.multilevel import MultilevelOptimizer


@final
class StepCosts:
    """``used``: the sum over all steps, on the training device; ``dense_used``: what dense training would have used."""

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        count = count_flops(model, example)
        self.dense = float(count.dense) / len(example)
        self.assumptions = count.assumptions
        modules = dict(model.named_modules())
        self._weights: list[Any] = [modules[layer.name].weight for layer in count.layers]
        shares = [layer.dense / len(example) / layer.weights for layer in count.layers]
        self._per_weight = torch.tensor(shares, dtype=torch.float64, device=example.device)
        self.used = torch.zeros((), dtype=torch.float64, device=example.device)
        self.dense_used = 0.0
        self._coarse = self.used

    def sparse(self) -> Tensor:
        """f_S now."""
        nonzero = torch.stack([torch.count_nonzero(weight.detach()) for weight in self._weights])
        return nonzero.to(torch.float64) @ self._per_weight

    def charge(self, optimizer: Optimizer, forward: Tensor, examples: int) -> None:
        """Add the step that ``optimizer`` has just taken; ``forward`` is what `sparse` was before it."""
        self.used = self.used + examples * (2 * forward + self._gradient(optimizer, forward))
        self.dense_used += examples * 3 * self.dense

    def _gradient(self, optimizer: Optimizer, forward: Tensor) -> Tensor | float:
        if isinstance(optimizer, MultilevelOptimizer):
            coarse_steps_done = optimizer.param_groups[0]["position"]
            if coarse_steps_done == 1:
                self._coarse = forward
            return self._coarse if coarse_steps_done else self.dense
        if isinstance(optimizer, MaskedOptimizer):
            by_gradient = isinstance(optimizer, RigL | GraNet) and optimizer.schedule.due(optimizer.steps)
            return self.dense if by_gradient else forward
        return self.dense

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors."""
        return {"used": self.used.cpu(), "coarse": self._coarse.cpu(), "dense_used": self.dense_used}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._coarse = state["coarse"].to(self.used.device)
        self.used = state["used"].to(self.used.device)
        self.dense_used = float(state["dense_used"])
