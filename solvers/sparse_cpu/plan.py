"""Plans of sparse convolutions: where the non-zeros of one pattern lie, in the order in which the kernels take them.

A sweep is one call of a kernel. It has the non-zeros in runs: by block of source channels, then by target channel, then, on
small images, by the shift of the tap (see `tiles`). The target is read and written once for each block of channels, and
what the block's channels hold of a tile is in the cache meanwhile:

blocks of channels that fit into | when
---------------------------------|----------------------------------------------------------------------------------------
the first cache                  | runs are long enough to pay for the target's traffic: from about a tenth of all weights
a part of the second cache       | else, as long as runs have several non-zeros
most of it                       | else
one block of all channels        | activations are bfloat16: a sum is rounded once, when it is whole
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numba import njit
from torch import Tensor

from . import cover
from .blocks import Grid
from .geometry import Geometry, Tap, class_taps
from .patterns import Pattern
from .vectors import VECTOR

_LARGEST_OFFSET = 2**32 - 1
#: Bytes of activations under the tiles of a block of channels: measured with caches of 32 KiB and 1 MiB. The first cache,
#: a part of the second, most of it.
_CACHES = (40 << 10, 256 << 10, 640 << 10)
#: Non-zeros of a target channel in a block of source channels from which on the first cache pays, by the sides of the image
#: that a tile touches: what the block costs is that the products with the border are not left out.
_SHORTEST_RUN = {0: 5, 2: 12, 4: 20}
#: Non-zeros of one shift in a block from which on a part of the second cache pays, and below it most of it.
_SHORTEST_SEGMENT = 4


class Walk(NamedTuple):
    """How a kernel goes through source and target."""

    tiles: np.ndarray
    source: int
    """From the start of a block of the source to what offset 0 means for the first pixel."""
    target: int
    """From the start of a block of the target to the first pixel."""
    step_in: tuple[int, int]
    step_out: tuple[int, int]
    reach: int
    """The largest offset of a tap, in bytes."""
    size: tuple[int, int]
    """Height and width of the target's pixels."""


@final
@dataclass(frozen=True, eq=False)
class Sweep:
    """What one call of a kernel needs beside memory and weights."""

    walk: Walk
    starts: np.ndarray
    """Where runs begin, int64 (blocks of channels · target channels · segments + 1)."""
    offsets: np.ndarray
    """uint32, one for each non-zero."""
    rank: np.ndarray
    """Of each non-zero among all of the weight in C order, int64."""
    channels: int
    """Of the target."""
    segments: int

    @property
    def channel_blocks(self) -> int:
        return (len(self.starts) - 1) // (self.channels * self.segments)


