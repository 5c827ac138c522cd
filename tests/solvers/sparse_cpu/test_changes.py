"""What a user may change between two calls, or do inside a model: each is seen, or the model runs dense after a notice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

import torch.nn.functional as F  # noqa: E402, N812 - as everywhere
from mlbreg.solvers.sparse_cpu.network import SparseNetwork  # noqa: E402
from torch import nn  # noqa: E402

from .network_examples import PreActivation, sparse  # noqa: E402

pytestmark = pytest.mark.torch


class Plain(nn.Module):
    """Two convolutions and what is between them; ``between`` is in a list, which is no attribute that is looked at."""

    def __init__(self, between: Callable[..., Any] = lambda _, x: x) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.drop, self.between, self.scale = nn.Dropout(0.0), [between], 1.0

    def forward(self, x: Any) -> Any:
        return self.scale * self.second(self.drop(self.between[0](self, self.first(x))))


def _x() -> Any:
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def _new(module: nn.Module) -> None:
    for p in module.parameters():
        nn.init.constant_(p, 0.1)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a plain attribute": lambda m: setattr(m, "scale", 3.0),
    "the rate of a dropout": lambda m: setattr(m.drop, "p", 0.5),
    "a setting of a convolution": lambda m: setattr(m.second, "stride", (2, 2)),
    "another module": lambda m: (setattr(m, "first", nn.Conv2d(3, 4, 3, padding=1)), _new(m.first)),
    "another parameter": lambda m: setattr(m.first, "weight", nn.Parameter(torch.ones(4, 3, 3, 3))),
    "a hook": lambda m: m.first.register_forward_hook(lambda _, __, y: 2 * y),
    "numbers through data": lambda m: m.first.weight.data.fill_(0.1),
    "a new tensor through data": lambda m: setattr(m.first.weight, "data", torch.ones(4, 3, 3, 3)),
    "the type": lambda m: m.double(),
}


@pytest.mark.filterwarnings("ignore:Plain has sparse layers that are not supported")
@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_between_two_calls_is_seen(what: str) -> None:
    model = sparse(Plain)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    network(_x())
    assert len(network.sparse_layers) == 2
    results = []
    for m, f in ((model, network), (twin, twin)):
        CHANGES[what](m)
        torch.manual_seed(3)
        y = f(_x().to(m.first.weight.dtype))
        y.square().sum().backward()
        results.append(y)
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


def _without_gradients(_: Any, x: Any) -> Any:
    with torch.no_grad():
        return x * 2


def _in_half(_: Any, x: Any) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return (x @ x).float()


@pytest.mark.parametrize("between", [_without_gradients, _in_half])
def test_a_forward_that_switches_gradients_or_autocast_runs_dense(between: Any) -> None:
    model = sparse(lambda: Plain(between))
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    with pytest.warns(UserWarning, match="its forward switches gradients or autocast"):
        network(_x()).sum().backward()
    twin(_x()).sum().backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p.grad is q.grad is None or torch.equal(p.grad, q.grad)


class Rectified(nn.Module):
    """Changes its argument, or a view of it, in place."""

    def __init__(self, view: bool) -> None:
        super().__init__()
        self.view, self.relu, self.conv = view, nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3)

    def forward(self, x: Any) -> Any:
        return self.conv(self.relu(x[:, :3] if self.view else x))


@pytest.mark.parametrize("view", [False, True])
def test_an_argument_that_the_model_changes_in_place_is_changed(view: bool) -> None:
    x, model = _x(), sparse(lambda: Rectified(view))
    SparseNetwork(model, break_even=1.0)(x)
    assert torch.equal(x, _x().relu())


class Functional(nn.Module):
    """Functions of Parameters, and a subclass of a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.bias = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(4))
        self.matrix, self.last = nn.Parameter(torch.randn(6, 4)), type("Own", (nn.Linear,), {})(6, 5)

    def forward(self, x: Any) -> Any:
        x = F.conv2d(x, self.kernel, bias=self.bias, stride=2, padding=(1, 0))
        return self.last(F.linear(x.relu().mean((2, 3)), self.matrix))


def test_functions_of_parameters_run_sparsely() -> None:
    model = sparse(Functional)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    network.dense_gradients = True
    for f in (network, twin):
        f(_x()).square().sum().backward()
    assert network.sparse_layers == ["kernel", "matrix", "last"]
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-4)


def test_sparse_layers_that_are_not_supported_are_named_once() -> None:
    model = sparse(PreActivation)
    network = SparseNetwork(model, break_even=1.0)
    with pytest.warns(UserWarning, match=r"run dense: depthwise \(Conv2d with 6 groups\)$"):
        network(torch.randn(5, 3, 12, 12))
    network(torch.randn(4, 3, 12, 12))  # without a warning, which would be an error
    half = SparseNetwork(sparse(Plain).double(), break_even=1.0)
    with pytest.warns(UserWarning, match=r"first \(Conv2d in float64\), second \(Conv2d in float64\)"):
        half(_x().double())


def test_the_mean_of_all_batches_in_a_batch_norm_runs_sparsely() -> None:
    model = sparse(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=None), nn.Conv2d(4, 3, 3)))
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    for _ in range(2):
        torch.testing.assert_close(network(_x()), twin(_x()), rtol=1e-4, atol=1e-5)
    assert network.sparse_layers == ["0", "2"]
    for b, c in zip(model.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(b, c)


def test_transforms_of_torch_func_run_dense() -> None:
    model = sparse(Plain)
    with pytest.warns(UserWarning, match=r"torch\.func transforms it"):
        y = torch.func.vmap(SparseNetwork(model))(_x()[:, None])
    torch.testing.assert_close(y[:, 0], model(_x()), rtol=1e-4, atol=1e-5)


def test_a_sparse_network_is_not_copied() -> None:
    with pytest.raises(TypeError, match="copy its model, outside of sparse_compute"):
        copy.deepcopy(SparseNetwork(nn.Linear(2, 2)))
