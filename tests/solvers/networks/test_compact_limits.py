"""What `compact` leaves alone because it does not understand it, what it refuses, and how its own check finds planted bugs."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.compact import CompactError, compact, compaction, layer_rules  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def zero(*targets: Tensor) -> None:
    with torch.no_grad():
        for target in targets:
            target.zero_()


def same(model: nn.Module, small: nn.Module, x: Tensor) -> bool:
    """On inputs that `compact` has not seen, of another batch size, too."""
    with torch.no_grad():
        y, z = model.eval()(x), small(x)
        return bool((y - z).abs().max() <= 1e-5 * max(1.0, float(y.abs().max())))


def test_what_is_not_understood_keeps_its_channels_and_is_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.norm, self.b = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 6)
            self.attention, self.c = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            x = self.b(self.norm(self.a(x)))
            y, _ = self.attention(x, x, x, need_weights=False)
            z = self.c(y)
            return z.roll(1, -1) / z.size(-1)

    net = Net()
    for layer in (net.a, net.b, net.c):
        zero(layer.weight[0], layer.bias[0])
    small, report = compact(net, torch.randn(2, 3, 4))
    assert report.parameters_after == report.parameters_before
    assert same(net, small, torch.randn(5, 3, 4))
    assert [name for name, _ in report.left_dense] == ["norm", "attention", "roll", "size"]


def test_layers_used_twice_or_sharing_weights_or_with_hooks_stay() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twice, self.one, self.two, self.last = (nn.Linear(4, 4) for _ in range(4))
            self.two.weight = self.one.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.two(self.one(self.twice(torch.relu(self.twice(x))))))

    net = Tied()
    net.last.register_forward_hook(lambda _module, _args, output: output * 2)
    zero(net.twice.weight[0], net.one.weight[0], net.last.weight[0], net.twice.bias[0])
    small, report = compact(net, torch.randn(1, 4))
    assert same(net, small, torch.randn(3, 4))
    assert report.parameters_after == report.parameters_before
    reasons = dict(report.left_dense)
    assert reasons["twice"] == "it is used in more than one place"
    assert reasons["one"] == reasons["two"] == "another layer shares its parameters"
    assert reasons["last"] == "it has forward hooks"


def test_a_value_that_changes_under_the_hands_of_another_user_is_not_reasoned_about() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.left, self.right = nn.Conv2d(1, 3, 1), nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            y = functional.relu(x, inplace=True)
            return self.left(x) + self.right(y)

    net = Net()
    zero(net.conv.weight[0])
    with torch.no_grad():
        net.conv.bias[0] = -5.0
    small, report = compact(net, torch.randn(1, 1, 3, 3))
    assert same(net, small, torch.randn(2, 1, 3, 3))
    assert report.layers[0].after[0] == 3
    assert "in-place" in report.left_dense[0][1]


def test_functions_with_weights_of_their_own_are_left_dense_and_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.last = nn.Parameter(torch.randn(4, 3)), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(functional.relu(functional.linear(x, self.weight)))

    net = Net()
    zero(net.weight[0])
    small, report = compact(net, torch.randn(1, 3))
    assert same(net, small, torch.randn(4, 3))
    assert report.left_dense == (("linear", "linear is not known here"),)


@pytest.mark.parametrize(
    "change", ["h.add_(1.0)", "h.view(-1, 3).add_(1.0)", "torch.add(h, 1.0, out=h)", "h.clamp_(min=0.5)"]
)
def test_an_in_place_change_whose_result_nobody_takes_still_happens(change: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x)
            eval(change, {"h": h, "torch": torch})
            return self.last(h)

    net = Net()
    zero(net.first.weight[0])
    small, report = compact(net, torch.randn(1, 3))
    assert same(net, small, torch.randn(4, 3))
    assert report.parameters_after == report.parameters_before


def test_a_pruned_weight_that_is_not_permanent_is_refused_with_advice() -> None:
    net = nn.Linear(3, 3)
    prune.identity(net, "weight")
    with pytest.raises(CompactError, match="model Linear cannot be copied, make computed weights permanent"):
        compact(net, torch.randn(1, 3))
    prune.remove(net, "weight")
    assert compact(net, torch.randn(1, 3)).report.parameters_after == 12


def test_a_model_whose_code_asks_for_values_is_refused_with_the_reason() -> None:
    class Asks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(
        CompactError, match=r"model Asks cannot be traced .* symbolically traced variables cannot be used"
    ):
        compact(Asks(), torch.randn(2))


def test_a_model_with_hooks_of_its_own_is_refused() -> None:
    net = nn.Linear(2, 2)
    net.register_forward_hook(lambda _module, _args, output: output + 1)
    with pytest.raises(CompactError, match="model Linear has forward hooks"):
        compact(nn.Sequential(net).append(net)[0], torch.randn(1, 2))


def test_nonsense_tolerances_are_refused() -> None:
    with pytest.raises(ValueError, match="tolerance must be positive and finite, got 0"):
        compact(nn.Linear(2, 2), torch.randn(1, 2), tolerance=0)


def test_a_model_that_gives_nan_is_not_returned_as_equal() -> None:
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight[0, 0] = float("nan")
    with pytest.raises(CompactError, match="differs by nan"):
        compact(net, torch.randn(1, 2))


def _padded_example() -> tuple[nn.Module, Tensor]:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3, padding=1))
    zero(net[0].weight[0])
    with torch.no_grad():
        net[0].bias[0] = 3.0
    return net, torch.randn(1, 1, 6, 6)


def test_forgetting_the_padding_is_caught_by_the_check_of_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = _padded_example()
    compact(net, x)
    monkeypatch.setattr(layer_rules, "pads_with_zeros", lambda _module: False)
    with pytest.raises(CompactError, match=r"output 0 differs by .* the compact model is not returned"):
        compact(net, x)


def test_dropping_the_constant_of_a_dead_row_is_caught_by_the_check_of_the_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    zero(net[0].weight[0])

    def without_constants(found: Any, keep: Any) -> None:
        for value in found.table.values:
            value.constant[:] = 0
        shrink(found, keep)

    shrink = compaction.shrink
    monkeypatch.setattr(compaction, "shrink", without_constants)
    with pytest.raises(CompactError, match="differs by"):
        compact(net, torch.randn(1, 3))
