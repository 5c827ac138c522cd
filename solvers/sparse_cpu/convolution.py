"""Sparse convolution in the blocked layout: forward, gradient of the input, gradient of the weights that are there.

    Y[o, i, j]  = Σ W[o, c, k, l] · X[c, s·i + d·k − p, s·j + d·l − p]           over the non-zeros of W
    dX[c, y, x] = Σ W[o, c, k, l] · dY[o, (y + p − d·k)/s, (x + p − d·l)/s]      where the quotients are whole
    dW[o, c, k, l] = Σ dY[o, i, j] · X[c, s·i + d·k − p, s·j + d·l − p]          over images and pixels

symbol  | here                    | meaning
--------|-------------------------|------------------------------------------------------------------------
W       | ``weight`` (O, C, K, L) | the non-zeros are those of the plan's mask
s, d, p | `geometry.Geometry`     | stride, dilation, padding
dX      |                         | y + p ≡ d·k (mod s): s² classes of pixels, each a convolution of stride 1 of its own

Forward and dX are one kernel (`tiles.gather`), with offsets into X or into dY. The `plan.Plan` of a pattern of non-zeros holds
the offsets; the weights themselves are gathered anew for each step, as they change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads
from .blocks import Blocked, Grid
from .plan import Plan, Sweep, Walk
from .tile_calls import claim_tile, contract_tile, gather_tile, prefetch_tile
from .tiles import take_job
from .vectors import VECTOR

#: Jobs for each thread, so that none waits long for another one; they are handed out one by one.
JOBS = 8
#: Bytes of a block of images from which on its tiles do not stay in the second cache.
_FAR = 2 << 20
#: Non-zeros that a thread adds up at a time.
_CHUNK = 1 << 14


class NonZeros(NamedTuple):
    """The non-zeros of a weight in C order, float32 (count,): gathered once for forward and backward pass."""

    values: np.ndarray


def forward(plan: Plan, weight: Tensor | NonZeros, x: Blocked, y: Blocked) -> None:
    """Y ← W * X. All of Y's interior is written."""
    check_memory(plan, x, y)
    _sweep(plan.forward, non_zeros(plan, weight).values, x, y, False)


def input_gradient(plan: Plan, weight: Tensor | NonZeros, dy: Blocked, dx: Blocked, add: bool = False) -> None:
    """dX ← Wᵀ * dY, or dX ← dX + Wᵀ * dY with ``add``.

    Pixels that no tap reaches (a stride beyond the kernel) are not written: without ``add`` dX comes as zeros.
    """
    check_memory(plan, dx, dy)
    values = non_zeros(plan, weight).values
    for sweep in plan.adding if add else plan.backward:
        _sweep(sweep, values, dy, dx, add)


