"""The precision in which the optimizers compute and keep their state."""

from __future__ import annotations

import torch
from torch import Tensor


def state_dtype(theta: Tensor) -> torch.dtype:
    """That of the state of θ: float32 at least."""
    return torch.promote_types(theta.dtype, torch.float32)
