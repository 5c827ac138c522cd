"""Evaluate a model somewhere else, or once more, and leave no trace of it.

what an evaluation changes         | `elsewhere` | `without_trace`
-----------------------------------|-------------|----------------
parameters                         | put back    |
buffers: batch norm's statistics … |             | put back
torch's random numbers (dropout)   |             | put back
``.grad``                          |             |

Everything is put back by copying into the tensors that are there, bit for bit: no second model, no new storage, tied
parameters stay tied. Python's and NumPy's random numbers are not torch's and go on; draw with them before, not inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def elsewhere(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Inside the block the parameters have the values given; afterwards what they had before, bit for bit."""
    before = [parameter.detach().clone() for parameter in parameters]
    copy_into(parameters, values)
    try:
        yield
    finally:
        copy_into(parameters, before)


@contextmanager
def without_trace(model: nn.Module) -> Iterator[None]:
    """Buffers and torch's random state are afterwards what they were before, bit for bit.

    So an evaluation inside the block and one right after it draw the same dropout masks, and only the second one moves
    the running statistics.
    """
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    devices = {tensor.device for tensor in (*model.parameters(), *buffers) if tensor.is_cuda}
    with torch.random.fork_rng(devices=sorted({device.index for device in devices})):
        try:
            yield
        finally:
            copy_into(buffers, before)


@torch.no_grad()
def copy_into(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """x ← its value, for each tensor, in place."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
