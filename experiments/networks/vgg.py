"""VGG16 (Simonyan and Zisserman 2015, configuration D) with batch normalisation, as it is used for CIFAR."""

from __future__ import annotations

from torch import nn

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16(classes: int = 10) -> nn.Sequential:
    """13 convolutions with norms, pooling after each stage, one linear layer in place of three: 14,728,266 parameters.

    The convolutions keep their biases (4,224 of the parameters), which the norms make superfluous, as the count in use has them.
    For 32 × 32 pixels and more.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, convolutions in _STAGES:
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
