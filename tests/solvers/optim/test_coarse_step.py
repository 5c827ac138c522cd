"""Coarse steps on compact copies against their slow twin, which steps whole parameters and puts the rest back."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.optim import selected_entries  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import (  # noqa: E402
    L1,
    GroupL2,
    Nuclear,
    ParameterRegularizer,
    Zero,
    groups,
    register,
)
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from .optimizer_cases import parameters, same, set_gradients, take, tensor  # noqa: E402

pytestmark = pytest.mark.torch
Parameter = torch.nn.Parameter

OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "linbreg": (MultilevelLinBreg, {"lr": 0.1, "coarse_scale": 0.5}),
    "momentum": (
        MultilevelLinBreg,
        {"lr": 0.1, "momentum": 0.9, "delta": 0.5, "weight_decay": 0.1, "dual_decay": 0.2, "maximize": True},
    ),
    "adabreg": (MultilevelAdaBreg, {"lr": 0.05}),
    "decay": (MultilevelAdaBreg, {"lr": 0.05, "weight_decay": 0.1, "dual_decay": 0.2, "maximize": True}),
}
LAYOUTS = ("entries", "rows", "columns", "filters", "kernels", "channels", "heads:2", "whole")
REGULARIZERS = [Zero(), L1(0.05), *(GroupL2(0.02, layout) for layout in LAYOUTS)]
SHAPES = [(4, 6, 3, 3), (6, 5, 2), (0, 3, 3), (2, 0, 3)]
#: How a parameter may lie in memory.
STRIDES: dict[str, Any] = {
    "contiguous": lambda x: x,
    "other order": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1),
    "gaps": lambda x: torch.stack([x, x], dim=-1)[..., 0],
}


def _sparse(shape: tuple[int, ...], regularizer: ParameterRegularizer, seed: int) -> Any:
    """About half of the groups are zero."""
    x = tensor(*shape, seed=seed).double()
    cut = regularizer.layout if isinstance(regularizer, GroupL2) else "entries"
    labels = torch.tensor(groups(cut, shape).labels, dtype=torch.int64).reshape(shape)
    return torch.where(labels % 2 == seed % 2, x, 0)


def _parameters(regularizer: ParameterRegularizer, strides: str = "contiguous") -> list[Any]:
    made = [_sparse(shape, regularizer, seed) for seed, shape in enumerate(SHAPES)]
    return [Parameter(STRIDES[strides](x)) for x in made] + [Parameter(torch.tensor(0.5, dtype=torch.float64))] * (
        isinstance(regularizer, Zero | L1)
    )


def _all_state(optimizer: Any) -> list[Any]:
    return [p.detach() for p in parameters(optimizer)] + [
        optimizer.state[p][name] for p in parameters(optimizer) for name in sorted(optimizer.state[p])
    ]


@pytest.mark.parametrize("strides", STRIDES)
@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_compact_copies_give_the_numbers_of_whole_parameters(
    name: str, regularizer: ParameterRegularizer, strides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, options = OPTIONS[name]
    ways = [{"foreach": False}, {"foreach": True}]
    if strides == "contiguous" and getattr(regularizer, "layout", "") not in ("columns", "channels"):
        ways.append({"fused": True})
    whole = make(_parameters(regularizer, strides), regularizer=regularizer, coarse_steps=3, **options)
    compact = [
        make(_parameters(regularizer, strides), regularizer=regularizer, coarse_steps=3, **options, **way)
        for way in ways
    ]
    for step in range(6):
        for optimizer in compact:
            take(optimizer, range(step, step + 1))
        with monkeypatch.context() as patch:
            patch.setattr(type(regularizer), "restricted", lambda _: None)
            take(whole, range(step, step + 1))
        for optimizer in compact:
            for one, other in zip(_all_state(optimizer), _all_state(whole), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", [{"foreach": False}, {"foreach": True}, {"fused": True}], ids=str)
@pytest.mark.parametrize("regularizer", [L1(0.05), GroupL2(0.02, "rows"), GroupL2(0.02, "columns")], ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_not_selected_stays_bit_for_bit_and_what_is_keeps_its_memory(
    name: str, regularizer: ParameterRegularizer, way: dict[str, bool]
) -> None:
    make, options = OPTIONS[name]
    if "fused" in way and regularizer == GroupL2(0.02, "columns"):
        return
    optimizer = make(_parameters(regularizer), regularizer=regularizer, coarse_steps=3, **options, **way)
    masks = [regularizer.support(p.detach()) for p in parameters(optimizer)]
    take(optimizer, range(1))
    tensors = [
        (x, mask)
        for p, mask in zip(parameters(optimizer), masks, strict=True)
        for key, x in [("theta", p), *optimizer.state[p].items()]
        if key not in ("step", "selected")
    ]
    before = [(x.detach().clone(), x.data_ptr(), x._version) for x, _ in tensors]
    take(optimizer, range(1, 3))
    for (x, mask), (old, address, version) in zip(tensors, before, strict=True):
        assert x.data_ptr() == address
        assert x._version > version or not x.numel()
        assert torch.equal(x[~mask].view(torch.int64), old[~mask].view(torch.int64))
        assert not mask.any() or not torch.equal(x[mask], old[mask])


def test_autograd_notices_that_a_coarse_step_changed_a_parameter() -> None:
    for fused in (False, True):
        optimizer = MultilevelLinBreg([Parameter(torch.ones(3))], fused=fused)
        (parameter,) = parameters(optimizer)
        loss = parameter.square().sum()
        parameter.grad = torch.ones(3)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


class LargestNew(TorchDispatchMode):
    """The most entries of a tensor that was made while this is on, and is no view."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        old = {x.untyped_storage().data_ptr() for x in _tensors(args)}
        for x in _tensors([result]):
            if x.device.type != "meta" and x.untyped_storage().data_ptr() not in old:
                self.entries = max(self.entries, x.untyped_storage().nbytes() // x.element_size())
        return result


def _tensors(values: Any) -> list[Any]:
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            if value.layout == torch.sparse_coo:
                found += [value._indices(), value._values()]
            else:
                found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("way", [{"foreach": False}, {"foreach": True}, {"fused": True}], ids=str)
@pytest.mark.parametrize("regularizer", [L1(1e-4), GroupL2(1e-4, "rows"), GroupL2(1e-4, "columns")], ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_coarse_step_makes_nothing_as_large_as_a_parameter(
    name: str, regularizer: ParameterRegularizer, way: dict[str, bool], sparse: bool, dtype: Any
) -> None:
    make, options = OPTIONS[name]
    if "fused" in way and regularizer == GroupL2(1e-4, "columns"):
        return
    theta = torch.zeros(100, 100, dtype=dtype)
    theta[:2, :2] = 1
    optimizer = make([Parameter(theta)], regularizer=regularizer, coarse_steps=3, **options, **way)
    (parameter,) = parameters(optimizer)
    selected = regularizer.support(theta)
    indices = selected.nonzero().T.contiguous()

    def step(number: int) -> int:
        gradient = tensor(100, 100, seed=number).to(dtype)
        if sparse:
            gradient = torch.sparse_coo_tensor(indices, gradient[selected], (100, 100), check_invariants=True)
        parameter.grad = gradient
        with LargestNew() as largest:
            optimizer.step()
        return largest.entries

    first, *others, fine = [step(number) for number in range(4)]
    count = int(selected.sum())
    assert count <= 200
    assert all(entries <= 2 * count for entries in others)
    assert first >= 10_000  # the mask, and the state
    assert fine >= 10_000 or "fused" in way


@register("test_l1_without_restriction")
@dataclass(frozen=True)
class _Plain(ParameterRegularizer):
    """What a user writes who does not say how J acts on a part of θ."""

    lam: float

    def value(self, theta: Any) -> Any:
        return L1(self.lam).value(theta)

    def prox_(self, z: Any, step: float) -> Any:
        return L1(self.lam).prox_(z, step)

    def subgradient(self, theta: Any, p: Any) -> Any:
        return L1(self.lam).subgradient(theta, p)

    def theory(self, shape: tuple[int, ...]) -> Any:
        return L1(self.lam).theory(shape)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_regularizer_that_does_not_say_how_it_is_restricted_is_stepped_whole(name: str) -> None:
    make, options = OPTIONS[name]
    silent, speaking = (
        take(make(_parameters(L1(0.05)), regularizer=J, coarse_steps=2, **options), range(6))
        for J in (_Plain(0.05), L1(0.05))
    )
    for one, other in zip(silent, speaking, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    low_rank = make([Parameter(tensor(5, 4))], regularizer=Nuclear(0.05), coarse_steps=2, **options)
    before = next(parameters(low_rank)).detach().clone()
    assert not same(take(low_rank, range(2)), [before])


@pytest.mark.parametrize("way", [{}, {"foreach": True}, {"fused": True}], ids=str)
@pytest.mark.parametrize("regularizer", [L1(0.05), GroupL2(0.02, "kernels")], ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_phase_goes_on_bit_for_bit_from_a_checkpoint_a_copy_and_a_pickle(
    name: str, regularizer: ParameterRegularizer, way: dict[str, bool]
) -> None:
    make, options = OPTIONS[name]
    settings = {"regularizer": regularizer, "coarse_steps": 4, **options, **way}
    optimizer = make(_parameters(regularizer), **settings)
    take(optimizer, range(2))
    loaded = make([Parameter(p.detach().clone()) for p in parameters(optimizer)], **settings)
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    others = [loaded, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    wanted = take(optimizer, range(2, 7))
    for other in others:
        assert same(take(other, range(2, 7)), wanted)


def test_another_selection_is_followed_when_it_is_loaded_in_the_middle_of_a_phase() -> None:
    def start(zero: int) -> Any:
        theta = torch.ones(3, 2)
        theta[zero] = 0
        optimizer = MultilevelLinBreg([Parameter(theta)], regularizer=L1(0.01), coarse_steps=5)
        take(optimizer, range(2))
        return optimizer

    optimizer, other = start(0), start(1)
    optimizer.load_state_dict(other.state_dict())
    before = next(parameters(optimizer)).detach().clone()
    (after,) = take(optimizer, range(2, 3))
    assert torch.equal(after[1], before[1])
    assert (after[[0, 2]] != before[[0, 2]]).all()


def test_a_layout_that_is_changed_in_the_middle_of_a_phase_and_cuts_the_selection_steps_the_whole() -> None:
    theta = torch.ones(3, 4)
    theta[0] = 0
    optimizer = MultilevelLinBreg([Parameter(theta)], regularizer=GroupL2(0.01, "rows"), coarse_steps=4)
    take(optimizer, range(2))
    optimizer.param_groups[0]["layout"] = "columns"
    (after,) = take(optimizer, range(2, 3))
    assert not after[0].any()
    assert after[1:].all()


def test_the_places_of_a_selection_are_found_once_a_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    found = selected_entries.SelectedEntries.of
    monkeypatch.setattr(
        selected_entries.SelectedEntries, "of", lambda mask, layout: calls.append(layout) or found(mask, layout)
    )
    optimizer = MultilevelLinBreg([Parameter(tensor(4, 3))], coarse_steps=5)
    take(optimizer, range(5))
    assert calls == ["entries"]
    take(optimizer, range(5, 8))
    assert calls == ["entries"] * 2
    optimizer.add_param_group({"params": [Parameter(torch.ones(2))]})
    set_gradients(optimizer, 8)
    optimizer.step()
    assert calls == ["entries"] * 2
