"""The controller reaches a target sparsity and holds it, for optimizers whose λ differ a hundredfold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.base import RegularizedOptimizer  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, Zero  # noqa: E402
from mlbreg.solvers.optim.sparsity_control import SparsityController, Unit, sparsity  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch

OPTIMIZERS: dict[str, Callable[[Any], RegularizedOptimizer]] = {
    "LinBreg": lambda groups: LinBreg(groups, lr=0.1),
    "momentum": lambda groups: LinBreg(groups, lr=0.1, momentum=0.9),
    "AdaBreg": lambda groups: AdaBreg(groups, lr=2e-3),
    "ProxSGD": lambda groups: ProxSGD(groups, lr=0.1),
    "MultilevelLinBreg": lambda groups: MultilevelLinBreg(groups, lr=0.1, coarse_steps=4),
}


class Run:
    """A network on random data, its optimizer and the sparsity after each step."""

    def __init__(self, kind: str, regularizer: L1 | GroupL2, start: float, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
        self.x = torch.randn(512, 20, generator=generator)
        self.y = self.x[:, :4].argmax(1)
        self.generator = generator
        weights = [p for p in self.model.parameters() if p.dim() > 1]
        biases = [p for p in self.model.parameters() if p.dim() == 1]
        if start:
            with torch.no_grad():
                for w in weights:
                    w.mul_(torch.rand(w.shape, generator=generator) >= start).mul_((1 - start) ** -0.5)
        groups = [{"params": [w], "regularizer": regularizer} for w in weights]
        self.optimizer = OPTIMIZERS[kind]([*groups, {"params": biases, "regularizer": Zero()}])

    def train(self, controller: SparsityController, steps: int, unit: Unit = "entries") -> list[float]:
        measured = []
        for _ in range(steps):
            batch = torch.randint(512, (64,), generator=self.generator)
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(self.x[batch]), self.y[batch]).backward()
            controller.step()
            self.optimizer.step()
            measured.append(sparsity(self.optimizer, unit))
        return measured


@pytest.mark.parametrize(
    ("kind", "lam", "start", "target"),
    [
        ("LinBreg", 1e-4, 0.0, 0.8),
        ("LinBreg", 1.0, 0.99, 0.9),
        ("momentum", 1e-3, 0.0, 0.95),
        ("AdaBreg", 1e-2, 0.99, 0.5),
        ("ProxSGD", 1e-4, 0.0, 0.9),
        ("MultilevelLinBreg", 1e-2, 0.99, 0.8),
    ],
)
def test_the_target_is_reached_within_half_a_point_and_held(kind: str, lam: float, start: float, target: float) -> None:
    run = Run(kind, L1(lam), start)
    measured = run.train(SparsityController(run.optimizer, target, ramp_steps=150), 300)
    held = measured[200:] if kind != "MultilevelLinBreg" else measured[204::5]  # the fine steps
    assert max(abs(s - target) for s in held) <= 0.005
    assert len(set(measured[:150])) > 20  # gradually, along the ramp


@pytest.mark.parametrize("kind", ["LinBreg", "ProxSGD"])
def test_groups_are_counted_as_groups(kind: str) -> None:
    run = Run(kind, GroupL2(1e-3, "columns"), 0.0)
    controller = SparsityController(run.optimizer, 0.5, ramp_steps=150, unit="groups")
    measured = run.train(controller, 300, unit="groups")
    # 84 columns: the target is within half a group or none is.
    assert max(abs(s - 0.5) for s in measured[200:]) <= 1 / 84 + 1e-12
    columns = [float((p.abs().sum(0) == 0).sum()) for p in run.model.parameters() if p.dim() > 1]
    assert measured[-1] == sum(columns) / 84


def test_without_the_controller_the_sparsity_is_another_one() -> None:
    run = Run("LinBreg", L1(1e-4), 0.0)

    class Idle:
        def step(self) -> None:
            pass

    assert run.train(Idle(), 300)[-1] < 0.1  # type: ignore[arg-type]


def test_each_group_of_parameters_may_have_its_own_target() -> None:
    run = Run("LinBreg", L1(1e-2), 0.0)
    run.train(SparsityController(run.optimizer, {0: 0.9, 1: 0.5}, ramp_steps=150), 250)
    assert sparsity(run.optimizer, groups=[0]) == pytest.approx(0.9, abs=0.005)
    assert sparsity(run.optimizer, groups=[1]) == pytest.approx(0.5, abs=0.005)


def test_one_target_for_all_keeps_the_ratios_of_lam() -> None:
    run = Run("AdaBreg", L1(1e-2), 0.0)
    run.optimizer.param_groups[1]["lam"] = 3e-2
    controller = SparsityController(run.optimizer, 0.7, ramp_steps=50)
    run.train(controller, 80)
    first, second = (group["lam"] for group in run.optimizer.param_groups[:2])
    assert second == pytest.approx(3 * first, rel=1e-12)
    assert first != 1e-2
    assert sparsity(run.optimizer) == pytest.approx(0.7, abs=0.005)


def test_the_ramp_is_cubic_and_begins_at_the_sparsity_of_the_first_step() -> None:
    run = Run("LinBreg", L1(1e-2), 0.75)
    start = sparsity(run.optimizer)
    controller = SparsityController(run.optimizer, 0.95, ramp_steps=10)
    run.train(controller, 5)
    assert controller.reference() == [pytest.approx(0.95 + (start - 0.95) / 8)]
    run.train(controller, 5)
    assert controller.reference() == [0.95]


def test_lam_changes_every_nth_step_by_the_largest_factor_at_most() -> None:
    run = Run("LinBreg", L1(1e-6), 0.0)
    controller = SparsityController(run.optimizer, 0.9, ramp_steps=0, every=3, max_factor=2)
    lams = []
    for _ in range(7):
        run.train(controller, 1)
        lams.append(run.optimizer.param_groups[0]["lam"] / 1e-6)
    assert lams == pytest.approx([2, 2, 2, 4, 4, 4, 8])


def test_lam_stays_during_a_coarse_phase_and_the_fine_step_meets_the_target() -> None:
    run = Run("MultilevelLinBreg", L1(1e-2), 0.5)
    controller = SparsityController(run.optimizer, 0.9, ramp_steps=0, max_factor=1e3)
    for step in range(20):
        before = run.optimizer.param_groups[0]["lam"]
        measured = run.train(controller, 1)
        if step % 5 < 4:
            assert run.optimizer.param_groups[0]["lam"] == before
        else:
            assert measured[0] == pytest.approx(0.9, abs=1e-3)
    assert run.optimizer.param_groups[0]["lam"] > 0.1


def test_weights_that_no_lam_can_wake_leave_lam_at_its_bound() -> None:
    weight = nn.Parameter(torch.zeros(100))
    optimizer = LinBreg([weight], regularizer=L1(1e-2))
    controller = SparsityController(optimizer, 0.5, ramp_steps=0)
    for _ in range(60):
        weight.grad = torch.zeros(100)
        controller.step()
        optimizer.step()
    assert optimizer.param_groups[0]["lam"] == 1e-20
    assert sparsity(optimizer) == 1


def test_a_resumed_controller_goes_on_as_if_nothing_had_been() -> None:
    ends = []
    for interrupted in (False, True):
        run = Run("AdaBreg", L1(1e-2), 0.0)
        controller = SparsityController(run.optimizer, 0.9, ramp_steps=40, every=3)
        run.train(controller, 20)
        if interrupted:
            saved: Mapping[str, Any] = json.loads(json.dumps(controller.state_dict()))
            controller = SparsityController(run.optimizer, 0.9, ramp_steps=40, every=3)
            controller.load_state_dict(saved)
        run.train(controller, 30)
        ends.append((run.optimizer.param_groups[0]["lam"], [p.detach().clone() for p in run.model.parameters()]))
    assert ends[0][0] == ends[1][0]
    assert all(torch.equal(a, b) for a, b in zip(ends[0][1], ends[1][1], strict=True))


def test_mistakes_are_named() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    with pytest.raises(TypeError, match="optimizer must be a Bregman optimizer or ProxSGD, got SGD"):
        SparsityController(torch.optim.SGD([weight]), 0.5)
    for target in (1.0, -0.1, float("nan"), True):
        with pytest.raises(ValueError, match=r"target must be in \[0, 1\), got"):
            SparsityController(LinBreg([weight]), target)
    for regularizer in (Zero(), Nuclear(0.1)):
        with pytest.raises(ValueError, match=r"groups with a λ, which are \[\]"):
            SparsityController(LinBreg([weight], regularizer=regularizer), 0.5)
    with pytest.raises(ValueError, match=r"which are \[0\], got \[1\]"):
        SparsityController(LinBreg([weight]), {1: 0.5})
    with pytest.raises(ValueError, match="lam must be > 0 to be multiplied, got 0"):
        SparsityController(LinBreg([weight], regularizer=L1(0)), 0.5)
    with pytest.raises(ValueError, match="max_factor must be a finite number > 1, got 1"):
        SparsityController(LinBreg([weight]), 0.5, max_factor=1)
    with pytest.raises(ValueError, match="unit must be 'entries' or 'groups', got 'rows'"):
        SparsityController(LinBreg([weight]), 0.5, unit="rows")  # type: ignore[arg-type]
