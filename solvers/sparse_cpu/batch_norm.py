"""Batch norm in the blocked layout, with what often follows it: a residual added, a ReLU.

    z = γ (x − μ)/σ + b + r,    y = max(z, 0) or z,    σ² = var + ε

symbol | here                | meaning
-------|---------------------|---------------------------------------------------------------------
μ, var | ``mean``, ``var``   | of a channel, over images and pixels; in evaluation the running ones
γ, b   | ``weight``, ``bias`` | float32 (C,)
r      | ``residual``        | an activation of the same shape, or None
n      |                     | N·H·W, the values of a channel

    training:   dx = γ/σ (g − Σg/n − x̂ Σ(g x̂)/n),   x̂ = (x − μ)/σ,   g = dy where z > 0
    evaluation: dx = γ/σ g                            both: dγ = Σ g x̂, db = Σ g, dr = g

The variance is that of x − μ, from a second pass: E[x²] − μ² in float32 is off by per cents on a channel that hardly varies.
Rows are summed up in float32 and rows are added up in float64. A thread has a whole channel at a time, which the second and
third pass find in its cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from torch import Tensor

from ..threads import use_torch_threads
from .blocks import Blocked, Grid
from .frames import extent, frame, memory, per_channel, same_images
from .planes import BY_Y, BY_Z, DX, DY, OPEN, R, X, Y, descend, shift, slopes, squares, total

#: Bytes of an activation that is written past the caches.
_LARGE = 4 << 20


class Statistics(NamedTuple):
    """Of each channel, float64 (C,)."""

    mean: np.ndarray
    var: np.ndarray
    """Σ(x − μ)²/n."""


class Gradients(NamedTuple):
    """Of γ and b, float64 (C,)."""

    weight: np.ndarray
    bias: np.ndarray


def count(x: Blocked) -> int:
    """n."""
    return x.grid.images * x.grid.height * x.grid.width


def statistics(x: Blocked) -> Statistics:
    """μ and var of a batch."""
    use_torch_threads()
    mean, var = np.empty(x.grid.channels), np.empty(x.grid.channels)
    _statistics(_walk(x), _size(x), count(x), mean, var, x.grid.stored, _work(x))
    return Statistics(mean, var)


def normalise(
    x: Blocked,
    y: Blocked,
    given: Statistics | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    residual: Blocked | None = None,
    relu: bool = False,
) -> Statistics:
    """Write y; ``given``: the statistics to use, None for those of the batch. Returns the ones that were used."""
    same_images(x=x, y=y, residual=residual)
    channels, batch = x.grid.channels, given is None
    used = Statistics(np.empty(channels), np.empty(channels)) if given is None else given
    beside = x if residual is None else residual
    use_torch_threads()
    _normalise(
        _walk(x), _walk(y), _walk(beside), _size(x), count(x), batch, used.mean, used.var,
        per_channel("weight", weight, channels, 1.0), per_channel("bias", bias, channels, 0.0), eps, residual is not None, relu,
        _past_caches(x.grid), x.grid.stored, _work(x),
    )  # fmt: skip
    return used


def gradients(
    x: Blocked,
    dy: Blocked,
    dx: Blocked,
    used: Statistics,
    batch: bool,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    relu: bool = False,
    y: Blocked | None = None,
    dr: Blocked | None = None,
) -> Gradients:
    """Write dx, and g to ``dr`` where it is given; ``batch``: whether ``used`` are the statistics of x itself.

    With a ReLU after a residual y is needed, whose sign tells where z > 0; without a residual z is computed again.
    """
    same_images(x=x, dy=dy, dx=dx, y=y, dr=dr)
    channels, output = x.grid.channels, dy if y is None else y
    carried = dx if dr is None else dr
    sums = Gradients(np.empty(channels), np.empty(channels))
    use_torch_threads()
    gate = OPEN if not relu else BY_Z if y is None else BY_Y
    if dr is not None and gate != BY_Y:
        raise ValueError("y must be given with dr: the residual's gradient is dy where y > 0")
    _gradients(
        _walk(x), _walk(dy), _walk(dx), _walk(output), _walk(carried), _size(x), count(x), batch, used.mean, used.var,
        per_channel("weight", weight, channels, 1.0), per_channel("bias", bias, channels, 0.0), eps, gate,
        dr is not None, _past_caches(x.grid), sums.weight, sums.bias, x.grid.stored, _work(x),
    )  # fmt: skip
    return sums


def _past_caches(grid: Grid) -> bool:
    return grid.blocks * grid.block >= _LARGE


def _walk(x: Blocked) -> np.ndarray:
    """In bytes: the address of pixel (0, 0) of channel 0, and from a row, a channel, a block to the next. int64 (4,)."""
    memory(x)
    walk = x.grid.dtype.itemsize * frame(x.grid)
    walk[0] += x.address
    return walk


def _work(x: Blocked) -> tuple[np.ndarray, ...]:
    """For each channel what the vector code reads its arguments from, and adds up in; see `planes`.

    Arguments of a kernel, for numba frees what it made itself after the last use that it sees, and it sees no addresses.
    """
    channels = x.grid.channels
    planes, plane = np.zeros((channels, 5, 2), dtype=np.int64), np.empty((channels, 3), dtype=np.int64)
    plane[:] = x.grid.height, x.grid.width, x.grid.lanes
    return planes, plane, np.zeros((channels, 5), dtype=np.float32), np.zeros((channels, 2))


def _size(x: Blocked) -> np.ndarray:
    """Blocks, channels, rows, pixels of a row, lanes of the last block that stand for an image, lanes. int64 (6,)."""
    size = extent(x.grid)
    size[3] = x.grid.width
    return size


@njit(inline="always")
def _locate(planes, place, walk, block, channel):  # type: ignore[no-untyped-def]
    planes[place, 0] = walk[0] + block * walk[3] + channel * walk[2]
    planes[place, 1] = walk[1]


@njit(inline="always")
def _lanes(lanes, size, block):  # type: ignore[no-untyped-def]
    lanes[2] = size[4] if block == size[0] - 1 else size[5]


@njit(inline="always")
def _moments(walk, size, n, channel, stored, work):  # type: ignore[no-untyped-def]
    """μ and var."""
    planes, plane, numbers, sums = work[0][channel], work[1][channel], work[2][channel], work[3][channel]
    where, shape, by, into = planes.ctypes.data, plane.ctypes.data, numbers.ctypes.data, sums.ctypes.data
    for block in range(size[0]):
        _locate(planes, X, walk, block, channel)
        _lanes(plane, size, block)
        if plane[1] % 4 == 0:
            total(4, stored, where, shape, by, into)
        else:
            total(1, stored, where, shape, by, into)
    mean = sums[0] / n
    numbers[0], sums[0] = mean, 0.0
    for block in range(size[0]):
        _locate(planes, X, walk, block, channel)
        _lanes(plane, size, block)
        if plane[1] % 4 == 0:
            squares(4, stored, where, shape, by, into)
        else:
            squares(1, stored, where, shape, by, into)
    return mean, sums[0] / n


@njit(parallel=True, cache=True)
def _statistics(walk, size, n, means, variances, stored, work):  # type: ignore[no-untyped-def]
    for channel in prange(size[1]):
        means[channel], variances[channel] = _moments(walk, size, n, channel, stored, work)


@njit(inline="always")
def _shift_plane(unroll, past, adds, relu, stored, where, shape, by, into):  # type: ignore[no-untyped-def]
    # An intrinsic is made for literal flags: each has its own call.
    if adds and relu:
        shift(unroll, past, 1, 1, stored, where, shape, by, into)
    elif adds:
        shift(unroll, past, 1, 0, stored, where, shape, by, into)
    elif relu:
        shift(unroll, past, 0, 1, stored, where, shape, by, into)
    else:
        shift(unroll, past, 0, 0, stored, where, shape, by, into)


@njit(parallel=True, cache=True)
def _normalise(  # type: ignore[no-untyped-def]
    walk_x, walk_y, walk_r, size, n, batch, means, variances, weight, bias, eps, adds, relu, past, stored, work
):
    for channel in prange(size[1]):
        planes, plane, numbers, sums = work[0][channel], work[1][channel], work[2][channel], work[3][channel]
        where, shape, by, into = planes.ctypes.data, plane.ctypes.data, numbers.ctypes.data, sums.ctypes.data
        if batch:
            means[channel], variances[channel] = _moments(walk_x, size, n, channel, stored, work)
        numbers[0] = means[channel]
        numbers[1] = weight[channel] / np.sqrt(variances[channel] + eps)
        numbers[2] = bias[channel]
        for block in range(size[0]):
            _locate(planes, X, walk_x, block, channel)
            _locate(planes, Y, walk_y, block, channel)
            _locate(planes, R, walk_r, block, channel)
            _lanes(plane, size, block)
            if plane[1] % 4:
                _shift_plane(1, 0, adds, relu, stored, where, shape, by, into)
            elif past:
                _shift_plane(4, 1, adds, relu, stored, where, shape, by, into)
            else:
                _shift_plane(4, 0, adds, relu, stored, where, shape, by, into)


@njit(inline="always")
def _slopes_of(unroll, gate, stored, where, shape, by, into):  # type: ignore[no-untyped-def]
    if gate == OPEN:
        slopes(unroll, 0, stored, where, shape, by, into)
    elif gate == BY_Z:
        slopes(unroll, 1, stored, where, shape, by, into)
    else:
        slopes(unroll, 2, stored, where, shape, by, into)


@njit(inline="always")
def _descend_plane(unroll, past, gate, carries, stored, where, shape, by, into):  # type: ignore[no-untyped-def]
    if gate == OPEN:
        descend(unroll, past, 0, 0, stored, where, shape, by, into)
    elif gate == BY_Z:
        descend(unroll, past, 1, 0, stored, where, shape, by, into)
    elif carries:
        descend(unroll, past, 2, 1, stored, where, shape, by, into)
    else:
        descend(unroll, past, 2, 0, stored, where, shape, by, into)


@njit(parallel=True, cache=True)
def _gradients(  # type: ignore[no-untyped-def]
    walk_x, walk_dy, walk_dx, walk_y, walk_dr, size, n, batch, means, variances, weight, bias, eps, gate, carries,
    past, of_weight, of_bias, stored, work,
):  # fmt: skip
    for channel in prange(size[1]):
        planes, plane, numbers, sums = work[0][channel], work[1][channel], work[2][channel], work[3][channel]
        where, shape, by, into = planes.ctypes.data, plane.ctypes.data, numbers.ctypes.data, sums.ctypes.data
        inverse = 1.0 / np.sqrt(variances[channel] + eps)
        numbers[0], numbers[1], numbers[2] = means[channel], weight[channel] * inverse, bias[channel]
        for block in range(size[0]):
            _locate(planes, X, walk_x, block, channel)
            _locate(planes, Y, walk_y, block, channel)
            _locate(planes, DY, walk_dy, block, channel)
            _lanes(plane, size, block)
            if plane[1] % 4 == 0:
                _slopes_of(4, gate, stored, where, shape, by, into)
            else:
                _slopes_of(1, gate, stored, where, shape, by, into)
        of_bias[channel], of_weight[channel] = sums[0], sums[1] * inverse
        if batch:  # in evaluation the statistics do not depend on x
            numbers[3], numbers[4] = sums[0] / n, sums[1] / (n * (variances[channel] + eps))
        for block in range(size[0] - 1, -1, -1):  # what was read last is still in the cache
            _locate(planes, X, walk_x, block, channel)
            _locate(planes, Y, walk_y, block, channel)
            _locate(planes, R, walk_dr, block, channel)
            _locate(planes, DY, walk_dy, block, channel)
            _locate(planes, DX, walk_dx, block, channel)
            _lanes(plane, size, block)
            if plane[1] % 4:
                _descend_plane(1, 0, gate, carries, stored, where, shape, by, into)
            elif past:
                _descend_plane(4, 1, gate, carries, stored, where, shape, by, into)
            else:
                _descend_plane(4, 0, gate, carries, stored, where, shape, by, into)
