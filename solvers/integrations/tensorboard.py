"""TensorBoard: write the `scalars` of a training run. Works with every writer that has ``add_scalar(tag, value, step)``."""

from __future__ import annotations

from typing import Protocol

from torch import nn
from torch.optim import Optimizer

from .scalars import scalars


class Writer(Protocol):
    """torch.utils.tensorboard.SummaryWriter, or anything alike."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One point of the curve ``tag``."""


def log_scalars(writer: Writer, model: nn.Module, optimizer: Optimizer, step: int, prefix: str = "mlbreg/") -> None:
    """Write all `scalars` at this step, each tag behind ``prefix``."""
    for name, value in scalars(model, optimizer).items():
        writer.add_scalar(f"{prefix}{name}", value, step)
