"""Shapes, borders and random activations for the tests of the kernels, and what must hold of every activation written."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from mlbreg.solvers.sparse_cpu.blocks import Blocked, Grid, Storage, pack, unpack, zeros

#: N, C, H, W: no multiple of 16, one channel, one pixel.
shapes = st.tuples(
    st.sampled_from([1, 3, 16, 17, 33]), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)
)  # fmt: skip
borders = st.integers(0, 2)
seeds = st.integers(0, 2**16)
STORAGES: tuple[Storage, ...] = ("float32", "bfloat16")
storages = st.sampled_from(STORAGES)
#: Of one rounding, relative to the result.
ROUNDING = {"float32": 0.0, "bfloat16": 2.0**-8}


def normal(storage: Storage, *shape: int) -> Any:
    """Random numbers, float32, that are the same in this storage."""
    return rounded(torch.randn(*shape), storage)


def rounded(x: Any, storage: Storage) -> Any:
    """x, float32, as this storage has it."""
    return x.bfloat16().float() if storage == "bfloat16" else x


def blocked(x: Any, border: int, storage: Storage = "float32") -> Blocked:
    """x, packed."""
    return pack(x, zeros(Grid(*x.shape, border, storage)))


def fresh(shape: tuple[int, ...], border: int, storage: Storage = "float32") -> Blocked:
    """An activation to be written: garbage where images are, 0 in borders and spare lanes."""
    return pack(torch.full(shape, 7.0), zeros(Grid(*shape, border, storage)))


def images(x: Blocked) -> Any:
    """What was written, in float64, after a look at borders and spare lanes: they must be 0 as before."""
    rest = Blocked(x.memory.clone(), x.grid)
    pack(torch.zeros(x.grid.images, x.grid.channels, x.grid.height, x.grid.width), rest)
    assert not rest.memory.any(), "something was written outside the images"
    return unpack(x).double()


def close(ours: Any, exact: Any, tolerance: float = 1e-5, storage: Storage = "float32") -> bool:
    """Equal up to a share of the largest entry, and one rounding of each where it was stored."""
    exact = torch.as_tensor(exact).double()
    size = float(exact.abs().max()) if exact.numel() else 0.0
    away = (torch.as_tensor(ours).double() - exact).abs()
    return bool((away <= ROUNDING[storage] * exact.abs() + tolerance * max(size, 1e-3)).all())
