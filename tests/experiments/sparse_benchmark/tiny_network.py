"""A network that takes no time, under a name of its own among the real ones."""

from __future__ import annotations

import pytest
from mlbreg.experiments.networks.catalogue import NETWORKS, Network
from torch import nn

NAME = "tiny"


def _build() -> nn.Module:
    layers = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """Its name."""
    monkeypatch.setitem(NETWORKS, NAME, Network(_build, (3, 32, 32), 322))
    return NAME
