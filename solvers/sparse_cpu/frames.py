"""How a kernel walks through an activation: the numbers of its grid, counted in numbers instead of bytes.

entry of a frame | from … to …
-----------------|--------------------------------------------------------
0                | the start of the memory to pixel (0, 0) of channel 0
1                | a pixel to the one below it
2                | a channel to the next
3                | a block of images to the next

A kernel takes a frame for each activation, so that they may have borders of different widths, and one extent for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .blocks import Blocked, Grid


def frame(grid: Grid) -> np.ndarray:
    """int64 (4,): see above."""
    return np.asarray([grid.place(0, 0), grid.row, grid.channel, grid.block], dtype=np.int64) // grid.dtype.itemsize


def extent(grid: Grid) -> np.ndarray:
    """int64 (6,): blocks, channels, rows, numbers in a row, lanes of the last block that stand for an image, lanes."""
    last = grid.images - (grid.blocks - 1) * grid.lanes
    return np.asarray(
        [grid.blocks, grid.channels, grid.height, grid.width * grid.lanes, last, grid.lanes], dtype=np.int64
    )


def memory(x: Blocked) -> np.ndarray:
    """The memory of an activation, for a kernel, bfloat16 as uint16 (see `numbers`).

    Raises a `ValueError` when it is not what its grid says.
    """
    dtype = x.grid.dtype
    wanted = x.grid.blocks * x.grid.block // dtype.itemsize
    if x.memory.dtype != dtype or x.memory.shape != (wanted,) or not x.memory.is_contiguous():
        raise ValueError(
            f"memory must be contiguous {str(dtype).removeprefix('torch.')} of shape ({wanted},) for {x.grid}, got "
            f"{x.memory.dtype} {tuple(x.memory.shape)}"
        )
    numbers = x.memory.detach()
    return numbers.numpy() if dtype == torch.float32 else numbers.view(torch.uint16).numpy()


def same_images(**activations: Blocked | None) -> None:
    """A `ValueError` unless all have the same N, C, H and W, and the same storage."""
    grids = {name: x.grid for name, x in activations.items() if x}
    sizes = {name: (g.images, g.channels, g.height, g.width, g.storage) for name, g in grids.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"activations must have the same (N, C, H, W) and storage, got {sizes}")


def per_channel(name: str, values: Tensor | None, channels: int, default: float) -> np.ndarray:
    """A number for each channel, float32 (C,); ``default`` where there is none."""
    if values is None:
        return np.full(channels, default, dtype=np.float32)
    if values.shape != (channels,) or values.dtype != torch.float32:
        raise ValueError(f"{name} must be float32 of shape ({channels},), got {values.dtype} {tuple(values.shape)}")
    return values.detach().contiguous().numpy()


@njit(inline="always")
def row_of(x: Any, walk: Any, block: Any, channel: Any, row: Any, length: Any) -> Any:
    """A row of the images of a block, ``length`` numbers."""
    start = walk[0] + block * walk[3] + channel * walk[2] + row * walk[1]
    return x[start : start + length]


@njit(inline="always")
def clear_spare_lanes(x: Any, walk: Any, size: Any, channel: Any) -> None:
    """Zeros where the last block has no images: what was computed there means nothing."""
    if size[4] < size[5]:
        for r in range(size[2]):
            row = row_of(x, walk, size[0] - 1, channel, r, size[3])
            for pixel in range(0, size[3], size[5]):
                for lane in range(size[4], size[5]):
                    row[pixel + lane] = 0
