"""`compact` on networks with planted dead structure: the same outputs, and exactly the parameters that were promised."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.compact import compact  # noqa: E402
from mlbreg.solvers.networks.flops import count_flops  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def zero(*targets: Tensor) -> None:
    with torch.no_grad():
        for target in targets:
            target.zero_()


def randomize_statistics(model: nn.Module) -> nn.Module:
    """Batch normalisations as after training."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


def same(model: nn.Module, small: nn.Module, x: Tensor) -> bool:
    """On inputs that `compact` has not seen, of another batch size, too."""
    with torch.no_grad():
        y, z = model.eval()(x), small(x)
        return bool((y - z).abs().max() <= 1e-5 * max(1.0, float(y.abs().max())))


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.blocks = nn.Sequential(Block(channels), Block(channels))
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(4 * channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(functional.relu(self.bn(self.stem(x))))
        x = self.pool(x)
        return self.head(x.view(x.size(0), -1))


def test_dead_rows_and_dead_columns_of_an_mlp_go_and_their_biases_are_folded() -> None:
    net = nn.Sequential(nn.Linear(7, 10), nn.Tanh(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3, bias=False))
    zero(net[0].weight[:4], net[2].weight[:, 7:], net[2].weight[5])  # bias alive: tanh(b) is a constant ≠ 0
    small, report = compact(net, torch.randn(2, 7))
    assert same(net, small, torch.randn(9, 7))
    shapes = {layer.name: layer.after for layer in report.layers}
    assert shapes == {"0": (3, 7), "2": (7, 3), "4": (3, 7)}
    folded = 3 if net[2].bias[5].item() > 0 else 0  # the last layer gets a bias when relu(b) ≠ 0
    assert report.parameters_after == parameters(small) == 3 * 8 + 7 * 4 + 3 * 7 + folded
    assert report.parameters_before == parameters(net)
    assert report.after.dense == 2 * 2 * (21 + 21 + 21) < report.before.dense


def test_a_layer_without_bias_gets_one_when_a_constant_is_folded_into_it() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2, bias=False))
    zero(net[0].weight[1], net[0].bias[1])
    small, _ = compact(net, torch.randn(1, 4))
    assert torch.allclose(small.get_submodule("2").bias, 0.5 * net[2].weight[:, 1])
    assert same(net, small, torch.randn(5, 4))


def test_filters_die_through_residual_connections_only_where_all_summands_are_dead() -> None:
    net = randomize_statistics(ResNet())
    with torch.no_grad():
        for bn in (net.bn, *(b for block in net.blocks for b in (block.bn1, block.bn2))):
            bn.bias.copy_(bn.bias.abs() + 0.1)
        # Channel 0: dead and 0 everywhere along the residual stream.
        for conv, bn in ((net.stem, net.bn), *((block.conv2, block.bn2) for block in net.blocks)):
            zero(conv.weight[0], bn.weight[0], bn.bias[0])
        # Channel 1: dead in the stem and in one block, alive in the other.
        zero(net.stem.weight[1], net.bn.bias[1], net.bn.weight[1], net.blocks[0].conv2.weight[1])
        # Inside a block: filter 2 gives the constant 0 after the ReLU, filter 3 a positive one that the border sees.
        zero(net.blocks[0].conv1.weight[2:4])
        for filter_, shift in ((2, -3.0), (3, 3.0)):
            net.blocks[0].bn1.weight[filter_] = 0.1
            net.blocks[0].bn1.bias[filter_] = shift
    x = torch.randn(2, 3, 8, 8)
    small, report = compact(net, x)
    assert same(net, small, torch.randn(5, 3, 8, 8))
    shapes = {layer.name: layer.after for layer in report.layers}
    assert shapes["stem"] == (5, 3, 3, 3)
    assert shapes["blocks.0.conv1"] == (5, 5, 3, 3), "one of six filters: the constant that is not 0 stays"
    assert shapes["blocks.0.conv2"] == (5, 5, 3, 3)
    assert shapes["blocks.1.conv1"] == (6, 5, 3, 3)
    assert shapes["blocks.1.conv2"] == (5, 6, 3, 3)
    assert shapes["bn"] == shapes["blocks.0.bn2"] == (5,)
    assert shapes["head"] == (5, 20)
    assert report.left_dense == ()
    assert report.parameters_after < report.parameters_before
    assert report.after.dense < report.before.dense


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"padding": 1}, 4),
        ({"padding": "same"}, 4),
        ({"padding": 0}, 3),
        ({"padding": "valid"}, 3),
        ({"padding": 1, "padding_mode": "replicate"}, 3),
        ({"padding": 1, "padding_mode": "reflect"}, 3),
        ({"padding": 1, "padding_mode": "circular"}, 3),
    ],
)
def test_a_constant_that_is_not_0_stays_exactly_before_zero_padding(options: dict[str, Any], kept: int) -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3, **options))
    randomize_statistics(net)
    zero(net[0].weight[1])
    with torch.no_grad():
        net[1].weight[1], net[1].bias[1] = 0.5, 4.0
    small, report = compact(net, torch.randn(1, 2, 7, 7))
    assert same(net, small, torch.randn(3, 2, 7, 7))
    assert report.layers[0].after[0] == kept


