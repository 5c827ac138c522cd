"""Residual networks for small images: ResNet18 (He et al. 2016a), as it is used for CIFAR, and WRN (Zagoruyko, Komodakis 2016)."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


@final
class BasicBlock(nn.Module):
    """conv, norm, ReLU, conv, norm; plus the shortcut, by a 1×1 convolution and a norm where the shape changes; ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = _conv(outputs, outputs, 3, 1), nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity() if same else nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(inner + self.shortcut(x))


@final
class PreActivationBlock(nn.Module):
    """norm, ReLU, conv, norm, ReLU, conv; plus the shortcut, which takes the activated input where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), _conv(inputs, outputs, 3, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(outputs), _conv(outputs, outputs, 3, 1)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else _conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        active = functional.relu(self.norm1(x))
        inner: Tensor = self.conv2(functional.relu(self.norm2(self.conv1(active))))
        return inner + (x if self.shortcut is None else self.shortcut(active))


def resnet18(classes: int = 10, channels: int = 64) -> nn.Sequential:
    """3×3 convolution with c channels, no pooling, four stages of two blocks with c … 8c; He et al. for 32 × 32 pixels: c = 64.

    For 10 classes 11,173,962 parameters, 701,466 with c = 16.
    """
    layers: list[nn.Module] = [_conv(3, channels, 3, 1), nn.BatchNorm2d(channels), nn.ReLU()]
    inputs = channels
    for widen, stride in ((1, 1), (2, 2), (4, 2), (8, 2)):
        outputs = widen * channels
        layers += [BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def wide_resnet(depth: int = 28, widen: int = 10, classes: int = 10) -> nn.Sequential:
    """WRN-depth-widen without dropout; depth = 6n + 4 for n blocks a stage.

    WRN-28-10: 36,479,194 parameters, WRN-22-2: 1,079,642, for 10 classes.
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"depth must be 6n + 4 with n ≥ 1, got {depth!r}")
    layers: list[nn.Module] = [_conv(3, 16, 3, 1)]
    inputs = 16
    for outputs, stride in ((16 * widen, 1), (32 * widen, 2), (64 * widen, 2)):
        for block in range((depth - 4) // 6):
            layers.append(PreActivationBlock(inputs, outputs, stride if block == 0 else 1))
            inputs = outputs
    layers += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
    return nn.Sequential(*layers)
