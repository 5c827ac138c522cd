"""Patterns of non-zeros beside the weights they belong to: does one cover a weight, and its values as a dense tensor.

Both go once through memory, on all threads: with torch's functions they took longer than the convolutions of a sparse step.
"""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads

#: Entries that a thread takes at a time.
_CHUNK = 1 << 14


def covers(mask: Tensor, weight: Tensor) -> bool:
    """Whether the weight, floating point, is 0 wherever the mask, bool of its shape, is not set. NaN is not 0."""
    if mask.shape != weight.shape or mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool of shape {tuple(weight.shape)}, got {mask.dtype} {tuple(mask.shape)}")
    weight = weight.detach()
    if weight.dtype not in (torch.float32, torch.float64):
        return not bool(((weight != 0) & ~mask).any())
    use_torch_threads()
    flat = weight.contiguous().view(-1).numpy(), mask.contiguous().view(-1).numpy()
    return int(_uncovered(*flat)) == 0


def spread(values: Tensor, positions: Tensor, flat: Tensor) -> None:
    """flat[positions] ← values and 0 elsewhere; ``positions``: int64, ascending."""
    if values.shape != positions.shape or flat.dim() != 1 or not flat.is_contiguous():
        raise ValueError(
            f"values and positions must have one shape, and flat one axis, got {tuple(values.shape)}, "
            f"{tuple(positions.shape)} and {tuple(flat.shape)}"
        )
    use_torch_threads()
    _spread(values.numpy(), positions.numpy(), flat.numpy())


@final
class Pattern:
    """The non-zeros of a bool mask."""

    def __init__(self, mask: Tensor) -> None:
        self.shape = tuple(mask.shape)
        self.positions = mask.reshape(-1).nonzero().squeeze(1)
        """In the flattened weight, ascending, int64 (count,)."""

    @property
    def count(self) -> int:
        """The number of non-zeros."""
        return len(self.positions)

    @cached_property
    def indices(self) -> Tensor:
        """Those of a sparse COO tensor, int64 (axes, count)."""
        return torch.stack(torch.unravel_index(self.positions, self.shape))


@njit(parallel=True, cache=True)
def _uncovered(weight, mask):  # type: ignore[no-untyped-def]
    found = 0
    for chunk in prange((len(weight) + _CHUNK - 1) // _CHUNK):
        part, kept = weight[chunk * _CHUNK : (chunk + 1) * _CHUNK], mask[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        own = 0
        for i in range(len(part)):
            own += (part[i] != 0) & (not kept[i])
        found += own
    return found


@njit(parallel=True, cache=True)
def _spread(values, positions, flat):  # type: ignore[no-untyped-def]
    for chunk in prange((len(flat) + _CHUNK - 1) // _CHUNK):
        begin, end = chunk * _CHUNK, min(len(flat), (chunk + 1) * _CHUNK)
        flat[begin:end] = 0
        first = np.searchsorted(positions, begin)
        last = np.searchsorted(positions, end)
        for i in range(first, last):
            flat[positions[i]] = values[i]
