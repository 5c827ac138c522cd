"""Gradual pruning, prune + fine-tune and AC/DC, phase for phase."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.ac_dc import ACDC  # noqa: E402
from mlbreg.solvers.baselines.gradual_pruning import GradualPruning  # noqa: E402
from mlbreg.solvers.baselines.masked import MaskedOptimizer  # noqa: E402
from mlbreg.solvers.baselines.prune_and_fine_tune import PruneAndFineTune  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.optim import Adam  # noqa: E402

from .methods import gradients, parameters, train  # noqa: E402

pytestmark = pytest.mark.torch


def _sparse(optimizer: MaskedOptimizer, params: list[torch.nn.Parameter]) -> list[tuple[torch.nn.Parameter, Tensor]]:
    return [(p, mask) for p in params if (mask := optimizer.mask(p)) is not None]


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_gradual_pruning_has_the_weights_of_the_cubic_schedule_after_every_update(scope: str) -> None:
    params = parameters("conv")
    optimizer = GradualPruning(params, begin=3, every=2, end=11, density=0.1, scope=scope, lr=0.05, momentum=0.9)
    previous = [mask.clone() for _, mask in _sparse(optimizer, params)]
    assert all(mask.all() for mask in previous)
    for step in range(1, 16):
        train(optimizer, params, step, step)
        pairs = _sparse(optimizer, params)
        # What was pruned stays pruned.
        assert all(not (mask & ~old).any() for (_, mask), old in zip(pairs, previous, strict=True))
        previous = [mask.clone() for _, mask in pairs]
        seen = min(max(step - (step - 3) % 2, 3), 11)
        remaining = (1 - (seen - 3) / 8) ** 3 if step >= 3 else 1.0
        sizes = [p.numel() for p, _ in pairs]
        last = [max(1, round(0.1 * size)) for size in sizes]
        found = [int(mask.sum()) for _, mask in pairs]
        if scope == "layer":
            assert found == [end + round(remaining * (size - end)) for end, size in zip(last, sizes, strict=True)]
        else:
            assert sum(found) == sum(last) + round(remaining * (sum(sizes) - sum(last)))


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_what_is_pruned_is_smaller_than_what_stays(scope: str) -> None:
    params = parameters("conv")
    optimizer = PruneAndFineTune(params, prune_after=4, density=0.2, scope=scope, lr=0.05)
    train(optimizer, params, 1, 3)
    dense = [torch.nn.Parameter(p.detach().clone()) for p in params]
    for p, g in zip(dense, gradients(params, 4), strict=True):
        p.grad = g
    torch.optim.SGD(dense, lr=0.05).step()
    train(optimizer, params, 4, 4)
    kept, gone = [], []
    for p, q in zip(params, dense, strict=True):
        mask = optimizer.mask(p)
        if mask is None:
            continue
        assert torch.equal(p[mask], q[mask])
        kept.append(q[mask].abs())
        gone.append(q[~mask].abs())
        if scope == "layer":
            assert kept[-1].min() >= gone[-1].max()
    assert torch.cat(kept).min() >= torch.cat(gone).max() or scope == "layer"
    total = sum(k.numel() + g.numel() for k, g in zip(kept, gone, strict=True))
    assert abs(sum(k.numel() for k in kept) - 0.2 * total) <= 2


def test_before_it_prunes_the_training_is_the_dense_one_bit_for_bit() -> None:
    mine, theirs = parameters("conv"), parameters("conv")
    options = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    optimizer, control = (
        PruneAndFineTune(mine, prune_after=9, density=0.2, **options),
        torch.optim.SGD(theirs, **options),
    )
    train(optimizer, mine, 1, 8)
    train(control, theirs, 1, 8)
    assert all(torch.equal(p, q) for p, q in zip(mine, theirs, strict=True))
    assert optimizer.density() == 1
    train(optimizer, mine, 9, 12)
    assert optimizer.density() == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("base", [torch.optim.SGD, Adam])
def test_ac_dc_compresses_and_decompresses_in_turns(base: type[torch.optim.Optimizer]) -> None:
    params = parameters("conv")
    # Large enough for weights that came back to pass others by.
    options = {"lr": 0.5, "momentum": 0.9} if base is torch.optim.SGD else {"lr": 0.5}
    optimizer = ACDC(
        params,
        base,
        warmup=3,
        length=2,
        final_decompressed=3,
        final_compressed=4,
        total_steps=16,
        density=0.4,
        **options,
    )
    name = "momentum_buffer" if base is torch.optim.SGD else "exp_avg"
    assert optimizer.schedule.switches == (3, 5, 7, 9, 12)
    supports = []
    for step in range(1, 17):
        train(optimizer, params, step, step)
        compressed = 3 <= step < 5 or 7 <= step < 9 or step >= 12
        assert optimizer.density() == (pytest.approx(0.4, abs=1e-3) if compressed else 1)
        if step in (3, 7, 12):
            supports.append([mask.clone() for _, mask in _sparse(optimizer, params)])
        if step in (5, 9):
            # Values stay, momenta begin anew, weights that come back are 0.
            assert all(not optimizer.state[p][name].any() for p in params)
            for (p, mask), support in zip(_sparse(optimizer, params), supports[-1], strict=True):
                assert mask.all()
                assert not p[~support].any()
                assert p[support].any() or not support.any()
        elif step > 1:
            assert any(optimizer.state[p][name].any() for p in params)
    assert any(not torch.equal(a, b) for a, b in zip(supports[0], supports[1], strict=True))


def test_weights_that_are_decompressed_are_trained() -> None:
    params = parameters("linear")
    optimizer = ACDC(
        params, warmup=1, length=2, final_decompressed=3, final_compressed=3, total_steps=9, density=0.1, lr=0.05
    )
    train(optimizer, params, 1, 4)
    assert (params[0] != 0).sum() > 40
    assert optimizer.density() == 1


def test_a_layer_that_is_frozen_is_not_pruned_and_not_counted() -> None:
    params = parameters("linear")
    params[0].requires_grad_(False)
    optimizer = PruneAndFineTune(params, prune_after=2, density=0.25, lr=0.05)
    for step in (1, 2):
        for p, g in list(zip(params, gradients(params, step), strict=True))[1:]:
            p.grad = g
        optimizer.step()
    assert optimizer.mask(params[0]).all()
    assert int(optimizer.mask(params[2]).sum()) == 6


def test_a_weight_that_is_pruned_does_not_come_back_when_the_active_ones_are_zero() -> None:
    p = torch.nn.Parameter(torch.tensor([[0.1, 1.0, 2.0, 3.0]]))
    optimizer = GradualPruning([p], begin=1, every=1, end=3, density=0.5, lr=0.0)
    for _ in range(3):
        p.grad = torch.zeros_like(p)
        optimizer.step()
        if not optimizer.mask(p)[0, 0]:
            p.detach().zero_()
    assert optimizer.steps == 3
    assert not p.any()
    assert optimizer.mask(p).tolist() == [[False, False, True, True]]
