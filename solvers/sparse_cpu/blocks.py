"""Activations in the blocked layout: as many images to a pixel as 64 bytes hold, zero borders in memory.

    [⌈N/L⌉, C, (H + 2β)(W + 2β) + 1, L]  64-byte aligned

symbol | here              | meaning
-------|-------------------|------------------------------------------------------------------------------
N      | `Grid.images`     | images; the lanes of the last block that stand for none are 0
L      | `Grid.lanes`      | 16, a vector of float32; 32 where bfloat16 is the ``storage``: a pixel is one line of the
       |                   | cache in either, so that all offsets and plans are the same
β      | `Grid.border`     | zeros around each image, so that a convolution's window never needs a test
       |                   | the one vector more spreads the channels over the sets of the cache

Kernels write the interior of a channel and nothing else, so borders and spare lanes stay 0 for as long as a buffer lives.
"""

from __future__ import annotations

import contextlib
import mmap
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from .vectors import VECTOR

_HUGE_PAGE = 2 << 20
Storage = Literal["float32", "bfloat16"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_STORED: dict[str, Any] = {"float32": np.float32(0), "bfloat16": np.uint16(0)}
#: Bytes from which on memory is asked for in huge pages, the last of which may be nearly empty.
_LARGE = 2 * _HUGE_PAGE


def check_storage(name: str, storage: str) -> None:
    """A `ValueError` for what is no storage."""
    if storage not in _DTYPES:
        raise ValueError(f"{name} must be 'float32' or 'bfloat16', got {storage!r}")


@final
@dataclass(frozen=True)
class Grid:
    """The shape of an activation, and where things lie in its memory, in bytes."""

    images: int
    channels: int
    height: int
    width: int
    border: int = 0
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        for name in ("images", "channels", "height", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be ≥ 1, got {getattr(self, name)}")
        if self.border < 0:
            raise ValueError(f"border must be ≥ 0, got {self.border}")
        check_storage("storage", self.storage)

    @cached_property
    def lanes(self) -> int:
        """Images in a block, L."""
        return VECTOR // self.dtype.itemsize

    @cached_property
    def blocks(self) -> int:
        """⌈N/L⌉."""
        return -(-self.images // self.lanes)

    @property
    def dtype(self) -> torch.dtype:
        """Of the memory."""
        return _DTYPES[self.storage]

    @property
    def stored(self) -> Any:
        """A 0 of what kernels take a number in memory for, which numpy has no bfloat16 for: float32 or uint16."""
        return _STORED[self.storage]

    @cached_property
    def row(self) -> int:
        """From a pixel to the one below it."""
        return (self.width + 2 * self.border) * VECTOR

    @cached_property
    def channel(self) -> int:
        """From a channel to the next."""
        return (self.height + 2 * self.border) * self.row + VECTOR

    @cached_property
    def block(self) -> int:
        """From a block of images to the next."""
        return self.channels * self.channel

    def place(self, y: int, x: int) -> int:
        """From the start of a channel to a pixel of it; y and x may lie in the border."""
        return (y + self.border) * self.row + (x + self.border) * VECTOR


class Blocked(NamedTuple):
    """An activation: its memory, one-dimensional of its grid's dtype, and its shape."""

    memory: Tensor
    grid: Grid

    @property
    def address(self) -> int:
        """Of block 0, channel 0, the corner of the border."""
        return self.memory.data_ptr()

    @property
    def interior(self) -> Tensor:
        """A view [⌈N/L⌉, C, H, W, L] without the borders."""
        grid = self.grid
        tall, wide = grid.height + 2 * grid.border, grid.width + 2 * grid.border
        channels = self.memory.view(grid.blocks, grid.channels, grid.channel // VECTOR, grid.lanes)
        images = channels[:, :, : tall * wide].view(grid.blocks, grid.channels, tall, wide, grid.lanes)
        inside = slice(grid.border, grid.border + grid.height), slice(grid.border, grid.border + grid.width)
        return images[:, :, inside[0], inside[1]]


def zeros(grid: Grid) -> Blocked:
    """A new activation of zeros."""
    size = grid.blocks * grid.block
    large = sys.platform == "linux" and size >= _LARGE
    floats = torch.from_numpy(_on_huge_pages(size // 4)) if large else torch.zeros(size // 4)
    memory = floats.view(grid.dtype)
    if memory.data_ptr() % VECTOR:
        raise RuntimeError(f"new memory must be aligned to {VECTOR} bytes, got address {memory.data_ptr()}")
    return Blocked(memory, grid)


def _on_huge_pages(count: int) -> np.ndarray:
    """Zeros, float32, on pages of 2 MiB where the kernel has them: a tile of a convolution touches hundreds of small ones."""
    pages = mmap.mmap(-1, 4 * count + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(pages, dtype=np.float32)
    first = -whole.ctypes.data % _HUGE_PAGE // 4
    return whole[first : first + count]


def pack(x: Tensor, target: Blocked) -> Blocked:
    """Copy images, float32 of shape (N, C, H, W) on the CPU, into an activation of that shape."""
    grid = target.grid
    wanted = (grid.images, grid.channels, grid.height, grid.width)
    if tuple(x.shape) != wanted or x.dtype != torch.float32 or x.device.type != "cpu":
        raise ValueError(
            f"x must be float32 on the CPU of shape {wanted}, got {x.dtype} on {x.device} of shape {tuple(x.shape)}"
        )
    lanes = grid.lanes
    whole = grid.images // lanes * lanes
    if whole:
        target.interior[: whole // lanes].copy_(x[:whole].reshape(-1, lanes, *x.shape[1:]).permute(0, 2, 3, 4, 1))
    if whole < grid.images:
        target.interior[-1, ..., : grid.images - whole].copy_(x[whole:].permute(1, 2, 3, 0))
    return target


def unpack(source: Blocked) -> Tensor:
    """The images of an activation, float32 of shape (N, C, H, W), contiguous."""
    inside = source.interior.permute(0, 4, 1, 2, 3)
    return inside.reshape(-1, *inside.shape[2:])[: source.grid.images].to(torch.float32).contiguous()
