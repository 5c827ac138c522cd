"""The batch that all contenders get: random images of the network's shape, and labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..networks.catalogue import CLASSES, NETWORKS


class RandomBatch(NamedTuple):
    """Inputs (N, channels, height, width), float32, and labels (N,)."""

    inputs: Tensor
    labels: Tensor


def random_batch(network: str, size: int, seed: int = 0) -> RandomBatch:
    """Standard normal inputs, uniform labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, *NETWORKS[network].shape, generator=generator)
    return RandomBatch(inputs, torch.randint(CLASSES, (size,), generator=generator))
