"""The fused update on a GPU, compiled by triton: one launch for all parameters of a group whose groups are alike in size.

    program → (part, chunk)     entries: a chunk of _ENTRIES of them       groups: a tile of rows × columns, a row a group

A group longer than a tile is walked through twice: v⁺ and the norm, then θ⁺, when v⁺ comes from the cache. The tensors come as
a table of addresses on the device, which is sent anew when one of them has moved; the numbers are sent in every step.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from .cuda_kernels import update_entries, update_groups
from .parts import Part

#: Entries of a program.
_ENTRIES = 1024
_TYPES = {
    torch.float32: tl.float32,
    torch.float64: tl.float64,
    torch.bfloat16: tl.bfloat16,
    torch.float16: tl.float16,
}


def launch(rule: int, parts: list[Part]) -> None:
    """Update the parts, which are of one type and on one device."""
    tiles: dict[int, list[Part]] = {}
    for part in parts:
        tiles.setdefault(0 if part.size <= 1 else min(triton.next_power_of_2(part.size), _ENTRIES), []).append(part)
    device = parts[0].theta.device
    with _on(device):
        for columns, alike in tiles.items():
            _launch_tiles(rule, alike, columns, device)


def _launch_tiles(rule: int, parts: list[Part], columns: int, device: torch.device) -> None:
    rows = _ENTRIES // columns if columns else 0
    # Entries, or groups, of a program.
    units = [part.theta.numel() // max(part.size, 1) for part in parts]
    chunks = [-(-count // (rows or _ENTRIES)) for count in units]
    table = np.array(
        [[*[x.data_ptr() for x in part.tensors()], count, part.size] for part, count in zip(parts, units, strict=True)]
    )
    wide = torch.float64 if parts[0].theta.dtype == torch.float64 else torch.float32
    numbers = torch.tensor([part.numbers for part in parts], dtype=wide).to(device, non_blocking=True)
    kernel: Any = update_groups if columns else update_entries
    sizes: dict[str, int] = {"ROWS": rows, "TILE": columns} if columns else {"TILE": _ENTRIES}
    kernel[(sum(chunks),)](
        _sent(table.tobytes(), device),
        numbers,
        *_programs(tuple(chunks), device),
        RULE=rule,
        SHRINKS=parts[0].size > 0,
        ALIGNED=bool(np.all(table[:, :5] % 16 == 0)),
        THETA=_TYPES[parts[0].theta.dtype],
        STATE=_TYPES[wide],
        **sizes,
    )


def _on(device: torch.device) -> AbstractContextManager[Any]:
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@lru_cache(maxsize=64)
def _sent(table: bytes, device: torch.device) -> Tensor:
    return torch.frombuffer(bytearray(table), dtype=torch.int64).to(device)


@lru_cache(maxsize=64)
def _programs(chunks: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Which part each program is for, and which chunk of it."""
    part = np.repeat(np.arange(len(chunks), dtype=np.int32), chunks)
    chunk = np.concatenate([np.arange(count, dtype=np.int32) for count in chunks])
    return torch.from_numpy(part).to(device), torch.from_numpy(chunk).to(device)