def test_a_dead_filter_with_a_bias_goes_before_padding_when_the_activation_makes_it_0() -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))
    zero(net[0].weight[1:3])
    with torch.no_grad():
        net[0].bias[1], net[0].bias[2] = -1.0, 1.0
    small, report = compact(net, torch.randn(1, 2, 7, 7))
    assert same(net, small, torch.randn(3, 2, 7, 7))
    assert report.layers[0].after[0] == 3


def test_a_batch_norm_with_scale_0_kills_its_channel_whatever_comes_in() -> None:
    net = randomize_statistics(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)))
    zero(net[1].weight[2:5])
    small, report = compact(net, torch.randn(4, 5))
    assert same(net, small, torch.randn(9, 5))
    assert [layer.after for layer in report.layers] == [(3, 5), (3,), (2, 3)]


def test_a_filter_that_nobody_reads_goes_though_it_is_alive_and_what_it_alone_reads_goes_too() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1))
    zero(net[4].weight[:, 3])
    keep_only = net[2].weight
    with torch.no_grad():
        mask = torch.ones_like(keep_only)
        mask[:, 4] = 0
        mask[3, 4] = 1  # filter 3, which nobody reads, is the only one that reads channel 4
        keep_only.mul_(mask)
    small, report = compact(net, torch.randn(1, 3, 9, 9))
    assert same(net, small, torch.randn(2, 3, 9, 9))
    assert [layer.after[:2] for layer in report.layers] == [(4, 3), (5, 4), (2, 5)]


def test_linear_layers_after_a_flatten_lose_all_columns_of_a_dead_channel() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, 3))
    zero(net[0].weight[0])
    with torch.no_grad():
        net[0].bias[0] = 2.0
    small, report = compact(net, torch.randn(1, 1, 8, 8))
    assert same(net, small, torch.randn(4, 1, 8, 8))
    assert report.layers[1].after == (3, 27)


def test_a_channel_stays_when_a_single_one_of_its_positions_is_read() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 3))
    zero(net[2].weight[:, 0:4], net[2].weight[:, 4:7])
    small, report = compact(net, torch.randn(1, 1, 4, 4))
    assert same(net, small, torch.randn(4, 1, 4, 4))
    assert report.layers[0].after[0] == 3


@pytest.mark.parametrize(
    "reshape", ["x.view(-1, 36)", "x.reshape(x.shape[0], -1)", "torch.flatten(x, 1)", "x.flatten(1)"]
)
def test_the_old_number_of_features_written_into_a_reshape_is_replaced(reshape: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = nn.Conv2d(1, 4, 3), nn.Linear(36, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.conv(x))
            return self.linear(eval(reshape, {"x": x, "torch": torch}))

    net = Net()
    zero(net.conv.weight[3], net.conv.bias[3])
    small, report = compact(net, torch.randn(1, 1, 5, 5))
    assert same(net, small, torch.randn(4, 1, 5, 5))
    assert report.layers[1].after == (3, 27)


def test_constants_pass_through_sums_differences_products_and_quotients_with_numbers() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last((1.0 - 2 * torch.tanh(self.first(x)) / 3).sub(0.5).mul(4.0))

    net = Net()
    zero(net.first.weight[1:3])
    small, report = compact(net, torch.randn(1, 3))
    assert same(net, small, torch.randn(5, 3))
    assert [layer.after for layer in report.layers] == [(2, 3), (2, 2)]


def test_concatenated_branches_lose_their_channels_one_by_one() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(9, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.cat([functional.relu(self.left(x)), x, self.right(x)], dim=1))

    net = Net()
    zero(net.left.weight[0], net.right.weight[2:], net.right.bias[2], net.last.weight[:, 3])
    with torch.no_grad():
        net.left.bias[0] = -1
    small, report = compact(net, torch.randn(1, 2, 5, 5))
    assert same(net, small, torch.randn(4, 2, 5, 5))
    assert {layer.name: layer.after[:2] for layer in report.layers} == {"left": (2, 2), "right": (3, 2), "last": (2, 7)}


def test_depthwise_convolutions_go_with_their_channel_and_grouped_ones_stay() -> None:
    net = nn.Sequential(
        *(nn.Conv2d(2, 6, 1), nn.ReLU6(), nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.BatchNorm2d(6), nn.ReLU6()),
        *(nn.Conv2d(6, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4), nn.ReLU(), nn.Conv2d(8, 2, 1)),
    )
    randomize_statistics(net)
    zero(net[0].weight[0], net[2].weight[1:3], net[5].weight[4], net[7].weight[2])
    with torch.no_grad():
        net[0].bias[0] = -1.0
    small, report = compact(net, torch.randn(1, 2, 7, 7))
    assert same(net, small, torch.randn(3, 2, 7, 7))
    shapes = [layer.after for layer in report.layers]
    assert shapes == [(3, 2, 1, 1), (3, 1, 3, 3), (3,), (8, 3, 1, 1), (8, 2, 3, 3), (2, 8, 1, 1)]
    assert small.get_submodule("2").groups == 3
    assert report.left_dense == (("7", "convolution with 4 groups"),)
    assert "Left dense at 7: convolution with 4 groups." in str(report)


def test_transposed_convolutions_are_cut_on_their_own_axes() -> None:
    net = nn.Sequential(
        nn.ConvTranspose2d(3, 5, 3, stride=2), nn.ReLU(), nn.ConvTranspose2d(5, 4, 2), nn.ReLU(), nn.Conv2d(4, 1, 1)
    )
    zero(net[0].weight[:, 1:3], net[0].bias[1], net[2].weight[:, 0])
    with torch.no_grad():
        net[0].bias[2] = 1.0  # a constant, but a transposed convolution has borders
    small, report = compact(net, torch.randn(1, 3, 4, 4))
    assert same(net, small, torch.randn(2, 3, 4, 4))
    assert [layer.after[:2] for layer in report.layers] == [(3, 4), (4, 3), (1, 3)]


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2, padding=1), nn.AvgPool2d(2, divisor_override=3)])
def test_average_pooling_that_changes_constants_keeps_them(pool: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1), pool, nn.Flatten(), nn.LazyLinear(2))
    net(torch.randn(1, 1, 6, 6))
    zero(net[0].weight[:2], net[0].bias[0])
    small, report = compact(net, torch.randn(1, 1, 6, 6))
    assert same(net, small, torch.randn(2, 1, 6, 6))
    assert report.layers[0].after[0] == 2


