"""Small layers that have no weights of their own: they are given the kept parts of those of the full network.

A constant input that is left out still counts:

the layer                        | what stands for Σ_i W_oi c_i over the inputs i that are left out
---------------------------------|--------------------------------------------------------------------------------
linear map, no zeros as padding  | one more summand of the bias, Σ_i Σ_k W_oik c_i
convolution with zeros around    | a convolution of one image of ones with the kernels Σ_i W_oi· c_i, added to each output

All of that is differentiable in the full parameters: the gradient of a part is that part of the gradient, and 0 elsewhere.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from .channels import Channels, Mask, Mixing
from .constants import Constants
from .layer_rules import NORMALISATIONS, TRANSPOSED, pads_with_zeros
from .propagation import Propagation
from .shrinking import declare_follower, declare_mixing, indices


@final
class _Block(torch.autograd.Function):
    """x[rows][:, columns] for rows and columns without repetition."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(rows, columns)
        ctx.shape = x.shape
        return x[rows.unsqueeze(1), columns]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = ctx.saved_tensors
        return gradient.new_zeros(ctx.shape).index_put_((rows.unsqueeze(1), columns), gradient), None, None


def _block(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    block: Tensor = _Block.apply(x, rows, columns)  # type: ignore[no-untyped-call]
    return block


@final
class Bordered(nn.Module):
    """A convolution with zeros around, and constant inputs beside the given ones. ``ones``: (outputs, 1, *kernel)."""

    def __init__(self, convolution: Any) -> None:
        super().__init__()
        self.convolution = convolution
        weight = convolution.weight
        self.ones = nn.Parameter(weight.new_empty((weight.shape[0], 1, *weight.shape[2:])), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        axes = len(self.convolution.kernel_size)
        image = x.new_ones((*(1 for _ in x.shape[:-axes]), *x.shape[-axes:]))
        outputs: Tensor = self.convolution(x)
        return outputs.add_(self.convolution._conv_forward(image, self.ones, None))


class SmallLayer(ABC):
    """One layer of the small network. ``full`` is the layer that it stands for, ``module`` has no memory for weights."""

    name: str
    full: Any
    module: nn.Module

    @abstractmethod
    def tensors(self, constants: Constants) -> dict[str, Tensor]:
        """The parameters and buffers for one pass, by their full names."""

    def finish(self, given: dict[str, Tensor], constants: Constants) -> None:  # noqa: B027 - most have nothing to do
        """What the pass did to buffers goes back into the full layer."""


@final
class SmallMixing(SmallLayer):
    """A linear map or convolution with fewer inputs and outputs."""

    def __init__(self, layer: Mixing, full: Any, outputs: Mask, inputs: Mask) -> None:
        self.name, self.full, self._inputs = layer.name, full, layer.inputs
        self._transposed = type(full) in TRANSPOSED
        folded = np.zeros_like(inputs)
        if layer.inputs is not None:
            folded = ~inputs & layer.nonzero[outputs].any(axis=0) & (layer.inputs.constant != 0)
        bordered = bool(folded.any()) and pads_with_zeros(full)
        self._kept = int(inputs.sum())
        columns = np.concatenate([np.flatnonzero(inputs), np.flatnonzero(folded)])
        self._rows, self._columns = indices(outputs, full.weight), torch.from_numpy(columns).to(full.weight.device)
        self._folded = indices(folded, full.weight) if folded.any() else None
        shape = (int(outputs.sum()), self._kept)
        biased = full.bias is not None or (self._folded is not None and not bordered)
        own = _without_weights(
            full,
            weight=(*(reversed(shape) if self._transposed else shape), *full.weight.shape[2:]),
            bias=shape[:1] if biased else None,
        )
        declare_mixing(own, self._kept, shape[0])
        self.module = Bordered(own) if bordered else own

    def tensors(self, constants: Constants) -> dict[str, Tensor]:
        weight, bias = self.full.weight, self.full.bias
        if bias is not None:
            bias = bias.index_select(0, self._rows)
        if self._transposed:
            return _named(self.name, weight=_block(weight, self._columns, self._rows), bias=bias)
        block = _block(weight, self._rows, self._columns)
        if self._folded is None or self._inputs is None:
            return _named(self.name, weight=block, bias=bias)
        own = block[:, : self._kept].contiguous()
        constant = constants.of(self._inputs).index_select(0, self._folded).to(block.dtype)
        given = torch.einsum("oi...,i->o...", block[:, self._kept :], constant)
        if isinstance(self.module, Bordered):
            convolution = _named(f"{self.name}.convolution", weight=own, bias=bias)
            return convolution | {f"{self.name}.ones": given.unsqueeze(1)}
        given = given.flatten(1).sum(1) if given.dim() > 1 else given
        return _named(self.name, weight=own, bias=given if bias is None else bias + given)


@final
class SmallFollower(SmallLayer):
    """A batch normalisation or depthwise convolution of fewer channels.

    In training the statistics of the full layer are what they would be with it: a constant c that is left out has mean c
    and variance 0 in each batch.
    """

    def __init__(self, name: str, full: Any, inputs: Channels | None, kept: Mask) -> None:
        self.name, self.full, self._inputs = name, full, inputs
        self._statistics = type(full) in NORMALISATIONS and full.running_mean is not None
        like = next((x for x in (full.weight, full.running_mean if self._statistics else None) if x is not None), None)
        self._kept = torch.from_numpy(np.flatnonzero(kept)) if like is None else indices(kept, like)
        count = int(kept.sum())
        shapes = {
            key: (count, *value.shape[1:])
            for key in ("weight", "bias", "running_mean", "running_var")
            if (value := getattr(full, key, None)) is not None
        }
        self._names = tuple(shapes)
        self.module = _without_weights(full, **shapes)
        declare_follower(self.module, count)

    def tensors(self, constants: Constants) -> dict[str, Tensor]:
        parts = {key: getattr(self.full, key).index_select(0, self._kept) for key in self._names}
        if self._statistics and self.full.num_batches_tracked is not None:
            parts["num_batches_tracked"] = self.full.num_batches_tracked  # counted in place
        return _named(self.name, **parts)

    def finish(self, given: dict[str, Tensor], constants: Constants) -> None:
        if not self._statistics or not self.full.training:
            return
        assert self._inputs is not None, "a layer whose input is not understood keeps all channels"
        full = self.full
        with torch.no_grad():
            mean = full.running_mean
            mean.lerp_(constants.of(self._inputs).to(mean.dtype), full.momentum)
            full.running_var.mul_(1 - full.momentum)
            for key in ("running_mean", "running_var"):
                getattr(full, key).index_copy_(0, self._kept, given[f"{self.name}.{key}"])


def small_layers(found: Propagation, keep: Mask) -> list[SmallLayer]:
    """The layers that lose channels, or whose inputs do."""
    layers: list[SmallLayer] = []
    full = found.traced.module
    for layer in found.table.mixings:
        outputs = keep[layer.outputs.numbers]
        inputs = np.ones(layer.nonzero.shape[1], dtype=bool) if layer.inputs is None else keep[layer.inputs.numbers]
        if not (outputs.all() and inputs.all()):
            layers.append(SmallMixing(layer, full.get_submodule(layer.name), outputs, inputs))
    for name, channels in found.followers:
        kept = keep[channels.numbers]
        if not kept.all():
            inputs_of = channels.origin.sources[0] if channels.origin is not None else None
            layers.append(SmallFollower(name, full.get_submodule(name), inputs_of, kept))
    return layers


def _without_weights(full: nn.Module, **shapes: tuple[int, ...] | None) -> Any:
    """A copy of a layer whose parameters and buffers have these shapes, and no memory."""
    memo: dict[int, Any] = {
        id(x): nn.Parameter(torch.empty_like(x, device="meta"), requires_grad=x.requires_grad)
        for x in full.parameters()
    }
    memo.update({id(x): torch.empty_like(x, device="meta") for x in full.buffers()})
    twin = copy.deepcopy(full, memo)
    like = next((x for x in (*full.parameters(), *full.buffers()) if x.is_floating_point()), torch.empty(0))
    for name, shape in shapes.items():
        empty = None if shape is None else torch.empty(shape, dtype=like.dtype, device="meta")
        if name in ("weight", "bias"):
            setattr(twin, name, None if empty is None else nn.Parameter(empty, requires_grad=False))
        else:
            setattr(twin, name, empty)
    return twin


def _named(name: str, **tensors: Tensor | None) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in tensors.items() if value is not None}
