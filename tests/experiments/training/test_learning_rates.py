"""Learning-rate schedules beside torch's own."""

from __future__ import annotations

import numpy as np
import pytest
from mlbreg.experiments.training.learning_rates import Plateau, factor

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("seed", range(4))
def test_plateau_is_reduce_lr_on_plateau(seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = np.exp(-0.2 * np.arange(80)) + 0.05 * rng.random(80)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5, threshold=0.01)
    ours, factors = Plateau(), set()
    for loss in losses:
        theirs.step(loss)
        ours = ours.after(float(loss))
        assert ours.factor == optimizer.param_groups[0]["lr"]
        factors.add(ours.factor)
    assert len(factors) > 2


def test_warm_up_rises_linearly_and_cosine_falls_to_nearly_nothing() -> None:
    found = [factor("cosine", n, 100, 0.1, Plateau()) for n in range(100)]
    assert found[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert found[10] == 1
    assert found[55] == pytest.approx(0.5)
    assert 0 < found[-1] < 1e-3
    assert all(np.diff(found[10:]) < 0)


def test_constant_and_plateau_have_their_factor_after_warm_up() -> None:
    assert factor("constant", 99, 100, 0.0, Plateau(factor=0.25)) == 1
    assert factor("plateau", 99, 100, 0.5, Plateau(factor=0.25)) == 0.25
    assert factor("plateau", 24, 100, 0.5, Plateau(factor=0.25)) == 0.5
