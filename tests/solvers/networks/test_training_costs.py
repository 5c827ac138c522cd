"""The cost of a training step against the paper's formulas."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.flops import count_flops  # noqa: E402
from mlbreg.solvers.networks.training_costs import training_costs  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def test_training_costs_are_the_formulas_of_the_paper() -> None:
    net = nn.Linear(10, 10, bias=False)
    with torch.no_grad():
        net.weight[1:] = 0
    result = training_costs(count_flops(net, torch.randn(1, 10)), coarse_steps=3, update_interval=9)
    assert (result.dense, result.linbreg, result.static) == (600, 240, 60)
    assert result.multilevel == (3 * 60 + 240) / 4
    assert result.rigl == (9 * 60 + 240) / 10
    text = str(result)
    assert re.search(r"static, SET +60 +0\.1$", text, re.MULTILINE)
    for part in ("ML LinBreg, m = 3", "RigL, ΔT = 9", "One multiply-add (MAC) is 2 FLOPs."):
        assert part in text


def test_products_of_activations_are_charged_three_times_by_every_method() -> None:
    class Square(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ x

    result = training_costs(count_flops(Square(), torch.randn(3, 3)))
    assert result.dense == result.linbreg == result.multilevel == result.rigl == result.static == 3 * 2 * 27


def test_negative_numbers_of_steps_are_refused() -> None:
    counted = count_flops(nn.Linear(2, 2), torch.randn(1, 2))
    with pytest.raises(ValueError, match="coarse_steps must be ≥ 0, got -1"):
        training_costs(counted, coarse_steps=-1)
    with pytest.raises(ValueError, match="update_interval must be ≥ 0, got -2"):
        training_costs(counted, update_interval=-2)


def test_a_network_without_products_has_no_shares() -> None:
    assert "–" in str(training_costs(count_flops(nn.ReLU(), torch.randn(2))))
