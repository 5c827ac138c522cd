"""Layers with parameters: convolutions, linear maps, batch normalisation. Which of their outputs are constant, what they need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from .channels import Channels, ChannelTable, Mixing, Shape, of_tensor

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class NotUnderstoodError(Exception):
    """A rule does not cover this case: its inputs and outputs stay. The message is for the report; it may be empty."""


def weight_matrix(module: Any) -> Tensor:
    """The weight as (outputs, inputs, kernel positions); for grouped convolutions inputs of one group."""
    weight: Tensor = module.weight.detach()
    if type(module) in TRANSPOSED:
        weight = weight.transpose(0, 1)
    return weight.flatten(2) if weight.ndim > 2 else weight.unsqueeze(2)


def pads_with_zeros(module: Any) -> bool:
    """Whether an output at the border sums over fewer inputs than one in the middle."""
    if type(module) in TRANSPOSED:
        return True
    if type(module) is nn.Linear or module.padding_mode != "zeros" or module.padding == "valid":
        return False
    if module.padding == "same":
        return any(size > 1 for size in module.kernel_size)
    return any(padding > 0 for padding in module.padding)


class LayerRules(ABC):
    """What is known of the layers with parameters.

    argument  | meaning
    ----------|--------------------------------------------------------------
    ``x``     | the channels of the input; None when nothing is known of them
    ``shape`` | of the input
    """

    #: Whether constants may move while the analysis is used.
    moving: bool

    @abstractmethod
    def mixing(self, table: ChannelTable, name: str, module: Any, x: Channels | None, shape: Shape) -> Channels:
        """A convolution without groups or a linear map."""

    @abstractmethod
    def depthwise(self, table: ChannelTable, module: Any, x: Channels | None, shape: Shape) -> Channels:
        """One filter for each channel: input and output channel go together."""

    @abstractmethod
    def batch_norm(self, table: ChannelTable, module: Any, x: Channels | None) -> Channels:
        """Batch normalisation."""


@final
class StoredValues(LayerRules):
    """The layers as they stand, in eval mode."""

    moving = False

    def mixing(self, table: ChannelTable, name: str, module: Any, x: Channels | None, shape: Shape) -> Channels:
        return mixing(table, name, module, x, shape)

    def depthwise(self, table: ChannelTable, module: Any, x: Channels | None, shape: Shape) -> Channels:
        return depthwise(table, module, x, shape)

    def batch_norm(self, table: ChannelTable, module: Any, x: Channels | None) -> Channels:
        return batch_norm(table, module, x)


def summed_axis(module: Any, x: Channels | None, shape: Shape) -> int:
    """The axis of the channels of a convolution or linear map; ``shape`` is that of the input."""
    axis = len(shape) - 1 - (0 if type(module) is nn.Linear else len(module.kernel_size))
    if x is not None and x.axis != axis:
        raise NotUnderstoodError(f"it sums over axis {axis}, while the channels are on axis {x.axis}")
    return axis


def mixing(table: ChannelTable, name: str, module: Any, x: Channels | None, shape: Shape) -> Channels:
    """A convolution without groups or a linear map; ``shape`` is that of the input."""
    axis = summed_axis(module, x, shape)
    weight = weight_matrix(module)
    nonzero = np.asarray((weight != 0).any(dim=2).cpu().numpy())
    count = nonzero.shape[1]
    known, constant = (np.zeros(count, dtype=bool), np.zeros(count)) if x is None else (x.known, x.constant)
    foldable = known & ((constant == 0) | (not pads_with_zeros(module)))
    # Only these columns in float64: all of them would be eight times a large half-precision layer.
    total = of_tensor(weight[:, torch.from_numpy(np.flatnonzero(foldable)).to(weight.device)].double().sum(dim=2))
    bias = np.zeros(len(nonzero)) if module.bias is None else of_tensor(module.bias)
    outputs = table.new(axis, ~(nonzero & ~foldable).any(axis=1), bias + total @ constant[foldable])
    table.mixings.append(Mixing(name, x, outputs, nonzero, foldable, total))
    return outputs


def depthwise(table: ChannelTable, module: Any, x: Channels | None, shape: Shape) -> Channels:
    """One filter for each channel: input and output channel go together."""
    if x is None:
        raise NotUnderstoodError
    axis = summed_axis(module, x, shape)
    weight = of_tensor(module.weight.flatten(2))[:, 0]
    dead = ~(weight != 0).any(axis=1)
    foldable = x.known & ((x.constant == 0) | (not pads_with_zeros(module)))
    bias = np.zeros(len(dead)) if module.bias is None else of_tensor(module.bias)
    outputs = table.new(
        axis, known=dead | foldable, constant=bias + np.where(dead, 0.0, weight.sum(axis=1) * x.constant)
    )
    table.tie(x.numbers, outputs.numbers)
    return outputs


def normalised(x: Channels | None) -> Channels:
    """The channels that a batch normalisation takes, on axis 1."""
    if x is None:
        raise NotUnderstoodError
    if x.axis != 1:
        raise NotUnderstoodError(f"it normalises axis 1, while the channels are on axis {x.axis}")
    return x


def batch_norm(table: ChannelTable, module: Any, x: Channels | None) -> Channels:
    """y = γ(x − μ)/√(σ² + ε) + β with stored μ, σ²; a channel with γ = 0 is constant whatever comes in."""
    if module.running_mean is None or module.running_var is None:
        raise NotUnderstoodError("it normalises with the statistics of the batch")
    x = normalised(x)
    scale = 1 / np.sqrt(of_tensor(module.running_var) + module.eps)
    shift = np.zeros(len(x))
    if module.weight is not None:
        scale, shift = scale * of_tensor(module.weight), of_tensor(module.bias)
    outputs = table.new(
        x.axis, known=x.known | (scale == 0), constant=(x.constant - of_tensor(module.running_mean)) * scale + shift
    )
    table.tie(x.numbers, outputs.numbers)
    return outputs