def test_gates_of_a_squeeze_and_excitation_block_follow_their_channels() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.down, self.up, self.last = (
                nn.Conv2d(1, 6, 3),
                nn.Conv2d(6, 3, 1),
                nn.Conv2d(3, 6, 1),
                nn.Conv2d(6, 2, 3, padding=1),
            )

        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.conv(x))
            gate = torch.sigmoid(self.up(functional.relu(self.down(x.mean((2, 3), keepdim=True)))))
            return self.last(x * gate)

    net = Net()
    zero(net.conv.weight[:2], net.conv.bias[:2], net.down.weight[1], net.down.bias[1])
    small, report = compact(net, torch.randn(1, 1, 6, 6))
    assert same(net, small, torch.randn(2, 1, 6, 6))
    shapes = {layer.name: layer.after[:2] for layer in report.layers}
    assert shapes == {"conv": (4, 1), "down": (2, 4), "up": (4, 2), "last": (2, 4)}


def test_a_network_that_is_dead_altogether_keeps_one_channel_a_layer() -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
    )
    zero(*(p for p in net.parameters() if p.ndim > 1))
    small, report = compact(net, torch.randn(1, 2, 4, 4))
    assert same(net, small, torch.randn(3, 2, 4, 4))
    assert [layer.after for layer in report.layers] == [(1, 2, 3, 3), (1,), (1, 4), (3, 1)]


def test_the_original_is_not_touched_and_nothing_happens_to_a_network_without_dead_parts() -> None:
    net = randomize_statistics(ResNet()).train()
    before = copy.deepcopy(net.state_dict())
    small, report = compact(net, torch.randn(2, 3, 8, 8))
    assert net.training
    assert not small.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    shapes = {name: value.shape for name, value in small.state_dict().items()}
    assert shapes == {name: value.shape for name, value in before.items()}
    assert not {p.data_ptr() for p in net.parameters()} & {p.data_ptr() for p in small.parameters()}
    assert report.before == report.after


def test_the_compact_network_has_a_state_dict_and_trains() -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    zero(net[0].weight[:3])
    small, _ = compact(net, torch.randn(1, 4))
    other = copy.deepcopy(small)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(small.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(other(x), small(x))
    optimizer = torch.optim.SGD(small.parameters(), lr=0.1)
    small(x).square().sum().backward()
    optimizer.step()
    assert not torch.equal(other(x), small(x))
    assert list(small.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


@pytest.mark.parametrize("seed", range(25))
def test_random_networks_with_random_dead_parts_compute_the_same(seed: int) -> None:
    torch.manual_seed(seed)
    channels = int(torch.randint(2, 6, ()))
    net = randomize_statistics(ResNet(channels))
    with torch.no_grad():
        for module in net.modules():
            weight = getattr(module, "weight", None)
            if weight is not None:
                weight[torch.rand(weight.shape[0]) < 0.5] = 0
            if isinstance(module, nn.Conv2d | nn.Linear):
                weight[:, torch.rand(weight.shape[1]) < 0.3] = 0
            if isinstance(module, nn.BatchNorm2d):
                module.bias[torch.rand(len(module.bias)) < 0.5] = 0
    small, report = compact(net, torch.randn(1, 3, 6, 6))
    assert same(net, small, torch.randn(4, 3, 6, 6))
    assert report.parameters_after <= report.parameters_before + 6 * channels
    assert count_flops(small, torch.randn(1, 3, 6, 6)).dense == report.after.dense
    again = compact(small, torch.randn(1, 3, 6, 6)).report
    assert again.parameters_after == again.parameters_before, "nothing is left to remove"
