"""Fully connected networks with ReLU: classifiers, and the denoising autoencoder of bungert2021 section 4.6."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import final

from torch import Tensor, nn


def classifier(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers between the sizes, ReLU after all but the last.

    The published code of bungert2021 has a ReLU after the last layer, too, so that its logits are ≥ 0; the paper does not
    mention it, and it is not here.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@final
class Autoencoder(nn.Module):
    """Images to images of the same shape, through five hidden layers of as many units as pixels: 7 × 784 for MNIST.

    The paper says no more. Ours: ReLU after each hidden layer, no activation at the output (inputs are normalised, so
    outputs may be negative).
    """

    def __init__(self, pixels: int = 784, hidden: int = 5) -> None:
        super().__init__()
        self.layers = classifier([pixels] * (hidden + 2))

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = self.layers(x).view_as(x)
        return images
