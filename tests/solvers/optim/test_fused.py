"""The fused update and its slow twin, the plain one; and what the fused one refuses."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, Zero  # noqa: E402

from .optimizer_cases import parameters, same, take, tensor  # noqa: E402

pytestmark = pytest.mark.torch
Parameter = torch.nn.Parameter

OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "linbreg": (LinBreg, {"lr": 0.1}),
    "momentum": (LinBreg, {"lr": 0.1, "momentum": 0.9, "delta": 0.5, "maximize": True, "weight_decay": 0.1}),
    "decay": (LinBreg, {"lr": 0.1, "weight_decay": 0.1, "dual_decay": 0.2, "delta": 2.0}),
    "adabreg": (AdaBreg, {"lr": 0.05}),
    "adabreg decay": (AdaBreg, {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.1, "dual_decay": 0.2, "delta": 2.0}),
    "proxsgd": (ProxSGD, {"lr": 0.1}),
    "proxsgd decay": (ProxSGD, {"lr": 0.3, "weight_decay": 0.1, "maximize": True}),
    "multilevel": (MultilevelLinBreg, {"lr": 0.1, "coarse_steps": 2}),
    "multilevel momentum": (
        MultilevelLinBreg,
        {"lr": 0.1, "coarse_steps": 2, "momentum": 0.9, "maximize": True, "weight_decay": 0.1, "dual_decay": 0.2},
    ),
    "multilevel adabreg": (MultilevelAdaBreg, {"lr": 0.05, "coarse_steps": 2, "weight_decay": 0.1, "delta": 2.0}),
}
REGULARIZERS = [
    Zero(),
    L1(0.3),
    *(GroupL2(0.15, layout) for layout in ("entries", "rows", "filters", "kernels", "heads:2", "whole")),
]
SHAPES = [(4, 3, 3, 3), (2, 5, 40, 30), (0, 3, 3)]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def _params(dtype: Any) -> list[Any]:
    return [Parameter(tensor(*shape).to(dtype)) for shape in SHAPES]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_fused_update_is_the_plain_one_up_to_rounding(name: str, regularizer: Any, dtype: Any) -> None:
    make, options = OPTIONS[name]
    optimizers = [make(_params(dtype), regularizer=regularizer, fused=fused, **options) for fused in (True, False)]
    addresses = [p.data_ptr() for p in parameters(optimizers[0])]
    # bf16: a number that falls between two entries may be rounded to either.
    # ProxSGD steps from the rounded θ, so that the next rounding may add to it.
    bf16 = {"rtol": 2**-6 if make is ProxSGD else 2**-7, "atol": 1e-2}
    close = bf16 if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else close
    for step in range(6):
        fused, plain = (take(optimizer, range(step, step + 1)) for optimizer in optimizers)
        for one, other in zip(fused, plain, strict=True):
            torch.testing.assert_close(one, other, **close)
    for one, other in zip(*map(parameters, optimizers), strict=True):
        for key, value in optimizers[1].state[other].items():
            torch.testing.assert_close(optimizers[0].state[one][key], value, **close)
    assert [p.data_ptr() for p in parameters(optimizers[0])] == addresses
    assert all(p._version > 0 for p in parameters(optimizers[0]) if p.numel())


def test_bf16_is_rounded_as_torch_rounds() -> None:
    """Ties go to even, and NaN stays NaN."""
    values = torch.cat(
        [torch.randn(5000), torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 0.0, float("nan"), 1e-40])]
    )
    parameter = Parameter(torch.zeros(len(values), dtype=torch.bfloat16))
    optimizer = LinBreg([parameter], lr=0.0, regularizer=Zero(), fused=True, check_finite=False)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.state[parameter]["dual"].copy_(values)
    optimizer.step()
    torch.testing.assert_close(parameter.detach(), values.bfloat16(), rtol=0, atol=0, equal_nan=True)


def test_the_number_of_threads_changes_nothing() -> None:
    before = torch.get_num_threads()
    for make in (LinBreg, ProxSGD):
        results = []
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                params = [Parameter(tensor(300, 301)), Parameter(tensor(7, 3))]  # one for all threads, one for one
                results.append(take(make(params, regularizer=GroupL2(0.1, "rows"), fused=True), range(4)))
        finally:
            torch.set_num_threads(before)
        assert same(*results)


def test_a_run_may_change_between_the_two_paths_and_go_on_from_a_checkpoint() -> None:
    for make, options in OPTIONS.values():
        optimizer = make(_params(torch.float32), fused=True, **options)
        take(optimizer, range(3))
        params = [Parameter(p.detach().clone()) for p in parameters(optimizer)]
        other = make(params, fused=True, **options)
        other.load_state_dict(optimizer.state_dict())
        assert same(take(other, range(3, 6)), take(optimizer, range(3, 6)))
        optimizer.param_groups[0]["fused"] = False
        take(optimizer, range(6, 8))


def test_autograd_notices_that_a_parameter_was_changed() -> None:
    parameter = Parameter(torch.ones(3))
    loss = parameter.square().sum()
    optimizer = LinBreg([parameter], fused=True)
    parameter.grad = torch.ones(3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("make", [LinBreg, AdaBreg, ProxSGD, MultilevelLinBreg, MultilevelAdaBreg])
@pytest.mark.parametrize(
    ("parameter", "options", "says"),
    [
        (torch.ones(3, 3), {"regularizer": GroupL2(0.1, "columns")}, "fused must be False with GroupL2.*'columns'"),
        (torch.ones(3, 3), {"regularizer": Nuclear(0.1)}, "fused must be False with Nuclear"),
        (torch.ones(3, 3, dtype=torch.float16), {}, r"fused must be False for parameters of torch\.float16"),
        (torch.ones(3, 2).t(), {}, "parameters that are not contiguous, got strides"),
        (torch.ones(3, 3, device="meta"), {}, "fused must be False for parameters on meta"),
        (torch.ones(3), {"foreach": True}, "foreach must not be True with fused=True"),
        (torch.ones(3), {"fused": 1}, "fused must be True or False, got 1"),
    ],
)
def test_what_it_is_not_made_for_is_refused(make: Any, parameter: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make([Parameter(parameter)], **{"fused": True, **options})


def test_what_becomes_unfit_later_is_refused_at_the_step() -> None:
    parameter = Parameter(torch.ones(2, 3, 4, 4))
    optimizer = LinBreg([parameter], fused=True)
    parameter.data = parameter.data.to(memory_format=torch.channels_last)
    parameter.grad = torch.ones_like(parameter)
    with pytest.raises(ValueError, match="not contiguous"):
        optimizer.step()
