"""One pass in the smaller network of a coarse phase against the model itself: outputs, gradients, running statistics."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.compact.gathering import Bordered, SmallMixing  # noqa: E402
from mlbreg.solvers.networks.compact.network import CoarseNetwork  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812 - as everywhere

pytestmark = pytest.mark.torch


class Gated(nn.Module):
    """Squeeze and excitation, concatenation, a difference, a depthwise convolution, functional dropout that is off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.other = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Conv2d(3, 4, 1)
        self.down, self.up = nn.Conv2d(6, 3, 1), nn.Conv2d(3, 6, 1)
        self.depthwise, self.last = nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.Conv2d(10, 5, 3, padding=1)

    def forward(self, x: Any) -> Any:
        y = torch.sigmoid(self.norm(self.conv(x)))
        gate = torch.sigmoid(self.up(F.relu(self.down(y.mean((2, 3), keepdim=True)))))
        y = F.dropout(self.depthwise(y * gate), 0.3, training=False)
        return self.last(torch.cat([1 - y, torch.tanh(self.other(x))], dim=1)).mean((2, 3))


class Reshaped(nn.Module):
    """Constants go through pooling, a permutation and the old number of features in a reshape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.tokens, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 4), nn.Linear(4 * 9, 5)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.elu(self.conv(x)), 3).permute(0, 2, 3, 1)
        x = torch.sigmoid(self.tokens(x)).permute(0, 3, 1, 2)
        return self.head(x.reshape(x.size(0), -1))


class InPlace(nn.Module):
    """What is changed in place: the inner branch, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 5, 3, padding=1), nn.Conv2d(5, 5, 6)
        self.norm, self.act = nn.BatchNorm2d(5), nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        y = self.norm(self.second(self.act(x)))
        y += x
        return self.last(self.act(y)).flatten(1)


def _rows(*layers: Any) -> Callable[[Any], None]:
    """Freeze rows 1 and 2 of layers at zero, and of the transposed ones columns."""

    def kill(model: Any) -> None:
        for name in layers:
            module = model.get_submodule(name)
            weight = module.weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else module.weight
            weight[1:3] = 0

    return kill


