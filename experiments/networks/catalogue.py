"""The networks by name, and how their weights start.

network       | inputs      | parameters | where the number is stated
--------------|-------------|------------|--------------------------------------------------------------
digits-mlp    | 1 × 8 × 8   | 17,226     | ours: 64-128-64-10
mnist-mlp     | 1 × 28 × 28 | 173,890    | by the sizes 784-200-80-10 of bungert2021 section 4.2
fashion-cnn   | 1 × 28 × 28 | 236,618    | by the layers, see `fashion_cnn`
autoencoder   | 1 × 28 × 28 | 3,692,640  | by the sizes 7 × 784
resnet18      | 3 × 32 × 32 | 11,173,962 | in use for CIFAR-10
resnet18-16   | 3 × 32 × 32 | 701,466    | by the layers: ResNet18 with 16 … 128 channels in the place of 64 … 512
vgg16         | 3 × 32 × 32 | 14,728,266 | in use for CIFAR-10
wrn-22-2      | 3 × 32 × 32 | 1,079,642  | by the layers; Evci et al. 2020 train it
wrn-28-10     | 3 × 32 × 32 | 36,479,194 | 36.5M in Zagoruyko and Komodakis 2016
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from .fashion_cnn import fashion_cnn
from .fully_connected import Autoencoder, classifier
from .residual import resnet18, wide_resnet
from .vgg import vgg16

#: Of every network here.
CLASSES = 10


@final
@dataclass(frozen=True)
class Network:
    """How to build a network, what it takes, and how many parameters it has then."""

    build: Callable[[], nn.Module]
    shape: tuple[int, int, int]
    parameters: int


NETWORKS: dict[str, Network] = {
    "digits-mlp": Network(lambda: classifier((64, 128, 64, 10)), (1, 8, 8), 17_226),
    "mnist-mlp": Network(lambda: classifier((784, 200, 80, 10)), (1, 28, 28), 173_890),
    "fashion-cnn": Network(fashion_cnn, (1, 28, 28), 236_618),
    "autoencoder": Network(Autoencoder, (1, 28, 28), 3_692_640),
    "resnet18": Network(resnet18, (3, 32, 32), 11_173_962),
    "resnet18-16": Network(lambda: resnet18(channels=16), (3, 32, 32), 701_466),
    "vgg16": Network(vgg16, (3, 32, 32), 14_728_266),
    "wrn-22-2": Network(lambda: wide_resnet(22, 2), (3, 32, 32), 1_079_642),
    "wrn-28-10": Network(wide_resnet, (3, 32, 32), 36_479_194),
}


def build(name: str, seed: int) -> nn.Module:
    """The network of that name, dense: weights Kaiming-normal (fan_in), biases U(−1/√n_in, 1/√n_in) as torch draws them.

    The seed alone decides; torch's random state is put back. Raises a `ValueError` for a name that is not known.
    """
    if name not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {name!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NETWORKS[name].build()
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model
