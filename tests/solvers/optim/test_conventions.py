"""What torch users expect of an optimizer, for each of ours on each layout of parameters, and for torch's SGD as a control."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from .optimizer_cases import CASES, LAYOUTS, PLAIN, OptimizerCase, parameters, same, set_gradients, take  # noqa: E402

pytestmark = pytest.mark.torch
STEPS = range(7)

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_optimizer = pytest.mark.parametrize("case", PLAIN, ids=str)
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def _saved(state: Any) -> Any:
    """Through a file, without code in it."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@every_case
@every_layout
def test_steps_move_the_parameters_in_place_and_leave_those_without_gradient(case: OptimizerCase, layout: str) -> None:
    optimizer = case(LAYOUTS[layout]())
    before = [(p, p.data_ptr(), p.stride(), p._version, p.detach().clone()) for p in parameters(optimizer)]
    take(optimizer, STEPS)
    for parameter, address, strides, version, old in before:
        assert parameter.data_ptr() == address
        assert parameter.stride() == strides
        assert parameter.isfinite().all()
        if hasattr(parameter, "unused"):
            assert torch.equal(parameter, old)
        elif parameter.numel():
            assert not torch.equal(parameter, old)
            assert parameter._version > version
    assert all(not entry.requires_grad for state in optimizer.state.values() for entry in state.values())


@every_case
@every_layout
def test_a_saved_run_goes_on_bit_for_bit_from_every_step(case: OptimizerCase, layout: str) -> None:
    optimizer = case(LAYOUTS[layout]())
    checkpoints = []
    for step in STEPS:
        values = [parameter.detach().clone() for parameter in parameters(optimizer)]
        checkpoints.append(_saved((values, optimizer.state_dict())))
        take(optimizer, range(step, step + 1))
    wanted = list(parameters(optimizer))
    for step, (values, saved) in enumerate(checkpoints):
        other = case(LAYOUTS[layout]())
        with torch.no_grad():
            for parameter, value in zip(parameters(other), values, strict=True):
                parameter.copy_(value)
        other.load_state_dict(saved)
        assert same(take(other, range(step, STEPS.stop)), wanted)
        for one, two in zip(parameters(optimizer), parameters(other), strict=True):
            assert optimizer.state[one].keys() == other.state[two].keys()
            for name, value in optimizer.state[one].items():
                assert torch.equal(value, other.state[two][name])


