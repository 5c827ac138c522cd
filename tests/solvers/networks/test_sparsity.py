"""Counts of what is not zero."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.sparsity import Count, groups_of, sparsity  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def _zeroed(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module


@torch.no_grad()
def _network() -> nn.Sequential:
    """Two kernels of 4·3 with 3 non-zero entries, 4 of 4·2 weights, and the biases 1."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    _zeroed(model)
    model[0].weight[1, 2, 0, 0] = 1
    model[0].weight[1, 0, :2, 1] = -1
    model[3].weight[1] = 5
    model[3].bias.fill_(1)
    return model


def test_the_shares_are_those_of_the_paper() -> None:
    found = sparsity(_network())
    assert found.n_conv == 2 / 12
    assert found.s_conv == 1 - 2 / 12
    assert found.n_linear == 4 / 8
    total = 4 * 3 * 9 + 4 + 8 + 8 + 2
    assert found.n_total == (3 + 4 + 2) / total
    assert found.sparsity == 1 - (3 + 4 + 2) / total
    assert found.weights == Count(3 + 4, 4 * 3 * 9 + 8)
    assert found.kernels == Count(2, 12)


def test_a_dense_network_has_a_total_of_one() -> None:
    model = _network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1)
    found = sparsity(model)
    # As printed in section 4.4, N_total would be 2.
    assert (found.n_total, found.n_linear, found.n_conv, found.s_conv) == (1, 1, 1, 0)


def test_units_and_inputs_are_active_with_one_weight() -> None:
    found = {one.name: one for one in sparsity(_network()).parameters}
    assert (found["0.weight"].units, found["0.weight"].inputs) == (Count(1, 4), Count(2, 3))
    assert (found["3.weight"].units, found["3.weight"].inputs) == (Count(1, 2), Count(4, 4))
    assert (found["3.bias"].units, found["3.bias"].kernels) == (None, None)
    assert found["3.weight"].kernels is None
    assert sparsity(_network()).units == Count(2, 6)


@torch.no_grad()
def test_transposed_and_grouped_convolutions_have_their_own_axes() -> None:
    up = _zeroed(nn.ConvTranspose2d(3, 5, 2, bias=False))
    up.weight[2, :4] = 1
    (one,) = sparsity(up).parameters
    assert (one.units, one.inputs, one.kernels) == (Count(4, 5), Count(1, 3), Count(4, 15))
    grouped = _zeroed(nn.Conv2d(6, 4, 3, groups=2, bias=False))
    grouped.weight[0, 1] = grouped.weight[3, 1] = 1  # channels 1 and 3 + 1
    (one,) = sparsity(grouped).parameters
    assert (one.units, one.inputs, one.kernels) == (Count(2, 4), Count(2, 6), Count(2, 12))
    both = _zeroed(nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False))
    both.weight[0, 1] = both.weight[3, 1] = 1
    (one,) = sparsity(both).parameters
    assert (one.units, one.inputs) == (Count(2, 6), Count(2, 4))


def test_a_network_without_a_kind_of_layer_has_no_share_of_it() -> None:
    found = sparsity(nn.Linear(2, 2))
    assert (found.n_conv, found.s_conv, found.n_linear) == (None, None, 1)
    assert sparsity(nn.ReLU()).n_total is None
    assert sparsity(nn.ReLU()).sparsity is None


def test_tied_parameters_count_once_and_attention_is_linear() -> None:
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    assert sparsity(nn.Sequential(first, second)).entries == Count(9, 9)
    found = sparsity(nn.MultiheadAttention(4, 2))
    assert found.of_kinds("attention") == Count(64, 64)
    assert found.n_linear == 1


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_layers_without_entries_are_counted() -> None:
    found = sparsity(nn.Sequential(nn.Linear(0, 3, bias=False), nn.Linear(3, 0)))
    assert found.entries == Count(0, 0)
    assert found.n_linear is None


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        ("entries", Count(3, 108)),
        ("kernels", Count(2, 12)),
        ("filters", Count(1, 4)),
        ("channels", Count(2, 3)),
        ("heads:2", Count(1, 2)),
    ],
)
def test_groups_of_any_layout_are_counted(layout: str, count: Count) -> None:
    assert groups_of(_network()[0].weight, layout) == count


def test_groups_that_a_parameter_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 3 axes"):
        groups_of(torch.ones(2, 2), "kernels")


def test_the_table_has_a_line_for_each_parameter_and_the_totals() -> None:
    lines = str(sparsity(_network())).splitlines()
    assert lines[2].split() == ["0.weight", "conv", "4×3×3×3", "0.02778", "3", "2/12", "1/4", "2/3"]
    assert lines[-2] == "N_total 6.923 %, N_linear 50 %, N_conv 16.67 %, S_conv 83.33 %"
    assert lines[-1] == "entries 9/130, active units 2/6"


def test_counting_changes_nothing() -> None:
    model = _network()
    before = [p.detach().clone() for p in model.parameters()]
    sparsity(model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
