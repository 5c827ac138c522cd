"""Lasso: the gradient that the base rule sees, and the threshold."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.lasso import Lasso  # noqa: E402
from mlbreg.solvers.networks.rules import regularize  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, Zero  # noqa: E402
from torch import Tensor  # noqa: E402

from .methods import BASES, gradients, parameters, train  # noqa: E402

pytestmark = pytest.mark.torch

PENALTIES = {
    "l1": (L1(0.3), lambda p: 0.3 * p.abs().sum()),
    "rows": (GroupL2(0.3, "rows"), lambda p: 0.3 * math.sqrt(p[0].numel()) * p.flatten(1).norm(dim=1).sum()),
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_step_is_that_of_torch_on_the_penalised_loss_by_autograd(penalty: str, base: str) -> None:
    regularizer, value = PENALTIES[penalty]
    sign = -1 if BASES[base].get("maximize") else 1
    mine, theirs = ([p.double() for p in parameters("linear") if p.dim() == 2] for _ in range(2))
    mine, theirs = ([torch.nn.Parameter(p.detach()) for p in each] for each in (mine, theirs))
    options = {name: own for name, own in BASES[base].items() if name != "base"}
    optimizer = Lasso(mine, BASES[base]["base"], regularizer=regularizer, **options)
    control = BASES[base]["base"](theirs, **options)
    for step in range(1, 11):
        train(optimizer, mine, step, step)
        for q, g in zip(theirs, gradients(theirs, step), strict=True):
            q.grad = None
            (sign * value(q) + (g * q).sum()).backward()
        control.step()
        for p, q in zip(mine, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)


def test_the_penalty_moves_the_weights_without_any_gradient_of_the_loss() -> None:
    p = torch.nn.Parameter(torch.tensor([[1.0, -2.0, 0.0]]))
    optimizer = Lasso([p], regularizer=L1(0.5), lr=0.1)
    p.grad = torch.zeros_like(p)
    optimizer.step()
    assert torch.allclose(p, torch.tensor([[0.95, -1.95, 0.0]]))


def test_nothing_is_zero_before_the_threshold_is_applied_at_the_end() -> None:
    params = parameters("linear")
    optimizer = Lasso(params, regularizer=L1(0.05), threshold=0.3, lr=0.05)
    train(optimizer, params, 1, 20)
    assert all((p != 0).all() for p in params)
    before = [p.detach().clone() for p in params]
    optimizer.apply_threshold()
    for p, old in zip(params, before, strict=True):
        assert torch.equal(p, torch.where(old.abs() < 0.3, 0.0, old))
    assert any((p == 0).any() for p in params)


def test_groups_are_thresholded_as_a_whole_by_their_root_mean_square() -> None:
    p = torch.nn.Parameter(torch.tensor([[[[0.1]], [[0.5]]], [[[0.2]], [[0.3]]]]).expand(2, 2, 3, 3).contiguous())
    optimizer = Lasso([p], regularizer=GroupL2(0.1, "kernels"), threshold=0.25)
    optimizer.apply_threshold()
    assert (p != 0).all(dim=(2, 3)).tolist() == [[False, True], [False, True]]
    heads = torch.nn.Parameter(torch.cat([torch.full((2, 3), 0.1), torch.full((2, 3), 0.5)]))
    Lasso([heads], regularizer=GroupL2(0.1, "heads:2"), threshold=0.25).apply_threshold()
    assert (heads != 0).any(dim=1).tolist() == [False, False, True, True]


def test_with_threshold_steps_small_weights_are_zero_after_every_step() -> None:
    params = parameters("linear")
    optimizer = Lasso(params, regularizer=L1(0.05), threshold=0.3, threshold_steps=True, lr=0.05)
    for step in range(1, 6):
        train(optimizer, params, step, step)
        assert all(not ((p != 0) & (p.abs() < 0.3)).any() for p in params)


def test_groups_have_their_own_regularizer_and_unregularised_ones_no_threshold() -> None:
    weight, bias = parameters("linear")[:2]
    groups: list[dict[str, Any]] = [
        {"params": [weight], "regularizer": GroupL2(0.2, "rows"), "threshold": 10.0},
        {"params": [bias], "regularizer": Zero()},
    ]
    optimizer = Lasso(groups, threshold=10.0, lr=0.1)
    old = bias.detach().clone()
    bias.grad = torch.zeros_like(bias)
    optimizer.step()
    optimizer.apply_threshold()
    assert torch.equal(bias, old)
    assert not weight.any()


def test_the_groups_of_regularize_are_taken() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    optimizer = Lasso(regularize(model, linear=L1(0.1), verbose=False), lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model(torch.ones(1, 4)).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) > optimizer.step(closure)


def test_errors_name_the_argument() -> None:
    p = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(TypeError, match="regularizer must be a Zero, L1 or GroupL2, got Nuclear"):
        Lasso([p], regularizer=Nuclear(0.1))
    with pytest.raises(TypeError, match="regularizer must be a Zero, L1 or GroupL2, got 'l1'"):
        Lasso([{"params": [p], "regularizer": "l1"}])
    with pytest.raises(ValueError, match="threshold must be a finite number ≥ 0, got -1"):
        Lasso([p], threshold=-1)
    with pytest.raises(ValueError, match="layout 'kernels' needs at least 3 axes"):
        Lasso([p], regularizer=GroupL2(0.1, "kernels"))
    with pytest.raises(ValueError, match="params must be real floating-point tensors"):
        Lasso([torch.zeros(3, dtype=torch.int64)])
