"""Sums, biases and ReLU in the blocked layout.

    y[n, c, i, j] = f(a[n, c, i, j] + b[n, c, i, j] + bias[c]),    f = max(·, 0) or the identity; b and bias may be absent

y may be the memory of a or of b. NaN goes through ReLU, as in torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads
from .blocks import Blocked
from .frames import clear_spare_lanes, extent, frame, memory, per_channel, row_of, same_images
from .numbers import narrowed, widened

_SUMS = {"reassoc"}


def add(
    a: Blocked, y: Blocked, b: Blocked | None = None, bias: Tensor | None = None, relu: bool = False
) -> None:  # fmt: skip
    """Write y, see above."""
    same_images(a=a, b=b, y=y)
    beside = a if b is None else b
    shift = per_channel("bias", bias, a.grid.channels, 0.0)
    use_torch_threads()
    _add(
        memory(a), memory(beside), memory(y), frame(a.grid), frame(beside.grid), frame(y.grid), extent(a.grid),
        shift, b is not None, relu,
    )  # fmt: skip


def relu_gradient(y: Blocked, dy: Blocked, dx: Blocked) -> None:
    """dx ← dy where y > 0, else 0."""
    same_images(y=y, dy=dy, dx=dx)
    use_torch_threads()
    _relu_gradient(memory(y), memory(dy), memory(dx), frame(y.grid), frame(dy.grid), frame(dx.grid), extent(y.grid))


def channel_sums(x: Blocked) -> np.ndarray:
    """Σ over images and pixels, float64 (C,): the gradient of a bias."""
    sums = np.empty(x.grid.channels)
    use_torch_threads()
    _channel_sums(memory(x), frame(x.grid), extent(x.grid), sums)
    return sums


@njit(parallel=True, cache=True)
def _add(a, b, y, walk_a, walk_b, walk_y, size, shift, adds, relu):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        plus = shift[channel]
        for r in range(size[2]):
            first = row_of(a, walk_a, block, channel, r, size[3])
            target = row_of(y, walk_y, block, channel, r, size[3])
            if adds:
                second = row_of(b, walk_b, block, channel, r, size[3])
                if relu:
                    for i in range(size[3]):
                        z = widened(first[i]) + widened(second[i]) + plus
                        target[i] = narrowed(zero if z <= zero else z, target[i])
                else:
                    for i in range(size[3]):
                        target[i] = narrowed(widened(first[i]) + widened(second[i]) + plus, target[i])
            elif relu:
                for i in range(size[3]):
                    z = widened(first[i]) + plus
                    target[i] = narrowed(zero if z <= zero else z, target[i])
            else:
                for i in range(size[3]):
                    target[i] = narrowed(widened(first[i]) + plus, target[i])
        if block == size[0] - 1:
            clear_spare_lanes(y, walk_y, size, channel)


@njit(parallel=True, cache=True)
def _relu_gradient(y, dy, dx, walk_y, walk_dy, walk_dx, size):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        for r in range(size[2]):
            output = row_of(y, walk_y, block, channel, r, size[3])
            slope = row_of(dy, walk_dy, block, channel, r, size[3])
            target = row_of(dx, walk_dx, block, channel, r, size[3])
            for i in range(size[3]):
                target[i] = narrowed(zero if widened(output[i]) <= zero else widened(slope[i]), target[i])
        if block == size[0] - 1:
            clear_spare_lanes(dx, walk_dx, size, channel)


@njit(parallel=True, cache=True, fastmath=_SUMS)
def _channel_sums(x, walk, size, sums):  # type: ignore[no-untyped-def]
    for channel in prange(size[1]):
        total = 0.0
        for block in range(size[0]):
            for r in range(size[2]):
                row = row_of(x, walk, block, channel, r, size[3])
                part: Any = np.float32(0)
                for i in range(size[3]):
                    part += widened(row[i])
                total += part
        sums[channel] = total
