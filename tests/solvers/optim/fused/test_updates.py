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
from mlbreg.solvers.optim.regularizers import GroupL2, Nuclear, Zero  # noqa: E402

from ..optimizer_cases import parameters, same, take, tensor  # noqa: E402
from .fused_cases import OPTIONS, REGULARIZERS, assert_both_ways_agree, make_parameters  # noqa: E402

pytestmark = pytest.mark.torch
Parameter = torch.nn.Parameter


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_fused_update_is_the_plain_one_up_to_rounding(name: str, regularizer: Any, dtype: Any) -> None:
    assert_both_ways_agree(name, regularizer, dtype)


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
        optimizer = make(make_parameters(torch.float32), fused=True, **options)
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
