"""Wrong settings, wrong gradients and wrong checkpoints: an error that says what is wrong, and nothing is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.criteria import Always, Magma  # noqa: E402
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero  # noqa: E402

from .optimizer_cases import LAYOUTS, PLAIN, OptimizerCase, parameters, same, set_gradients, take, tensor  # noqa: E402

pytestmark = pytest.mark.torch
OURS = tuple(case for case in PLAIN if case.ours)
ours = pytest.mark.parametrize("case", OURS, ids=str)
Parameter = torch.nn.Parameter
ALL, BREGMAN = (LinBreg, AdaBreg, ProxSGD, MultilevelLinBreg, MultilevelAdaBreg), (LinBreg, MultilevelAdaBreg)
ADAM, MOMENTUM, LEVELS = (
    (AdaBreg, MultilevelAdaBreg),
    (LinBreg, MultilevelLinBreg),
    (MultilevelLinBreg, MultilevelAdaBreg),
)


@dataclass(frozen=True)
class Wrong:
    """An option that is refused, by whom, and what the error says."""

    makers: tuple[Callable[..., Any], ...]
    option: dict[str, Any]
    says: str
    kind: type[Exception] = ValueError


WRONG = (
    Wrong(ALL, {"lr": -1.0}, "lr must be a finite number ≥ 0, got -1.0"),
    Wrong(ALL, {"lr": float("nan")}, "lr must be .* got nan"),
    Wrong(ALL, {"lr": "0.1"}, "lr must be .* got '0.1'", TypeError),
    Wrong(ALL, {"lr": torch.tensor([0.1])}, r"lr must be a number or a tensor without axes, got shape \(1,\)"),
    Wrong(ALL, {"lr": torch.tensor(-0.5)}, "lr must be .* got -0.5"),
    Wrong(ALL, {"weight_decay": -0.1}, "weight_decay must be .* ≥ 0, got -0.1"),
    Wrong(ALL, {"weight_decay": None}, "weight_decay must be .* got None", TypeError),
    Wrong(ALL, {"maximize": 1}, "maximize must be True or False, got 1"),
    Wrong(ALL, {"check_finite": "yes"}, "check_finite must be True or False, got 'yes'"),
    Wrong(ALL, {"foreach": 1}, "foreach must be None, True or False, got 1"),
    Wrong(ALL, {"regularizer": 0.1}, "regularizer must be one of .* got 0.1", TypeError),
    Wrong(ALL, {"regularizer": GroupL2(0.1, "kernels")}, r"layout 'kernels' needs at least 3 axes, got shape \(2, 2\)"),
    Wrong(BREGMAN, {"delta": 0.0}, "delta must be a finite number > 0, got 0.0"),
    Wrong(BREGMAN, {"delta": float("inf")}, "delta must be .* got inf"),
    Wrong(BREGMAN, {"dual_decay": -1}, "dual_decay must be .* got -1"),
    Wrong(MOMENTUM, {"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
    Wrong(MOMENTUM, {"momentum": -0.1}, r"momentum must be in \[0, 1\), got -0.1"),
    Wrong(ADAM, {"betas": 0.9}, r"betas must be two numbers in \[0, 1\), got 0.9"),
    Wrong(ADAM, {"betas": (0.9, 1.0)}, r"betas\[1\] must be in \[0, 1\), got 1.0"),
    Wrong(ADAM, {"eps": 0.0}, "eps must be .* > 0, got 0.0"),
    Wrong((AdaBreg,), {"capturable": True}, "check_finite must be False with capturable=True"),
    Wrong(LEVELS, {"coarse_steps": -1}, "coarse_steps must be an integer ≥ 0, got -1"),
    Wrong(LEVELS, {"coarse_steps": 1.5}, "coarse_steps must be an integer ≥ 0, got 1.5", TypeError),
    Wrong(LEVELS, {"coarse_scale": 0.0}, "coarse_scale must be .* > 0, got 0.0"),
    Wrong(LEVELS, {"criterion": "always"}, "criterion must be one of .* got 'always'", TypeError),
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong.option))
def test_settings_out_of_range_are_refused_for_all_and_for_one_group(wrong: Wrong) -> None:
    for make in wrong.makers:
        with pytest.raises(wrong.kind, match=wrong.says):
            make([Parameter(torch.ones(2, 2))], **wrong.option)
        if "criterion" not in wrong.option:
            optimizer = make([Parameter(torch.ones(2, 2))])
            with pytest.raises(wrong.kind, match=wrong.says):
                optimizer.add_param_group({"params": [Parameter(torch.ones(2, 2))], **wrong.option})
            assert len(optimizer.param_groups) == 1


@ours
@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64])
def test_parameters_that_are_no_real_numbers_are_refused(case: OptimizerCase, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"params must be real floating-point tensors, got {dtype}"):
        case([Parameter(torch.ones(2, dtype=dtype), requires_grad=False)])


@ours
def test_a_group_may_say_its_regularizer_or_one_setting_of_it(case: OptimizerCase) -> None:
    groups = [
        {"params": [Parameter(torch.ones(2, 2))], "regularizer": GroupL2(0.5, "columns")},
        {"params": [Parameter(torch.ones(2, 2))], "lam": 0.25},
        {"params": [Parameter(torch.ones(2, 2))], "regularizer": Zero()},
        {"params": [Parameter(torch.ones(2, 2))]},
    ]
    optimizer = case(groups, regularizer=L1(0.125))
    described = [(g["regularizer"], g.get("lam"), g.get("layout")) for g in optimizer.param_groups]
    assert described == [("group_l2", 0.5, "columns"), ("l1", 0.25, None), ("zero", None, None), ("l1", 0.125, None)]
    take(optimizer, range(3))
    again = case(copy.deepcopy(optimizer.param_groups))
    assert [g["regularizer"] for g in again.param_groups] == ["group_l2", "l1", "zero", "l1"]
    with pytest.raises(ValueError, match="lam must be a finite number ≥ 0, got -1"):
        optimizer.add_param_group({"params": [Parameter(torch.ones(2))], "lam": -1})


def _snapshot(optimizer: Any) -> tuple[Any, Any]:
    return [p.detach().clone() for p in parameters(optimizer)], copy.deepcopy(optimizer.state_dict())


def _unchanged(optimizer: Any, snapshot: tuple[Any, Any]) -> bool:
    values, saved = snapshot
    now = optimizer.state_dict()
    entries = [(saved["state"][key], now["state"][key]) for key in saved["state"]]
    return (
        same(values, parameters(optimizer))
        and saved["state"].keys() == now["state"].keys()
        and all(one.keys() == other.keys() and same(one.values(), other.values()) for one, other in entries)
        and all(
            a.get("position") == b.get("position")
            for a, b in zip(saved["param_groups"], now["param_groups"], strict=True)
        )
    )


@ours
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_changes(
    case: OptimizerCase, value: float, steps: int
) -> None:
    optimizer = case(LAYOUTS["named"]())
    take(optimizer, range(steps))
    before = _snapshot(optimizer)
    set_gradients(optimizer, steps)
    gradient = list(parameters(optimizer))[1].grad
    gradient.view(-1)[3:5] = value
    with pytest.raises(
        ValueError, match=r"got 2 of 54 entries NaN or infinite in parameter 'layer.1'; nothing was changed"
    ):
        optimizer.step()
    assert _unchanged(optimizer, before)
    take(optimizer, range(steps, 5))
    unharmed = take(case(LAYOUTS["named"]()), range(5))
    assert same(unharmed, parameters(optimizer))


@ours
def test_infinities_that_cancel_are_found_and_large_gradients_are_let_through(case: OptimizerCase) -> None:
    optimizer = case([Parameter(torch.ones(2))], lr=1e-3)
    parameter = next(parameters(optimizer))
    parameter.grad = torch.tensor([float("inf"), -float("inf")])
    with pytest.raises(ValueError, match="got 2 of 2 entries"):
        optimizer.step()
    parameter.grad = torch.full((2,), 3e38)
    if case.make in (LinBreg, ProxSGD, MultilevelLinBreg):
        optimizer.step()
        assert parameter.isfinite().all()


@ours
def test_unchecked_gradients_are_let_through(case: OptimizerCase) -> None:
    optimizer = case([Parameter(torch.ones(2))], check_finite=False)
    next(parameters(optimizer)).grad = torch.tensor([float("nan"), 1.0])
    optimizer.step()
    assert next(parameters(optimizer)).isnan().tolist() == [True, False]


@ours
def test_parameters_that_are_sparse_tensors_are_refused(case: OptimizerCase) -> None:
    """torch itself lets a dense parameter have a dense or a COO gradient, and no other; see test_sparse_gradients."""
    with pytest.raises(ValueError, match=r"params must be dense tensors, got torch\.sparse_coo"):
        case([Parameter(tensor(5, 2).to_sparse())])
    with pytest.raises(RuntimeError, match="attempting to assign a gradient"):
        Parameter(tensor(5, 2)).grad = tensor(5, 2).to_mkldnn()


@pytest.mark.parametrize("case", [case for case in OURS if case.make is not ProxSGD], ids=str)
def test_a_parameter_that_was_resized_is_named(case: OptimizerCase) -> None:
    optimizer = case([Parameter(torch.ones(3)), Parameter(torch.ones(2))])
    take(optimizer, range(2))
    parameter = next(parameters(optimizer))
    parameter.data = torch.ones(4)
    parameter.grad = torch.ones(4)
    others = list(parameters(optimizer))[1].detach().clone()
    with pytest.raises(
        ValueError, match=r"must have the shape of its parameter, got \(3,\) for parameter 0 of group 0"
    ):
        optimizer.step()
    assert torch.equal(list(parameters(optimizer))[1], others)


@ours
@pytest.mark.parametrize("other", OURS, ids=str)
def test_the_checkpoint_of_another_optimizer_is_refused(case: OptimizerCase, other: OptimizerCase) -> None:
    if case == other:
        return
    source, optimizer = other([Parameter(torch.ones(3))]), case([Parameter(torch.ones(3))])
    take(source, range(2))
    take(optimizer, range(2))
    before = _snapshot(optimizer)
    if not set(optimizer.defaults) <= set(source.defaults):
        with pytest.raises(
            ValueError, match=f"state_dict must be one of {case.make.__name__}, got a parameter group 0 without"
        ):
            optimizer.load_state_dict(source.state_dict())
        assert _unchanged(optimizer, before)


def _edit_state(key: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def edit(saved: Any) -> None:
        saved["state"][0][key] = change(saved["state"][0][key])

    return edit


def _edit_group(**entries: Any) -> Callable[[Any], None]:
    return lambda saved: saved["param_groups"][0].update(entries)


DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "other shape": (_edit_state("dual", lambda v: v[:2]), r"must hold tensors of shape \(3,\), got dual \(2,\)"),
    "no tensor": (_edit_state("dual", lambda _: 3.0), "got dual float"),
    "NaN": (_edit_state("dual", lambda v: v * float("nan")), "must be finite, got a dual with NaN"),
    "no dual": (lambda saved: saved["state"][0].update(other=saved["state"][0].pop("dual")), "must hold 'dual'"),
    "lr": (_edit_group(lr=-1.0), "lr must be"),
    "delta": (_edit_group(delta=0.0), "delta must be"),
    "lam": (_edit_group(lam=-1.0), "lam must be"),
    "no lam": (lambda saved: saved["param_groups"][0].pop("lam"), "'lam'"),
    "regularizer": (_edit_group(regularizer="l0"), "regularizer must be one of .* got 'l0'"),
    "no delta": (lambda saved: saved["param_groups"][0].pop("delta"), "without 'delta'"),
    "groups": (
        lambda saved: saved["param_groups"].append(saved["param_groups"][0]),
        "different number of parameter groups",
    ),
}


@pytest.mark.parametrize("case", [case for case in OURS if case.make is not ProxSGD], ids=str)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused_and_nothing_changes(case: OptimizerCase, damage: str) -> None:
    optimizer = case([Parameter(torch.ones(3)), Parameter(torch.ones(2))])
    take(optimizer, range(2))
    before = _snapshot(optimizer)
    saved = copy.deepcopy(optimizer.state_dict())
    change, says = DAMAGE[damage]
    change(saved)
    with pytest.raises(ValueError, match=says):
        optimizer.load_state_dict(saved)
    assert _unchanged(optimizer, before)


@ours
def test_loading_another_regularizer_warns_and_says_so(case: OptimizerCase) -> None:
    source, optimizer = case(LAYOUTS["groups"](), regularizer=L1(0.5)), case(LAYOUTS["groups"](), regularizer=L1(0.25))
    with pytest.warns(
        UserWarning, match=r"group \d is now L1\(lam=0.5\), as the checkpoint says; .* made with L1\(lam=0.25\)"
    ):
        optimizer.load_state_dict(source.state_dict())
    assert optimizer.param_groups[1]["lam"] == 0.5


def test_the_memory_of_another_criterion_is_refused() -> None:
    magma = MultilevelLinBreg(LAYOUTS["list"](), criterion=Magma(0.5, 0.01, 2), coarse_steps=1)
    take(magma, range(3))
    always = MultilevelLinBreg(LAYOUTS["list"](), criterion=Always(), coarse_steps=1)
    with pytest.raises(ValueError, match=r"must come from the criterion Always\(\), got the memory of another one"):
        always.load_state_dict(magma.state_dict())


@pytest.mark.parametrize("criterion", [Always(), Magma(0.1, 0.0, 5)], ids=["always", "magma"])
@pytest.mark.parametrize("make", LEVELS)
def test_frozen_groups_stay_exactly_where_they_are(make: Any, criterion: Any) -> None:
    """Under weight decay, dual decay and moments that are switched on in the middle of a phase."""
    params = [Parameter(tensor(6, 4)), Parameter(tensor(5)), Parameter(tensor()), Parameter(tensor(4, 2, 3, 3))]
    with torch.no_grad():
        params[0][::2] = 0
        params[2].zero_()
        params[3][1] = 0
    groups = [
        {"params": params[:1], "regularizer": GroupL2(0.01, "rows")},
        {"params": params[1:3]},
        {"params": params[3:], "regularizer": GroupL2(0.01, "filters")},
    ]
    optimizer = make(
        groups, lr=0.1, regularizer=L1(0.01), coarse_steps=4, criterion=criterion, weight_decay=0.1, dual_decay=0.1
    )
    supports = [optimizer.selection(p.detach(), J) for p, J in zip(params, _regularizers(optimizer), strict=True)]
    assert all(not mask.all() for mask in supports)
    frozen = [p.detach().clone() for p in params]
    for step in range(4):
        if step == 2 and make is MultilevelLinBreg:
            for group in optimizer.param_groups:
                group["momentum"] = 0.9
        duals = [optimizer.state[p]["dual"].clone() for p in params] if step else None
        take(optimizer, range(step, step + 1))
        assert optimizer.in_coarse_phase == (step < 3)
        for number, (p, mask, old) in enumerate(zip(params, supports, frozen, strict=True)):
            assert torch.equal(p[~mask], old[~mask])
            assert not (p != old)[~mask].any()
            if duals is not None:
                assert torch.equal(optimizer.state[p]["dual"][~mask], duals[number][~mask])
            for name in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
                if name in optimizer.state[p]:
                    assert not optimizer.state[p][name][~mask].any()
    assert any(bool((p != old)[mask].any()) for p, mask, old in zip(params, supports, frozen, strict=True))
    take(optimizer, range(4, 5))
    assert all("selected" not in optimizer.state[p] for p in params)
    assert all(
        not torch.equal(optimizer.state[p]["dual"][~m], d[~m]) for p, m, d in zip(params, supports, duals, strict=True)
    )


def _regularizers(optimizer: Any) -> list[Any]:
    from mlbreg.solvers.optim.regularizers import from_group

    return [from_group(group) for group in optimizer.param_groups for _ in group["params"]]


def test_a_group_that_joins_in_a_coarse_phase_waits_for_the_fine_step() -> None:
    optimizer = MultilevelLinBreg(LAYOUTS["list"](), lr=0.1, coarse_steps=3, momentum=0.9)
    take(optimizer, range(1))
    late = Parameter(torch.ones(4))
    optimizer.add_param_group({"params": [late]})
    take(optimizer, range(1, 3))
    assert torch.equal(late, torch.ones(4))
    take(optimizer, range(3, 4))
    assert not torch.equal(late, torch.ones(4))
    with pytest.raises(ValueError, match="coarse_steps must be the same in all groups, got 2 and 3"):
        optimizer.add_param_group({"params": [Parameter(torch.ones(4))], "coarse_steps": 2})


def test_magma_goes_on_when_parameters_join_or_lose_their_gradient() -> None:
    optimizer = MultilevelLinBreg(LAYOUTS["list"](), lr=0.1, coarse_steps=1, criterion=Magma(0.1, 0.0, 5))
    take(optimizer, range(4))
    set_gradients(optimizer, 4)
    next(parameters(optimizer)).grad = None
    optimizer.step()
    optimizer.add_param_group({"params": [Parameter(torch.ones(4))]})
    take(optimizer, range(5, 10))
    assert optimizer.param_groups[1]["cycle"] == optimizer.param_groups[0]["cycle"] > 2


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (lambda theta, _: theta, "selection must give a bool tensor"),
        (lambda theta, _: theta[:1] != 0, "selection must give a bool tensor"),
        (lambda *_: torch.eye(3, dtype=torch.bool), "selection must take whole groups"),
    ],
)
def test_selections_that_are_no_masks_of_whole_groups_are_refused(selection: Any, says: str) -> None:
    optimizer = MultilevelLinBreg([Parameter(torch.ones(3, 3))], regularizer=GroupL2(0.1), selection=selection)
    with pytest.raises(ValueError, match=says):
        take(optimizer, range(1))


@ours
def test_zeros_survive_weight_decay_and_zero_gradients(case: OptimizerCase) -> None:
    theta = tensor(6, 4)
    theta[::2] = 0
    for regularizer in (L1(0.5), GroupL2(0.5, "rows")):
        optimizer = case([Parameter(theta.clone())], regularizer=regularizer, weight_decay=0.1)
        parameter = next(parameters(optimizer))
        for _ in range(12):
            parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
        assert not parameter[::2].any()
        assert parameter[1::2].any()