@final
class Plan:
    """The non-zeros of one pattern, for images of one shape."""

    def __init__(self, mask: Tensor, geometry: Geometry, x: Grid, y: Grid) -> None:
        """``mask``: bool (O, C, K, L); ``x``, ``y``: the grids of X and Y, with the borders that `Geometry.borders` asks for."""
        self.geometry, self.x, self.y, self.shape = geometry, x, y, tuple(mask.shape)
        self._check()
        self.pattern = Pattern(mask)
        flat = mask.contiguous().view(torch.uint8).numpy().reshape(*self.shape[:2], -1)
        self.forward = self._forward(flat)
        self.backward = self._backward(flat)
        self.gradient = _without_overlap(self.forward, geometry.stride[1])
        """For the gradient of the weight."""
        self.adding = [_without_overlap(sweep, geometry.stride[1]) for sweep in self.backward]
        """`backward` onto what there is."""

    @property
    def count(self) -> int:
        """The number of non-zeros."""
        return self.pattern.count

    @property
    def reaches_all(self) -> bool:
        """Whether the gradient of the input is written at all pixels."""
        return sum(sweep.walk.size[0] * sweep.walk.size[1] for sweep in self.backward) == self.x.height * self.x.width

    def with_images(self, images: int) -> Plan:
        """The same for another number of images: nothing in a plan depends on it but the grids."""
        other = copy.copy(self)
        other.x, other.y = replace(self.x, images=images), replace(self.y, images=images)
        return other

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
        if x.storage != y.storage:
            raise ValueError(f"x and y must have the same storage, got {x.storage} and {y.storage}")
        for grid in (x, y):
            if grid.block > _LARGEST_OFFSET:
                raise ValueError(f"a block of images must be below 4 GiB, got {grid.block} bytes for {grid}")

    def _forward(self, mask: np.ndarray) -> Sweep:
        x, y, g = self.x, self.y, self.geometry
        taps = _offsets(np.arange(g.kernel[0]) * g.dilation[0], np.arange(g.kernel[1]) * g.dilation[1], x)
        walk = Walk(
            cover.overlapping(y.height, y.width, g.stride[1]),
            x.place(-g.padding[0], -g.padding[1]),
            y.place(0, 0),
            g.stride,
            (1, 1),
            int(taps.max()),
            (y.height, y.width),
        )
        return self._sweep(mask, taps, walk, x, False)

    def _backward(self, mask: np.ndarray) -> list[Sweep]:
        x, y, g = self.x, self.y, self.geometry
        sweeps = []
        for rest in product(range(g.stride[0]), range(g.stride[1])):
            down, right = (
                class_taps(*axis)
                for axis in zip((x.height, x.width), g.kernel, g.stride, g.padding, g.dilation, rest, strict=True)
            )
            if not down or not right:
                continue  # no weight reaches these pixels: they keep their 0
            shifts_down, lowest_row = _shifts(down, g.kernel[0])
            shifts_right, lowest_col = _shifts(right, g.kernel[1])
            taps = _offsets(shifts_down, shifts_right, y)
            size = down[0].count, right[0].count
            walk = Walk(
                cover.overlapping(*size, g.stride[1]),
                y.place(lowest_row, lowest_col),
                x.place(down[0].first, right[0].first),
                (1, 1),
                g.stride,
                int(taps.max()),
                size,
            )
            sweeps.append(self._sweep(mask, taps, walk, y, True))
        return sweeps

    def _sweep(self, mask: np.ndarray, taps: np.ndarray, walk: Walk, source: Grid, transposed: bool) -> Sweep:
        channels = self.x.channels if transposed else self.y.channels
        run = self.count / (channels * source.channels) * np.count_nonzero(taps >= 0) / len(taps)
        tiles, block, by_shift = self._arrangement(walk, source, run)
        segment_of = np.argsort(np.argsort(taps)) if by_shift else np.zeros(len(taps), dtype=np.int64)
        segments = len(taps) if by_shift else 1
        starts, offsets, rank = _in_runs(mask, taps, segment_of, segments, source.channel, block, transposed)
        return Sweep(walk._replace(tiles=tiles), starts, offsets, rank, channels, segments)

    def _arrangement(self, walk: Walk, source: Grid, run: float) -> tuple[np.ndarray, int, bool]:
        """Tiles, source channels in a block, and whether the non-zeros are sorted by the shift of their tap.

        ``run``: non-zeros of a target channel for each source channel.
        """
        rows, cols = cover.SHAPES[walk.tiles[0, 0]]
        if len(walk.tiles) * rows * cols > walk.size[0] * walk.size[1]:
            return walk.tiles, source.channels, False  # tiles overlap: a kernel may not add
        tall = (rows - 1) * walk.step_in[0] + walk.reach // source.row + 1
        wide = (cols - 1) * walk.step_in[1] + walk.reach % source.row // VECTOR + 1
        bordering = cover.bordering(*walk.size) if self.geometry.is_three_by_three else None
        sides = 0 if bordering is None else int(bordering[0, 3]).bit_count()
        if source.storage == "bfloat16":  # a sum over several blocks would be rounded at each
            return walk.tiles if bordering is None else bordering, source.channels, bordering is not None
        near, far, whole = (max(1, cache // (tall * wide * VECTOR)) for cache in _CACHES)
        if run * near >= _SHORTEST_RUN[sides]:
            return walk.tiles, min(near, source.channels), False
        segments = 1 if bordering is None else 9
        block = min(far if run * far >= segments * _SHORTEST_SEGMENT else whole, source.channels)
        return walk.tiles if bordering is None else bordering, block, bordering is not None


def _without_overlap(sweep: Sweep, step: int) -> Sweep:
    """The same with tiles that do not overlap."""
    if sweep.segments > 1:
        return sweep
    tiles = cover.exact(*sweep.walk.size, step)
    return replace(sweep, walk=sweep.walk._replace(tiles=tiles))


def _offsets(down: np.ndarray, right: np.ndarray, grid: Grid) -> np.ndarray:
    """Bytes for each tap (k, l), flat, from its shifts in pixels; −1 where one of them is."""
    both = down[:, None] * grid.row + right[None, :] * VECTOR
    return np.where((down[:, None] < 0) | (right[None, :] < 0), -1, both).reshape(-1)


def _shifts(taps: list[Tap], kernel: int) -> tuple[np.ndarray, int]:
    """For each index into the kernel the shift above the lowest one, −1 for taps of other classes; and the lowest one."""
    lowest = min(tap.shift for tap in taps)
    table = np.full(kernel, -1, dtype=np.int64)
    for tap in taps:
        table[tap.index] = tap.shift - lowest
    return table, lowest


@njit(cache=True)
def _in_runs(mask: Any, taps: Any, segment_of: Any, segments: int, pitch: int, block: int, transposed: bool) -> Any:
    """The non-zeros of a mask (O, C, taps), sorted by block of source channels, target channel and segment.

    Taps of −1 are left out. Two passes, the first to count: sorting an array of labels would take ten times as long.
    """
    out, channels, kernel = mask.shape
    targets, sources = (channels, out) if transposed else (out, channels)
    starts = np.zeros((sources + block - 1) // block * targets * segments + 1, dtype=np.int64)
    for o in range(out):
        for c in range(channels):
            target, source = (c, o) if transposed else (o, c)
            row = (source // block * targets + target) * segments
            for tap in range(kernel):
                if mask[o, c, tap] and taps[tap] >= 0:
                    starts[row + segment_of[tap] + 1] += 1
    for label in range(len(starts) - 1):
        starts[label + 1] += starts[label]
    ahead = starts.copy()
    offsets, rank = np.empty(starts[-1], dtype=np.uint32), np.empty(starts[-1], dtype=np.int64)
    found = 0
    for o in range(out):
        for c in range(channels):
            target, source = (c, o) if transposed else (o, c)
            row = (source // block * targets + target) * segments
            for tap in range(kernel):
                if mask[o, c, tap]:
                    if taps[tap] >= 0:
                        place = ahead[row + segment_of[tap]]
                        offsets[place] = source * pitch + taps[tap]
                        rank[place] = found
                        ahead[row + segment_of[tap]] += 1
                    found += 1
    return starts, offsets, rank
