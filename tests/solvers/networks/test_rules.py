"""Sorting the parameters of a model into groups by the types of their layers."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.rules import assign, regularize  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, ParameterRegularizer, Zero  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch

KERNELS, ROWS = GroupL2(0.05, "kernels"), GroupL2(0.05)


def _by_name(groups: list[dict[str, Any]]) -> dict[str, ParameterRegularizer]:
    return {name: group["regularizer"] for group in groups for name, _ in group["params"]}


def _regularize(model: nn.Module, **rules: Any) -> dict[str, ParameterRegularizer]:
    return _by_name(regularize(model, verbose=False, **rules))


def _mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 3))


def _conv_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.GroupNorm(2, 4),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


class _Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.decoder = nn.Linear(4, 7)
        self.decoder.weight = self.embedding.weight


def test_an_mlp_has_its_matrices_regularised_and_its_biases_and_norms_not() -> None:
    found = _regularize(_mlp(), linear=L1(0.1))
    assert found == {
        "0.weight": L1(0.1),
        "3.weight": L1(0.1),
        "0.bias": Zero(),
        "2.weight": Zero(),
        "2.bias": Zero(),
        "3.bias": Zero(),
    }


def test_a_convolutional_network_has_a_rule_for_each_type_of_layer() -> None:
    found = _regularize(_conv_net(), conv=KERNELS, linear=L1(0.1))
    sparse = {name: regularizer for name, regularizer in found.items() if regularizer != Zero()}
    assert sparse == {"0.weight": KERNELS, "3.weight": KERNELS, "6.weight": L1(0.1)}
    assert len(found) == len(list(_conv_net().parameters()))


def test_rows_of_a_convolution_are_its_filters() -> None:
    found = _regularize(_conv_net(), conv=ROWS)["3.weight"]
    theta = torch.randn(4, 4, 3, 3)
    assert found.value(theta) == GroupL2(0.05, "filters").value(theta)


@pytest.mark.parametrize(
    ("layout", "cut"), [("filters", "channels"), ("rows", "columns"), ("channels", "filters"), ("kernels", "kernels")]
)
def test_a_transposed_convolution_has_its_filters_along_the_second_axis(layout: str, cut: str) -> None:
    found = _regularize(nn.ConvTranspose2d(3, 5, 2), conv=GroupL2(0.1, layout))
    assert found == {"weight": GroupL2(0.1, cut), "bias": Zero()}


def test_an_encoder_layer_has_its_heads_cut_in_each_projection() -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16)
    found = _regularize(model, linear=L1(0.1), attention=GroupL2(0.2, "heads:2"))
    sparse = {name: regularizer for name, regularizer in found.items() if regularizer != Zero()}
    assert sparse == {
        "self_attn.in_proj_weight": GroupL2(0.2, "heads:6"),
        "self_attn.out_proj.weight": GroupL2(0.2, "columns"),
        "linear1.weight": L1(0.1),
        "linear2.weight": L1(0.1),
    }
    # A group of in_proj_weight is what makes the queries, keys or values of one head.
    support = sparse["self_attn.in_proj_weight"].support
    theta = torch.zeros(24, 8)
    theta[8 + 5, 3] = 1  # the second head's keys are rows 12 … 15
    assert torch.nonzero(support(theta).any(1)).flatten().tolist() == [12, 13, 14, 15]


def test_attention_with_projections_of_different_widths_has_the_heads_of_each() -> None:
    found = _regularize(nn.MultiheadAttention(8, 2, kdim=4, vdim=6), attention=GroupL2(0.2, "heads:2"))
    assert {found[f"{part}_proj_weight"] for part in "qkv"} == {GroupL2(0.2, "heads:2")}
    assert found["in_proj_bias"] == Zero()


def test_attention_is_no_linear_layer() -> None:
    found = _regularize(nn.MultiheadAttention(8, 2, add_bias_kv=True), linear=L1(0.1))
    assert set(found.values()) == {Zero()}


def test_embeddings_and_recurrent_layers_have_rules_of_their_own() -> None:
    model = nn.ModuleDict({"words": nn.Embedding(7, 4), "memory": nn.LSTM(4, 3), "cell": nn.GRUCell(4, 3)})
    found = _regularize(model, embedding=ROWS, recurrent=L1(0.1))
    assert found["words.weight"] == ROWS
    assert {found[f"memory.weight_{part}_l0"] for part in ("ih", "hh")} == {L1(0.1)}
    assert found["cell.weight_ih"] == L1(0.1)
    assert found["memory.bias_ih_l0"] == found["cell.bias_hh"] == Zero()


def test_a_norm_that_is_not_of_torch_is_known_by_its_name_and_an_unknown_module_is_listed_as_such() -> None:
    class LlamaRMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.ones(4, 4))

    class NormalHead(Positions):
        pass

    model = nn.ModuleDict({"a": LlamaRMSNorm(), "b": Positions(), "c": NormalHead(), "d": nn.Linear(4, 4)})
    assignments = assign(model, linear=L1(0.1))
    assert [one.kind for one in assignments.trained] == ["norm", "other", "other", "linear", "bias"]
    assert "b.table, c.table" in next(line for line in str(assignments).splitlines() if line.startswith("other"))


def test_many_names_are_cut_short_except_where_nothing_else_says_what_they_are() -> None:
    known = str(assign(nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(6)))))
    assert "0.weight, 1.weight, 2.weight and 3 more" in known
    unknown = nn.ParameterList(torch.ones(2) for _ in range(6))
    assert "0, 1, 2, 3, 4, 5" in str(assign(unknown))


def test_tied_parameters_appear_once_and_the_table_says_so() -> None:
    model = _Tied()
    groups = regularize(model, linear=L1(0.1), embedding=L1(0.1), verbose=False)
    assert _by_name(groups) == {"embedding.weight": L1(0.1), "decoder.bias": Zero()}
    assert "tied, counted once: embedding.weight = decoder.weight" in str(assign(model))


def test_a_module_used_twice_is_one_module() -> None:
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert _regularize(model, linear=L1(0.1)) == {"0.weight": L1(0.1), "0.bias": Zero()}
    assert _regularize(model, linear=L1(0.1), overrides={"2.weight": ROWS})["0.weight"] == ROWS


def test_tied_parameters_with_different_rules_need_an_override_under_any_of_their_names() -> None:
    with pytest.raises(ValueError, match=r"embedding.weight \(embedding\): none; decoder.weight \(linear\): L1"):
        _regularize(_Tied(), linear=L1(0.1))
    for name in ("embedding.weight", "decoder.weight"):
        found = _regularize(_Tied(), linear=L1(0.1), overrides={name: ROWS})
        assert found["embedding.weight"] == ROWS


def test_frozen_parameters_are_left_out_and_listed() -> None:
    model = _mlp()
    model[0].weight.requires_grad_(False)
    assert "0.weight" not in _regularize(model, linear=L1(0.1))
    assert "0.weight" in next(line for line in str(assign(model)).splitlines() if line.startswith("frozen"))


def test_the_last_matching_override_decides_and_is_taken_literally() -> None:
    model = nn.ModuleDict(
        {"layers": nn.ModuleList([nn.Linear(4, 4) for _ in range(3)]), "up": nn.ConvTranspose1d(2, 4, 3)}
    )
    found = _regularize(
        model,
        linear=L1(0.1),
        conv=L1(0.2),
        overrides={
            "layers.*.weight": GroupL2(0.1, "heads:2"),
            "layers.1.weight": None,
            "layers.2.bias": L1(0.3),
            "up.weight": GroupL2(0.1, "filters"),
        },
    )
    assert found["layers.0.weight"] == found["layers.2.weight"] == GroupL2(0.1, "heads:2")
    assert found["layers.1.weight"] == Zero()
    assert found["layers.2.bias"] == L1(0.3)
    assert found["up.weight"] == GroupL2(0.1, "filters")


def test_the_table_counts_tensors_entries_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    regularize(_conv_net(), conv=KERNELS, linear=L1(0.1))
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[2].split()) == "conv GroupL2(lam=0.05, layout='kernels') 2 252 28 0.weight, 3.weight"
    assert lines[3].split() == ["linear", "L1(lam=0.1)", "1", "8", "8", "6.weight"]
    assert [line.split()[:2] for line in lines[4:]] == [["bias", "none"], ["norm", "none"]]


def test_the_table_says_when_nothing_is_regularised_and_which_override_acted() -> None:
    assert "nothing is regularised" in str(assign(_mlp()))
    text = str(assign(_mlp(), overrides={"0.*t": L1(0.1)}))
    assert "override '0.*t': 0.weight" in text
    assert "nothing is regularised" not in text


def test_it_is_silent_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    regularize(_mlp(), linear=L1(0.1), verbose=False)
    assert capsys.readouterr().out == ""


def test_an_optimizer_takes_the_groups_with_their_names_and_keeps_plain_data() -> None:
    optimizer = LinBreg(regularize(_conv_net(), conv=KERNELS, linear=L1(0.1), verbose=False))
    described = [(g["layers"], g["regularizer"], g.get("lam"), g["param_names"]) for g in optimizer.param_groups]
    assert described[:2] == [("conv", "group_l2", 0.05, ["0.weight", "3.weight"]), ("linear", "l1", 0.1, ["6.weight"])]
    assert described[2][:2] == ("unregularised", "zero")


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_parameters_without_entries_and_without_axes_have_a_place() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.0))
            self.empty = nn.Linear(0, 3)

    found = _regularize(Odd(), linear=ROWS, overrides={"scale": L1(0.1)})
    assert found == {"scale": L1(0.1), "empty.weight": ROWS, "empty.bias": Zero()}
    assert "nothing" not in str(assign(Odd(), linear=ROWS))


def test_a_parametrised_weight_is_of_no_known_kind() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    assert set(_regularize(model, linear=L1(0.1)).values()) == {Zero()}


@pytest.mark.parametrize(
    ("model", "rules", "message"),
    [
        (
            _mlp,
            {"overrides": {"fc.weight": None}},
            "overrides must match .* 'fc.weight' matches none of 0.weight, 0.bias",
        ),
        (_mlp, {"linear": KERNELS}, "does not fit '0.weight': layout 'kernels' needs at least 3 axes"),
        (_mlp, {"overrides": {"0.bias": Nuclear(1.0)}}, "does not fit '0.bias'"),
        (lambda: nn.MultiheadAttention(8, 2), {"attention": GroupL2(0.1, "heads:4")}, "'heads:2' for 'in_proj_weight'"),
        (lambda: nn.Conv2d(4, 4, 3, groups=2), {"conv": GroupL2(0.1, "channels")}, "has 2: an entry of its axis 1"),
        (
            lambda: nn.ConvTranspose2d(4, 4, 3, groups=2),
            {"conv": ROWS},
            "layout 'rows' needs a convolution without groups",
        ),
        (lambda: nn.LazyLinear(3), {}, "'weight' of a lazy module has none yet"),
        (lambda: nn.ReLU(), {}, "must have a parameter with requires_grad, got none"),
        (
            lambda: nn.Linear(2, 2, dtype=torch.complex64),
            {"linear": L1(0.1)},
            "'weight' must be real to be regularised",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_what_does_not_fit_is_refused(model: Any, rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _regularize(model(), **rules)


@pytest.mark.parametrize(
    ("model", "rules", "message"),
    [
        (_mlp, {"linear": 0.1}, "linear must be a regularizer such as L1"),
        (_mlp, {"overrides": {"0.bias": "l1"}}, r"overrides\['0.bias'\] must be a regularizer"),
        (lambda: [nn.Linear(2, 2)], {}, "model must be a torch.nn.Module, got list"),
    ],
)
def test_what_is_no_regularizer_and_no_model_is_refused(model: Any, rules: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        _regularize(model(), **rules)
