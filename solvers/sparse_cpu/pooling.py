"""Pooling in the blocked layout: largest and mean of a window. The window is a `Geometry` whose dilation is 1.

    max:  y[i, j] = the largest of the window, the first of equals; NaN wins. Padding never wins.
    mean: y[i, j] = Σ window / n, n = the pixels of the window in the image, or with those of the padding

Global pooling is the mean over one window, the image. The largest remembers which tap of the window it came from, uint8.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from ..threads import use_torch_threads
from .blocks import Blocked, Grid
from .frames import clear_spare_lanes, extent, frame, memory, row_of
from .geometry import Geometry
from .numbers import narrowed, widened

#: Taps that fit into the memory of the largest.
_MOST_TAPS = 255


def pooled(x: Grid, window: Geometry, border: int = 0) -> Grid:
    """The grid of y; a `ValueError` for a window that is not one of pooling."""
    if window.dilation != (1, 1) or any(2 * p > k for p, k in zip(window.padding, window.kernel, strict=True)):
        raise ValueError(f"window must have dilation 1 and padding at most half of its size, got {window}")
    return Grid(x.images, x.channels, *window.output(x.height, x.width), border, x.storage)


def largest(x: Blocked, y: Blocked, window: Geometry) -> np.ndarray:
    """Write y; returns the winning tap of each pixel, uint8 (blocks, C, rows, width·L)."""
    if window.kernel[0] * window.kernel[1] > _MOST_TAPS:
        raise ValueError(f"window must have at most {_MOST_TAPS} taps, got {window.kernel}")
    _check(x.grid, y.grid, window)
    size = extent(y.grid)
    winners = np.empty(tuple(size[:4]), dtype=np.uint8)
    use_torch_threads()
    _largest(memory(x), memory(y), frame(x.grid), frame(y.grid), size, _numbers(x.grid, window), winners)
    return winners


def largest_gradient(winners: np.ndarray, dy: Blocked, dx: Blocked, window: Geometry) -> None:
    """Write dx."""
    _check(dx.grid, dy.grid, window)
    use_torch_threads()
    _largest_gradient(
        memory(dy), memory(dx), frame(dy.grid), frame(dx.grid), extent(dy.grid), extent(dx.grid),
        _numbers(dx.grid, window), winners,
    )  # fmt: skip


def mean(x: Blocked, y: Blocked, window: Geometry, count_padding: bool = True) -> None:
    """Write y."""
    _check(x.grid, y.grid, window)
    use_torch_threads()
    _mean(memory(x), memory(y), frame(x.grid), frame(y.grid), extent(y.grid), _numbers(x.grid, window), count_padding)


def mean_gradient(dy: Blocked, dx: Blocked, window: Geometry, count_padding: bool = True) -> None:
    """Write dx."""
    _check(dx.grid, dy.grid, window)
    use_torch_threads()
    _mean_gradient(
        memory(dy), memory(dx), frame(dy.grid), frame(dx.grid), extent(dy.grid), extent(dx.grid),
        _numbers(dx.grid, window), count_padding,
    )  # fmt: skip


def _check(x: Grid, y: Grid, window: Geometry) -> None:
    if pooled(x, window, y.border) != y:
        raise ValueError(f"y must have the grid {pooled(x, window, y.border)}, got {y}")


def _numbers(x: Grid, window: Geometry) -> np.ndarray:
    """Height and width of x, kernel, stride, padding."""
    return np.asarray([x.height, x.width, *window.kernel, *window.stride, *window.padding], dtype=np.int64)


@njit(inline="always")
def _span(i, length, kernel, stride, padding):  # type: ignore[no-untyped-def]
    """The pixels of window i along an axis: the first tap in the image, the tap after the last, pixel of tap 0."""
    start = i * stride - padding
    return max(0, -start), min(kernel, length - start), start


@njit(parallel=True, cache=True)
def _largest(x, y, walk_x, walk_y, size, numbers, winners):  # type: ignore[no-untyped-def]
    height, width, tall, wide, down, right, above, left = numbers
    lanes = size[5]
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        best = np.empty(lanes, dtype=np.float32)
        for i in range(size[2]):
            first, end, top = _span(i, height, tall, down, above)
            target, winner = row_of(y, walk_y, block, channel, i, size[3]), winners[block, channel, i]
            for j in range(size[3] // lanes):
                first_col, end_col, start = _span(j, width, wide, right, left)
                tap_of = winner[j * lanes : (j + 1) * lanes]
                best[:] = -np.inf
                tap_of[:] = first * wide + first_col
                for k in range(first, end):
                    row = row_of(x, walk_x, block, channel, top + k, width * lanes)
                    for m in range(first_col, end_col):
                        at = (start + m) * lanes
                        tap = np.uint8(k * wide + m)
                        for lane in range(lanes):
                            candidate = widened(row[at + lane])
                            better = candidate > best[lane] or candidate != candidate
                            best[lane] = candidate if better else best[lane]
                            tap_of[lane] = tap if better else tap_of[lane]
                _write(target, j * lanes, best)
        if block == size[0] - 1:
            clear_spare_lanes(y, walk_y, size, channel)


@njit(parallel=True, cache=True)
def _largest_gradient(dy, dx, walk_dy, walk_dx, size, size_x, numbers, winners):  # type: ignore[no-untyped-def]
    _, _, _, wide, down, right, above, left = numbers
    lanes = size[5]
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        sums = np.zeros((size_x[2], size_x[3]), dtype=np.float32)
        for i in range(size[2]):
            slope, winner = row_of(dy, walk_dy, block, channel, i, size[3]), winners[block, channel, i]
            for j in range(size[3] // lanes):
                for lane in range(lanes):
                    tap = np.int64(winner[j * lanes + lane])
                    r, c = i * down - above + tap // wide, j * right - left + tap % wide
                    sums[r, c * lanes + lane] += widened(slope[j * lanes + lane])
        for r in range(size_x[2]):
            _write(row_of(dx, walk_dx, block, channel, r, size_x[3]), 0, sums[r])
        if block == size[0] - 1:
            clear_spare_lanes(dx, walk_dx, size_x, channel)


@njit(parallel=True, cache=True)
def _mean(x, y, walk_x, walk_y, size, numbers, count_padding):  # type: ignore[no-untyped-def]
    height, width, tall, wide, down, right, above, left = numbers
    lanes = size[5]
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        total = np.empty(lanes, dtype=np.float32)
        for i in range(size[2]):
            first, end, top = _span(i, height, tall, down, above)
            target = row_of(y, walk_y, block, channel, i, size[3])
            for j in range(size[3] // lanes):
                first_col, end_col, start = _span(j, width, wide, right, left)
                total[:] = 0.0
                for k in range(first, end):
                    row = row_of(x, walk_x, block, channel, top + k, width * lanes)
                    for m in range(first_col, end_col):
                        part = row[(start + m) * lanes : (start + m + 1) * lanes]
                        for lane in range(lanes):
                            total[lane] += widened(part[lane])
                n = tall * wide if count_padding else (end - first) * (end_col - first_col)
                for lane in range(lanes):
                    total[lane] /= np.float32(n)
                _write(target, j * lanes, total)
        if block == size[0] - 1:
            clear_spare_lanes(y, walk_y, size, channel)


@njit(parallel=True, cache=True)
def _mean_gradient(dy, dx, walk_dy, walk_dx, size, size_x, numbers, count_padding):  # type: ignore[no-untyped-def]
    height, width, tall, wide, down, right, above, left = numbers
    lanes = size[5]
    for job in prange(size[0] * size[1]):
        block, channel = job // size[1], job % size[1]
        sums = np.zeros((size_x[2], size_x[3]), dtype=np.float32)
        for i in range(size[2]):
            first, end, top = _span(i, height, tall, down, above)
            slope = row_of(dy, walk_dy, block, channel, i, size[3])
            for j in range(size[3] // lanes):
                first_col, end_col, start = _span(j, width, wide, right, left)
                n = np.float32(tall * wide if count_padding else (end - first) * (end_col - first_col))
                part = slope[j * lanes : (j + 1) * lanes]
                for k in range(first, end):
                    row = sums[top + k]
                    for m in range(first_col, end_col):
                        target = row[(start + m) * lanes : (start + m + 1) * lanes]
                        for lane in range(lanes):
                            target[lane] += widened(part[lane]) / n
        for r in range(size_x[2]):
            _write(row_of(dx, walk_dx, block, channel, r, size_x[3]), 0, sums[r])
        if block == size[0] - 1:
            clear_spare_lanes(dx, walk_dx, size_x, channel)


@njit(inline="always")
def _write(row, begin, sums):  # type: ignore[no-untyped-def]
    """What was summed up in float32, into a row of an activation."""
    for i in range(len(sums)):
        row[begin + i] = narrowed(sums[i], row[begin + i])
