"""bf16 and fp16: parameters that are rounded, a state that is not, and steps that a gradient scaler leaves out."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear  # noqa: E402

from .optimizer_cases import CASES, LAYOUTS, OptimizerCase, parameters, same, set_gradients, take, tensor  # noqa: E402

pytestmark = pytest.mark.torch
OURS = tuple(case for case in CASES if case.ours)
ours = pytest.mark.parametrize("case", OURS, ids=str)
low = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
Parameter = torch.nn.Parameter


def _rounded(dtype: torch.dtype) -> list[Any]:
    return [Parameter(parameter.detach().to(dtype)) for parameter in LAYOUTS["list"]()]


@ours
@low
@pytest.mark.parametrize("foreach", [False, True])
def test_state_is_float32_and_survives_a_checkpoint_bit_for_bit(case: OptimizerCase, dtype: Any, foreach: bool) -> None:
    optimizer = case(_rounded(dtype), foreach=foreach)
    take(optimizer, range(2))
    for parameter in parameters(optimizer):
        assert parameter.dtype == dtype
        kinds = {name: value.dtype for name, value in optimizer.state[parameter].items()}
        assert kinds.pop("selected", torch.bool) == torch.bool
        assert set(kinds.values()) <= {torch.float32}
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = case(copy.deepcopy(list(parameters(optimizer))), foreach=foreach)
    other.load_state_dict(torch.load(file, weights_only=True))
    for one, two in zip(parameters(optimizer), parameters(other), strict=True):
        for name, value in optimizer.state[one].items():
            assert other.state[two][name].dtype == value.dtype
            assert torch.equal(other.state[two][name], value)
    assert same(take(optimizer, range(2, 6)), take(other, range(2, 6)))


#: Those whose step looks at the dual alone: with weight decay the gradient depends on the rounded θ.
FROM_THE_DUAL = tuple(c for c in OURS if c.make in (LinBreg, AdaBreg) and not c.options.get("weight_decay"))


@pytest.mark.parametrize("case", FROM_THE_DUAL, ids=str)
@low
def test_a_step_is_that_of_float32_rounded_once(case: OptimizerCase, dtype: Any) -> None:
    """The same rounded gradients go to both; θ is the float32 image of the dual, rounded at the end."""
    rounded = case(_rounded(dtype))
    wide = case([Parameter(parameter.detach().float()) for parameter in _rounded(dtype)])
    for step in range(5):
        set_gradients(rounded, step)
        for one, other in zip(parameters(rounded), parameters(wide), strict=True):
            other.grad = one.grad.float()
        rounded.step()
        wide.step()
        for one, other in zip(parameters(rounded), parameters(wide), strict=True):
            assert torch.equal(one, other.to(dtype))


def _train(dtype: Any, narrow_dual: bool) -> Any:
    """1 + 10⁻³ per step is lost in bf16, whose spacing at 1 is 2⁻⁷."""
    parameter = Parameter(torch.ones(4, dtype=dtype))
    optimizer = LinBreg([parameter], lr=1.0, regularizer=L1(0.1))
    for _ in range(500):
        parameter.grad = torch.full((4,), -1e-3, dtype=dtype)
        optimizer.step()
        if narrow_dual:
            optimizer.state[parameter]["dual"] = optimizer.state[parameter]["dual"].to(dtype)
    return parameter.detach().float()


def test_training_in_bf16_follows_float32_where_a_bf16_dual_would_stall() -> None:
    wide, ours, stalled = _train(torch.float32, False), _train(torch.bfloat16, False), _train(torch.bfloat16, True)
    torch.testing.assert_close(ours, wide, rtol=2**-8, atol=0)
    torch.testing.assert_close(stalled, torch.ones(4), rtol=2**-6, atol=0)
    assert float(wide[0]) == pytest.approx(1.5, rel=1e-3)


@low
@pytest.mark.parametrize(
    "regularizer", [L1(0.3), GroupL2(0.1, "rows"), GroupL2(0.1, "columns"), Nuclear(0.1)], ids=repr
)
def test_the_dual_starts_in_the_precision_of_the_state(dtype: Any, regularizer: Any) -> None:
    optimizer = LinBreg([Parameter(tensor(4, 3).to(dtype))], regularizer=regularizer)
    optimizer.init_dual(lambda p: torch.ones_like(p))
    state = optimizer.state[next(parameters(optimizer))]
    assert state["dual"].dtype == torch.float32
    take(optimizer, range(3))
    assert next(parameters(optimizer)).isfinite().all()


@ours
def test_parameters_of_several_precisions_share_a_group(case: OptimizerCase) -> None:
    for foreach in (False, True):
        params = [
            Parameter(tensor(3, seed=n).to(t)) for n, t in enumerate((torch.float64, torch.bfloat16, torch.float32))
        ]
        optimizer = case(params, foreach=foreach)
        take(optimizer, range(4))
        assert [p.dtype for p in params] == [torch.float64, torch.bfloat16, torch.float32]
        assert [optimizer.state[p]["dual"].dtype for p in params if "dual" in optimizer.state[p]] in (
            [torch.float64, torch.float32, torch.float32],
            [],
        )


@ours
def test_a_gradient_scaler_scales_back_and_leaves_out_steps_that_overflow(case: OptimizerCase) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    plain = copy.deepcopy(model)
    optimizer, reference = case(model.parameters()), case(plain.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for step in range(6):
        x = tensor(8, 4, seed=step)
        if step == 3:
            x[0, 0] = float("inf")
        before = [p.detach().clone() for p in model.parameters()], copy.deepcopy(optimizer.state_dict()["state"])
        for net, o in ((model, optimizer), (plain, reference)):
            o.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = net(x).square().mean()
            (scaler.scale(loss) if o is optimizer else loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if step == 3:
            assert same(before[0], model.parameters())
            now = optimizer.state_dict()["state"]
            assert all(same(before[1][key].values(), now[key].values()) for key in now)
            assert scaler.get_scale() == 2.0**9
        else:
            reference.step()
            assert not same(before[0], model.parameters())
        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            assert one.dtype == torch.float32
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_a_large_fp16_gradient_is_no_infinite_one(dtype: Any) -> None:
    optimizer = LinBreg([Parameter(torch.ones(8, dtype=dtype))], lr=1e-6)
    next(parameters(optimizer)).grad = torch.full((8,), 6e4, dtype=dtype)
    optimizer.step()
