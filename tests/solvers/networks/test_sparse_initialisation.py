"""Sparse weights whose layers pass signals on as dense ones do."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.rules import regularize  # noqa: E402
from mlbreg.solvers.networks.sparse_initialisation import of_gain, sparse_init  # noqa: E402
from mlbreg.solvers.networks.sparsity import groups_of, sparsity  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _small() -> nn.Sequential:
    """A convolution of 432 weights and a linear layer of 640."""
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))


def _groups(model: nn.Module, conv: Any = L1(0.1), linear: Any = L1(0.1)) -> list[dict[str, Any]]:  # noqa: B008 - frozen
    return regularize(model, conv=conv, linear=linear, verbose=False)


# Worked out by hand for 107.2 of 1072 weights: ER scores 19/48 and 74/640, ERK scores 25/432 and 74/640.
@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ("uniform", (0.1, 0.1)),
        ("er", (107.2 / (171 + 74) * 19 / 48, 107.2 / (171 + 74) * 74 / 640)),
        ("erk", (107.2 / (25 + 74) * 25 / 432, 107.2 / (25 + 74) * 74 / 640)),
    ],
)
def test_densities_are_those_worked_out_by_hand(distribution: str, expected: tuple[float, float]) -> None:
    report = sparse_init(_small(), 0.1, distribution=distribution)
    assert [layer.wanted for layer in report.layers] == pytest.approx(expected, rel=1e-12)
    assert report.wanted == pytest.approx(0.1, rel=1e-12)


def test_a_layer_that_would_have_more_than_all_weights_is_dense_and_the_others_share_the_rest() -> None:
    # ER of 1506 of 3012 weights: 7 : 110 would give 90 weights to a layer that has 12.
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(50, 60))
    report = sparse_init(model, 0.5, distribution="er", bias=None)
    assert [layer.wanted for layer in report.layers] == pytest.approx([1.0, 1494 / 3000], rel=1e-12)
    assert report.layers[0].density == 1
    assert report.layers[0].factor == 1
    assert report.wanted == pytest.approx(0.5, rel=1e-12)


def test_densities_may_be_given_by_name() -> None:
    model = nn.Sequential(nn.Linear(30, 40), nn.Linear(40, 50), nn.Linear(50, 10))
    report = sparse_init(model, {"*.weight": 0.1, "1.weight": 0.5}, exact=True)
    assert [layer.nonzero for layer in report.layers] == [120, 1000, 50]
    report = sparse_init(model, {"0.weight": 0.1})
    assert [layer.wanted for layer in report.layers] == [0.1, 1.0, 1.0]


def test_an_exact_initialisation_has_the_density_of_each_layer_up_to_half_a_weight() -> None:
    report = sparse_init(_small(), 0.1, exact=True)
    assert all(abs(layer.nonzero - layer.wanted * layer.size) <= 0.5 for layer in report.layers)


def test_the_report_says_what_the_network_holds_afterwards() -> None:
    model = _small()
    report = sparse_init(_groups(model), 0.1, generator=_generator())
    counts = {one.name: one.entries.active for one in sparsity(model).parameters}
    assert {layer.name: layer.nonzero for layer in report.layers} == {n: counts[n] for n in ("0.weight", "4.weight")}
    assert report.density == sum(layer.nonzero for layer in report.layers) / 1072
    assert report.biases == ("0.bias", "4.bias")
    assert report.dense == ("1.weight", "1.bias")
    assert "4.weight" in str(report)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["entries", "rows", "columns"])
@pytest.mark.parametrize("variance", ["he", "keep", of_gain(math.sqrt(2))])
def test_signals_keep_their_size_through_sparse_layers(layout: str, variance: Any) -> None:
    width, depth, r = 512, 5, 0.1
    generator = _generator(1)
    model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(depth)))
    for layer in model:
        nn.init.normal_(layer.weight, std=math.sqrt(2 / width), generator=generator)
    sparse_init(model, r, distribution="uniform", layout=layout, variance=variance, generator=generator)
    x = torch.randn(400, width, generator=generator)
    sizes = []
    for layer in model:
        x = layer(x)
        sizes.append(float(x.square().mean()))
        x = x.relu()
    # Without the factor 1/√r each layer would lose a factor 10, with 1/r it would gain one.
    assert sizes[0] == pytest.approx(2, rel=0.5)
    assert all(0.5 < after / before < 2 for before, after in pairwise(sizes))


@torch.no_grad()
@pytest.mark.parametrize(
    ("variance", "alpha"),
    [("he", 2 / 400), ("glorot", 2 / (400 + 600)), (of_gain(3.0), 9 / 400), (lambda _, n_out: 1 / n_out, 1 / 600)],
)
def test_weights_have_the_variance_asked_for_zeros_included(variance: Any, alpha: float) -> None:
    model = nn.Linear(400, 600)
    sparse_init(model, 0.2, variance=variance, generator=_generator())
    # Var W² = (3/r − 1)α²; five standard errors.
    assert float(model.weight.square().mean()) == pytest.approx(alpha, rel=5 * math.sqrt(14 / 240_000))


def test_a_number_takes_the_place_of_the_rescale_in_all_layers() -> None:
    ours, papers = _small(), _small()
    first = sparse_init(ours, 0.2, generator=_generator(), bias=None)
    second = sparse_init(papers, 0.2, generator=_generator(), bias=None, rescale=5.0)
    assert [layer.factor for layer in second.layers] == [5.0, 5.0]
    for layer, one, other in zip(first.layers, (ours[0], ours[4]), (papers[0], papers[4]), strict=True):
        assert torch.allclose(one.weight * (5 * math.sqrt(layer.wanted)), other.weight, rtol=1e-5)


def test_an_exact_mask_is_rescaled_by_the_share_that_it_keeps() -> None:
    model = nn.Linear(3, 1)
    (layer,) = sparse_init(model, 0.5, exact=True).layers  # round(1.5) = 2 of 3
    assert (layer.nonzero, layer.factor) == (2, pytest.approx(math.sqrt(3 / 2)))


@torch.no_grad()
def test_biases_start_positive_and_no_larger_than_the_paper_says() -> None:
    model = nn.Sequential(nn.Conv2d(4, 500, 5), nn.Linear(100, 500))
    sparse_init(model, 0.1, bias=3.0, generator=_generator())
    for bound, layer in [(3 / 10, model[0]), (3 / 10, model[1])]:
        assert layer.bias.min() > 0
        assert 0.97 * bound < layer.bias.max() <= bound
        assert float(layer.bias.mean()) == pytest.approx(bound / 2, rel=0.15)


def test_biases_stay_when_asked_and_those_of_norms_and_attention_always() -> None:
    model = _small()
    before = model[4].bias.clone()
    sparse_init(model, 0.1, bias=None)
    assert torch.equal(model[4].bias, before)
    sparse_init(model, 0.1)
    assert not torch.equal(model[4].bias, before)
    assert torch.equal(model[1].bias, torch.zeros(16))
    attention = nn.MultiheadAttention(8, 2)
    assert sparse_init(attention, 0.5).biases == ()
    assert not attention.out_proj.bias.any()


def test_masks_follow_the_groups_of_the_regularizers() -> None:
    model = _small()
    sparse_init(_groups(model, GroupL2(0.1, "kernels"), GroupL2(0.1, "rows")), 0.4, exact=True, distribution="uniform")
    kernels, rows = groups_of(model[0].weight, "kernels"), groups_of(model[4].weight, "rows")
    assert (kernels.active, rows.active) == (round(0.4 * 48), 4)
    assert groups_of(model[0].weight, "entries").active == 9 * kernels.active
    assert groups_of(model[4].weight, "entries").active == 64 * rows.active


def test_the_mask_is_bernoulli_and_not_of_a_fixed_number() -> None:
    generator = _generator()
    model = nn.Linear(20, 20)
    counts = torch.tensor([sparse_init(model, 0.1, generator=generator).layers[0].nonzero for _ in range(300)]).double()
    assert float(counts.mean()) == pytest.approx(40, abs=5 * math.sqrt(36 / 300))
    assert float(counts.var()) == pytest.approx(36, rel=5 * math.sqrt(2 / 300))


def test_embeddings_and_attention_keep_their_own_weights_rescaled() -> None:
    model = nn.ModuleDict({"words": nn.Embedding(50, 8), "mix": nn.MultiheadAttention(8, 2)})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    groups = regularize(model, embedding=GroupL2(0.1, "rows"), attention=L1(0.1), verbose=False)
    report = sparse_init(groups, 0.25, distribution="uniform")
    after = dict(model.named_parameters())
    assert {layer.name for layer in report.layers} == {"words.weight", "mix.in_proj_weight", "mix.out_proj.weight"}
    for layer in report.layers:
        kept = after[layer.name] != 0
        assert kept.any()
        assert torch.allclose(after[layer.name][kept], 2 * before[layer.name][kept])


def test_zeros_stay_zeros_where_weights_are_kept() -> None:
    model = nn.Linear(40, 40)
    sparse_init(model, 0.5, generator=_generator(1))
    was_zero = model.weight == 0
    sparse_init(model, 0.5, variance="keep", generator=_generator(2))
    assert not model.weight[was_zero].any()
    assert not torch.signbit(model.weight[model.weight == 0]).any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_a_seed_means_the_same_in_every_precision(dtype: torch.dtype) -> None:
    single, other = nn.Linear(30, 30), nn.Linear(30, 30, dtype=dtype)
    for model in (single, other):
        sparse_init(model, 0.3, generator=_generator(5))
    assert other.weight.dtype == dtype
    assert torch.equal(single.weight.to(dtype), other.weight.to(torch.float32).to(dtype))


def test_a_generator_leaves_the_global_one_alone_and_without_one_the_global_seed_counts() -> None:
    model, state = nn.Linear(9, 9), torch.get_rng_state()
    sparse_init(model, 0.3, generator=_generator())
    assert torch.equal(torch.get_rng_state(), state)
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        sparse_init(model, 0.3)
        found.append(model.weight.detach().clone())
    assert torch.equal(*found)


def test_parameters_are_changed_in_place_and_without_a_graph() -> None:
    model = _small()
    before = {name: (p.data_ptr(), id(p)) for name, p in model.named_parameters()}
    sparse_init(model, 0.1)
    assert {name: (p.data_ptr(), id(p)) for name, p in model.named_parameters()} == before
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in model.parameters())


def test_it_takes_the_groups_of_an_optimizer() -> None:
    ours, its = _small(), _small()
    its.load_state_dict(ours.state_dict())
    report = sparse_init(_groups(ours, GroupL2(0.1, "filters")), 0.3, generator=_generator())
    again = sparse_init(LinBreg(_groups(its, GroupL2(0.1, "filters"))).param_groups, 0.3, generator=_generator())
    assert again == report
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), its.parameters(), strict=True))


def test_groups_without_names_have_masks_but_no_biases() -> None:
    model = nn.Linear(10, 10)
    groups = [{"params": [model.weight, model.bias], "regularizer": L1(0.1)}]
    with pytest.raises(ValueError, match="bias must be None for groups without names"):
        sparse_init(groups, 0.3)
    before = model.bias.clone()
    report = sparse_init(groups, 0.3, bias=None, exact=True)
    assert torch.equal(model.bias, before)
    assert [layer.nonzero for layer in report.layers] == [30]


def test_a_layer_without_a_weight_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(100, 100))
    report = sparse_init(model, 0.01, distribution="uniform", exact=True)
    assert "without a weight: 0.weight" in str(report)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": 0.0}, r"density must be in \(0, 1\], got 0.0"),
        ({"density": 1.1}, r"density must be in \(0, 1\], got 1.1"),
        ({"density": float("nan")}, r"density must be in \(0, 1\], got nan"),
        ({"density": {"4.weight": 0}}, r"density\['4.weight'\] must be in \(0, 1\], got 0"),
        ({"density": {"fc": 0.1}}, r"density\['fc'\] must match a masked layer: 0.weight, 4.weight"),
        ({"distribution": "erdos"}, "distribution must be one of uniform, er, erk, got 'erdos'"),
        ({"variance": "lecun"}, "variance must be one of he, glorot, keep or a function .*, got 'lecun'"),
        ({"variance": lambda *_: -1.0}, "variance must be a finite number > 0 for '0.weight', got -1.0"),
        ({"rescale": 0.0}, "rescale must be a finite number > 0, got 0.0"),
        ({"bias": -1.0}, "bias must be a finite number ≥ 0, got -1.0"),
        ({"layout": "kernel"}, "layout must be one of .*, got 'kernel'"),
        ({"layout": "kernels"}, "the mask does not fit '4.weight': layout 'kernels' needs at least 3 axes"),
    ],
)
def test_settings_out_of_range_are_refused_and_nothing_is_changed(options: dict[str, Any], message: str) -> None:
    model = _small()
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        sparse_init(model, **options)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (lambda: regularize(_small(), verbose=False), "groups must have a regularised parameter with two axes or more"),
        (lambda: [{"params": [nn.Parameter(torch.ones(2, 2))]}], "groups must be parameter groups with a regularizer"),
        (lambda: nn.Linear(2, 2).parameters(), "groups must be parameter groups .* got Parameter at 0"),
        (
            lambda: [{"params": nn.Linear(2, 2).parameters(), "regularizer": L1(1.0)}],
            "params must be a list, got an iterator",
        ),
        (lambda: _groups(_small(), linear=Nuclear(0.1)), "layout must be given for Nuclear"),
        (lambda: nn.Linear(2, 2, device="meta"), "'weight' is on the meta device"),
    ],
)
def test_groups_that_cannot_be_masked_are_refused(groups: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sparse_init(groups(), 0.5)
