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

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from torch import Tensor

from .blocks import Blocked
from .frames import clear_spare_lanes, extent, frame, memory, per_channel, row_of, same_images, use_torch_threads
from .tiles import LANES

_SUMS = {"reassoc"}


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
    _statistics(memory(x), frame(x.grid), extent(x.grid), count(x), mean, var)
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
        memory(x), memory(y), memory(beside), frame(x.grid), frame(y.grid), frame(beside.grid), extent(x.grid), count(x),
        batch, used.mean, used.var, per_channel("weight", weight, channels, 1.0), per_channel("bias", bias, channels, 0.0),
        eps, residual is not None, relu,
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
    _gradients(
        memory(x), memory(dy), memory(dx), memory(output), memory(carried),
        frame(x.grid), frame(dy.grid), frame(dx.grid), frame(output.grid), frame(carried.grid),
        extent(x.grid), count(x), batch, used.mean, used.var, per_channel("weight", weight, channels, 1.0),
        per_channel("bias", bias, channels, 0.0), eps, relu, y is not None, dr is not None, sums.weight, sums.bias,
    )  # fmt: skip
    return sums


@njit(inline="always")
def _moments(x, walk, size, n, channel):  # type: ignore[no-untyped-def]
    total = 0.0
    for block in range(size[0]):
        for r in range(size[2]):
            row = row_of(x, walk, block, channel, r, size[3])
            part: Any = np.float32(0)
            for i in range(size[3]):
                part += row[i]
            total += part
    mean = total / n
    centre, squares = np.float32(mean), 0.0
    for block in range(size[0]):
        whole = block < size[0] - 1 or size[4] == LANES
        for r in range(size[2]):
            row = row_of(x, walk, block, channel, r, size[3])
            part = np.float32(0)
            if whole:
                for i in range(size[3]):
                    part += (row[i] - centre) * (row[i] - centre)
            else:  # a spare lane is 0, which is not the mean
                for pixel in range(0, size[3], LANES):
                    for i in range(pixel, pixel + size[4]):
                        part += (row[i] - centre) * (row[i] - centre)
            squares += part
    return mean, squares / n


@njit(parallel=True, cache=True, fastmath=_SUMS)
def _statistics(x, walk, size, n, means, variances):  # type: ignore[no-untyped-def]
    for channel in prange(size[1]):
        means[channel], variances[channel] = _moments(x, walk, size, n, channel)


@njit(parallel=True, cache=True, fastmath=_SUMS)
def _normalise(  # type: ignore[no-untyped-def]
    x, y, residual, walk_x, walk_y, walk_r, size, n, batch, means, variances, weight, bias, eps, adds, relu
):
    zero = np.float32(0)
    for channel in prange(size[1]):
        if batch:
            means[channel], variances[channel] = _moments(x, walk_x, size, n, channel)
        centre = np.float32(means[channel])
        scale = np.float32(weight[channel] / np.sqrt(variances[channel] + eps))
        shift = bias[channel]
        for block in range(size[0]):
            for r in range(size[2]):
                source = row_of(x, walk_x, block, channel, r, size[3])
                target = row_of(y, walk_y, block, channel, r, size[3])
                if adds:
                    beside = row_of(residual, walk_r, block, channel, r, size[3])
                    if relu:
                        for i in range(size[3]):
                            z = (source[i] - centre) * scale + shift + beside[i]
                            target[i] = zero if z <= zero else z  # NaN stays NaN, as in torch
                    else:
                        for i in range(size[3]):
                            target[i] = (source[i] - centre) * scale + shift + beside[i]
                elif relu:
                    for i in range(size[3]):
                        z = (source[i] - centre) * scale + shift
                        target[i] = zero if z <= zero else z
                else:
                    for i in range(size[3]):
                        target[i] = (source[i] - centre) * scale + shift
        clear_spare_lanes(y, walk_y, size, channel)


@njit(parallel=True, cache=True, fastmath=_SUMS)
def _gradients(  # type: ignore[no-untyped-def]
    x, dy, dx, y, dr, walk_x, walk_dy, walk_dx, walk_y, walk_dr, size, n, batch, means, variances, weight, bias, eps,
    relu, has_y, has_dr, of_weight, of_bias,
):  # fmt: skip
    zero = np.float32(0)
    for channel in prange(size[1]):
        centre = np.float32(means[channel])
        inverse = np.float32(1.0 / np.sqrt(variances[channel] + eps))
        scale = np.float32(weight[channel] / np.sqrt(variances[channel] + eps))
        shift = bias[channel]
        total: Any = 0.0
        along: Any = 0.0
        for block in range(size[0]):
            for r in range(size[2]):
                source = row_of(x, walk_x, block, channel, r, size[3])
                slope = row_of(dy, walk_dy, block, channel, r, size[3])
                part, part_along = zero, zero
                if relu and has_y:
                    output = row_of(y, walk_y, block, channel, r, size[3])
                    for i in range(size[3]):
                        g = zero if output[i] <= zero else slope[i]
                        part += g
                        part_along += g * (source[i] - centre)
                elif relu:
                    for i in range(size[3]):
                        away = source[i] - centre
                        g = zero if away * scale + shift <= zero else slope[i]
                        part += g
                        part_along += g * away
                else:
                    for i in range(size[3]):
                        part += slope[i]
                        part_along += slope[i] * (source[i] - centre)
                total += part
                along += part_along
        of_bias[channel], of_weight[channel] = total, along * inverse
        # In evaluation the statistics do not depend on x.
        level = np.float32(total / n if batch else 0.0)
        tilt = np.float32(along / (n * (variances[channel] + eps)) if batch else 0.0)
        for block in range(size[0]):
            for r in range(size[2]):
                source = row_of(x, walk_x, block, channel, r, size[3])
                slope = row_of(dy, walk_dy, block, channel, r, size[3])
                target = row_of(dx, walk_dx, block, channel, r, size[3])
                if relu and has_y:
                    output = row_of(y, walk_y, block, channel, r, size[3])
                    if has_dr:
                        carried = row_of(dr, walk_dr, block, channel, r, size[3])
                        for i in range(size[3]):
                            g = zero if output[i] <= zero else slope[i]
                            carried[i] = g
                            target[i] = scale * (g - level - (source[i] - centre) * tilt)
                    else:
                        for i in range(size[3]):
                            g = zero if output[i] <= zero else slope[i]
                            target[i] = scale * (g - level - (source[i] - centre) * tilt)
                elif relu:
                    for i in range(size[3]):
                        away = source[i] - centre
                        g = zero if away * scale + shift <= zero else slope[i]
                        target[i] = scale * (g - level - away * tilt)
                else:
                    for i in range(size[3]):
                        target[i] = scale * (slope[i] - level - (source[i] - centre) * tilt)
        clear_spare_lanes(dx, walk_dx, size, channel)
        if has_dr:
            clear_spare_lanes(dr, walk_dr, size, channel)
