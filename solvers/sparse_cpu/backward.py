"""Both gradients of a sparse convolution in one walk over dY: see `convolution` for the formulas and symbols.

dX[c] at a pixel takes W[o, c, k, l] times the same entry of dY that dW[o, c, k, l] takes times X[c] at that pixel. So the
kernel of dX holds a tile of dX in registers, X's in the first cache, and reads each vector of dY once for both.
"""

from __future__ import annotations

import threading
from typing import final

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads
from .blocks import Blocked
from .convolution import (
    JOBS,
    NonZeros,
    check_memory,
    foremost_tap,
    non_zeros,
    write_in_order,
)
from .plan import Plan
from .tile_calls import backpropagate_tile, claim_tile, prefetch_tile
from .tiles import ADD, GATE, take_job
from .vectors import VECTOR

#: Shares of the tiles, each with sums of its own: twice as many made a step at 90 % slower.
_SHARES = 8


@final
class _Sums(threading.local):
    """Memory to add up in, used again by the calls of a thread: fresh memory costs page faults at each call."""

    def __init__(self) -> None:
        self._kept = np.empty(0, dtype=np.float32)

    def take(self, rows: int, count: int) -> np.ndarray:
        """Float32 (rows, count) that hold anything."""
        if self._kept.size < rows * count:
            self._kept = np.empty(rows * count, dtype=np.float32)
        return self._kept[: rows * count].reshape(rows, count)


_SUMS = _Sums()


def gradients(
    plan: Plan,
    weight: Tensor | NonZeros,
    x: Blocked,
    dy: Blocked,
    dx: Blocked,
    add: bool = False,
    gate: bool = False,
) -> Tensor:
    """dX ← Wᵀ * dY, or dX + Wᵀ * dY with ``add``; returns dW at the non-zeros, in C order, float32 (count,).

    Pixels that no tap reaches (a stride beyond the kernel) are not written: without ``add`` dX comes as zeros.
    With ``gate`` dX becomes 0 in the end where X ≤ 0: the gradient of what X is the ReLU of.
    """
    check_memory(plan, x, dy)
    check_memory(plan, dx, dy)
    values, gradient = non_zeros(plan, weight).values, np.zeros(plan.count, dtype=np.float32)
    threads = use_torch_threads()
    for sweep in plan.adding:
        walk = sweep.walk
        wanted = JOBS * threads
        shares = max(threads, _SHARES)
        parts = min(-(-wanted // (dy.grid.blocks * len(walk.tiles))), sweep.channels)
        sums = _SUMS.take(shares, len(sweep.rank) + VECTOR // 4)
        _backpropagate_all(
            dy.address + walk.source,
            x.address + walk.target,
            dx.address + walk.target,
            sweep.starts,
            sweep.offsets,
            values[sweep.rank],
            sums,
            walk.tiles,
            (
                dy.grid.blocks,
                sweep.channel_blocks,
                sweep.channels,
                sweep.segments,
                dy.grid.channels,
                foremost_tap(walk, dy.grid),
                parts,
            ),
            np.asarray([dy.grid.block, dx.grid.block, dx.grid.channel, dy.grid.channel], dtype=np.int64),
            np.asarray([walk.step_in[0] * dy.grid.row, walk.step_out[0] * dx.grid.row], dtype=np.int64),
            walk.step_in[1],
            walk.step_out[1],
            dy.grid.stored,
            (add, gate),
            threads,
            np.zeros(1, dtype=np.int64),
        )
        write_in_order(sums, sweep.rank, gradient)
    return torch.from_numpy(gradient)


@njit(parallel=True, cache=True)
def _backpropagate_all(  # type: ignore[no-untyped-def]
    source, beside, target, starts, offsets, values, sums, tiles, counts, strides, pitches, step_in, step_out, stored, does,
    threads, next_share,
):  # fmt: skip
    """As `convolution._gather_all`; ``sums``: float32 (shares, non-zeros), any numbers, a row for each
    share of the tiles to add up in.

    ``does``: whether it adds to the target, and whether it gates it.

    Threads take the shares one by one, and whoever takes one, its sums are the same.
    """
    blocks, stages, channels, segments, sources, ahead, parts = counts
    shares, count = len(sums), len(tiles)
    adds, gates = does
    jobs = blocks * parts * count
    where, what, begin = offsets.ctypes.data, values.ctypes.data, starts.ctypes.data
    for _ in prange(threads):
        share = take_job(next_share.ctypes.data)
        while share < shares:
            sums[share] = 0
            own = sums[share].ctypes.data
            for job in range(jobs * share // shares, jobs * (share + 1) // shares):
                tile, part, block = job % count, job // count % parts, job // (count * parts)
                r, c = tiles[tile, 1], tiles[tile, 2]
                src = source + block * strides[0] + r * pitches[0] + c * step_in * VECTOR
                there = block * strides[1] + r * pitches[1] + c * step_out * VECTOR
                then = min(tile + 1, count - 1)
                later = source + block * strides[0] + tiles[then, 1] * pitches[0] + tiles[then, 2] * step_in * VECTOR
                place = beside + block * strides[1] + tiles[then, 1] * pitches[1] + tiles[then, 2] * step_out * VECTOR
                for stage in range(stages):
                    mode = (ADD if adds or stage > 0 else 0) + (GATE if gates and stage == stages - 1 else 0)
                    for o in range(channels * part // parts, channels * (part + 1) // parts):
                        if ahead >= 0 and stage == 0:
                            prefetch_tile(tiles[then, 0], step_out, place + o * strides[2], pitches[1])
                            for ch in range(sources * o // channels, sources * (o + 1) // channels):
                                prefetch_tile(tiles[then, 0], step_in, later + ahead + ch * strides[3], pitches[0])
                        if stage == 0:
                            claim_tile(tiles[tile, 0], step_out, target + there + (o + 1) * strides[2], pitches[1])
                        run = (stage * channels + o) * segments
                        backpropagate_tile(
                            tiles[tile, 0], tiles[tile, 3], step_out, stored, src, where, what, own, begin + 8 * run,
                            pitches[0], beside + there + o * strides[2], target + there + o * strides[2], pitches[1], mode,
                        )  # fmt: skip
            share = take_job(next_share.ctypes.data)
