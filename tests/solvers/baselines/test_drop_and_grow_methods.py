"""RigL, SET and GraNet, update for update against what their papers say."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.granet import GraNet  # noqa: E402
from mlbreg.solvers.baselines.rigl import RigL  # noqa: E402
from mlbreg.solvers.baselines.sparse_evolutionary_training import SET  # noqa: E402
from torch import Tensor  # noqa: E402

from .methods import gradients, parameters, train  # noqa: E402

pytestmark = pytest.mark.torch

SGD_OPTIONS = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}


def _flat(x: Tensor) -> list[float]:
    return x.detach().reshape(-1).tolist()


def _expected_rigl(theta: Tensor, mask: Tensor, g: Tensor, drop: int) -> set[int]:
    """Algorithm 1 by sorting lists."""
    weights, gradient = _flat(theta), _flat(g)
    active = [i for i, m in enumerate(_flat(mask)) if m]
    kept = sorted(active, key=lambda i: (-abs(weights[i]), i))[: len(active) - drop]
    others = [i for i in range(len(weights)) if i not in set(kept)]
    grown = sorted(others, key=lambda i: (-abs(gradient[i]), i))[:drop]
    return set(kept) | set(grown)


def test_rigl_drops_the_smallest_and_grows_the_steepest_of_each_layer() -> None:
    params = parameters("conv")
    optimizer = RigL(params, total_steps=40, every=4, density=0.2, drop_fraction=0.5, **SGD_OPTIONS)
    changes = []
    for step in range(1, 41):
        thetas = [p.detach().clone() for p in params]
        masks = [optimizer.mask(p) for p in params]
        masks = [None if m is None else m.clone() for m in masks]
        momenta = [optimizer.state[p].get("momentum_buffer") for p in params]
        momenta = [None if m is None else m.clone() for m in momenta]
        train(optimizer, params, step, step)
        if step % 4 or step >= 30:
            assert all(m is None or torch.equal(m, optimizer.mask(p)) for m, p in zip(masks, params, strict=True))
            continue
        for p, theta, mask, momentum, g in zip(params, thetas, masks, momenta, gradients(params, step), strict=True):
            if mask is None:
                assert torch.equal(p, theta)  # no step in place of which masks change
                continue
            drop = math.floor(0.25 * (1 + math.cos(math.pi * step / 30)) * int(mask.sum()))
            new = optimizer.mask(p)
            assert set(new.reshape(-1).nonzero().flatten().tolist()) == _expected_rigl(theta, mask, g, drop)
            assert int(new.sum()) == int(mask.sum())
            both = new & mask
            assert torch.equal(p[both], theta[both])
            assert torch.equal(optimizer.state[p]["momentum_buffer"][both], momentum[both])
            assert not p[new & ~mask].any()
            assert not optimizer.state[p]["momentum_buffer"][~both].any()
            changes.append(int((new & ~mask).sum()))
    assert sum(changes) > 100


def test_rigl_grows_by_the_gradient_of_the_same_backward_pass_as_the_step() -> None:
    """A network, no gradients by hand: the mask after the step follows from the loss before it."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(12, 8)
    optimizer = RigL(layer.parameters(), total_steps=8, every=2, density=0.25, lr=0.1)
    x, y = torch.randn(16, 12), torch.randn(16, 8)
    passes = 0

    def closure() -> Tensor:
        nonlocal passes
        passes += 1
        optimizer.zero_grad()
        loss = ((layer(x) - y) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    theta, mask = layer.weight.detach().clone(), optimizer.mask(layer.weight).clone()
    dense = torch.autograd.grad(((layer(x) - y) ** 2).mean(), layer.weight)[0]
    optimizer.step(closure)
    assert passes == 2
    drop = math.floor(0.15 * (1 + math.cos(math.pi * 2 / 6)) * 24)
    assert drop == 5
    found = set(optimizer.mask(layer.weight).reshape(-1).nonzero().flatten().tolist())
    assert found == _expected_rigl(theta, mask, dense, drop)
    assert torch.equal(layer.weight.grad, dense)


def test_rigl_stops_at_three_quarters_of_training_unless_told_otherwise() -> None:
    assert RigL(parameters("linear"), total_steps=1000).schedule.end == 750
    assert RigL(parameters("linear"), total_steps=1000, stop=1).schedule.end == 1000
    for stop in (0.0, 1.5):
        with pytest.raises(ValueError, match="stop must be in"):
            RigL(parameters("linear"), total_steps=1000, stop=stop)
    with pytest.raises(ValueError, match="total_steps must be an integer ≥ 1, got 0"):
        RigL(parameters("linear"), total_steps=0)


def test_set_drops_the_smallest_and_grows_as_many_at_random_after_the_step() -> None:
    params = parameters("linear")
    optimizer = SET(params, total_steps=30, every=5, density=0.4, drop_fraction=0.3, lr=0.0, weight_decay=0.0)
    for step in range(1, 31):
        before = [(p, p.detach().clone(), m.clone()) for p in params if (m := optimizer.mask(p)) is not None]
        train(optimizer, params, step, step)
        for p, theta, mask in before:
            new = optimizer.mask(p)
            if step % 5 or step == 30:
                assert torch.equal(new, mask)
                continue
            active = int(mask.sum())
            kept = active - math.floor(0.3 * active)
            order = sorted(mask.reshape(-1).nonzero().flatten().tolist(), key=lambda i: (-abs(_flat(theta)[i]), i))
            assert all(new.reshape(-1)[i] for i in order[:kept])
            assert int(new.sum()) == active
            assert not p[new & ~mask].any()


def test_set_grows_every_inactive_place_about_equally_often() -> None:
    grown = torch.zeros(200)
    for seed in range(150):
        p = torch.nn.Parameter(torch.randn(10, 20, generator=torch.Generator().manual_seed(seed)))
        optimizer = SET([p], total_steps=5, every=1, density=0.1, drop_fraction=0.5, seed=seed, lr=0.0)
        first = optimizer.mask(p).clone()
        p.grad = torch.zeros_like(p)
        optimizer.step()
        grown += (optimizer.mask(p) & ~first).reshape(-1)
    # About 150·10·(180/190)/200 ≈ 7.1 a place; a Poisson count is above 25 with probability 1e-7.
    assert 1200 < int(grown.sum()) <= 1500
    assert grown.max() < 25
    assert (grown > 0).float().mean() > 0.98


def test_granet_prunes_over_all_layers_and_regenerates_within_each() -> None:
    params = parameters("conv")
    optimizer = GraNet(params, density=0.1, begin=2, every=3, end=11, total_steps=30, lr=0.05, momentum=0.9)
    sparse = [p for p in params if optimizer.mask(p) is not None]
    group = optimizer.param_groups[0]
    start, last = (sum(c for c in group[name] if c is not None) for name in ("start_counts", "counts"))
    assert start > 4 * last
    for step in range(1, 30):
        before = [optimizer.mask(p).clone() for p in sparse]
        # The base step first: momentum and all, on copies.
        twin_params = [torch.nn.Parameter(p.detach().clone()) for p in params]
        twin = torch.optim.SGD(twin_params, lr=0.05, momentum=0.9)
        for p, q, g in zip(params, twin_params, gradients(params, step), strict=True):
            mask = optimizer.mask(p)
            q.grad = g if mask is None else g * mask
            buffer = optimizer.state[p].get("momentum_buffer")
            if buffer is not None:
                twin.state[q]["momentum_buffer"] = buffer.clone()
        twin.step()
        train(optimizer, params, step, step)
        if (step - 2) % 3 or step < 2:
            assert all(torch.equal(m, optimizer.mask(p)) for m, p in zip(before, sparse, strict=True))
            continue
        remaining = max(0.0, 1 - (step - 2) / 9) ** 3
        total = last + round(remaining * (start - last))
        assert sum(int(optimizer.mask(p).sum()) for p in sparse) == total
        after_step = [q for p, q in zip(params, twin_params, strict=True) if optimizer.mask(p) is not None]
        ranked = sorted(
            (
                (-abs(w), layer, i)
                for layer, q in enumerate(after_step)
                for i, w in enumerate(_flat(q))
                if before[layer].reshape(-1)[i]
            ),
        )[:total]
        grads = [g for p, g in zip(params, gradients(params, step), strict=True) if optimizer.mask(p) is not None]
        share = 0.25 * (1 + math.cos(math.pi * step / 30))
        for layer, (p, q, g) in enumerate(zip(sparse, after_step, grads, strict=True)):
            pruned = torch.zeros(p.numel(), dtype=torch.bool)
            pruned[[i for _, at, i in ranked if at == layer]] = True
            pruned = pruned.reshape(p.shape)
            drop = math.floor(share * int(pruned.sum()))
            expected = _expected_rigl(q * pruned, pruned, g, drop)
            assert set(optimizer.mask(p).reshape(-1).nonzero().flatten().tolist()) == expected
            assert not p[optimizer.mask(p) & ~pruned].any()
