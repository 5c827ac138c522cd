"""Memory that is lent, comes back, and is not touched in between."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu.blocks import Grid  # noqa: E402
from mlbreg.solvers.sparse_cpu.buffers import Buffers  # noqa: E402

pytestmark = pytest.mark.torch
_GRID = Grid(5, 2, 3, 3, 1)


def test_memory_comes_back_when_the_last_tensor_that_looks_at_it_is_gone() -> None:
    buffers = Buffers()
    first = buffers.take(_GRID)
    address, view = first.address, first.memory.view(-1, 16)[1:]
    del first
    assert buffers.take(_GRID).address != address
    del view
    assert address in [one.address for one in [buffers.take(_GRID), buffers.take(_GRID)]]


def test_bfloat16_memory_is_lent_as_such() -> None:
    buffers, grid = Buffers(), Grid(32, 2, 3, 3, 1, "bfloat16")
    first = buffers.take(grid)
    address = first.address
    assert first.memory.dtype == torch.bfloat16
    assert not first.memory.any()
    assert first.memory.nbytes == buffers.bytes == Grid(16, 2, 3, 3, 1).block
    del first
    assert buffers.take(grid).address == address


def test_memory_that_autograd_has_saved_is_not_lent() -> None:
    buffers = Buffers()
    x = buffers.take(_GRID)
    x.memory.fill_(3.0)
    scale = torch.ones((), requires_grad=True)
    y = scale * x.memory  # saves x
    expected = 3.0 * x.memory.numel()
    del x
    for _ in range(3):
        buffers.take(_GRID).memory.zero_()
    y.sum().backward()
    assert scale.grad == expected


def test_a_buffer_stays_with_its_grid_and_its_writer() -> None:
    buffers = Buffers()
    address = buffers.take(_GRID).address
    assert buffers.take(_GRID, writer="strided").address != address
    assert buffers.take(Grid(5, 2, 3, 3, 2)).address != address
    assert buffers.take(Grid(5, 2, 3, 3, 1, "bfloat16")).address != address
    assert buffers.take(_GRID).address == address


def test_memory_is_made_once_and_counted() -> None:
    buffers = Buffers()
    for _ in range(5):
        buffers.take(_GRID)
        buffers.take_flat(10)
    assert buffers.bytes == _GRID.blocks * _GRID.block + 40
