"""Sums, biases and ReLU against torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import elementwise  # noqa: E402
from mlbreg.solvers.sparse_cpu.blocks import Storage  # noqa: E402

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


@settings(max_examples=80, deadline=None)
@given(
    shape=shapes, border=st.tuples(borders, borders, borders), seed=seeds, both=st.booleans(), biased=st.booleans(),
    relu=st.booleans(), storage=storages,
)  # fmt: skip
def test_sum_bias_and_relu_are_those_of_torch(
    shape: Any, border: Any, seed: int, both: bool, biased: bool, relu: bool, storage: Storage
) -> None:
    torch.manual_seed(seed)
    a, b, dy = normal(storage, *shape), normal(storage, *shape) if both else None, normal(storage, *shape)
    bias = torch.randn(shape[1]) if biased else None
    z = a.double() + (b.double() if both else 0) + (bias.double()[:, None, None] if biased else 0)
    y = fresh(shape, border[0], storage)
    beside = None if b is None else blocked(b, border[2], storage)
    elementwise.add(blocked(a, border[1], storage), y, beside, bias, relu)
    assert close(images(y), torch.relu(z) if relu else z, storage=storage)
    dx = fresh(shape, border[1], storage)
    elementwise.relu_gradient(y, blocked(dy, border[2], storage), dx)
    assert torch.equal(images(dx), torch.where(images(y) > 0, dy.double(), 0.0))
    sums = torch.from_numpy(elementwise.channel_sums(blocked(dy, border[0], storage)))
    # What cancels is rounded, too.
    assert ((sums - dy.double().sum((0, 2, 3))).abs() <= 1e-6 * dy.double().abs().sum((0, 2, 3))).all()


@pytest.mark.parametrize("storage", STORAGES)
def test_a_bias_may_be_added_in_place(storage: Storage) -> None:
    x = normal(storage, 17, 3, 4, 4)
    y = blocked(x, 1, storage)
    elementwise.add(y, y, bias=torch.tensor([1.0, 2.0, 3.0]))
    assert close(images(y), x + torch.tensor([1.0, 2.0, 3.0])[:, None, None], storage=storage)


@pytest.mark.parametrize("storage", STORAGES)
def test_nan_and_infinity_go_through_the_relu(storage: Storage) -> None:
    x = torch.tensor([float("nan"), -1.0, 2.0, float("inf"), -float("inf")]).view(5, 1, 1, 1)
    y = fresh((5, 1, 1, 1), 0, storage)
    elementwise.add(blocked(x, 0, storage), y, relu=True)
    torch.testing.assert_close(images(y).view(-1), torch.relu(x).double().view(-1), equal_nan=True)


def test_memory_that_does_not_fit_its_grid_is_refused() -> None:
    x = blocked(torch.ones(2, 1, 2, 2), 0)
    with pytest.raises(ValueError, match="memory must be contiguous float32 of shape"):
        elementwise.add(x._replace(memory=x.memory[:-1]), x)
    with pytest.raises(ValueError, match=r"the same \(N, C, H, W\)"):
        elementwise.add(x, blocked(torch.ones(3, 1, 2, 2), 0))
    with pytest.raises(ValueError, match=r"the same \(N, C, H, W\) and storage.*float32.*bfloat16"):
        elementwise.add(x, blocked(torch.ones(2, 1, 2, 2), 0, "bfloat16"))
