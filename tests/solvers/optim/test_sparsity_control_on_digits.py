"""Every optimizer reaches targets from 50 % to 99.5 % on scikit-learn's digits, with an MLP; a small CNN at 90 %."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
datasets = pytest.importorskip("sklearn.datasets")
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.base import RegularizedOptimizer  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, Zero  # noqa: E402
from mlbreg.solvers.optim.sparsity_control import SparsityController, sparsity  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow]

#: λ to begin with: one that fits LinBreg is a hundred times too large for ProxSGD.
OPTIMIZERS: dict[str, tuple[Callable[[Any], RegularizedOptimizer], float]] = {
    "LinBreg": (lambda groups: LinBreg(groups, lr=0.1), 1e-2),
    "AdaBreg": (lambda groups: AdaBreg(groups, lr=2e-3), 1e-2),
    "ProxSGD": (lambda groups: ProxSGD(groups, lr=0.1), 1e-4),
    "MultilevelLinBreg": (lambda groups: MultilevelLinBreg(groups, lr=0.1, coarse_steps=9), 1e-2),
}


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)),
    )


@pytest.mark.parametrize(
    ("network", "target"),
    [*((_mlp, target) for target in (0.5, 0.8, 0.9, 0.95, 0.99, 0.995)), (_convolutions, 0.9)],
)
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_target_is_reached_and_held_over_the_last_third(
    kind: str, target: float, network: Callable[[], nn.Module]
) -> None:
    digits = datasets.load_digits()
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    torch.manual_seed(0)
    model = network()
    weights = [p for p in model.parameters() if p.dim() > 1]
    if kind != "ProxSGD" and target > 0.5:
        with torch.no_grad():
            for weight in weights:
                weight.mul_(torch.rand_like(weight) < 0.1).mul_(10**0.5)
    biases = [p for p in model.parameters() if p.dim() == 1]
    make, lam = OPTIMIZERS[kind]
    optimizer = make([{"params": weights, "regularizer": L1(lam)}, {"params": biases, "regularizer": Zero()}])
    controller = SparsityController(optimizer, target, ramp_steps=300)
    measured = []
    for _ in range(600):
        batch = torch.randint(len(x), (96,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        controller.step()
        optimizer.step()
        measured.append(sparsity(optimizer))
    assert max(abs(s - target) for s in measured[409::10]) <= 0.005  # the fine steps of the multilevel optimizer
    if kind != "MultilevelLinBreg":
        assert max(abs(s - target) for s in measured[400:]) <= 0.005
