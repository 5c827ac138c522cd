"""What holds for every baseline, base rule and layout of parameters."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.masked import MaskedOptimizer  # noqa: E402
from mlbreg.solvers.baselines.static_sparse import StaticSparse  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.optim import LBFGS, SGD, RMSprop  # noqa: E402

from .methods import ALL, BASES, CONSTANT, LAYOUTS, MASKED, gradients, parameters, train  # noqa: E402

pytestmark = pytest.mark.torch

each_method = pytest.mark.parametrize("method", ALL)
each_masked = pytest.mark.parametrize("method", MASKED)
each_base = pytest.mark.parametrize("base", BASES)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def _masks(optimizer: MaskedOptimizer, params: list[Any]) -> list[Tensor | None]:
    return [optimizer.mask(p) for p in params]


def _assert_zero_off_the_masks(optimizer: MaskedOptimizer, params: list[Any]) -> None:
    for p in params:
        mask = optimizer.mask(p)
        if mask is None:
            continue
        assert mask.dtype == torch.bool
        assert mask.stride() == p.stride()
        assert not p[~mask].any()
        for name, value in optimizer.state[p].items():
            if name not in ("mask", "step") and value is not None:
                assert not value[~mask].any(), name


@each_layout
@each_base
@each_masked
def test_weights_and_their_momenta_are_zero_off_the_mask_at_every_moment(method: str, base: str, layout: str) -> None:
    params = parameters(layout)
    optimizer = MASKED[method](params, **BASES[base])
    _assert_zero_off_the_masks(optimizer, params)
    for step in range(1, 21):
        train(optimizer, params, step, step)
        _assert_zero_off_the_masks(optimizer, params)
    assert optimizer.steps == 20
    assert optimizer.density() < 0.5


@each_layout
@each_base
@each_method
def test_twenty_steps_are_ten_and_a_checkpoint_and_ten_bit_for_bit(method: str, base: str, layout: str) -> None:
    whole = parameters(layout)
    through = ALL[method](whole, **BASES[base])
    train(through, whole, 1, 20)

    first = parameters(layout)
    before = ALL[method](first, **BASES[base])
    train(before, first, 1, 10)
    file = io.BytesIO()
    torch.save({"parameters": [p.detach() for p in first], "optimizer": before.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)

    second = parameters(layout, seed=5)  # another start
    after = ALL[method](second, **BASES[base])
    with torch.no_grad():
        for p, value in zip(second, saved["parameters"], strict=True):
            p.copy_(value)
    after.load_state_dict(saved["optimizer"])
    train(after, second, 11, 20)
    for p, q in zip(whole, second, strict=True):
        assert torch.equal(p, q)
        assert set(through.state[p]) == set(after.state[q])
        for name, value in through.state[p].items():
            assert (value is None and after.state[q][name] is None) or torch.equal(value, after.state[q][name]), name


@each_base
@each_method
def test_parameters_and_gradients_stay_the_same_tensors_and_gradients_keep_their_values(method: str, base: str) -> None:
    params = parameters("conv")
    optimizer = ALL[method](params, **BASES[base])
    storages = [p.data_ptr() for p in params]
    for step in range(1, 9):
        given = gradients(params, step)
        for p, g in zip(params, given, strict=True):
            p.grad = g.clone()
        kept = [p.grad for p in params]
        optimizer.step()
        assert [p.data_ptr() for p in params] == storages
        for p, g, same in zip(params, given, kept, strict=True):
            assert p.grad is same
            assert torch.equal(same, g)


@each_layout
@each_base
def test_a_mask_of_ones_leaves_the_base_rule_as_torch_has_it(base: str, layout: str) -> None:
    mine, theirs = parameters(layout), parameters(layout)
    options = {name: value for name, value in BASES[base].items() if name != "base"}
    optimizer, control = (
        StaticSparse(mine, BASES[base]["base"], density=1.0, **options),
        BASES[base]["base"](theirs, **options),
    )
    train(optimizer, mine, 1, 10)
    train(control, theirs, 1, 10)
    assert all(torch.equal(p, q) for p, q in zip(mine, theirs, strict=True))


@each_layout
@each_base
def test_active_weights_move_as_in_torch_with_a_masked_gradient(base: str, layout: str) -> None:
    mine, theirs = parameters(layout), parameters(layout)
    options = {name: value for name, value in BASES[base].items() if name != "base"}
    optimizer = StaticSparse(mine, BASES[base]["base"], density=0.4, **options)
    masks = [
        torch.ones_like(p) if mask is None else mask for p, mask in zip(mine, _masks(optimizer, mine), strict=True)
    ]
    with torch.no_grad():
        for q, mask in zip(theirs, masks, strict=True):
            q.mul_(mask)
    control = BASES[base]["base"](theirs, **options)
    train(optimizer, mine, 1, 10)
    for step in range(1, 11):
        for q, g, mask in zip(theirs, gradients(theirs, step), masks, strict=True):
            q.grad = g.mul_(mask)
        control.step()
    assert all(torch.equal(p, q) for p, q in zip(mine, theirs, strict=True))


@each_layout
@pytest.mark.parametrize("method", CONSTANT)
def test_the_number_of_weights_of_each_layer_never_changes(method: str, layout: str) -> None:
    params = parameters(layout)
    optimizer = MASKED[method](params, **BASES["nesterov"])
    counts = optimizer.param_groups[0]["counts"]
    for step in range(21):
        if step:
            train(optimizer, params, step, step)
        found = [None if mask is None else int(mask.sum()) for mask in _masks(optimizer, params)]
        assert found == counts


@each_masked
def test_masks_change_in_the_steps_that_are_due_and_in_no_other(method: str) -> None:
    params = parameters("conv")
    optimizer = MASKED[method](params, **BASES["nesterov"])
    changed = []
    for step in range(1, 21):
        before = [None if mask is None else mask.clone() for mask in _masks(optimizer, params)]
        train(optimizer, params, step, step)
        after = _masks(optimizer, params)
        if any(a is not None and b is not None and not torch.equal(a, b) for a, b in zip(before, after, strict=True)):
            changed.append(step)
    expected = {
        "static": [],
        "set": [3, 6, 9, 12, 15, 18],
        "rigl": [3, 6, 9, 12, 15],  # T_end = 18
        "rigl-uniform": [3, 6, 9, 12, 15],
        "pruning": [5, 8, 11, 14],  # at 2 the density is still 1
        "pruning-layer": [5, 8, 11, 14],
        "prune": [12],
        "acdc": [2, 5, 8, 11, 14],
        "granet": [2, 5, 8, 11, 14, 17],
        "granet-dense": [5, 8, 11, 14, 17],
    }[method]
    assert changed == expected


@each_method
def test_a_closure_computes_the_loss_with_gradients_and_its_value_is_returned(method: str) -> None:
    params = parameters("linear")
    optimizer = ALL[method](params, lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack([(p**2).sum() for p in params]).sum()
        loss.backward()
        return loss

    first, second = optimizer.step(closure), optimizer.step(closure)
    assert second < first
    assert optimizer.step() is None


@each_method
def test_a_parameter_without_gradient_is_left_alone(method: str) -> None:
    params = parameters("linear")
    params[0].requires_grad_(False)
    optimizer = ALL[method](params, **BASES["nesterov"])
    before = params[0].clone()
    for step in range(1, 21):
        for p, g in list(zip(params, gradients(params, step), strict=True))[1:]:
            p.grad = g
        optimizer.step()
    assert torch.equal(params[0], before)
    assert not torch.equal(params[2], parameters("linear")[2])


@each_method
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_reported_and_nothing_changes(method: str, value: float) -> None:
    params = parameters("linear")
    optimizer = ALL[method](params, **BASES["nesterov"])
    train(optimizer, params, 1, 2)
    before = copy.deepcopy(([p.detach() for p in params], optimizer.state_dict()))
    for p, g in zip(params, gradients(params, 3), strict=True):
        p.grad = g
    params[2].grad[1, 1] = value
    with pytest.raises(ValueError, match=r"got 1 of 24 entries NaN or infinite in parameter 2 of group 0"):
        optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(params, before[0], strict=True))
    assert optimizer.state_dict()["param_groups"] == before[1]["param_groups"]


def test_a_gradient_that_is_not_finite_off_the_mask_does_no_harm_where_it_is_let_through() -> None:
    params = parameters("linear")
    optimizer = StaticSparse([{"params": params, "check_finite": False}], density=0.3, lr=0.1, momentum=0.9)
    mask = optimizer.mask(params[0])
    assert mask is not None
    for p, g in zip(params, gradients(params, 1), strict=True):
        p.grad = g
    params[0].grad[~mask] = float("nan")
    optimizer.step()
    assert torch.isfinite(params[0]).all()


@each_method
def test_a_sparse_gradient_is_refused(method: str) -> None:
    params = parameters("linear")
    optimizer = ALL[method](params, lr=0.1)
    params[0].grad = torch.eye(6, 9).to_sparse()
    with pytest.raises(ValueError, match="gradients must be dense"):
        optimizer.step()


@each_masked
def test_a_scaler_that_skips_a_step_stops_the_clock_and_keeps_the_masks(method: str) -> None:
    params = parameters("linear")
    optimizer = MASKED[method](params, **BASES["nesterov"])
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for step in range(1, 7):
        scaler.scale(torch.zeros(()))
        for p, g in zip(params, gradients(params, step), strict=True):
            p.grad = 4.0 * g * (float("inf") if step == 3 else 1.0)
        masks = [None if m is None else m.clone() for m in _masks(optimizer, params)]
        scaler.step(optimizer)
        if step == 3:
            assert optimizer.steps == 2
            assert all(
                a is b is None or torch.equal(a, b) for a, b in zip(masks, _masks(optimizer, params), strict=True)
            )
        scaler.update(4.0)
        _assert_zero_off_the_masks(optimizer, params)
    assert optimizer.steps == 5


@each_method
def test_learning_rate_schedulers_reach_the_base_rule(method: str) -> None:
    params, still = parameters("linear"), parameters("linear")
    optimizer, control = ALL[method](params, lr=0.1), ALL[method](still, lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.0 if epoch else 1.0)
    train(optimizer, params, 1, 1)
    scheduler.step()
    train(control, still, 1, 1)
    before = params[1].clone()
    train(optimizer, params, 2, 2)
    assert torch.equal(params[1], before)
    assert torch.equal(still[1], before)


@each_masked
def test_parameters_that_join_later_get_masks_and_the_clock_of_the_others(method: str) -> None:
    params, late = parameters("linear"), parameters("conv", seed=3)
    optimizer = MASKED[method](params, **BASES["nesterov"])
    train(optimizer, params, 1, 4)
    optimizer.add_param_group({"params": late, "lr": 0.01})
    assert [group["steps"] for group in optimizer.param_groups] == [4, 4]
    both = params + late
    _assert_zero_off_the_masks(optimizer, both)
    for step in range(5, 21):
        train(optimizer, both, step, step)
        _assert_zero_off_the_masks(optimizer, both)
    assert optimizer.density() < 0.5


@each_method
def test_copies_and_pickles_go_on_as_the_original_does(method: str) -> None:
    params = parameters("linear")
    optimizer = ALL[method](params, **BASES["adam"])
    train(optimizer, params, 1, 5)
    twins = copy.deepcopy((optimizer, params)), pickle.loads(pickle.dumps((optimizer, params)))
    train(optimizer, params, 6, 20)
    for twin, theirs in twins:
        train(twin, theirs, 6, 20)
        assert all(torch.equal(p, q) for p, q in zip(params, theirs, strict=True))


@each_method
def test_parameter_groups_hold_plain_data(method: str) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(own) for key, own in value.items())
        if isinstance(value, (list, tuple)):
            return all(map(plain, value))
        return value is None or type(value) in (bool, int, float, str)

    optimizer = ALL[method](parameters("linear"), **BASES["adamw"])
    for group in optimizer.state_dict()["param_groups"]:
        assert all(plain(value) for value in group.values()), group


@each_method
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_work(method: str, dtype: torch.dtype) -> None:
    params = parameters("linear", dtype=dtype)
    optimizer = ALL[method](params, **BASES["nesterov"])
    train(optimizer, params, 1, 20)
    assert all(torch.isfinite(p).all() and p.dtype == dtype for p in params)
    if isinstance(optimizer, MaskedOptimizer):
        _assert_zero_off_the_masks(optimizer, params)


@each_method
def test_a_base_rule_that_does_not_act_entry_by_entry_or_is_no_class_is_refused(method: str) -> None:
    for base in (LBFGS, RMSprop, "sgd"):
        with pytest.raises(ValueError, match="base must be one of SGD, Adam, AdamW"):
            ALL[method](parameters("linear"), base)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        ALL[method](parameters("linear"), SGD, lr=-1.0)
    with pytest.raises(ValueError, match="differentiable must be False"):
        ALL[method](parameters("linear"), SGD, differentiable=True)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        ALL[method](parameters("linear"), SGD, betas=(0.9, 0.99))


@each_method
def test_a_checkpoint_of_another_base_rule_is_refused(method: str) -> None:
    saved = ALL[method](parameters("linear"), **BASES["sgd"]).state_dict()
    with pytest.raises(ValueError, match="same base, got 'SGD' for group 0, which has 'Adam' here"):
        ALL[method](parameters("linear"), **BASES["adam"]).load_state_dict(saved)
