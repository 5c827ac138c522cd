"""Sparse linear layers in the blocked layout: the batch is the lanes, images are one pixel, tiles run over blocks.

    Y[o, n] = Σ W[o, c] X[c, n]    dX[c, n] = Σ W[o, c] dY[o, n]    dW[o, c] = Σ_n dY[o, n] X[c, n]    over the non-zeros of W

A tile is up to 16 blocks of images of one output, in registers (`tiles`, whose rows are blocks here); CSR for Y and dW, the
transposed structure for dX. Threads share out the outputs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads
from .blocks import Blocked, Grid
from .frames import memory
from .patterns import Pattern
from .tiles import contract, gather
from .vectors import VECTOR

_LARGEST_OFFSET = 2**32 - 1
#: Outputs that a thread takes at a time.
_CHUNK = 8


@final
@dataclass(frozen=True, eq=False)
class _Rows:
    """CSR: where the non-zeros of each row begin, int64 (rows + 1); their offsets, uint32; their places in the flat weight."""

    starts: np.ndarray
    offsets: np.ndarray
    order: Tensor


@final
class LinearPlan:
    """The offsets of one pattern of non-zeros, for inputs and outputs of one shape."""

    def __init__(self, mask: Tensor, x: Grid, y: Grid) -> None:
        """``mask``: bool (O, C); ``x``, ``y``: grids of (N, C, 1, 1) and (N, O, 1, 1) with any borders."""
        wanted = (y.channels, x.channels)
        if tuple(mask.shape) != wanted or mask.dtype != torch.bool:
            raise ValueError(f"mask must be bool of shape (O, C) = {wanted}, got {mask.dtype} {tuple(mask.shape)}")
        if (x.height, x.width) != (1, 1) or (y.images, y.height, y.width) != (x.images, 1, 1):
            raise ValueError(f"x and y must be grids of (N, C, 1, 1) and (N, O, 1, 1), got {x} and {y}")
        if x.storage != y.storage:
            raise ValueError(f"x and y must have the same storage, got {x.storage} and {y.storage}")
        if max(x.block, y.block) > _LARGEST_OFFSET:
            raise ValueError(f"a block of images must be below 4 GiB, got {x.block} and {y.block} bytes")
        self.x, self.y, self.shape = x, y, wanted
        self.pattern = Pattern(mask)
        found = self.pattern.positions
        out, channel = np.divmod(found.numpy(), x.channels)
        by_channel = np.argsort(channel, kind="stable")
        self.forward = _Rows(_starts(out, wanted[0]), (channel * x.channel).astype(np.uint32), found)
        self.backward = _Rows(
            _starts(channel[by_channel], wanted[1]),
            (out[by_channel] * y.channel).astype(np.uint32),
            found[torch.from_numpy(by_channel)],
        )

    @property
    def count(self) -> int:
        """The number of non-zeros."""
        return self.pattern.count

    def with_images(self, images: int) -> LinearPlan:
        """The same for another number of images: nothing in a plan depends on it but the grids."""
        other = copy.copy(self)
        other.x, other.y = replace(self.x, images=images), replace(self.y, images=images)
        return other


def _starts(labels: np.ndarray, count: int) -> np.ndarray:
    return np.searchsorted(labels, np.arange(count + 1)).astype(np.int64)


def forward(plan: LinearPlan, weight: Tensor, x: Blocked, y: Blocked) -> None:
    """Y ← W X. Only the one pixel of each output is written."""
    _check(plan, weight, x, y)
    _multiply(plan.forward, weight, x, y)


def input_gradient(plan: LinearPlan, weight: Tensor, dy: Blocked, dx: Blocked) -> None:
    """dX ← Wᵀ dY."""
    _check(plan, weight, dx, dy)
    _multiply(plan.backward, weight, dy, dx)


def weight_gradient(plan: LinearPlan, x: Blocked, dy: Blocked) -> Tensor:
    """dW at the non-zeros, in C order, float32 (count,)."""
    _check(plan, None, x, dy)
    rows, sums = plan.forward, np.zeros(plan.count, dtype=np.float32)
    use_torch_threads()
    _contract_rows(
        _address(x), _address(dy), rows.starts, rows.offsets, sums, x.grid.blocks,
        np.asarray([x.grid.block, dy.grid.block, dy.grid.channel], dtype=np.int64), x.grid.stored,
    )  # fmt: skip
    return torch.from_numpy(sums)


def _multiply(rows: _Rows, weight: Tensor, source: Blocked, target: Blocked) -> None:
    values = weight.detach().reshape(-1)[rows.order].numpy()
    use_torch_threads()
    _gather_rows(
        _address(source), _address(target), rows.starts, rows.offsets, values, source.grid.blocks,
        np.asarray([source.grid.block, target.grid.block, target.grid.channel], dtype=np.int64), source.grid.stored,
    )  # fmt: skip


def _address(x: Blocked) -> int:
    """Of the pixel of channel 0 in block 0."""
    return x.address + x.grid.place(0, 0)


def _check(plan: LinearPlan, weight: Tensor | None, x: Blocked, y: Blocked) -> None:
    # Beyond this line addresses are plain numbers.
    for name, given, wanted in (("x", x, plan.x), ("y", y, plan.y)):
        if given.grid != wanted:
            raise ValueError(f"{name} must have the grid of the plan, {wanted}, got {given.grid}")
        memory(given)
        if given.address % VECTOR:
            raise ValueError(f"{name} must be aligned to {VECTOR} bytes, got address {given.address}")
    if weight is not None and (tuple(weight.shape) != plan.shape or weight.dtype != torch.float32):
        raise ValueError(f"weight must be float32 of shape {plan.shape}, got {weight.dtype} {tuple(weight.shape)}")


@njit(parallel=True, cache=True)
def _gather_rows(source, target, starts, offsets, values, blocks, strides, stored):  # type: ignore[no-untyped-def]
    """``strides``: bytes between blocks of the source, blocks and channels of the target."""
    rows = len(starts) - 1
    where, what = offsets.ctypes.data, values.ctypes.data
    step, out = strides[0], strides[1]
    for chunk in prange((rows + _CHUNK - 1) // _CHUNK):
        for o in range(chunk * _CHUNK, min(rows, (chunk + 1) * _CHUNK)):
            first, done = starts.ctypes.data + 8 * o, 0
            src, dst = source, target + o * strides[2]
            while done < blocks:
                if blocks - done >= 16:
                    gather(
                        16, 1, 1, 1, 0, stored, src + done * step, where, what, first, step, dst + done * out, out, 0
                    )
                    done += 16
                elif blocks - done >= 8:
                    gather(8, 1, 1, 1, 0, stored, src + done * step, where, what, first, step, dst + done * out, out, 0)
                    done += 8
                elif blocks - done >= 2:
                    gather(2, 1, 1, 1, 0, stored, src + done * step, where, what, first, step, dst + done * out, out, 0)
                    done += 2
                else:
                    gather(1, 1, 1, 1, 0, stored, src + done * step, where, what, first, step, dst + done * out, out, 0)
                    done += 1


@njit(parallel=True, cache=True)
def _contract_rows(source, grad, starts, offsets, sums, blocks, strides, stored):  # type: ignore[no-untyped-def]
    rows = len(starts) - 1
    where, into = offsets.ctypes.data, sums.ctypes.data
    step, out = strides[0], strides[1]
    for chunk in prange((rows + _CHUNK - 1) // _CHUNK):
        for o in range(chunk * _CHUNK, min(rows, (chunk + 1) * _CHUNK)):
            first, done = starts.ctypes.data + 8 * o, 0
            src, dy = source, grad + o * strides[2]
            while done < blocks:
                if blocks - done >= 16:
                    contract(16, 1, 1, 1, 0, stored, src + done * step, where, into, first, step, dy + done * out, out)
                    done += 16
                elif blocks - done >= 8:
                    contract(8, 1, 1, 1, 0, stored, src + done * step, where, into, first, step, dy + done * out, out)
                    done += 8
                elif blocks - done >= 2:
                    contract(2, 1, 1, 1, 0, stored, src + done * step, where, into, first, step, dy + done * out, out)
                    done += 2
                else:
                    contract(1, 1, 1, 1, 0, stored, src + done * step, where, into, first, step, dy + done * out, out)
                    done += 1
