"""Whole networks, run sparsely, against themselves run by torch."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import functions  # noqa: E402
from mlbreg.solvers.sparse_cpu.network import SparseNetwork  # noqa: E402
from torch import nn  # noqa: E402

from .network_examples import NETWORKS, ResNet, cnn, mlp, sparse  # noqa: E402

pytestmark = pytest.mark.torch


def _batch(n: int = 19, seed: int = 1) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 12, 12, generator=generator), torch.randint(5, (n,), generator=generator)


def _backward(f: Any, x: Any, labels: Any) -> Any:
    y = f(x)
    nn.functional.cross_entropy(y, labels).backward()
    return y.detach()


def _assert_same(model: Any, twin: Any, sparsely: list[str], tolerance: float = 3e-5) -> None:
    """Gradients, on the pattern where a layer ran sparsely, and buffers."""
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert q.grad is not None, name
        exact = q.grad
        if name.removesuffix(".weight") in sparsely and p.dim() > 1:
            exact = exact * (q != 0)
        assert p.grad is not None, name
        error = float((p.grad - exact).abs().max())
        assert error <= tolerance * max(float(q.grad.abs().max()), 1e-2), f"{name}: {error}"
    for b, c in zip(model.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(b, c.to(b.dtype), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:PreActivation has sparse layers that are not supported")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_sparse_network_is_the_network(name: str) -> None:
    make, layers = NETWORKS[name]
    model = sparse(make)
    twin, network = copy.deepcopy(model).double(), SparseNetwork(model, break_even=1.0)
    for n in (19, 19, 4):  # the last batch of an epoch is smaller
        x, labels = _batch(n, seed=n)
        model.zero_grad()
        twin.zero_grad()
        y, exact = _backward(network, x, labels), _backward(twin, x.double(), labels)
        torch.testing.assert_close(y.double(), exact, rtol=1e-4, atol=2e-5)
        _assert_same(model, twin, network.sparse_layers)
    assert len(network.sparse_layers) == layers
    model.eval()
    twin.eval()
    before = [b.clone() for b in model.buffers()]
    x, labels = _batch(33)
    with torch.no_grad():
        torch.testing.assert_close(network(x).double(), twin(x.double()), rtol=1e-4, atol=2e-5)
    for old, new in zip(before, model.buffers(), strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_in_evaluation_are_those_of_the_running_statistics(name: str) -> None:
    model = sparse(NETWORKS[name][0]).eval()
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    _backward(network, *_batch())
    _backward(twin, *_batch())
    _assert_same(model, twin, network.sparse_layers)


@pytest.mark.filterwarnings("ignore:PreActivation has sparse layers that are not supported")
@pytest.mark.parametrize("name", NETWORKS)
def test_activations_of_bfloat16_err_no_more_than_autocast(name: str) -> None:
    errors: dict[str, list[Any]] = {"ours": [], "autocast": []}
    for seed in range(12):  # a ReLU that turns the other way near 0 is most of an error, and luck
        model = sparse(NETWORKS[name][0], seed=seed)
        exact, cast = copy.deepcopy(model).double(), copy.deepcopy(model)
        network = SparseNetwork(model, break_even=1.0, activations="bfloat16")
        network.dense_gradients = True
        x, labels = _batch(40, seed)
        y = _backward(network, x, labels)
        assert y.dtype == torch.float32
        assert network.sparse_layers
        _backward(exact, x.double(), labels)

        def rounded(x: Any, cast: Any = cast) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return cast(x).float()

        _backward(rounded, x, labels)
        for who, found in (("ours", model), ("autocast", cast)):
            pairs = list(zip(found.parameters(), exact.parameters(), strict=True))
            size = sum(q.grad.square().sum() for _, q in pairs)
            errors[who].append((sum((p.grad - q.grad).square().sum() for p, q in pairs) / size).sqrt().item())
    assert 0 < max(errors["ours"]) < 0.2
    assert sum(errors["ours"]) <= 1.05 * sum(errors["autocast"])


def test_bfloat16_takes_half_of_the_memory_of_the_activations() -> None:
    bytes_of = {}
    for activations in ("float32", "bfloat16"):
        network = SparseNetwork(sparse(ResNet), break_even=1.0, activations=activations)  # type: ignore[arg-type]
        network.sparse_gradients = True
        _backward(network, *_batch(32))
        bytes_of[activations] = sum(buffers.bytes for buffers in network._buffers.values())
    assert bytes_of["bfloat16"] * 2 == bytes_of["float32"]


def test_activations_are_of_a_kind_that_there_is() -> None:
    with pytest.raises(ValueError, match="activations must be 'float32' or 'bfloat16', got 'float16'"):
        SparseNetwork(ResNet(), activations="float16")  # type: ignore[arg-type]


def test_dense_gradients_are_those_of_the_dense_network() -> None:
    for make in (ResNet, mlp, cnn):
        model = sparse(make)
        twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
        network.dense_gradients = True
        x, labels = _batch()
        _backward(network, x, labels)
        _backward(twin, x, labels)
        _assert_same(model, twin, [])


def test_gradients_add_up_and_the_gradient_of_the_input_is_there() -> None:
    model = sparse(ResNet)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    x, labels = _batch()
    x2 = x.clone().requires_grad_()
    x.requires_grad_()
    for _ in range(2):
        _backward(network, x, labels)
        _backward(twin, x2, labels)
    _assert_same(model, twin, network.sparse_layers)
    torch.testing.assert_close(x.grad, x2.grad, rtol=1e-3, atol=1e-6)


def test_two_forward_passes_before_the_backward_passes_do_not_disturb_each_other() -> None:
    model = sparse(ResNet).eval()
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    (x, labels), (other, other_labels) = _batch(seed=1), _batch(seed=2)
    for f in (network, twin):
        first, second = f(x), f(other)
        with torch.no_grad():
            f(x + 1)
        nn.functional.cross_entropy(first, labels).backward()
        nn.functional.cross_entropy(second, other_labels).backward()
    _assert_same(model, twin, network.sparse_layers)


class _ManyReaders(nn.Module):
    """An activation that three convolutions and a residual read, one of them at every second pixel, first or last."""

    def __init__(self, points_last: bool = False) -> None:
        super().__init__()
        self.points_last = points_last
        self.stem, self.norm = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.points, self.wide = nn.Conv2d(6, 6, 1, stride=2, bias=False), nn.Conv2d(6, 6, 3, 2, 1, bias=False)
        self.same, self.last = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm(self.stem(x)))
        if self.points_last:
            y = torch.relu(self.last(self.same(x)))
            small = self.wide(x) + self.points(x)
        else:
            small = self.points(x) + self.wide(x)
            y = torch.relu(self.last(self.same(x)) + x)
        return self.head(y.mean((2, 3)) + small.mean((2, 3)))


@pytest.mark.parametrize("points_last", [False, True])
@pytest.mark.parametrize("passes", ["one", "the same graph twice", "one that ends early before"])
def test_the_gradients_of_several_readers_are_added_up_once(passes: str, points_last: bool) -> None:
    model = sparse(lambda: _ManyReaders(points_last), density=0.5)
    twin, network = copy.deepcopy(model).double(), SparseNetwork(model, break_even=1.0)
    for n in (19, 4, 19):
        x, labels = _batch(n, seed=n)
        model.zero_grad()
        twin.zero_grad()
        loss = nn.functional.cross_entropy(network(x), labels)
        if passes == "one that ends early before":
            torch.autograd.grad(loss, model.last.weight, retain_graph=True)
        loss.backward(retain_graph=passes == "the same graph twice")
        if passes == "the same graph twice":
            model.zero_grad()
            loss.backward()
        _backward(twin, x.double(), labels)
        _assert_same(model, twin, network.sparse_layers)


def test_buffers_are_used_again() -> None:
    model = sparse(ResNet)
    network = SparseNetwork(model, break_even=1.0)
    x, labels = _batch()
    _backward(network, x, labels)
    model.zero_grad()
    _backward(network, x, labels)
    program = next(iter(network._programs.values()))
    taken = program.buffers.bytes
    for _ in range(3):
        model.zero_grad()
        _backward(network, x, labels)
    assert program.buffers.bytes == taken


def test_a_weight_that_becomes_non_zero_outside_its_pattern_counts() -> None:
    model = sparse(ResNet)
    twin, network = copy.deepcopy(model).eval(), SparseNetwork(model.eval(), break_even=1.0)
    x, _ = _batch()
    with torch.no_grad():
        network(x)
        for m in (model, twin):
            weight = m.blocks[1].conv1.weight
            weight[weight == 0] = 0.05
        torch.testing.assert_close(network(x), twin(x), rtol=1e-4, atol=1e-5)
        twin.load_state_dict(sparse(ResNet, seed=7).state_dict())
        model.load_state_dict(twin.state_dict())
        torch.testing.assert_close(network(x), twin(x), rtol=1e-4, atol=1e-5)


def test_layers_above_the_break_even_density_run_dense_unless_conversions_would_cost_more() -> None:
    model = sparse(lambda: ResNet(48), density=0.1)
    with torch.no_grad():
        model.conv.weight.fill_(0.1)  # three channels: next to nothing to compute
        model.blocks[1].conv1.weight.fill_(0.1)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=0.5)
    x, labels = _batch()
    y, exact = _backward(network, x, labels), _backward(twin, x, labels)
    torch.testing.assert_close(y, exact, rtol=1e-4, atol=1e-4)
    assert "blocks.1.conv1" not in network.sparse_layers
    assert {"conv", "blocks.1.conv2", "classifier"} < set(network.sparse_layers)
    _assert_same(model, twin, network.sparse_layers, tolerance=1e-4)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    for never in (SparseNetwork(model, break_even=0.0), SparseNetwork(twin)):
        never(x)
        assert never.sparse_layers == []


def test_hooks_of_parameters_and_modules_are_called() -> None:
    model = sparse(ResNet)
    network, seen = SparseNetwork(model, break_even=1.0), []
    model.blocks[0].conv1.weight.register_hook(lambda _: seen.append("gradient"))
    model.blocks[0].conv2.weight.register_post_accumulate_grad_hook(lambda _: seen.append("accumulated"))
    model.norm.register_forward_hook(lambda *_: seen.append("module"))
    _backward(network, *_batch())
    assert sorted(seen) == ["accumulated", "gradient", "module"]
    assert "norm" not in network.sparse_layers


class Watched(nn.Module):
    """What a trace must not swallow: ``what`` says which."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.linear, self.what, self.calls = nn.Linear(432, 5), what, 0

    def forward(self, x: Any) -> Any:
        y = self.linear(x.flatten(1))
        if self.what == "branch on a value" and y.sum() > 0:
            return -y
        if self.what == "random":
            return y * torch.rand(1)
        if self.what == "counter":
            self.calls += 1
        if self.what == "in place through a view":
            z = y.view(-1)
            y.relu_()
            return y + z.view(y.shape)
        return y


