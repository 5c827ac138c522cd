"""Sparse convolution in the blocked layout: forward, gradient of the input, gradient of the weights that are there.

    Y[o, i, j]  = Σ W[o, c, k, l] · X[c, s·i + d·k − p, s·j + d·l − p]           over the non-zeros of W
    dX[c, y, x] = Σ W[o, c, k, l] · dY[o, (y + p − d·k)/s, (x + p − d·l)/s]      where the quotients are whole
    dW[o, c, k, l] = Σ dY[o, i, j] · X[c, s·i + d·k − p, s·j + d·l − p]          over images and pixels

symbol  | here                  | meaning
--------|-----------------------|--------------------------------------------------------------------------
W       | ``weight`` (O, C, K, L) | the non-zeros are those of ``mask``, in C order
s, d, p | `Geometry`            | stride, dilation, padding, the same along both axes or a pair
dX      |                       | y + p ≡ d·k (mod s): s² classes of pixels, each a convolution of stride 1 of its own

Forward and dX are one kernel (`tiles.gather`), with offsets into X or into dY. A plan holds the offsets of one pattern of
non-zeros; the weights themselves are gathered anew for each step, as they change.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, final

import numba
import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from . import cover
from .blocks import Blocked, Grid
from .tiles import VECTOR, contract, gather

_LARGEST_OFFSET = 2**32 - 1


@final
@dataclass(frozen=True)
class Geometry:
    """Kernel size, stride, dilation and padding, each (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """The size of Y; a `ValueError` where the window does not fit."""
        size = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                (height, width), self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if min(size) < 1:
            raise ValueError(f"the image must be as large as the window of {self}, got {height} × {width}")
        return size[0], size[1]

    def borders(self, height: int, width: int) -> tuple[int, int]:
        """What X and dY need around them: (β of X, β of dY)."""
        of_x, of_dy = 0, 0
        for axis, (n, out) in enumerate(zip((height, width), self.output(height, width), strict=True)):
            k, s, p, d = self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
            of_x = max(of_x, p, (out - 1) * s + (k - 1) * d - p - (n - 1))
            for rest in range(s):
                for one in _class_taps(n, k, s, p, d, rest):
                    of_dy = max(of_dy, -one.shift, one.shift + one.count - out)
        return of_x, of_dy


@final
@dataclass(frozen=True)
class _Tap:
    """A tap k of a class of pixels y₀, y₀ + s, …: pixel number i takes dY at i + shift."""

    index: int
    shift: int
    first: int
    count: int


def _class_taps(n: int, k: int, s: int, p: int, d: int, rest: int) -> list[_Tap]:
    """The taps of the pixels y with y + p ≡ rest (mod s)."""
    first = (rest - p) % s
    count = len(range(first, n, s))
    return [_Tap(i, (first + p - d * i) // s, first, count) for i in range(k) if (d * i - rest) % s == 0 and count]


@final
@dataclass(frozen=True, eq=False)
class _Sweep:
    """What one call of the gathering kernel needs beside memory and weights."""

    rows: np.ndarray
    """Where the non-zeros of each channel of the target begin, int64 (channels + 1)."""
    offsets: np.ndarray
    """uint32, one for each non-zero."""
    order: Tensor
    """Where each non-zero stands in the flattened weight, int64."""
    tiles: np.ndarray
    source: int
    """From the start of a block of the source to what offset 0 means for the first pixel."""
    target: int
    """From the start of a block of the target to the first pixel."""
    step_in: tuple[int, int]
    step_out: tuple[int, int]


@final
class Plan:
    """The offsets of one pattern of non-zeros, for images of one shape."""

    def __init__(self, mask: Tensor, geometry: Geometry, x: Grid, y: Grid) -> None:
        """``mask``: bool (O, C, K, L); ``x``, ``y``: the grids of X and Y, with the borders that `Geometry.borders` asks for."""
        self.geometry, self.x, self.y, self.shape = geometry, x, y, tuple(mask.shape)
        self._check()
        flat = mask.contiguous().view(torch.uint8).numpy().reshape(*self.shape[:2], -1)
        self.forward = self._forward(flat)
        self.backward = self._backward(flat)
        self.exact = cover.exact(y.height, y.width, geometry.stride[1])

    @property
    def count(self) -> int:
        """The number of non-zeros."""
        return len(self.forward.offsets)

    def _check(self) -> None:
        x, y, g = self.x, self.y, self.geometry
        wanted = (self.shape[0], x.channels, *g.kernel)
        if self.shape != wanted:
            raise ValueError(f"mask must have shape (O, C, K, L) = {wanted}, got {self.shape}")
        expected = (x.images, self.shape[0], *g.output(x.height, x.width))
        if (y.images, y.channels, y.height, y.width) != expected:
            raise ValueError(f"y must be a grid of (N, O, H, W) = {expected}, got {y}")
        needed = g.borders(x.height, x.width)
        if x.border < needed[0] or y.border < needed[1]:
            raise ValueError(f"borders must be at least {needed} for {g}, got {x.border} and {y.border}")
        for grid in (x, y):
            if grid.block > _LARGEST_OFFSET:
                raise ValueError(f"a block of 16 images must be below 4 GiB, got {grid.block} bytes for {grid}")

    def _forward(self, mask: np.ndarray) -> _Sweep:
        x, y, g = self.x, self.y, self.geometry
        taps = _offsets(np.arange(g.kernel[0]) * g.dilation[0], np.arange(g.kernel[1]) * g.dilation[1], x)
        rows, offsets, order = _in_rows(mask, taps, x.channel, False)
        return _Sweep(
            rows=rows,
            offsets=offsets,
            order=torch.from_numpy(order),
            tiles=cover.overlapping(y.height, y.width, g.stride[1]),
            source=x.place(-g.padding[0], -g.padding[1]),
            target=y.place(0, 0),
            step_in=g.stride,
            step_out=(1, 1),
        )

    def _backward(self, mask: np.ndarray) -> list[_Sweep]:
        x, y, g = self.x, self.y, self.geometry
        sweeps = []
        for rest in product(range(g.stride[0]), range(g.stride[1])):
            down, right = (
                _class_taps(*axis)
                for axis in zip((x.height, x.width), g.kernel, g.stride, g.padding, g.dilation, rest, strict=True)
            )
            if not down or not right:
                continue  # no weight reaches these pixels: they keep their 0
            shifts_down, lowest_row = _shifts(down, g.kernel[0])
            shifts_right, lowest_col = _shifts(right, g.kernel[1])
            rows, offsets, order = _in_rows(mask, _offsets(shifts_down, shifts_right, y), y.channel, True)
            sweeps.append(
                _Sweep(
                    rows=rows,
                    offsets=offsets,
                    order=torch.from_numpy(order),
                    tiles=cover.overlapping(down[0].count, right[0].count, g.stride[1]),
                    source=y.place(lowest_row, lowest_col),
                    target=x.place(down[0].first, right[0].first),
                    step_in=(1, 1),
                    step_out=g.stride,
                )
            )
        return sweeps


def _offsets(down: np.ndarray, right: np.ndarray, grid: Grid) -> np.ndarray:
    """Bytes for each tap (k, l), flat, from its shifts in pixels; −1 where one of them is."""
    both = down[:, None] * grid.row + right[None, :] * VECTOR
    return np.where((down[:, None] < 0) | (right[None, :] < 0), -1, both).reshape(-1)


def _shifts(taps: list[_Tap], kernel: int) -> tuple[np.ndarray, int]:
    """For each index into the kernel the shift above the lowest one, −1 for taps of other classes; and the lowest one."""
    lowest = min(tap.shift for tap in taps)
    table = np.full(kernel, -1, dtype=np.int64)
    for tap in taps:
        table[tap.index] = tap.shift - lowest
    return table, lowest


@njit(cache=True)
def _in_rows(mask: Any, taps: Any, pitch: int, transposed: bool) -> Any:
    """The non-zeros of a mask (O, C, taps) by output channel, or by input channel: where each begins, offsets, places in W.

    Taps of −1 are left out. Two passes, the first to count: sorting an array of labels would take ten times as long.
    """
    out, channels, kernel = mask.shape
    rows = np.zeros((channels if transposed else out) + 1, dtype=np.int64)
    for o in range(out):
        for c in range(channels):
            for tap in range(kernel):
                if mask[o, c, tap] and taps[tap] >= 0:
                    rows[(c if transposed else o) + 1] += 1
    for label in range(len(rows) - 1):
        rows[label + 1] += rows[label]
    ahead = rows.copy()
    offsets, order = np.empty(rows[-1], dtype=np.uint32), np.empty(rows[-1], dtype=np.int64)
    for o in range(out):
        for c in range(channels):
            for tap in range(kernel):
                if mask[o, c, tap] and taps[tap] >= 0:
                    label, other = (c, o) if transposed else (o, c)
                    offsets[ahead[label]] = other * pitch + taps[tap]
                    order[ahead[label]] = (o * channels + c) * kernel + tap
                    ahead[label] += 1
    return rows, offsets, order


def forward(plan: Plan, weight: Tensor, x: Blocked, y: Blocked) -> None:
    """Y ← W * X. All of Y's interior is written."""
    _check_memory(plan, x, y)
    _check_weight(plan, weight)
    _sweep(plan.forward, weight, x, y)


def input_gradient(plan: Plan, weight: Tensor, dy: Blocked, dx: Blocked) -> None:
    """dX ← Wᵀ * dY. Pixels that no tap reaches (a stride beyond the kernel) are not written: dX comes as zeros."""
    _check_memory(plan, dx, dy)
    _check_weight(plan, weight)
    for sweep in plan.backward:
        _sweep(sweep, weight, dy, dx)


def weight_gradient(plan: Plan, x: Blocked, dy: Blocked) -> Tensor:
    """dW at the non-zeros, in C order, float32 (count,)."""
    _check_memory(plan, x, dy)
    g, sweep = plan.geometry, plan.forward
    _use_torch_threads()
    sums = np.zeros((numba.get_num_threads(), plan.count + VECTOR // 4), dtype=np.float32)
    _contract_all(
        x.address + sweep.source,
        dy.address + sweep.target,
        sweep.rows,
        sweep.offsets,
        sums,
        plan.exact,
        x.grid.blocks,
        np.asarray([x.grid.block, dy.grid.block, dy.grid.channel], dtype=np.int64),
        np.asarray([g.stride[0] * x.grid.row, dy.grid.row], dtype=np.int64),
        g.stride[1],
    )
    return torch.from_numpy(sums.sum(axis=0)[: plan.count])


def _sweep(sweep: _Sweep, weight: Tensor, source: Blocked, target: Blocked) -> None:
    values = weight.detach().reshape(-1)[sweep.order].numpy()
    _use_torch_threads()
    _gather_all(
        source.address + sweep.source,
        target.address + sweep.target,
        sweep.rows,
        sweep.offsets,
        values,
        sweep.tiles,
        source.grid.blocks,
        np.asarray([source.grid.block, target.grid.block, target.grid.channel], dtype=np.int64),
        np.asarray([sweep.step_in[0] * source.grid.row, sweep.step_out[0] * target.grid.row], dtype=np.int64),
        sweep.step_in[1],
        sweep.step_out[1],
    )


def _check_memory(plan: Plan, x: Blocked, y: Blocked) -> None:
    # Beyond this line addresses are plain numbers.
    for name, given, wanted in (("x", x, plan.x), ("y", y, plan.y)):
        if given.grid != wanted or given.memory.numel() * 4 != wanted.blocks * wanted.block:
            raise ValueError(f"{name} must have the grid of the plan, {wanted}, got {given.grid}")
        if given.memory.dtype != torch.float32 or given.address % VECTOR or not given.memory.is_contiguous():
            raise ValueError(f"{name} must be contiguous float32 memory aligned to {VECTOR} bytes")


def _check_weight(plan: Plan, weight: Tensor) -> None:
    # The kernels read its values as float32, whatever they are.
    if tuple(weight.shape) != plan.shape or weight.dtype != torch.float32 or weight.device.type != "cpu":
        raise ValueError(
            f"weight must be float32 on the CPU of shape {plan.shape}, got {weight.dtype} on {weight.device} "
            f"of shape {tuple(weight.shape)}"
        )


def _use_torch_threads() -> None:
    settings: Any = numba.config
    numba.set_num_threads(min(torch.get_num_threads(), settings.NUMBA_NUM_THREADS))


@njit(inline="always")
def _gather_tile(kind, step_in, step_out, src, offsets, values, begin, end, row_in, dst, row_out):  # type: ignore[no-untyped-def]
    if kind == 3:
        gather(1, 1, 1, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
    elif step_in == 2:
        if kind == 0:
            gather(2, 8, 2, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
        elif kind == 1:
            gather(4, 4, 2, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
        else:
            gather(2, 2, 2, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
    elif step_out == 2:
        if kind == 0:
            gather(2, 8, 1, 2, 0, src, offsets, values, begin, end, row_in, dst, row_out)
        elif kind == 1:
            gather(4, 4, 1, 2, 0, src, offsets, values, begin, end, row_in, dst, row_out)
        else:
            gather(2, 2, 1, 2, 0, src, offsets, values, begin, end, row_in, dst, row_out)
    elif kind == 0:
        gather(2, 8, 1, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
    elif kind == 1:
        gather(4, 4, 1, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)
    else:
        gather(2, 2, 1, 1, 0, src, offsets, values, begin, end, row_in, dst, row_out)


@njit(parallel=True, cache=True)
def _gather_all(source, target, rows, offsets, values, tiles, blocks, strides, pitches, step_in, step_out):  # type: ignore[no-untyped-def]
    """All tiles of all blocks. ``strides``: bytes between blocks of the source, blocks and channels of the target."""
    count, channels = len(tiles), len(rows) - 1
    for job in prange(blocks * count):
        block, tile = job // count, job % count
        kind, r, c = tiles[tile, 0], tiles[tile, 1], tiles[tile, 2]
        src = source + block * strides[0] + r * pitches[0] + c * step_in * VECTOR
        dst = target + block * strides[1] + r * pitches[1] + c * step_out * VECTOR
        for o in range(channels):
            _gather_tile(
                kind, step_in, step_out, src, offsets.ctypes.data, values.ctypes.data, rows[o], rows[o + 1],
                pitches[0], dst + o * strides[2], pitches[1],
            )  # fmt: skip


@njit(inline="always")
def _contract_tile(kind, step, src, offsets, sums, begin, end, row_in, grad, row_grad):  # type: ignore[no-untyped-def]
    if kind == 3:
        contract(1, 1, 1, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
    elif step == 2:
        if kind == 0:
            contract(2, 8, 2, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
        elif kind == 1:
            contract(4, 4, 2, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
        else:
            contract(2, 2, 2, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
    elif kind == 0:
        contract(2, 8, 1, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
    elif kind == 1:
        contract(4, 4, 1, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)
    else:
        contract(2, 2, 1, 1, src, offsets, sums, begin, end, row_in, grad, row_grad)


@njit(parallel=True, cache=True)
def _contract_all(source, grad, rows, offsets, sums, tiles, blocks, strides, pitches, step):  # type: ignore[no-untyped-def]
    """``sums``: float32 (threads, non-zeros), a row for each thread to add up in."""
    threads, count, channels = len(sums), len(tiles), len(rows) - 1
    jobs = blocks * count
    for thread in prange(threads):
        own = sums[thread].ctypes.data
        for job in range(jobs * thread // threads, jobs * (thread + 1) // threads):
            block, tile = job // count, job % count
            kind, r, c = tiles[tile, 0], tiles[tile, 1], tiles[tile, 2]
            src = source + block * strides[0] + r * pitches[0] + c * step * VECTOR
            dy = grad + block * strides[1] + r * pitches[1] + c * VECTOR
            for o in range(channels):
                _contract_tile(
                    kind, step, src, offsets.ctypes.data, own, rows[o], rows[o + 1],
                    pitches[0], dy + o * strides[2], pitches[1],
                )  # fmt: skip
