"""Pooling against torch in float64."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import pooling  # noqa: E402
from mlbreg.solvers.sparse_cpu.blocks import Grid, Storage  # noqa: E402
from mlbreg.solvers.sparse_cpu.geometry import Geometry  # noqa: E402

from .activations import (  # noqa: E402
    STORAGES,
    blocked,
    borders,
    close,
    fresh,
    images,
    normal,
    seeds,
    shapes,
    storages,
)

pytestmark = pytest.mark.torch
F = torch.nn.functional


@st.composite
def windows(draw: st.DrawFn) -> Geometry:
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    return Geometry(kernel, draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), padding)  # type: ignore[arg-type]


@settings(max_examples=120, deadline=None)
@given(
    shape=shapes, window=windows(), border=st.tuples(borders, borders), seed=seeds, ties=st.booleans(),
    kind=st.sampled_from(["max", "mean", "mean without padding"]), storage=storages,
)  # fmt: skip
def test_pooling_and_its_gradient_are_those_of_torch(
    shape: Any, window: Geometry, border: Any, seed: int, ties: bool, kind: str, storage: Storage
) -> None:
    height, width = (n + 2 * p for n, p in zip(shape[2:], window.padding, strict=True))
    assume(height >= window.kernel[0] and width >= window.kernel[1])
    torch.manual_seed(seed)
    x = torch.randint(-2, 3, shape).float() if ties else normal(storage, *shape)
    leaf = x.double().requires_grad_()
    if kind == "max":
        exact = F.max_pool2d(leaf, window.kernel, window.stride, window.padding)
    else:
        exact = F.avg_pool2d(leaf, window.kernel, window.stride, window.padding, count_include_pad=kind == "mean")
    dy = normal(storage, *exact.shape)
    exact.backward(dy.double())
    y, dx = fresh(tuple(exact.shape), border[0], storage), fresh(shape, border[1], storage)
    source, slope = blocked(x, border[1], storage), blocked(dy, border[0], storage)
    if kind == "max":
        pooling.largest_gradient(pooling.largest(source, y, window), slope, dx, window)
    else:
        pooling.mean(source, y, window, kind == "mean")
        pooling.mean_gradient(slope, dx, window, kind == "mean")
    assert close(images(y), exact.detach(), storage=storage)
    assert close(images(dx), leaf.grad, storage=storage)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_nan_wins(storage: Storage) -> None:
    x = torch.zeros(2, 1, 2, 2)
    x[0, 0, 0, 1] = float("nan")
    y = fresh((2, 1, 1, 1), 0, storage)
    pooling.largest(blocked(x, 0, storage), y, Geometry((2, 2)))
    torch.testing.assert_close(images(y), F.max_pool2d(x, 2).double(), equal_nan=True)


def test_windows_that_are_not_of_pooling_are_refused() -> None:
    x = Grid(2, 1, 8, 8)
    with pytest.raises(ValueError, match="dilation 1 and padding at most half"):
        pooling.pooled(x, Geometry((2, 2), dilation=(2, 2)))
    with pytest.raises(ValueError, match="dilation 1 and padding at most half"):
        pooling.pooled(x, Geometry((2, 2), padding=(2, 2)))
    big = blocked(torch.zeros(1, 1, 20, 20), 0)
    with pytest.raises(ValueError, match="at most 255 taps"):
        pooling.largest(big, fresh((1, 1, 5, 5), 0), Geometry((16, 16)))
    with pytest.raises(ValueError, match="y must have the grid"):
        pooling.mean(big, fresh((1, 1, 5, 5), 0), Geometry((2, 2)))
