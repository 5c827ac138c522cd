"""Checkpoints that must not be loaded, and parameters that changed under the optimizer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.rigl import RigL  # noqa: E402
from mlbreg.solvers.baselines.sparse_evolutionary_training import SET  # noqa: E402
from mlbreg.solvers.baselines.static_sparse import StaticSparse  # noqa: E402

from .methods import parameters, train  # noqa: E402

pytestmark = pytest.mark.torch


def _rigl(**options: Any) -> RigL:
    return RigL(parameters("linear"), **{"total_steps": 100, "density": 0.2, "lr": 0.1, "momentum": 0.9, **options})


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: _rigl(total_steps=200), "same schedule, got .*'end': 150"),
        (lambda: _rigl(every=5), "same schedule, got .*'every': 5"),
        (lambda: _rigl(density=0.3), "same total_density, got 0.3 for group 0, which has 0.2 here"),
        (lambda: _rigl(distribution="er"), "same distribution, got 'er'"),
        (lambda: _rigl(seed=3), "same seed, got 3"),
        (lambda: SET(parameters("linear"), total_steps=100, every=100), "same schedule, got .*'method': 'SET'"),
        (lambda: torch.optim.SGD(parameters("linear"), lr=0.1), "same base, got None"),
        (lambda: RigL(parameters("linear")[:2], total_steps=100, density=0.2), "match the size|same sparse parameters"),
        (lambda: RigL([{"params": [p]} for p in parameters("linear")], total_steps=100, density=0.2), "number of parameter"),
        (lambda: RigL([torch.zeros(9, 6), torch.zeros(6), torch.zeros(6, 4), torch.zeros(4)], total_steps=100, density=0.2),
         "mask of shape"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_optimizer_is_refused_and_changes_nothing(
    other: Callable[[], torch.optim.Optimizer], message: str
) -> None:
    optimizer = _rigl()
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(other().state_dict())
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert all(torch.equal(after["state"][key]["mask"], before["state"][key]["mask"]) for key in before["state"])


def _without_mask(saved: dict[str, Any]) -> None:
    del saved["state"][0]["mask"]


def _one_weight_more(saved: dict[str, Any]) -> None:
    saved["state"][0]["mask"].view(-1)[saved["state"][0]["mask"].reshape(-1).logical_not().nonzero()[0]] = True


def _shares(saved: dict[str, Any]) -> None:
    saved["state"][0]["mask"] = saved["state"][0]["mask"].float() * 0.5


def _other_counts(saved: dict[str, Any]) -> None:
    saved["param_groups"][0]["counts"] = [1, 2]


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (_without_mask, r"mask of shape \(6, 9\) for parameter 0 of group 0, of shape \(6, 9\), got None"),
        (_one_weight_more, "must have a mask with [0-9]+ ones"),
        (_shares, "mask of zeros and ones"),
        (_other_counts, r"same sparse parameters, got counts \[1, 2\]"),
    ],
)
def test_a_checkpoint_that_was_tampered_with_is_refused(tamper: Callable[[dict[str, Any]], None], message: str) -> None:
    optimizer = _rigl()
    saved = copy.deepcopy(optimizer.state_dict())
    tamper(saved)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved)


def test_a_pattern_that_was_taken_over_comes_back_from_the_checkpoint() -> None:
    params, others = parameters("linear"), parameters("linear")
    with torch.no_grad():
        params[0][:3] = 0
    optimizer = StaticSparse(params, density="nonzero", lr=0.1)
    resumed = StaticSparse(others, density="nonzero", lr=0.1)
    resumed.load_state_dict(optimizer.state_dict())
    assert torch.equal(resumed.mask(others[0]), optimizer.mask(params[0]))
    assert resumed.mask(others[0]).dtype == torch.bool
    train(resumed, others, 1, 1)
    assert not others[0][:3].any()


def test_a_parameter_that_was_resized_is_reported() -> None:
    params = parameters("linear")
    optimizer = StaticSparse(params, density=0.2, lr=0.1)
    params[0].data = torch.randn(3, 3)
    with pytest.raises(ValueError, match=r"parameters must keep their shape, got \(3, 3\) where the mask has \(6, 9\)"):
        optimizer.step()
