"""The convolutional network of bungert2021 section 4.4:

    5×5 conv, 64 → maxpool/2 → 5×5 conv, 64 → maxpool/2 → fc 1024 → fc 128 → fc 10

"fc 1024" can be read as a layer of 1024 units or as the 4·4·64 = 1024 inputs of the next one, which is what convolutions
without padding leave of 28 × 28 pixels, and what the authors' published code has. Here it is the inputs: two linear layers,
236,618 parameters. The padding (none) and the order of ReLU and pooling (the same function either way) are not in the paper.
"""

from __future__ import annotations

from torch import nn


def fashion_cnn(channels: int = 64, classes: int = 10) -> nn.Sequential:
    """For images of 1 × 28 × 28."""
    return nn.Sequential(
        *(nn.Conv2d(1, channels, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(channels, channels, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * channels, 128), nn.ReLU(), nn.Linear(128, classes)),
    )
