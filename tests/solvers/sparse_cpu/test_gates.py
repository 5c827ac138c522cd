"""The gradient of a residual block's output, gated by the convolutions that read it, or by the ReLU where they cannot."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

import torch.nn.functional as F  # noqa: E402, N812 - as everywhere
from mlbreg.solvers.sparse_cpu.autograd import Gate  # noqa: E402
from mlbreg.solvers.sparse_cpu.network import SparseNetwork  # noqa: E402
from torch import nn  # noqa: E402

from .network_examples import ResNet, sparse  # noqa: E402

pytestmark = pytest.mark.torch

#: Who reads the output of a residual block, in the order of the calls, and whether the last one to write its gradient has
#: gated all of it. Convolutions read every pixel or, as ``points``, every second one.
_READERS = {
    "conv": True,
    "points": True,  # nothing is written elsewhere
    "conv wide": True,
    "conv points": True,
    "points conv": True,
    "conv residual": True,
    "points residual": False,  # what the residual leaves between the points is not gated
    "conv pool": False,  # pooling gives a gradient of its own
    "conv sigmoid": False,
    "watched conv": False,  # a module with a hook is torch's
    "frozen conv": False,  # no gradients of weights, no walk for both
    "conv frozen": True,
    "frozen": False,
}


class _Tail(nn.Module):
    """A residual block, and readers of its output."""

    def __init__(self, readers: str) -> None:
        super().__init__()
        self.readers = readers.split()
        self.stem, self.norm = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.inner, self.last = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        for name in ("conv", "wide", "watched", "frozen", "residual"):
            self.add_module(name, nn.Conv2d(6, 6, 3, padding=1, bias=False))
        self.points, self.norm2 = nn.Conv2d(6, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6)
        self.watched.register_forward_hook(lambda *_: None)
        self.frozen.weight.requires_grad_(False)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        first = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(self.last(self.inner(first)) + first)
        found = self.head.bias.new_zeros(()) + 0.0
        for name in self.readers:
            if name == "pool":
                y = F.max_pool2d(x, 2)
            elif name == "sigmoid":
                y = torch.sigmoid(x)
            elif name == "residual":
                y = torch.relu(self.norm2(self.residual(first)) + x)
            else:
                y = self.get_submodule(name)(x)
            found = found + y.mean((2, 3))
        return self.head(found)


class _Watch:
    """Notes what gates say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed: list[bool] = []
        asked = Gate.is_closed

        def is_closed(gate: Gate, gradient: Any) -> bool:
            self.closed.append(asked(gate, gradient))
            return self.closed[-1]

        monkeypatch.setattr(Gate, "is_closed", is_closed)


def _compare(model: Any, network: Any, training: bool = True, n: int = 19) -> None:
    model.train(training)
    twin = copy.deepcopy(model).double()
    x, labels = torch.randn(n, 3, 12, 12), torch.randint(5, (n,))
    model.zero_grad()
    F.cross_entropy(network(x), labels).backward()
    F.cross_entropy(twin(x.double()), labels).backward()
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        if q.grad is None:
            assert p.grad is None, name
            continue
        sparsely = name.removesuffix(".weight") in network.sparse_layers and not network.dense_gradients
        exact = q.grad * (q != 0) if sparsely and name.endswith(".weight") else q.grad
        error = float((p.grad - exact).abs().max())
        assert error <= 3e-5 * max(float(q.grad.abs().max()), 1e-2), f"{name}: {error}"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("readers", _READERS)
def test_gradients_are_right_whoever_reads_and_gated_once_where_convolutions_alone_read(
    readers: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, watch = sparse(lambda: _Tail(readers), density=0.5), _Watch(monkeypatch)
    network = SparseNetwork(model, break_even=1.0)
    for n in (19, 4, 19):
        _compare(model, network, training, n)
    assert watch.closed[-1] is _READERS[readers]


def test_in_a_residual_network_all_blocks_but_the_last_are_gated_by_convolutions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    model, watch = sparse(ResNet), _Watch(monkeypatch)
    network = SparseNetwork(model, break_even=1.0)
    _compare(model, network)
    assert watch.closed == [False, True, True]  # the mean over pixels reads the last one
    watch.closed.clear()
    network.dense_gradients = True  # no walk for both gradients
    _compare(model, network)
    assert watch.closed == [False] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pass_that_ends_early_and_a_second_one_over_the_same_graph_are_gated_alike(threads: int) -> None:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = sparse(lambda: _Tail("conv points"), density=0.5)
        network = SparseNetwork(model, break_even=1.0)
        loss = F.cross_entropy(network(torch.randn(19, 3, 12, 12)), torch.randint(5, (19,)))
        wanted = [model.stem.weight, model.last.weight, model.inner.weight]
        once = torch.autograd.grad(loss, wanted, retain_graph=True)
        torch.autograd.grad(loss, model.conv.weight, retain_graph=True)
        again = torch.autograd.grad(loss, wanted)
        for a, b in zip(once, again, strict=True):
            assert torch.equal(a, b)
    finally:
        torch.set_num_threads(before)
