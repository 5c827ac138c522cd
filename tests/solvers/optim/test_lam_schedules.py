"""Schedules of λ: values worked out by hand, composition, and resuming."""

from __future__ import annotations

import json
import math

import pytest

torch = pytest.importorskip("torch")
from mlbreg.solvers.optim.lam_schedules import (  # noqa: E402
    Chain,
    Constant,
    Cosine,
    Exponential,
    LamScheduler,
    Linear,
    Shape,
)
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (Constant(0.5), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        (Linear(0, 1, 4), [0, 0.25, 0.5, 0.75, 1, 1]),
        (Cosine(2, 0, 4), [2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5), 0, 0]),
        (Exponential(1, 16, 4), [1, 2, 4, 8, 16, 16]),
        (Linear(0, 1, 4) * Exponential(1, 16, 4), [0, 0.5, 2, 6, 16, 16]),
        (Chain([(Linear(0, 1, 2), 2), (Constant(3), 1)], Exponential(1, 4, 2)), [0, 0.5, 3, 1, 2, 4]),
    ],
)
def test_the_values_of_each_shape(shape: Shape, values: list[float]) -> None:
    assert [shape(n) for n in range(6)] == pytest.approx(values, abs=1e-15)


def _optimizer() -> LinBreg:
    kinds = [L1(0.2), GroupL2(0.4, "rows"), Zero()]
    return LinBreg([{"params": [torch.nn.Parameter(torch.ones(2, 2))], "regularizer": kind} for kind in kinds])


def test_a_scheduler_multiplies_the_lam_of_each_group_and_the_optimizer_uses_it() -> None:
    optimizer = _optimizer()
    scheduler = LamScheduler(optimizer, {0: Linear(0, 1, 4), 1: Constant(0.5)})
    values = []
    for _ in range(3):
        values.append([group["lam"] for group in optimizer.param_groups[:2]])
        scheduler.step()
    assert values == [[0, 0.2], [0.05, 0.2], [0.1, 0.2]]
    assert optimizer.regularizer_value().item() == pytest.approx(0.15 * 4 + 0.2 * 4)
    assert "lam" not in optimizer.param_groups[2]


def test_a_resumed_schedule_goes_on_where_it_was() -> None:
    optimizer = _optimizer()
    scheduler = LamScheduler(optimizer, Exponential(1, 16, 4))
    scheduler.step()
    saved = json.loads(json.dumps(scheduler.state_dict()))
    settings = optimizer.state_dict()
    other = _optimizer()
    again = LamScheduler(other, Exponential(1, 16, 4))
    other.load_state_dict(settings)  # without a warning, though λ is no longer the constructor's: the schedule moved it
    again.load_state_dict(saved)
    for each in (scheduler, again):
        each.step()
    assert [g.get("lam") for g in other.param_groups] == [g.get("lam") for g in optimizer.param_groups]
    assert other.param_groups[0]["lam"] == pytest.approx(0.8)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="end must be a finite number > 0, got 0"):
        Exponential(1, 0, 4)
    with pytest.raises(ValueError, match="steps must be an integer ≥ 1, got 0"):
        Linear(0, 1, 0)
    with pytest.raises(ValueError, match=r"which are \[0, 1\], got \[2\]"):
        LamScheduler(_optimizer(), {2: Constant()})
    with pytest.raises(ValueError, match="state must have the entry 'last_step' alone"):
        LamScheduler(_optimizer(), Constant()).load_state_dict({"step": 1})


def test_a_checkpoint_of_another_lam_is_still_told_apart_from_a_schedule() -> None:
    optimizer, other = _optimizer(), _optimizer()
    optimizer.param_groups[0]["lam"] = 7.0
    LamScheduler(optimizer, Linear(0, 1, 4))
    with pytest.warns(UserWarning, match=r"the regularizer of parameter group 0 is now .*lam=7.0"):
        other.load_state_dict(optimizer.state_dict())
