"""The sparse linear layer against torch in float64."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import linear  # noqa: E402
from mlbreg.solvers.sparse_cpu.blocks import Blocked, Grid, Storage, pack  # noqa: E402

from .activations import blocked, borders, close, fresh, images, normal, seeds, storages  # noqa: E402

pytestmark = pytest.mark.torch


@settings(max_examples=80, deadline=None)
@given(
    rows=st.sampled_from([1, 3, 16, 17, 130, 250, 420]), sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]), border=st.tuples(borders, borders), seed=seeds,
    storage=storages,
)  # fmt: skip
def test_all_three_are_those_of_the_dense_layer(
    rows: int, sizes: Any, density: float, border: Any, seed: int, storage: Storage
) -> None:
    torch.manual_seed(seed)
    inputs, outputs = sizes
    weight = torch.randn(outputs, inputs) * (torch.rand(outputs, inputs) < density)
    x, dy = normal(storage, rows, inputs, 1, 1), normal(storage, rows, outputs, 1, 1)
    source, slope = blocked(x, border[0], storage), blocked(dy, border[1], storage)
    plan = linear.LinearPlan(weight != 0, source.grid, slope.grid)
    y, dx = fresh((rows, outputs, 1, 1), border[1], storage), fresh((rows, inputs, 1, 1), border[0], storage)
    linear.forward(plan, weight, source, y)
    linear.input_gradient(plan, weight, slope, dx)
    wide, flat, back = weight.double(), x.double().flatten(1), dy.double().flatten(1)
    assert close(images(y).flatten(1), flat @ wide.T, storage=storage)
    assert close(images(dx).flatten(1), back @ wide, storage=storage)
    assert close(linear.weight_gradient(plan, source, slope), (back.T @ flat)[weight != 0])


@settings(max_examples=30, deadline=None)
@given(
    rows=st.sampled_from([1, 17, 130, 250, 420]), sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    kept=st.sampled_from(["none", "one", "all"]), border=st.tuples(borders, borders),
)  # fmt: skip
def test_nothing_beyond_the_memory_is_read_or_written(rows: int, sizes: Any, kept: str, border: Any) -> None:
    """The memory lies between pages of NaN: a read beyond it spoils the result, a write beyond it the poison."""
    inputs, outputs = sizes
    weight = torch.ones(outputs, inputs) if kept == "all" else torch.zeros(outputs, inputs)
    weight[-1, -1] = float(kept != "none")
    grids = Grid(rows, inputs, 1, 1, border[0]), Grid(rows, outputs, 1, 1, border[1])
    guards, around = [], 4096

    def poisoned(grid: Grid) -> Blocked:
        inside = grid.blocks * grid.block // 4
        whole = torch.full((inside + 2 * around,), float("nan"))
        guards.append((whole, inside))
        return Blocked(whole[around : around + inside].zero_(), grid)

    plan = linear.LinearPlan(weight != 0, *grids)
    x, dy = (pack(torch.ones(rows, n, 1, 1), poisoned(grid)) for n, grid in zip(sizes, grids, strict=True))
    dx, y = poisoned(grids[0]), poisoned(grids[1])
    linear.forward(plan, weight, x, y)
    linear.input_gradient(plan, weight, dy, dx)
    assert torch.equal(linear.weight_gradient(plan, x, dy), torch.full((plan.count,), float(rows)))
    for whole, inside in guards:
        assert whole[:around].isnan().all()
        assert whole[around + inside :].isnan().all()
        assert torch.isfinite(whole[around : around + inside]).all()


def test_wrong_shapes_are_refused() -> None:
    mask = torch.ones(3, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(O, C\) = \(3, 4\)"):
        linear.LinearPlan(mask, Grid(5, 4, 1, 1), Grid(5, 3, 1, 1))
    with pytest.raises(ValueError, match=r"must be grids of \(N, C, 1, 1\)"):
        linear.LinearPlan(mask, Grid(5, 2, 2, 1), Grid(5, 3, 1, 1))
    plan = linear.LinearPlan(mask, Grid(5, 2, 1, 1), Grid(5, 3, 1, 1))
    x, y = blocked(torch.ones(5, 2, 1, 1), 0), fresh((5, 3, 1, 1), 0)
    with pytest.raises(ValueError, match=r"weight must be float32 of shape \(3, 2\)"):
        linear.forward(plan, torch.ones(2, 3), x, y)
    with pytest.raises(ValueError, match="y must have the grid of the plan"):
        linear.forward(plan, torch.ones(3, 2), x, x)
