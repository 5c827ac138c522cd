"""The FLOPs that are charged, beside the formulas of `training_costs`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from mlbreg.experiments.training.step_costs import StepCosts  # noqa: E402
from mlbreg.solvers.baselines.rigl import RigL  # noqa: E402
from mlbreg.solvers.baselines.static_sparse import StaticSparse  # noqa: E402
from mlbreg.solvers.networks.flops import count_flops  # noqa: E402
from mlbreg.solvers.networks.training_costs import training_costs  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch
BATCH = 5


def network(density: float) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    with torch.no_grad():
        for index in (0, 3):
            weight = model[index].weight
            weight.mul_(torch.rand_like(weight) < density)
    return model


def charged(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> StepCosts:
    """Steps with gradients of 0: no support moves."""
    costs = StepCosts(model, torch.zeros(1, 1, 8, 8))
    for _ in range(steps):
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        forward = costs.sparse()
        optimizer.step()
        costs.charge(optimizer, forward, BATCH)
    return costs


def test_each_method_is_charged_by_its_formula() -> None:
    model = network(0.3)
    formula = training_costs(count_flops(model, torch.zeros(1, 1, 8, 8)), coarse_steps=3, update_interval=3)
    weights = [model[0].weight, model[3].weight]
    assert float(charged(model, torch.optim.SGD(model.parameters(), lr=0.1), 4).used) == pytest.approx(
        4 * BATCH * formula.linbreg
    )
    assert float(charged(model, LinBreg(weights, regularizer=L1(0.1)), 4).used) == pytest.approx(
        4 * BATCH * formula.linbreg
    )
    multilevel = MultilevelLinBreg(weights, regularizer=L1(0.1), coarse_steps=3)
    assert float(charged(model, multilevel, 8).used) == pytest.approx(8 * BATCH * formula.multilevel)
    static = StaticSparse(weights, density="nonzero", lr=0.1)
    assert float(charged(model, static, 4).used) == pytest.approx(4 * BATCH * formula.static)
    assert charged(model, static, 4).dense_used == pytest.approx(4 * BATCH * formula.dense)


def test_rigl_is_charged_a_dense_gradient_where_its_masks_change() -> None:
    model = network(0.3)
    formula = training_costs(count_flops(model, torch.zeros(1, 1, 8, 8)), coarse_steps=0)
    rigl = RigL(
        [model[0].weight, model[3].weight], density="nonzero", lr=0.1, total_steps=100, every=4, drop_fraction=1e-9
    )
    assert float(charged(model, rigl, 8).used) == pytest.approx(BATCH * (6 * formula.static + 2 * formula.linbreg))


def test_a_dense_network_costs_three_dense_passes() -> None:
    model = network(1.1)
    costs = charged(model, torch.optim.SGD(model.parameters(), lr=0.1), 3)
    assert float(costs.used) == costs.dense_used > 0


def test_the_sum_goes_on_within_a_coarse_phase() -> None:
    model = network(0.3)
    weights = [model[0].weight, model[3].weight]
    optimizer = MultilevelLinBreg(weights, regularizer=L1(0.1), coarse_steps=3)
    first = charged(model, optimizer, 2)
    second = StepCosts(model, torch.zeros(1, 1, 8, 8))
    second.load_state_dict(first.state_dict())
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    with torch.no_grad():
        weights[1][0] = 0  # the support shrinks; what the phase may move stays
    forward = second.sparse()
    optimizer.step()
    second.charge(optimizer, forward, 1)
    assert float(second.used) == pytest.approx(
        float(first.used) + 2 * float(forward) + float(first.state_dict()["coarse"])
    )
