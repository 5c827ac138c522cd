"""Which entries the next step of a multilevel optimizer may move, where that is known before it.

Whether a cycle begins with a coarse step is known for the criteria `Always`, `EveryKth` and `Never`; the others look at the
whole gradient. What will be selected is known for the selection `support`; another one may not be asked twice.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..criteria import Always, EveryKth, Never, View
from .multilevel import MultilevelOptimizer, support
from .regularizers import from_group


def coarse_masks(optimizer: MultilevelOptimizer) -> dict[Tensor, Tensor] | None:
    """For each parameter the entries that move, bool of its shape; None when the next step is fine, or may be."""
    if optimizer.in_coarse_phase:
        # A parameter without a mask came after the phase began: all of it is frozen.
        return {
            theta: optimizer.state[theta]["selected"]
            if theta in optimizer.state and "selected" in optimizer.state[theta]
            else torch.zeros_like(theta, dtype=torch.bool)
            for group in optimizer.param_groups
            for theta in group["params"]
        }
    return support_masks(optimizer) if begins_coarsely(optimizer) else None


def support_masks(optimizer: MultilevelOptimizer) -> dict[Tensor, Tensor]:
    """For each parameter what the selection `support` takes now."""
    return {
        theta: from_group(group).support(theta.detach())
        for group in optimizer.param_groups
        for theta in group["params"]
    }


def begins_coarsely(optimizer: MultilevelOptimizer) -> bool:
    """Whether it is known that the next step is the first coarse one of a phase."""
    lead = optimizer.param_groups[0]
    if lead["position"] > 0 or lead["coarse_steps"] == 0 or optimizer.selection is not support:
        return False
    if not isinstance(optimizer.criterion, Always | EveryKth | Never):
        return False
    decision, _ = optimizer.criterion.decide(None, View(lead["cycle"], np.zeros(1), None, None))
    return bool(decision)