@pytest.mark.parametrize("what", ["branch on a value", "random", "counter", "in place through a view"])
def test_what_cannot_be_traced_runs_dense_with_one_notice(what: str) -> None:
    torch.manual_seed(0)
    model = Watched(what)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    x, _ = _batch()
    torch.manual_seed(3)
    with pytest.warns(UserWarning, match="Watched runs dense: "):
        first = network(x)
    second = network(x)  # without a warning, which would be an error
    torch.manual_seed(3)
    assert torch.equal(first, twin(x))
    assert torch.equal(second, twin(x))
    assert model.calls == twin.calls
    assert vars(model).keys() == vars(twin).keys()


class Choosing(nn.Module):
    """Arguments that are no tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(432, 5)

    def forward(self, x: Any, scale: Any = None, twice: bool = False, parts: Any = None) -> Any:
        y = self.linear(x.flatten(1))
        y = y if scale is None else y * scale
        return {"y": y + y if twice else y, "parts": 0 if parts is None else len(parts)}


def test_arguments_decide_as_in_the_model_and_results_may_be_dictionaries() -> None:
    model = sparse(Choosing)
    network, x = SparseNetwork(model, break_even=1.0), _batch()[0]
    for options in ({}, {"twice": True}, {"scale": 3.0}, {"scale": torch.ones(5), "twice": True}, {"twice": False}):
        with torch.inference_mode():
            torch.testing.assert_close(network(x, **options)["y"], model(x, **options)["y"])
        assert network.sparse_layers == ["linear"]
    with pytest.warns(UserWarning, match="argument 'parts' is neither a tensor nor a plain value, but a list"):
        assert network(x, parts=[1, 2])["parts"] == 2


def test_autocast_runs_dense() -> None:
    model = sparse(mlp)
    with pytest.warns(UserWarning, match="autocast"), torch.autocast("cpu", dtype=torch.bfloat16):
        assert SparseNetwork(model)(_batch()[0]).dtype == torch.bfloat16


def test_a_second_derivative_is_refused() -> None:
    model = sparse(mlp)
    x = _batch()[0].requires_grad_()
    with pytest.raises(RuntimeError, match="differentiated once: create_graph must be False"):
        torch.autograd.grad(SparseNetwork(model, break_even=1.0)(x).sum(), x, create_graph=True)


def test_infinite_weights_leave_nothing_behind() -> None:
    model = sparse(cnn)
    network, x = SparseNetwork(model, break_even=1.0), _batch()[0]
    before = network(x).detach()
    kept = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for p in model.parameters():
            p.masked_fill_(p != 0, float("inf"))
    network(x).sum().backward()
    model.load_state_dict(kept)
    model.zero_grad()
    y = network(x)
    assert torch.equal(y, before)
    y.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"break_even must be in \[0, 1\], got 2"):
        SparseNetwork(nn.Linear(1, 1), break_even=2)
    with pytest.raises(TypeError, match="Module, got int"):
        SparseNetwork(3)
    model = nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"bool masks of the shape of the parameter, \(3, 2\)"):
        SparseNetwork(model).refresh({model.weight: torch.ones(3, 2)})


class Branches(nn.Module):
    """One value for three readers, a change in place whose result is not used, and a function between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.classifier = nn.Linear(3, 5)

    def forward(self, x: Any) -> Any:
        y = self.first(x)
        y.relu_()
        z = self.second(torch.sigmoid(y)) + self.third(y) + y
        return self.classifier(z.mean((2, 3)))


def test_several_readers_and_a_change_in_place_are_those_of_the_model() -> None:
    model = sparse(Branches)
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    y, exact = _backward(network, *_batch()), _backward(twin, *_batch())
    torch.testing.assert_close(y, exact, rtol=1e-4, atol=1e-5)
    _assert_same(model, twin, network.sparse_layers)
    assert len(network.sparse_layers) == 4


def test_a_strided_shortcut_adds_its_gradient_onto_that_of_the_other_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes a quarter of the pixels: were it the first, the others would have to be set to 0."""
    found, target = [], functions.Layer._target

    def watched(layer: Any, meeting: Any) -> Any:
        got = target(layer, meeting)
        if layer.untouched is not None:
            found.append(got[1])
        return got

    monkeypatch.setattr(functions.Layer, "_target", watched)
    model = sparse(ResNet)
    _backward(SparseNetwork(model, break_even=1.0), *_batch())
    assert found == [True, True]
