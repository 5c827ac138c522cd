"""Small networks of the kinds that people train, with most weights zero."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import nn


class Block(nn.Module):
    """A residual block with a shortcut that may change the size."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    """Stem, three blocks of growing width, global mean, classifier."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 3 * width, 2))
        self.classifier = nn.Linear(3 * width, 5)

    def forward(self, x: Any) -> Any:
        x = self.blocks(F.relu(self.norm(self.conv(x)), inplace=True))
        x = F.avg_pool2d(x, 3)
        return self.classifier(x.view(x.size(0), -1))


class PreActivation(nn.Module):
    """A user's network: in-place ReLU before convolutions, sums without one, a gate, attention over channels, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5, padding=2), nn.Conv2d(6, 6, 3, padding="same")
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.gate = nn.Parameter(torch.full((1, 6, 1, 1), 0.7))
        self.drop = nn.Dropout2d(0.0)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x: Any) -> Any:
        x = self.conv1(x)
        y = self.conv2(self.act(self.norm(x)))
        x = x + self.drop(y) * torch.sigmoid(self.gate)
        x = torch.add(self.depthwise(x), x)
        return self.head(F.max_pool2d(self.act(x), 3, 2, 1))


class Transformer(nn.Module):
    """One layer with attention and two linear layers, over tokens."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.classifier = nn.Linear(width, 5)

    def forward(self, x: Any) -> Any:
        x = self.embed(x.flatten(1).unflatten(1, (-1, 12)))
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.norm2(x + self.narrow(F.relu(self.wide(x))))
        return self.classifier(x.mean(1))


def cnn() -> nn.Module:
    """Convolutions with biases, pooling, two linear layers: the papers' network for small images."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1, bias=False),
        nn.ReLU(), nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(72, 20), nn.ReLU(), nn.Linear(20, 5),
    )  # fmt: skip


def mlp() -> nn.Module:
    """Three linear layers, a batch norm and dropout that is off."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 12 * 12, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Dropout(0.0), nn.Linear(40, 30),
        nn.ReLU(), nn.Linear(30, 5),
    )  # fmt: skip


def vgg() -> nn.Module:
    """Convolution, norm and ReLU in a row, pooling in between."""
    layers: list[nn.Module] = []
    for inputs, outputs, pooled in ((3, 6, False), (6, 6, True), (6, 8, True)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if pooled else []
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Dropout(0.0), nn.Linear(8, 5))


#: What makes each network, and how many of its layers run sparsely.
NETWORKS = {
    "cnn": (cnn, 4), "mlp": (mlp, 3), "vgg": (vgg, 4), "resnet": (ResNet, 10), "pre-activation": (PreActivation, 3),
    "transformer": (Transformer, 6),
}  # fmt: skip


def sparse(make: Any, density: float = 0.3, seed: int = 0) -> nn.Module:
    """A network with weights of a random pattern."""
    torch.manual_seed(seed)
    model: nn.Module = make()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() in (2, 4) and parameter.shape[0] > 1:
                parameter.mul_(torch.rand_like(parameter) < density).mul_(density**-0.5)
    return model
