"""Which parameters are sparse, and with how many weights."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.granet import GraNet  # noqa: E402
from mlbreg.solvers.baselines.prune_and_fine_tune import PruneAndFineTune  # noqa: E402
from mlbreg.solvers.baselines.rigl import RigL  # noqa: E402
from mlbreg.solvers.baselines.static_sparse import StaticSparse  # noqa: E402
from mlbreg.solvers.networks.rules import regularize  # noqa: E402
from mlbreg.solvers.networks.sparse_initialisation import sparse_init  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1  # noqa: E402
from mlbreg.theory.sparse_initialisation import densities  # noqa: E402

pytestmark = pytest.mark.torch

SHAPES = [(64, 3, 3, 3), (64,), (64, 64, 3, 3), (128, 64), (10, 128), (10,)]


def _params(shapes: list[tuple[int, ...]] = SHAPES) -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


@pytest.mark.parametrize("scheme", ["uniform", "er", "erk"])
def test_a_total_density_is_shared_as_the_theory_says_and_vectors_stay_dense(scheme: str) -> None:
    params = _params()
    optimizer = StaticSparse(params, density=0.1, distribution=scheme, lr=0.1)
    sparse = [p for p in params if p.dim() >= 2]
    expected = densities([tuple(p.shape) for p in sparse], 0.1, scheme)
    for p, r in zip(sparse, expected, strict=True):
        mask = optimizer.mask(p)
        assert mask is not None
        assert int(mask.sum()) == round(r * p.numel())
        assert int((p != 0).sum()) == int(mask.sum())
    assert all(optimizer.mask(p) is None for p in params if p.dim() < 2)
    total = sum(p.numel() for p in sparse)
    assert abs(optimizer.density() - 0.1) * total <= len(sparse) / 2


def test_erk_makes_a_layer_dense_that_would_have_density_above_one() -> None:
    params = _params()
    optimizer = StaticSparse(params, density=0.5, lr=0.1)
    counts = optimizer.param_groups[0]["counts"]
    assert counts[0] == params[0].numel()
    assert counts[1] is None
    assert sum(c for c in counts if c is not None) / sum(p.numel() for p in params if p.dim() > 1) == pytest.approx(
        0.5, abs=1e-4
    )


def test_groups_say_what_is_sparse_and_the_total_is_shared_among_the_others_together() -> None:
    a, b, c, d, e = _params([(10, 20), (30, 40), (8, 8), (16,), (7, 7)])
    groups: list[dict[str, Any]] = [
        {"params": [a]},
        {"params": [b]},
        {"params": [c, d], "density": 0.25},
        {"params": [e], "density": None},
    ]
    optimizer = StaticSparse(groups, density=0.1, distribution="erk", lr=0.1)
    expected = densities([(10, 20), (30, 40)], 0.1, "erk")
    assert [group["counts"] for group in optimizer.param_groups] == [
        [round(expected[0] * 200)],
        [round(expected[1] * 1200)],
        [16, 4],
        [None],
    ]


def test_a_list_has_a_density_for_each_parameter_and_one_weight_at_least_stays() -> None:
    params = _params([(4, 5), (6,), (3, 3), (0, 2)])
    optimizer = StaticSparse([{"params": params, "density": [0.5, 0.01, None, 0.3]}], lr=0.1)
    assert optimizer.param_groups[0]["counts"] == [10, 1, None, None]


def test_nonzero_takes_over_the_pattern_that_the_parameters_have() -> None:
    params = _params([(20, 30), (20,)])
    with torch.no_grad():
        params[0][torch.rand(20, 30) < 0.7] = 0
        params[1][:3] = 0
    before = [p.clone() for p in params]
    optimizer = StaticSparse(params, density="nonzero", lr=0.1)
    mask = optimizer.mask(params[0])
    assert mask is not None
    assert torch.equal(mask, before[0] != 0)
    assert optimizer.mask(params[1]) is None
    assert all(torch.equal(p, q) for p, q in zip(params, before, strict=True))


def test_groups_of_regularize_and_masks_of_sparse_init_are_taken_over() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Embedding(5, 6))
    groups = regularize(model, linear=L1(0.1), verbose=False)
    sparse_init(groups, density=0.2, exact=True, generator=torch.Generator().manual_seed(0))
    optimizer = StaticSparse(groups, density="nonzero", lr=0.1)
    assert int((model[0].weight != 0).sum()) == 120
    assert torch.equal(optimizer.mask(model[0].weight), model[0].weight != 0)
    assert optimizer.mask(model[2].weight) is None  # Zero: dense, and so are biases
    assert optimizer.param_groups[0]["regularizer"] == "l1"


def test_the_masks_differ_between_seeds_and_layers() -> None:
    shapes: list[tuple[int, ...]] = [(30, 30), (30, 30)]
    masks = []
    for seed in (0, 1):
        params = _params(shapes)
        optimizer = StaticSparse(params, density=0.5, seed=seed, lr=0.1)
        masks += [optimizer.mask(p) for p in params]
    assert all(not torch.equal(masks[i], masks[j]) for i in range(4) for j in range(i))


def test_granet_begins_with_its_initial_density_shared_by_erk() -> None:
    params = _params()
    optimizer = GraNet(params, density=0.05, begin=2, every=2, end=6, total_steps=10, lr=0.1)
    sparse = [p for p in params if p.dim() >= 2]
    expected = densities([tuple(p.shape) for p in sparse], 0.5, "erk")
    found = [int(optimizer.mask(p).sum()) for p in sparse]  # type: ignore[union-attr]
    assert found == [min(round(r * p.numel()), p.numel()) for r, p in zip(expected, sparse, strict=True)]


@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        ({"density": 0}, ValueError, "density must be a finite number > 0"),
        ({"density": 1.5}, ValueError, r"density must be in \(0, 1\], got 1.5"),
        ({"density": "half"}, ValueError, "density must be a number in .* got 'half'"),
        ({"density": [0.5]}, ValueError, "density must have one entry for each of 2 parameters"),
        ({"density": True}, TypeError, "density must be"),
        ({"distribution": "snip"}, ValueError, "distribution must be one of uniform, er, erk, got 'snip'"),
    ],
)
def test_errors_name_the_density(group: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        StaticSparse([{"params": _params([(4, 5), (4,)]), **group}], lr=0.1)
    optimizer = StaticSparse(_params([(4, 5)]), lr=0.1)
    with pytest.raises(error, match=message):
        optimizer.add_param_group({"params": _params([(4, 5), (4,)]), **group})
    assert len(optimizer.param_groups) == 1


def test_numbers_of_numpy_become_plain_so_that_checkpoints_load() -> None:
    params = _params([(4, 5), (5, 4)])
    group = {"params": params, "density": [np.float64(0.5), None]}
    optimizer = RigL(
        [group], total_steps=np.int64(100), every=np.int64(7), drop_fraction=np.float64(0.2), seed=np.int64(3)
    )
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    optimizer.load_state_dict(torch.load(file, weights_only=True))
    assert optimizer.param_groups[0]["counts"] == [10, None]


def test_constructor_errors_name_the_argument() -> None:
    params = _params([(4, 5)])
    with pytest.raises(ValueError, match=r"density must be in \(0, 1\], got 2"):
        StaticSparse(params, density=2)
    with pytest.raises(ValueError, match="seed must be an integer ≥ 0, got -1"):
        StaticSparse(params, seed=-1)
    with pytest.raises(ValueError, match=r"real floating-point tensors, got torch\.complex64"):
        StaticSparse([torch.zeros(2, 2, dtype=torch.complex64)])
    with pytest.raises(ValueError, match="got 'nonzero': PruneAndFineTune does not begin with it"):
        PruneAndFineTune([{"params": params, "density": "nonzero"}], prune_after=3)
    with pytest.raises(ValueError, match="density must be a number in the constructor where a group has 'total'"):
        StaticSparse([{"params": params, "density": "total"}], density="nonzero")


def test_granet_never_begins_with_fewer_weights_than_it_ends_with() -> None:
    optimizer = GraNet(_params(), density=0.7, begin=2, every=2, end=6, total_steps=10)
    assert optimizer.param_groups[0]["start_counts"] == optimizer.param_groups[0]["counts"]