@pytest.mark.parametrize("case", [case for case in CASES if case.ours], ids=str)
def test_two_optimizers_that_load_the_same_state_share_no_tensor(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    take(optimizer, range(2))
    other = case(copy.deepcopy(list(parameters(optimizer))))
    other.load_state_dict(optimizer.state_dict())
    assert same(take(other, range(2, 5)), take(optimizer, range(2, 5)))


@every_case
def test_an_optimizer_that_has_loaded_once_loads_again(case: OptimizerCase) -> None:
    """torch adds a setting of its own to the defaults of an optimizer that loads."""
    optimizer = case(LAYOUTS["list"]())
    saved = copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        optimizer.load_state_dict(copy.deepcopy(saved))


@every_case
def test_copies_and_pickles_go_on_bit_for_bit_by_themselves(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["groups"]())
    take(optimizer, range(2))
    copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    wanted = take(optimizer, range(2, 7))
    for other in copies:
        assert same(take(other, range(2, 7)), wanted)


@every_case
@every_layout
def test_lists_of_tensors_and_single_tensors_get_the_same_update(case: OptimizerCase, layout: str) -> None:
    plain = take(case(LAYOUTS[layout](), foreach=False), STEPS)
    lists = take(case(LAYOUTS[layout](), foreach=True), STEPS)
    for one, other in zip(plain, lists, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@every_case
@every_layout
def test_to_maximize_is_to_minimize_with_the_gradient_negated(case: OptimizerCase, layout: str) -> None:
    down = take(case(LAYOUTS[layout]()), STEPS)
    assert same(down, take(case(LAYOUTS[layout](), maximize=True), STEPS, sign=-1))


@every_case
@every_layout
def test_a_tensor_as_learning_rate_does_what_the_number_does(case: OptimizerCase, layout: str) -> None:
    lr = torch.tensor(case.options["lr"], dtype=torch.float64)
    numbers, tensors = case(LAYOUTS[layout]()), case(LAYOUTS[layout](), lr=lr)
    for one, other in zip(take(numbers, STEPS), take(tensors, STEPS), strict=True):
        assert other.dtype == one.dtype
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@every_case
def test_the_closure_is_called_once_with_gradients_on_and_its_loss_returned(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    calls = []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(p.square().sum() for p in parameters(optimizer))
        calls.append(torch.is_grad_enabled())
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [float(optimizer.step(closure)) for _ in STEPS]
    assert calls == [True] * len(STEPS)
    assert losses[-1] < losses[0]
    assert optimizer.step() is None


@every_optimizer
def test_hooks_are_called_around_the_step_and_the_state(case: OptimizerCase) -> None:
    optimizer, calls = case(LAYOUTS["list"]()), []
    for kind in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre"):
        getattr(optimizer, f"register_{kind}_hook")(lambda *_, kind=kind: calls.append(kind))
    optimizer.register_load_state_dict_post_hook(
        lambda o: calls.append(
            f"load_state_dict_post {len({str(v.dtype) for s in o.state.values() for v in s.values()})}"
        )
    )
    take(optimizer, range(1))
    kinds = len({str(value.dtype) for state in optimizer.state.values() for value in state.values()})
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls == [
        *("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre"),
        f"load_state_dict_post {kinds}",
    ]


@pytest.mark.parametrize("case", PLAIN[1:3], ids=str)
def test_a_hook_may_change_what_is_loaded(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    take(optimizer, range(1))

    def double(_: Any, saved: Any) -> Any:
        state = {key: {name: 2 * v for name, v in entry.items()} for key, entry in saved["state"].items()}
        return {**saved, "state": state}

    parameter = next(parameters(optimizer))
    before = {name: value.clone() for name, value in optimizer.state[parameter].items()}
    optimizer.register_load_state_dict_pre_hook(double)
    optimizer.load_state_dict(optimizer.state_dict())
    assert all(torch.equal(optimizer.state[parameter][name], 2 * value) for name, value in before.items())


@every_optimizer
@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_are_cleared(case: OptimizerCase, set_to_none: bool) -> None:
    optimizer = case(LAYOUTS["list"](), foreach=True)
    set_gradients(optimizer, 0)
    optimizer.zero_grad(set_to_none)
    assert all(p.grad is None if set_to_none else not p.grad.any() for p in parameters(optimizer))


@every_case
def test_a_step_leaves_the_gradients_as_they_are(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    for step in STEPS:
        set_gradients(optimizer, step)
        before = [p.grad.clone() for p in parameters(optimizer)]
        optimizer.step()
        assert same(before, [p.grad for p in parameters(optimizer)])


@every_case
def test_parameters_that_come_later_are_trained_with_their_own_settings(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    take(optimizer, range(2))
    late, slow = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    optimizer.add_param_group({"params": late})
    optimizer.add_param_group({"params": (p for p in [slow]), "lr": 0.0})
    take(optimizer, range(2, 9))
    assert optimizer.param_groups[1]["params"] == [late]
    assert not torch.equal(late, torch.ones(3))
    assert torch.allclose(slow, torch.ones(3))


@every_optimizer
@pytest.mark.parametrize(
    ("params", "error"),
    [
        (torch.zeros(3), TypeError),
        ([], ValueError),
        ([1.0], TypeError),
        ([{"params": {torch.nn.Parameter(torch.zeros(3))}}], TypeError),
        ([torch.nn.Parameter(torch.zeros(3)).exp()], ValueError),
    ],
    ids=["tensor", "nothing", "number", "set in a group", "no leaf"],
)
def test_what_torch_refuses_as_parameters_is_refused(case: OptimizerCase, params: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        case(params)


@every_optimizer
def test_a_parameter_in_two_groups_is_refused(case: OptimizerCase) -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match="more than one parameter group"):
        case([{"params": [parameter]}, {"params": [parameter]}])
    optimizer = case([parameter])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [parameter]})
    with pytest.raises(TypeError, match="must be a dict"):
        optimizer.add_param_group([parameter])


@every_case
def test_schedulers_change_the_step_size(case: OptimizerCase) -> None:
    schedulers = torch.optim.lr_scheduler
    factor = 0.5
    for make in (
        lambda o: schedulers.StepLR(o, 1, factor),
        lambda o: schedulers.LambdaLR(o, lambda k: factor**k),
    ):
        optimizer = case(LAYOUTS["groups"]())
        start = [group["lr"] for group in optimizer.param_groups]
        scheduler = make(optimizer)
        by_hand = case(LAYOUTS["groups"]())
        for step in STEPS:
            for group, lr in zip(by_hand.param_groups, start, strict=True):
                group["lr"] = lr * factor**step
            got = take(optimizer, range(step, step + 1))
            assert same(got, take(by_hand, range(step, step + 1)))
            scheduler.step()


@every_optimizer
def test_a_plateau_lowers_the_step_size(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for step in STEPS:
        take(optimizer, range(step, step + 1))
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(case.options["lr"] / 8)


@every_case
def test_one_cycle_moves_step_size_and_momentum(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    has_moments = optimizer.defaults.get("momentum") or "betas" in optimizer.defaults
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.2, total_steps=len(STEPS), cycle_momentum=bool(has_moments), base_momentum=0.8, max_momentum=0.95
    )
    seen = set()
    for step in STEPS:
        take(optimizer, range(step, step + 1))
        group = optimizer.param_groups[0]
        seen.add((group["lr"], group.get("momentum"), group.get("betas", (None,))[0]))
        if step < len(STEPS) - 1:
            scheduler.step()
    assert len(seen) == len(STEPS)
    assert all(p.isfinite().all() for p in parameters(optimizer))
    optimizer.load_state_dict(_saved(optimizer.state_dict()))


@every_optimizer
def test_a_frozen_layer_is_left_alone_and_thaws(case: OptimizerCase) -> None:
    optimizer = case(LAYOUTS["list"]())
    take(optimizer, range(2))
    frozen = next(parameters(optimizer))
    before = frozen.detach().clone()
    for step in range(2, 5):
        set_gradients(optimizer, step)
        frozen.grad = None
        optimizer.step()
    assert torch.equal(frozen, before)
    take(optimizer, range(5, 12))
    assert not torch.equal(frozen, before)


@every_optimizer
def test_the_optimizer_prints_its_groups(case: OptimizerCase) -> None:
    text = repr(case(LAYOUTS["groups"]()))
    assert text.startswith(case.make.__name__)
    assert "Parameter Group 1" in text
    assert "lr: 0.03" in text
