"""Memory of activations that is used again: a fresh 33 MB tensor costs 8 ms of page faults each time.

A buffer is lent as a tensor and comes back when the last tensor that looks at it is gone, also those that autograd has saved.
So nothing that is needed is overwritten, whatever the order of forward and backward passes is; two forward passes before a
backward pass take twice the memory.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import final

import numpy as np
import torch
from torch import Tensor

from .blocks import Blocked, Grid, zeros


@final
class Buffers:
    """Activations of the grids that were asked for; borders and spare lanes are 0 when they are lent."""

    def __init__(self) -> None:
        self._free: dict[Hashable, list[np.ndarray]] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        """All that was ever made here, lent and free."""

    def take(self, grid: Grid, writer: Hashable = None) -> Blocked:
        """An activation whose pixels hold anything.

        ``writer``: who asks, where not all pixels are written: a buffer stays with its writer, and the others stay 0.
        """
        return Blocked(self._lend((grid, writer), lambda: zeros(grid).memory, grid.dtype), grid)

    def take_flat(self, count: int) -> Tensor:
        """Float32 memory of ``count`` entries that hold anything."""
        return self._lend(count, lambda: torch.zeros(count), torch.float32)

    def _lend(self, key: Hashable, make: Callable[[], Tensor], dtype: torch.dtype) -> Tensor:
        with self._lock:
            free = self._free.setdefault(key, [])
            whole = free.pop() if free else None
        if whole is None:
            whole = make().view(torch.uint8).numpy()  # numpy has no bfloat16
            self.bytes += whole.nbytes
        # torch holds on to the array that it was given for as long as any tensor has the memory.
        lent = whole[:]
        weakref.finalize(lent, free.append, whole).atexit = False
        return torch.frombuffer(lent, dtype=dtype)
