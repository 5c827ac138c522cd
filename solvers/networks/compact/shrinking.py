"""Cuts the layers of a traced network down to the channels that are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx, nn

from .channels import Mask, Mixing
from .layer_rules import TRANSPOSED
from .propagation import Propagation


def shrink(found: Propagation, keep: Mask) -> None:
    """Change the layers of ``found.traced.module`` in place: weights, biases, statistics, and the numbers of channels.

    Constant inputs that go leave W_oi·c_i behind in the bias; the sum is in float64, then in the dtype of the bias.
    """
    module = found.traced.module
    for layer in found.table.mixings:
        _mixing(module.get_submodule(layer.name), layer, keep)
    for name, channels in found.followers:
        kept = keep[channels.numbers]
        if not kept.all():
            _follower(module.get_submodule(name), kept)
    for node in found.reshapes:
        write_as_flatten(node)
    # No node is dropped for having no users: in-place operations may have none.
    module.recompile()


def write_as_flatten(node: fx.Node) -> None:
    """A reshape to (examples, features), without the old number of features."""
    with node.graph.inserting_before(node):
        flat = node.graph.call_function(torch.flatten, (node.args[0], 1))
    node.replace_all_uses_with(flat)
    node.graph.erase_node(node)


def _mixing(module: Any, layer: Mixing, keep: Mask) -> None:
    outputs = keep[layer.outputs.numbers]
    inputs = np.ones(layer.nonzero.shape[1], dtype=bool) if layer.inputs is None else keep[layer.inputs.numbers]
    if outputs.all() and inputs.all():
        return
    transposed = type(module) in TRANSPOSED
    rows, columns = (inputs, outputs) if transposed else (outputs, inputs)
    weight = module.weight
    sliced = weight.detach()[indices(rows, weight)][:, indices(columns, weight)]
    if layer.inputs is not None:
        gone = ~inputs[layer.foldable]
        folded = layer.total[outputs][:, gone] @ layer.inputs.constant[layer.foldable][gone]
    else:
        folded = np.zeros(outputs.sum())
    if module.bias is not None or folded.any():
        bias = torch.from_numpy(folded).to(weight.device)
        if module.bias is not None:
            bias = bias + module.bias.detach()[indices(outputs, weight)].double()
        module.bias = nn.Parameter(bias.to(weight.dtype), requires_grad=weight.requires_grad)
    module.weight = nn.Parameter(sliced.clone(), requires_grad=weight.requires_grad)
    declare_mixing(module, int(inputs.sum()), int(outputs.sum()))


def _follower(module: Any, kept: Mask) -> None:
    count = int(kept.sum())
    for name in ("weight", "bias"):
        parameter = getattr(module, name)
        if parameter is not None:
            cut = parameter.detach()[indices(kept, parameter)].clone()
            setattr(module, name, nn.Parameter(cut, requires_grad=parameter.requires_grad))
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        for name in ("running_mean", "running_var"):
            statistic = getattr(module, name)
            setattr(module, name, statistic[indices(kept, statistic)].clone())
    declare_follower(module, count)


def declare_mixing(module: Any, inputs: int, outputs: int) -> None:
    """Write the numbers of channels into a linear map or convolution."""
    names = ("in_features", "out_features") if type(module) is nn.Linear else ("in_channels", "out_channels")
    for name, count in zip(names, (inputs, outputs), strict=True):
        setattr(module, name, count)


def declare_follower(module: Any, count: int) -> None:
    """Write the number of channels into a batch normalisation or depthwise convolution."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        module.num_features = count
    else:
        module.in_channels = module.out_channels = module.groups = count


def indices(mask: Mask, like: torch.Tensor) -> torch.Tensor:
    """Where a mask is set, on the device of a tensor."""
    return torch.from_numpy(np.flatnonzero(mask)).to(like.device)
