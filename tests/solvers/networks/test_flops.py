"""The FLOP count against torch's own counter, against counts by hand, and against the theory's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks import products  # noqa: E402
from mlbreg.solvers.networks.flops import FlopCount, count_flops  # noqa: E402
from mlbreg.theory import costs  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

pytestmark = pytest.mark.torch


class Residual(nn.Module):
    """A block as in a ResNet, with a projection on the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ByHand(nn.Module):
    """Attention and linear maps without modules for them."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 5))
        self.back = nn.Parameter(torch.randn(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("btf,fh->bth", x, self.weight)
        y = functional.scaled_dot_product_attention(y[:, None], y[:, None], y[:, None])[:, 0]
        y = torch.softmax(y @ y.transpose(1, 2), -1) @ y
        return y @ self.back.T


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 5, bias=False))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2, dilation=1),
        Residual(8, 8, 1),
        Residual(8, 12, 2),
        nn.Conv2d(12, 12, 3, padding=2, dilation=2, groups=4),
        nn.ConvTranspose2d(12, 6, 3, stride=2, groups=2, output_padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


def _transformer() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 4, 24, batch_first=True)


CASES: list[tuple[str, Callable[[], nn.Module], tuple[int, ...]]] = [
    ("mlp", _mlp, (4, 3, 4)),
    ("cnn", _cnn, (2, 3, 17, 14)),
    ("conv1d", lambda: nn.Conv1d(4, 6, 3, stride=2, padding="valid"), (2, 4, 11)),
    ("conv3d", lambda: nn.Conv3d(2, 4, (1, 2, 3), groups=2, padding=(0, 1, 1)), (2, 2, 4, 5, 6)),
    ("circular", lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (1, 2, 5, 5)),
    ("transformer", _transformer, (2, 5, 16)),
    ("decoder", lambda: nn.TransformerEncoder(_transformer(), 2, enable_nested_tensor=False), (3, 4, 16)),
    ("by hand", ByHand, (2, 4, 6)),
]


def _of_torch(model: nn.Module, *inputs: Tensor) -> int:
    """torch.utils.flop_counter's count; the fused kernels that it does not know are switched off."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
            model(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    return int(counter.get_total_flops())


@pytest.mark.parametrize(("model", "shape"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_dense_count_is_that_of_torchs_own_counter(model: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net, x = model().eval(), torch.randn(shape)
    result = count_flops(net, x)
    assert result.dense == _of_torch(net, x) > 0
    assert result.sparse == result.dense, "without a zero weight the two agree"
    assert result.not_counted == ()
    assert 2 * count_flops(net, x, flops_per_mac=1).dense == result.dense


@pytest.mark.parametrize("options", [{}, {"kdim": 5, "vdim": 7}, {"add_bias_kv": True}, {"add_zero_attn": True}])
def test_cross_attention_is_counted_as_torch_counts_it(options: dict[str, Any]) -> None:
    attention = nn.MultiheadAttention(8, 2, **options)
    query, key, value = (
        torch.randn(4, 3, 8),
        torch.randn(6, 3, options.get("kdim", 8)),
        torch.randn(6, 3, options.get("vdim", 8)),
    )
    assert count_flops(attention, (query, key, value)).dense == _of_torch(attention, query, key, value)


def test_the_sparse_count_is_the_dense_count_of_the_non_zero_weights() -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        net[0].weight[1:] = 0
        net[2].weight[:, ::2] = 0
        net[2].weight[0] = 0
    result = count_flops(net, torch.zeros(5, 2, 4, 4))
    conv, linear = result.layers
    assert (conv.weights, conv.nonzeros, linear.weights, linear.nonzeros) == (72, 18, 192, 64)
    assert conv.sparse == 2 * 5 * 16 * 18
    assert linear.sparse == 2 * 5 * 64
    assert (conv.name, conv.kind, linear.name, linear.kind) == ("0", "conv", "2", "linear")
    assert result.sparse == conv.sparse + linear.sparse


def test_attention_between_activations_costs_the_same_with_sparse_projections() -> None:
    layer = nn.MultiheadAttention(8, 2)
    with torch.no_grad():
        layer.in_proj_weight[:16] = 0  # no queries, no keys
        layer.out_proj.weight[:, 4:] = 0
    x = torch.randn(5, 3, 8)
    by_kind = {layer.kind: layer for layer in count_flops(layer, (x, x, x)).layers}
    assert by_kind["attention"].sparse == by_kind["attention"].dense == 2 * 2 * 3 * 5 * 5 * 8
    assert by_kind["linear"].sparse == 2 * 15 * (64 + 32)
    assert by_kind["linear"].dense == 2 * 15 * 4 * 64


def test_a_weight_that_is_a_parameter_of_a_matrix_product_is_a_linear_map() -> None:
    net = ByHand()
    with torch.no_grad():
        net.weight[:4] = 0
        net.back[:, 1:] = 0
    linear = next(layer for layer in count_flops(net, torch.randn(2, 4, 6)).layers if layer.kind == "linear")
    assert (linear.calls, linear.weights, linear.nonzeros) == (2, 60, 10 + 6)
    assert linear.sparse == 2 * 8 * (10 + 6)


def test_a_part_of_a_parameter_is_a_weight_and_a_repeated_one_is_the_parameter() -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(4))

        def forward(self, x: Tensor) -> Tensor:
            return torch.bmm(x, self.weight.expand(len(x), 4, 4)) @ self.weight[:, :2]

    (layer,) = count_flops(Parts(), torch.randn(3, 5, 4)).layers
    assert layer.kind == "linear"
    assert layer.dense == 2 * 3 * 5 * (16 + 8)
    assert layer.sparse == 2 * 3 * 5 * (4 + 2)


def test_the_zeros_of_a_mask_on_the_weight_count() -> None:
    class Halved(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight * (torch.arange(weight.numel()).reshape(weight.shape) % 2)

    layer = nn.Linear(4, 6)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", Halved())
    result = count_flops(layer, torch.randn(1, 4))
    assert (result.dense, result.sparse) == (48, 24)


def test_a_layer_used_twice_has_its_weights_once_and_its_flops_twice() -> None:
    layer = nn.Linear(4, 4)
    result = count_flops(nn.Sequential(layer, nn.ReLU(), layer), torch.randn(1, 4))
    assert [(x.calls, x.weights, x.dense) for x in result.layers] == [(2, 16, 64)]


def test_the_model_is_left_in_its_mode_with_its_statistics_and_without_hooks() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout())
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    count_flops(net, torch.randn(3, 1, 2, 2))
    assert [module.training for module in net] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    with pytest.raises(RuntimeError):
        count_flops(net, torch.randn(3, 4, 2, 2))
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())


def test_a_function_without_a_formula_is_named_as_missing() -> None:
    result = count_flops(nn.LSTM(3, 4), torch.randn(5, 2, 3))
    assert result.not_counted == ("lstm in the model (×1)",)
    assert "MISSING, for want of a formula: lstm" in str(result)


def test_the_count_prints_its_convention_its_input_and_its_total() -> None:
    text = str(count_flops(_mlp(), torch.randn(4, 3, 4)))
    for part in ("One multiply-add (MAC) is 2 FLOPs.", "(4, 3, 4)", "952", "Not counted: biases", "non-zero"):
        assert part in text
    assert "is 1 FLOP." in str(count_flops(_mlp(), torch.randn(4, 3, 4), flops_per_mac=1))


def test_convolutions_agree_with_the_layers_of_the_theory() -> None:
    layer = costs.Layer(inputs=3, outputs=5, kernel=3, height=9, width=8, stride=2, padding=1)
    assert count_flops(nn.Conv2d(3, 5, 3, 2, 1), torch.randn(1, 3, 9, 8), flops_per_mac=1).dense == layer.dense


def test_settings_outside_their_range_are_refused() -> None:
    net, x = nn.Linear(2, 2), torch.randn(1, 2)
    with pytest.raises(ValueError, match="flops_per_mac must be 1 or 2, got 3"):
        count_flops(net, x, flops_per_mac=3)
    with pytest.raises(ValueError, match="compiled or scripted, got OptimizedModule"):
        count_flops(torch.compile(net, backend="eager"), x)


def test_a_convolution_counted_without_its_groups_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_groups(args: tuple[Any, ...], _kwargs: Any, output: Tensor) -> list[products.Product]:
        return [products.Product("conv", output.numel() * args[0].shape[1] * args[1][0, 0].numel(), args[1])]

    monkeypatch.setitem(products._FORMULAS, "conv2d", without_groups)
    net, x = _cnn().eval(), torch.randn(1, 3, 9, 9)
    assert count_flops(net, x).dense != _of_torch(net, x)


def test_a_count_without_layers_costs_nothing() -> None:
    result = count_flops(nn.ReLU(), torch.randn(2))
    assert isinstance(result, FlopCount)
    assert (result.dense, result.sparse, result.layers) == (0, 0, ())
