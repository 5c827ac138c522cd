"""Batch norm, residual and ReLU in one pass against torch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import batch_norm  # noqa: E402
from mlbreg.solvers.sparse_cpu.blocks import Storage  # noqa: E402

from .activations import (  # noqa: E402
    ROUNDING,
    STORAGES,
    blocked,
    borders,
    close,
    fresh,
    images,
    normal,
    rounded,
    seeds,
    shapes,
    storages,
)

pytestmark = pytest.mark.torch
_EPS = 1e-5


def _twin(x: Any, given: Any, weight: Any, bias: Any, residual: Any, relu: bool, dy: Any) -> tuple[Any, ...]:
    """y, dx, dγ, db, dr by autograd in float64."""
    leaves = [None if t is None else t.double().requires_grad_() for t in (x, weight, bias, residual)]
    x, weight, bias, residual = leaves
    mean, var = (None, None) if given is None else (torch.as_tensor(part) for part in given)
    z = torch.nn.functional.batch_norm(x, mean, var, weight, bias, training=given is None, eps=_EPS)
    z = z if residual is None else z + residual
    y = torch.relu(z) if relu else z
    y.backward(dy.double())
    return y.detach(), *(None if leaf is None else leaf.grad for leaf in leaves)


@settings(max_examples=120, deadline=None)
@given(
    shape=shapes, border=st.tuples(borders, borders, borders), seed=seeds, batch=st.booleans(), affine=st.booleans(),
    adds=st.booleans(), relu=st.booleans(), storage=storages,
)  # fmt: skip
def test_forward_and_backward_are_those_of_torch(
    shape: Any, border: Any, seed: int, batch: bool, affine: bool, adds: bool, relu: bool, storage: Storage
) -> None:
    assume(not batch or shape[0] * shape[2] * shape[3] > 2)
    torch.manual_seed(seed)
    x, dy = rounded(torch.randn(shape) * 2 + 3, storage), normal(storage, *shape)
    r = normal(storage, *shape) if adds else None
    weight, bias = (torch.rand(shape[1]) + 0.5, torch.randn(shape[1])) if affine else (None, None)
    given_ = None if batch else batch_norm.Statistics(np.full(shape[1], 2.5), np.full(shape[1], 3.0))
    y, dx, dweight, dbias, dr = _twin(x, given_, weight, bias, r, relu, dy)

    source, target = blocked(x, border[0], storage), fresh(shape, border[1], storage)
    beside = None if r is None else blocked(r, border[2], storage)
    used = batch_norm.normalise(source, target, given_, weight, bias, _EPS, beside, relu)
    assert close(images(target), y, storage=storage)
    back = fresh(shape, border[0], storage)
    carried = fresh(shape, border[2], storage) if adds and relu else None
    output = target if adds and relu else None
    sums = batch_norm.gradients(
        source, blocked(dy, border[1], storage), back, used, batch, weight, bias, _EPS, relu, output, carried
    )
    # dx is what is left of terms of the size of γ/σ.
    scale = 1 / np.sqrt(used.var.min() + _EPS) * (1.5 if affine else 1)
    away = (images(back) - dx).abs() - ROUNDING[storage] * dx.abs()
    assert float(away.max()) <= 1e-5 * max(scale, 1.0) * 4
    if affine:
        assert close(sums.weight, dweight, 2e-5)
        assert close(sums.bias, dbias, 2e-5)
    if carried is not None:
        assert close(images(carried), dr, storage=storage)


@pytest.mark.parametrize("n", [32, 33])
def test_the_variance_of_a_channel_that_hardly_varies_is_right(n: int) -> None:
    """E[x²] − μ² in float32 would be off by more than the variance here."""
    torch.manual_seed(0)
    x = 10 + 1e-3 * torch.randn(n, 2, 16, 16)
    found = batch_norm.statistics(blocked(x, 1))
    exact = x.double().var((0, 2, 3), unbiased=False)
    np.testing.assert_allclose(found.var, exact.numpy(), rtol=1e-5)
    np.testing.assert_allclose(found.mean, x.double().mean((0, 2, 3)).numpy(), rtol=1e-7)
    naive = (x * x).mean((0, 2, 3)) - x.mean((0, 2, 3)) ** 2
    assert float((naive.double() / exact - 1).abs().max()) > 0.01


@pytest.mark.parametrize("storage", STORAGES)
def test_nan_goes_through_the_relu_and_stays_in_its_channel(storage: Storage) -> None:
    x = torch.ones(16, 2, 2, 2)
    x[0, 0, 0, 0] = float("nan")
    target = fresh((16, 2, 2, 2), 1, storage)
    batch_norm.normalise(blocked(x, 1, storage), target, None, None, None, _EPS, relu=True)
    assert images(target)[:, 0].isnan().all()
    assert torch.isfinite(images(target)[:, 1]).all()


def test_activations_of_different_shapes_are_refused() -> None:
    x = blocked(torch.ones(16, 2, 2, 2), 0)
    with pytest.raises(ValueError, match=r"the same \(N, C, H, W\).*16, 2, 2, 3"):
        batch_norm.normalise(x, fresh((16, 2, 2, 3), 0), None, None, None, _EPS)
    with pytest.raises(ValueError, match=r"weight must be float32 of shape \(2,\), got torch.float64"):
        batch_norm.normalise(x, x, None, torch.ones(2, dtype=torch.float64), None, _EPS)