def _image(*layers: Any, **options: Any) -> Callable[[], nn.Module]:
    """Layers between two convolutions, the second one padded as the options say."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, 6, 3), *copy.deepcopy(layers), nn.Conv2d(6, 5, 3, **options), nn.Flatten()
    )


def _columns(model: Any) -> None:
    """The last convolution does not look at channels 1 and 2."""
    model[-2].weight[:, 1:3] = 0


def _gamma(model: Any) -> None:
    model[1].weight[1:4] = 0
    model[1].eval()


def _statistics_of_no_batch(model: Any) -> None:
    model[0].weight[1:3] = 0
    model[1].eval()


class Case:
    """``kept``: the outputs of the layer ``name`` that are left; None where no layer is made smaller."""

    def __init__(self, make: Any, kill: Any, name: str, kept: int | None, bordered: bool = False) -> None:
        self.make, self.kill, self.name, self.kept, self.bordered = make, kill, name, kept, bordered


_NORM = nn.BatchNorm2d(6)
CASES = {
    "zero padding": Case(_image(_NORM, nn.ReLU(), padding=1), _rows("0"), "0", 4, True),
    "same padding": Case(_image(_NORM, nn.Sigmoid(), padding="same"), _rows("0"), "0", 4, True),
    "two strides": Case(_image(nn.GELU(), padding=(2, 1), stride=(1, 2)), _rows("0"), "0", 4, True),
    "dilation": Case(_image(nn.GELU(), padding=2, dilation=2, bias=False), _rows("0"), "0", 4, True),
    "no padding": Case(_image(_NORM, nn.ReLU()), _rows("0"), "0", 4),
    "no bias to fold into": Case(_image(_NORM, nn.Tanh(), bias=False), _rows("0"), "0", 4),
    "reflection": Case(_image(nn.ReLU(), padding=1, padding_mode="reflect"), _rows("0"), "0", 4),
    "groups stay": Case(_image(nn.ReLU(), nn.Conv2d(6, 6, 3, groups=3)), _rows("0", "2"), "0", None),
    "layer norm stays": Case(_image(nn.LayerNorm([10, 10])), _rows("0"), "0", None),
    "average with counted padding": Case(_image(nn.AvgPool2d(2, padding=1)), _rows("0"), "0", None),
    "average without": Case(_image(nn.AvgPool2d(2, padding=1, count_include_pad=False)), _rows("0"), "0", 4),
    "instance statistics": Case(_image(nn.BatchNorm2d(6, track_running_stats=False)), _rows("0"), "0", 4),
    "no affine": Case(_image(nn.BatchNorm2d(6, affine=False), padding=1), _rows("0"), "0", 4, False),
    "cumulative average": Case(_image(nn.BatchNorm2d(6, momentum=None)), _rows("0"), "0", None),
    "stored statistics": Case(_image(_NORM, nn.ReLU(), padding=1), _statistics_of_no_batch, "0", 4, True),
    "scale 0 of stored statistics": Case(_image(_NORM, nn.ReLU(), padding=1), _gamma, "0", 3, True),
    "transposed": Case(
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 2, bias=False), nn.ReLU(), nn.ConvTranspose2d(6, 2, 2), nn.Flatten()),
        _rows("0"), "0", 4,
    ),
    "transposed with constants": Case(
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 2), nn.ReLU(), nn.ConvTranspose2d(6, 2, 2), nn.Flatten()),
        _rows("0"), "0", None,
    ),
    "depthwise": Case(
        _image(nn.ReLU6(), nn.Conv2d(6, 6, 3, padding=1, groups=6), _NORM, nn.ELU(), padding=1), _rows("2"), "2", 4, True
    ),
    "depthwise of constants": Case(
        _image(nn.Tanh(), nn.Conv2d(6, 6, 3, groups=6), nn.Sigmoid()), _rows("0"), "2", 4
    ),
    "not read": Case(_image(nn.ReLU()), _columns, "0", 4),
    "not read, but its statistics move": Case(_image(_NORM, nn.ReLU()), _columns, "0", None),
    "gates": Case(Gated, _rows("conv", "other", "down"), "conv", 6, True),
    "reshapes": Case(Reshaped, _rows("conv", "tokens"), "conv", 4),
    "changes in place": Case(InPlace, _rows("first", "second"), "second", 3, True),
    "rows": Case(
        lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(432, 9), nn.Tanh(), nn.Linear(9, 8), nn.BatchNorm1d(8), nn.ELU(), nn.Linear(8, 5)
        ),
        _rows("1", "3"), "1", 7,
    ),
    "everything": Case(_image(_NORM, nn.ReLU(), padding=1), lambda model: model[0].weight.zero_(), "0", 1, True),
}  # fmt: skip


def _made(case: Case) -> tuple[Any, Any, dict[Any, Tensor], Tensor]:
    torch.manual_seed(1)
    model = case.make().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        case.kill(model)
    masks = {p: p != 0 for p in model.parameters()}
    return model, copy.deepcopy(model), masks, torch.randn(7, 3, 12, 12, dtype=torch.float64)


def _same(model: Any, twin: Any, masks: dict[Any, Tensor]) -> None:
    """Gradients of what may move, relative to the largest: of a bias before a norm they are 0, and rounding; buffers."""
    largest = max(float(q.grad.abs().max()) for q in twin.parameters())
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert p.grad is not None
        torch.testing.assert_close(
            p.grad * masks[p],
            q.grad * masks[p],
            rtol=0,
            atol=1e-12 * largest,
            msg=lambda text, name=name: f"{name}: {text}",
        )
    for (name, x), y in zip(model.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*runs in full:UserWarning")  # what is not made smaller says so; see below
def test_outputs_gradients_and_statistics_are_those_of_the_model(name: str) -> None:
    case = CASES[name]
    model, twin, masks, x = _made(case)
    network = CoarseNetwork(model)
    network.select(masks)
    inputs = x.clone().requires_grad_(), x.clone().requires_grad_()
    for _ in range(2):  # the second time with statistics and gradients that are there already
        y, z = network(inputs[0]), twin(inputs[1])
        torch.testing.assert_close(y, z, rtol=1e-10, atol=1e-11)
        y.square().sum().backward()
        z.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-9, atol=1e-11)
    _same(model, twin, masks)
    after = {layer.name: layer.after for layer in network.layers}
    if case.kept is None:
        assert case.name not in after
    else:
        transposed = isinstance(model.get_submodule(case.name), nn.ConvTranspose2d)
        assert case.name in after or case.kept == model.get_submodule(case.name).weight.shape[0]
        assert after.get(case.name, (case.kept,) * 2)[int(transposed)] == case.kept
    layers = [layer for small in network._smalls.values() for layer in small.layers]
    assert any(isinstance(layer.module, Bordered) for layer in layers) == case.bordered


@pytest.mark.parametrize("planted", ["border", "bias", "statistics", "gradient"])
def test_a_planted_bug_is_seen_by_the_comparison(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["no padding" if planted == "bias" else "zero padding"]
    model, twin, masks, x = _made(case)
    if planted in ("border", "bias"):
        tensors = SmallMixing.tensors

        def without_constants(layer: Any, constants: Any) -> dict[str, Tensor]:
            given = tensors(layer, constants)
            return {k: torch.zeros_like(v) if k.endswith(("ones", "bias")) else v for k, v in given.items()}

        monkeypatch.setattr(SmallMixing, "tensors", without_constants)
    elif planted == "statistics":
        monkeypatch.setattr("mlbreg.solvers.networks.compact.gathering.SmallFollower.finish", lambda *_: None)
    else:
        tensors = SmallMixing.tensors
        monkeypatch.setattr(
            SmallMixing, "tensors", lambda layer, c: {k: v.detach() for k, v in tensors(layer, c).items()}
        )
    network = CoarseNetwork(model)
    network.select(masks)
    network(x).square().sum().backward()
    twin(x).square().sum().backward()
    with pytest.raises(AssertionError):
        _same(model, twin, masks)


def test_the_small_network_is_made_once_for_a_phase_and_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _, masks, x = _made(CASES["zero padding"])
    made = []
    graph_module = torch.fx.GraphModule
    monkeypatch.setattr(torch.fx, "GraphModule", lambda *args: made.append(1) or graph_module(*args))
    network = CoarseNetwork(model)
    for _ in range(3):
        network.select({p: mask.clone() for p, mask in masks.items()})
        network(x)
    assert len(made) == 2  # the graph, and the small network
    network(x[:3])
    assert len(made) == 4
    network.select({p: mask | True for p, mask in masks.items()})
    with pytest.warns(UserWarning, match="Sequential runs in full: no whole filter, row or channel"):
        network(x)
    assert network.layers == ()
    network.select(masks)
    network(x)
    assert [layer.name for layer in network.layers] == ["0", "3", "1"]
    assert len(made) == 6  # the graphs are kept


def test_a_weight_that_becomes_non_zero_against_the_masks_is_seen() -> None:
    model, twin, masks, x = _made(CASES["zero padding"])
    network = CoarseNetwork(model)
    network.select(masks)
    network(x)
    twin(x)
    with torch.no_grad():
        for one in (model, twin):
            one[0].weight[2, 0, 1, 1] = 0.7
    torch.testing.assert_close(network(x), twin(x), rtol=1e-10, atol=1e-11)
    assert next(layer.after for layer in network.layers if layer.name == "0") == (5, 3, 3, 3)


def test_evaluation_uses_the_stored_statistics_and_leaves_them_alone() -> None:
    model, twin, masks, x = _made(CASES["zero padding"])
    network = CoarseNetwork(model)
    network.select(masks)
    for training in (True, False, True):
        model.train(training)
        twin.train(training)
        before = copy.deepcopy(list(model.buffers()))
        torch.testing.assert_close(network(x), twin(x), rtol=1e-10, atol=1e-11)
        moved = any(not torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
        assert moved is training
        assert len(network.layers) == 3
    assert [module.training for module in model.modules()] == [True] * 6


def test_dropout_in_training_keeps_channels_that_are_not_zero() -> None:
    torch.manual_seed(0)
    for bias, kept in ((False, (4, 3, 3, 3)), (True, None)):
        model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=bias), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(6, 5, 3, padding=1))
        with torch.no_grad():
            model[0].weight[1:3] = 0
        network = CoarseNetwork(model)
        network.select({p: p != 0 for p in model.parameters()})
        x = torch.randn(2, 3, 8, 8)
        if kept is None:
            with pytest.warns(UserWarning, match="runs in full"):
                network(x)
        else:
            network(x)
        assert next((layer.after for layer in network.layers), None) == kept
        model.eval()
        torch.testing.assert_close(network(x), model(x))
        assert next(layer.after for layer in network.layers if layer.name == "0") == (4, 3, 3, 3)


def test_a_module_with_hooks_is_called_with_all_its_channels() -> None:
    model, twin, masks, x = _made(CASES["zero padding"])
    seen: list[tuple[int, ...]] = []
    handle = model[2].register_forward_hook(lambda _module, _args, out: seen.append(tuple(out.shape)))
    network = CoarseNetwork(model)
    network.select(masks)
    with pytest.warns(UserWarning, match="kept at 2: it has forward hooks"):
        torch.testing.assert_close(network(x), twin(x), rtol=1e-10, atol=1e-11)
    assert seen == [(7, 6, 10, 10)]
    handle.remove()
    torch.testing.assert_close(network(x), twin(x), rtol=1e-10, atol=1e-11)
    assert len(seen) == 1
    assert len(network.layers) == 3


def test_a_model_that_cannot_be_traced_runs_as_it_is_with_one_warning() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.linear(x) if x.sum() > 0 else x[:, :2]

    model = Branching()
    network = CoarseNetwork(model)
    network.select({p: torch.zeros_like(p, dtype=torch.bool) for p in model.parameters()})
    x = torch.ones(4, 3)
    with pytest.warns(UserWarning, match=r"Branching runs in full: torch.fx cannot trace it"):
        assert torch.equal(network(x), model(x))
    for _ in range(2):
        assert torch.equal(network(-x), model(-x))


def test_bare_parameters_and_half_precision_are_used_as_they_are() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last, self.scale = nn.Linear(4, 6), nn.Linear(6, 3), nn.Parameter(torch.tensor(2.0))
            self.register_buffer("shift", torch.tensor(0.5))

        def forward(self, x: Any) -> Any:
            return self.last(torch.relu(self.first(x))) * self.scale + self.shift

    torch.manual_seed(0)
    model = Scaled()
    with torch.no_grad():
        model.first.weight[1:4] = 0
    network = CoarseNetwork(model)
    network.select({p: p != 0 for p in model.parameters()})
    x = torch.randn(5, 4)
    for _ in range(2):
        torch.testing.assert_close(network(x), model(x))
        model.shift = torch.tensor(-1.0)
    network(x).sum().backward()
    assert model.scale.grad is not None
    assert {layer.name: layer.after for layer in network.layers} == {"first": (3, 4), "last": (3, 3)}
    with torch.autocast("cpu", torch.bfloat16):
        y, z = network(x), model(x)
    assert y.dtype == z.dtype
    torch.testing.assert_close(y, z, rtol=0.05, atol=0.05)


def test_arguments_are_checked() -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got int"):
        CoarseNetwork(wrong)
    model = nn.Linear(2, 2)
    network = CoarseNetwork(nn.Sequential(nn.Identity()))
    network.select({})
    with pytest.warns(UserWarning, match="Sequential runs in full: argument 'input' is neither a tensor"):
        assert network([1]) == [1]
    with pytest.raises(RuntimeError, match="select must be called before"):
        CoarseNetwork(model)(torch.ones(1, 2))
    with pytest.raises(
        ValueError, match=r"masks must be bool and of the shape of the parameter, \(2, 2\), got torch.bool"
    ):
        CoarseNetwork(model).select({model.weight: torch.ones(2, dtype=torch.bool)})