def weight_gradient(plan: Plan, x: Blocked, dy: Blocked) -> Tensor:
    """dW at the non-zeros, in C order, float32 (count,)."""
    check_memory(plan, x, dy)
    sweep = plan.gradient
    sums = np.zeros((use_torch_threads(), plan.count + VECTOR // 4), dtype=np.float32)
    _contract_all(
        x.address + sweep.walk.source,
        dy.address + sweep.walk.target,
        sweep.starts,
        sweep.offsets,
        sums,
        sweep.walk.tiles,
        (
            x.grid.blocks,
            sweep.channel_blocks,
            sweep.channels,
            sweep.segments,
            x.grid.channels,
            foremost_tap(sweep.walk, x.grid),
        ),
        np.asarray([x.grid.block, dy.grid.block, dy.grid.channel, x.grid.channel], dtype=np.int64),
        np.asarray([sweep.walk.step_in[0] * x.grid.row, dy.grid.row], dtype=np.int64),
        sweep.walk.step_in[1],
        x.grid.stored,
    )
    gradient = np.empty(plan.count, dtype=np.float32)
    write_in_order(sums, sweep.rank, gradient)
    return torch.from_numpy(gradient)


def non_zeros(plan: Plan, weight: Tensor | NonZeros) -> NonZeros:
    """Those of a dense weight; what was gathered before is taken as it is."""
    if isinstance(weight, NonZeros):
        if len(weight.values) != plan.count:
            raise ValueError(f"weight must have {plan.count} non-zeros, got {len(weight.values)}")
        return weight
    _check_weight(plan, weight)
    values = np.empty(plan.count, dtype=np.float32)
    _gathered(weight.detach().contiguous().view(-1).numpy(), plan.pattern.positions.numpy(), values)
    return NonZeros(values)


def write_in_order(sums: np.ndarray, rank: np.ndarray, gradient: np.ndarray) -> None:
    """gradient[rank[i]] ← Σ over rows of sums[:, i]; the first row is overwritten."""
    if len(rank) < 2 * _CHUNK:  # waking up the other threads would take longer
        _added_up(sums, rank, gradient, 0, len(rank))
    else:
        _added_up_by_all(sums, rank, gradient)


def _sweep(sweep: Sweep, values: np.ndarray, source: Blocked, target: Blocked, add: bool) -> None:
    walk = sweep.walk
    threads, blocks = use_torch_threads(), source.grid.blocks
    wanted = JOBS * threads
    together = max(1, len(walk.tiles) * blocks // wanted)
    parts = min(-(-wanted // (blocks * len(walk.tiles))), sweep.channels)
    _gather_all(
        source.address + walk.source,
        target.address + walk.target,
        sweep.starts,
        sweep.offsets,
        values[sweep.rank],
        walk.tiles,
        (
            blocks,
            sweep.channel_blocks,
            sweep.channels,
            sweep.segments,
            source.grid.channels,
            foremost_tap(walk, source.grid),
        ),
        np.asarray([source.grid.block, target.grid.block, target.grid.channel, source.grid.channel], dtype=np.int64),
        np.asarray([walk.step_in[0] * source.grid.row, walk.step_out[0] * target.grid.row], dtype=np.int64),
        walk.step_in[1],
        walk.step_out[1],
        source.grid.stored,
        add,
        np.asarray([threads, together, parts], dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )


def foremost_tap(walk: Walk, source: Grid) -> int:
    """The tap whose pixels the next tile sees first, and which are asked for while this one is computed; −1 where they are near."""
    return walk.reach if source.block >= _FAR else -1


def check_memory(plan: Plan, x: Blocked, y: Blocked) -> None:
    # Beyond this line addresses are plain numbers.
    for name, given, wanted in (("x", x, plan.x), ("y", y, plan.y)):
        if given.grid != wanted:
            raise ValueError(f"{name} must have the grid of the plan, {wanted}, got {given.grid}")
        memory = given.memory
        if memory.dtype != wanted.dtype or memory.nbytes != wanted.blocks * wanted.block or not _aligned(memory):
            raise ValueError(
                f"{name} must be contiguous {wanted.storage} memory aligned to {VECTOR} bytes for {wanted}"
            )


def _aligned(memory: Tensor) -> bool:
    return memory.is_contiguous() and memory.data_ptr() % VECTOR == 0


def _check_weight(plan: Plan, weight: Tensor) -> None:
    if tuple(weight.shape) != plan.shape or weight.dtype != torch.float32 or weight.device.type != "cpu":
        raise ValueError(
            f"weight must be float32 on the CPU of shape {plan.shape}, got {weight.dtype} on {weight.device} "
            f"of shape {tuple(weight.shape)}"
        )


@njit(parallel=True, cache=True)
def _gather_all(  # type: ignore[no-untyped-def]
    source,
    target,
    starts,
    offsets,
    values,
    tiles,
    counts,
    strides,
    pitches,
    step_in,
    step_out,
    stored,
    add,
    jobs,
    next_job,
):
    """All tiles of all images.

    ``counts``: blocks of images, blocks of source channels, target channels, segments, source channels, and see `foremost_tap`.
    ``strides``: bytes between blocks of the source, blocks and channels of the target, channels of the source. ``jobs``:
    threads, tiles in a job, parts of the target channels.
    """
    blocks, stages, channels, segments, sources, ahead = counts
    together, parts = jobs[1], jobs[2]
    shares = (len(tiles) + together - 1) // together
    where, what, begin = offsets.ctypes.data, values.ctypes.data, starts.ctypes.data
    for _ in prange(jobs[0]):
        job = take_job(next_job.ctypes.data)
        while job < blocks * parts * shares:
            share, part, block = job % shares, job // shares % parts, job // (shares * parts)
            for tile in range(share * together, min(len(tiles), (share + 1) * together)):
                r, c = tiles[tile, 1], tiles[tile, 2]
                src = source + block * strides[0] + r * pitches[0] + c * step_in * VECTOR
                dst = target + block * strides[1] + r * pitches[1] + c * step_out * VECTOR
                then = min(tile + 1, len(tiles) - 1)
                later = source + block * strides[0] + tiles[then, 1] * pitches[0] + tiles[then, 2] * step_in * VECTOR
                for stage in range(stages):
                    for o in range(channels * part // parts, channels * (part + 1) // parts):
                        if ahead >= 0 and stage == 0:
                            for c in range(sources * o // channels, sources * (o + 1) // channels):
                                prefetch_tile(tiles[then, 0], step_in, later + ahead + c * strides[3], pitches[0])
                        if stage == 0:
                            claim_tile(tiles[tile, 0], step_out, dst + (o + 1) * strides[2], pitches[1])
                        run = (stage * channels + o) * segments
                        gather_tile(
                            tiles[tile, 0], tiles[tile, 3], step_in, step_out, stored, src, where, what, begin + 8 * run,
                            pitches[0], dst + o * strides[2], pitches[1], add or stage > 0,
                        )  # fmt: skip
            job = take_job(next_job.ctypes.data)


@njit(parallel=True, cache=True)
def _contract_all(source, grad, starts, offsets, sums, tiles, counts, strides, pitches, step, stored):  # type: ignore[no-untyped-def]
    """``sums``: float32 (threads, non-zeros), a row for each thread to add up in; the same tiles for it in every call."""
    blocks, stages, channels, segments, sources, ahead = counts
    threads, count = len(sums), len(tiles)
    jobs = blocks * count
    where, begin = offsets.ctypes.data, starts.ctypes.data
    for thread in prange(threads):
        own = sums[thread].ctypes.data
        for job in range(jobs * thread // threads, jobs * (thread + 1) // threads):
            block, tile = job // count, job % count
            r, c = tiles[tile, 1], tiles[tile, 2]
            src = source + block * strides[0] + r * pitches[0] + c * step * VECTOR
            dy = grad + block * strides[1] + r * pitches[1] + c * VECTOR
            then = min(tile + 1, count - 1)
            place = source + block * strides[0] + tiles[then, 1] * pitches[0] + tiles[then, 2] * step * VECTOR
            later = grad + block * strides[1] + tiles[then, 1] * pitches[1] + tiles[then, 2] * VECTOR
            for stage in range(stages):
                for o in range(channels):
                    if ahead >= 0 and stage == 0:
                        prefetch_tile(tiles[then, 0], 1, later + o * strides[2], pitches[1])
                        for ch in range(sources * o // channels, sources * (o + 1) // channels):
                            prefetch_tile(tiles[then, 0], step, place + ahead + ch * strides[3], pitches[0])
                    run = (stage * channels + o) * segments
                    contract_tile(
                        tiles[tile, 0], tiles[tile, 3], step, stored, src, where, own, begin + 8 * run,
                        pitches[0], dy + o * strides[2], pitches[1],
                    )  # fmt: skip


@njit(cache=True)
def _gathered(flat, positions, values):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        values[i] = flat[positions[i]]


@njit(cache=True)
def _added_up(sums, rank, gradient, begin, end):  # type: ignore[no-untyped-def]
    total = sums[0, begin:end]
    for row in range(1, len(sums)):
        for i in range(end - begin):
            total[i] += sums[row, begin + i]
    for i in range(end - begin):
        gradient[rank[begin + i]] = total[i]


@njit(parallel=True, cache=True)
def _added_up_by_all(sums, rank, gradient):  # type: ignore[no-untyped-def]
    for chunk in prange((len(rank) + _CHUNK - 1) // _CHUNK):
        _added_up(sums, rank, gradient, chunk * _CHUNK, min(len(rank), (chunk + 1) * _CHUNK))
