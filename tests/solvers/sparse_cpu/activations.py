"""Shapes, borders and random activations for the tests of the kernels, and what must hold of every activation written."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from mlbreg.solvers.sparse_cpu.blocks import Blocked, Grid, pack, unpack, zeros

#: N, C, H, W: no multiple of 16, one channel, one pixel.
shapes = st.tuples(
    st.sampled_from([1, 3, 16, 17, 33]), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)
)  # fmt: skip
borders = st.integers(0, 2)
seeds = st.integers(0, 2**16)


def blocked(x: Any, border: int) -> Blocked:
    """x, packed."""
    return pack(x, zeros(Grid(*x.shape, border)))


def fresh(shape: tuple[int, ...], border: int) -> Blocked:
    """An activation to be written: garbage where images are, 0 in borders and spare lanes."""
    return pack(torch.full(shape, 7.0), zeros(Grid(*shape, border)))


def images(x: Blocked) -> Any:
    """What was written, in float64, after a look at borders and spare lanes: they must be 0 as before."""
    rest = Blocked(x.memory.clone(), x.grid)
    pack(torch.zeros(x.grid.images, x.grid.channels, x.grid.height, x.grid.width), rest)
    assert not rest.memory.any(), "something was written outside the images"
    return unpack(x).double()


def close(ours: Any, exact: Any, tolerance: float = 1e-5) -> bool:
    """Equal up to a share of the largest entry."""
    exact = torch.as_tensor(exact).double()
    size = float(exact.abs().max()) if exact.numel() else 0.0
    return bool(torch.allclose(torch.as_tensor(ours).double(), exact, rtol=0, atol=tolerance * max(size, 1e-3)))
