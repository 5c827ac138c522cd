"""What is constant while some weights are frozen at zero and all others move: layers in training or evaluation.

layer                             | constant output channels
----------------------------------|-----------------------------------------------------------------------------------
convolution, linear map           | those whose weights are frozen at 0, or meet constants alone: their bias, which may move
batch normalisation in training   | of constant inputs: β, for the batch has mean c and variance 0
batch normalisation in evaluation | of constant inputs, and those whose γ is frozen at 0, by the stored statistics
depthwise convolution             | as a convolution

In training, channels that move must stay in front of a batch normalisation that keeps statistics, though nobody may read
them behind it: its running mean and variance follow them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from .channels import Channels, ChannelTable, Mask, Mixing, Origin, Shape
from .layer_rules import TRANSPOSED, LayerRules, NotUnderstoodError, normalised, pads_with_zeros, summed_axis


@final
class PhaseRules(LayerRules):
    """``may_be_nonzero``: for each parameter a bool tensor of its shape, False where it is 0 for the whole phase.

    All of a parameter that is left out may move. Constants are 0 where that is certain, else NaN.
    """

    moving = True

    def __init__(self, may_be_nonzero: Mapping[Any, Tensor]) -> None:
        self._may_be_nonzero = may_be_nonzero

    def mixing(self, table: ChannelTable, name: str, module: Any, x: Channels | None, shape: Shape) -> Channels:
        axis = summed_axis(module, x, shape)
        _check_parameters(module)
        nonzero = self._of_pairs(module)
        count = nonzero.shape[1]
        known = np.zeros(count, dtype=bool) if x is None else x.known
        zero = np.zeros(count, dtype=bool) if x is None else x.known & (x.constant == 0)
        # A constant input gives a constant output where all positions sum over it alike.
        alike = zero if pads_with_zeros(module) else known
        constant = np.asarray(~(nonzero & ~alike).any(axis=1))
        mixed = np.flatnonzero(constant & (nonzero & ~zero).any(axis=1))
        columns = np.flatnonzero(alike)

        def compute(given: list[Tensor]) -> Tensor:
            weight, bias = module.weight, module.bias
            outputs: Tensor = weight.new_zeros(len(nonzero)) if bias is None else bias
            if not len(mixed):
                return outputs
            rows, inputs = torch.from_numpy(mixed).to(weight.device), torch.from_numpy(columns).to(weight.device)
            matrix = (weight.transpose(0, 1) if type(module) in TRANSPOSED else weight)[rows][:, inputs]
            total = matrix.flatten(2).sum(2) if matrix.dim() > 2 else matrix
            return outputs.index_add(0, rows, total @ given[0][inputs].to(total.dtype))

        value = np.where(self._of_vector(module.bias, len(nonzero)), np.nan, 0.0)
        value[mixed] = np.nan
        outputs = table.new(axis, constant, value, Origin(() if x is None else (x,), compute))
        # What a constant gives at the border of a convolution can be added to the output; see `gathering`.
        foldable = zero if type(module) in TRANSPOSED else known
        table.mixings.append(Mixing(name, x, outputs, nonzero, foldable, np.zeros((len(nonzero), 0))))
        return outputs

    def depthwise(self, table: ChannelTable, module: Any, x: Channels | None, shape: Shape) -> Channels:
        if x is None:
            raise NotUnderstoodError
        axis = summed_axis(module, x, shape)
        _check_parameters(module)
        alive = self._of_pairs(module)[:, 0]
        zero = x.known & (x.constant == 0)
        alike = zero if pads_with_zeros(module) else x.known
        dead = torch.from_numpy(~alive | zero)

        def compute(given: list[Tensor]) -> Tensor:
            weight, bias = module.weight, module.bias
            outputs = weight.flatten(1).sum(1) * given[0]
            outputs = torch.where(dead.to(weight.device), torch.zeros_like(outputs), outputs)
            return outputs if bias is None else outputs + bias

        value = np.where(self._of_vector(module.bias, len(alive)) | ~dead.numpy(), np.nan, 0.0)
        outputs = table.new(axis, np.asarray(~alive | alike), value, Origin((x,), compute))
        table.tie(x.numbers, outputs.numbers)
        return outputs

    def batch_norm(self, table: ChannelTable, module: Any, x: Channels | None) -> Channels:
        x = normalised(x)
        _check_parameters(module)
        stored = module.running_mean is not None and module.running_var is not None
        if stored and module.momentum is None:
            raise NotUnderstoodError("it averages over all batches")
        scaled = self._of_vector(module.weight, len(x), default=True)
        shifted = self._of_vector(module.bias, len(x))

        def compute(given: list[Tensor]) -> Tensor:
            if module.training or not stored:
                shift = torch.zeros_like(given[0])
            else:
                shift = (given[0] - module.running_mean) / (module.running_var + module.eps).sqrt()
            return shift if module.weight is None else shift * module.weight + module.bias

        if module.training or not stored:
            known, constant = x.known, np.where(shifted, np.nan, 0.0)
            if stored:
                table.pinned.append(x.numbers[~x.known])
        else:
            known, constant = x.known | ~scaled, np.where(shifted | scaled, np.nan, 0.0)
        outputs = table.new(x.axis, known, constant, Origin((x,), compute))
        table.tie(x.numbers, outputs.numbers)
        return outputs

    def _of_pairs(self, module: Any) -> Mask:
        """Whether the weight of an output and an input may be non-zero, (outputs, inputs)."""
        weight = module.weight
        mask = self._may_be_nonzero.get(weight)
        if mask is None:
            mask = torch.ones(weight.shape[:2], dtype=torch.bool)
        elif mask.dim() > 2:
            mask = mask.flatten(2).any(2)
        return np.asarray((mask.t() if type(module) in TRANSPOSED else mask).cpu().numpy())

    def _of_vector(self, parameter: Tensor | None, count: int, default: bool = False) -> Mask:
        """Whether entries of a parameter may be non-zero; the default where there is none."""
        if parameter is None:
            return np.full(count, default)
        mask = self._may_be_nonzero.get(parameter)
        return np.ones(count, dtype=bool) if mask is None else np.asarray(mask.cpu().numpy())


def _check_parameters(module: nn.Module) -> None:
    for name in ("weight", "bias"):
        if name not in module._parameters:
            raise NotUnderstoodError(f"its {name} is not a parameter of its own")
