"""What has no parameters: activations, pooling, sums of branches, concatenation, reshaping. Channels pass through.

Each rule takes the arguments of a graph node and the channels of its inputs. A constant goes through an activation by
running the activation on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from .channels import Channels, ChannelTable, Origin, Shape, of_tensor
from .layer_rules import NotUnderstoodError

#: Modules that work entry by entry, without parameters of a channel.
ELEMENTWISE_MODULES = (
    *(
        nn.ReLU,
        nn.ReLU6,
        nn.LeakyReLU,
        nn.ELU,
        nn.SELU,
        nn.CELU,
        nn.GELU,
        nn.SiLU,
        nn.Mish,
        nn.Sigmoid,
        nn.Tanh,
        nn.Hardtanh,
    ),
    *(
        nn.Hardswish,
        nn.Hardsigmoid,
        nn.Softplus,
        nn.Softsign,
        nn.Tanhshrink,
        nn.Softshrink,
        nn.Hardshrink,
        nn.LogSigmoid,
    ),
    nn.Identity,
)
#: Functions and methods that work entry by entry, those that change their argument included.
ELEMENTWISE = frozenset(
    {"relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "hardtanh"}
    | {"hardswish", "hardsigmoid", "softplus", "softsign", "tanhshrink", "softshrink", "hardshrink", "logsigmoid"}
    | {"abs", "neg", "exp", "square", "clamp", "clip", "clone", "contiguous", "detach", "positive"}
    | {"relu_", "leaky_relu_", "elu_", "sigmoid_", "tanh_", "hardtanh_", "clamp_", "abs_", "neg_"}
    | {"add", "sub", "mul", "div", "truediv", "iadd", "isub", "imul", "itruediv", "add_", "sub_", "mul_", "div_"}
)
PRODUCTS = frozenset({"mul", "imul", "mul_"})
#: Dropout that leaves zeros alone; alpha dropout does not.
ZEROING_DROPOUT_MODULES = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
DROPOUT_MODULES = (*ZEROING_DROPOUT_MODULES, nn.AlphaDropout, nn.FeatureAlphaDropout)
DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
POOLING_MODULES = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
POOLING = frozenset(f"{kind}_pool{d}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for d in (1, 2, 3))


def elementwise(
    table: ChannelTable,
    operands: Sequence[tuple[Channels | None, Shape]],
    run: Callable[[list[Tensor]], Any],
    product: bool = False,
) -> Channels:
    """``run`` of the operands, entry by entry; operands of size 1 along other axes are repeated.

    A sum of branches is constant where all of them are; a product also where one factor is 0.
    """
    channels = [value for value, _ in operands if value is not None]
    if not channels:
        raise NotUnderstoodError
    first = channels[0]
    alike = all(value.axis == first.axis and len(value) == len(first) for value in channels)
    if len(channels) < len(operands) or not alike or len({len(shape) for _, shape in operands}) > 1:
        raise NotUnderstoodError("it combines values whose channels do not correspond one to one")
    known = np.logical_and.reduce([value.known for value in channels])
    if product:
        known |= np.logical_or.reduce([value.known & (value.constant == 0) for value in channels])

    def compute(constants: list[Tensor]) -> Tensor:
        result: Tensor = run([x.clone() for x in constants])  # it may work in place
        return result

    with torch.no_grad():
        constant = of_tensor(compute([torch.from_numpy(value.constant) for value in channels]))
    if table.moving:
        # Not every function gives NaN for NaN.
        constant = np.where(np.logical_or.reduce([np.isnan(value.constant) for value in channels]), np.nan, constant)
    outputs = table.new(first.axis, known, constant, Origin(tuple(channels), compute))
    for value in channels:
        table.tie(value.numbers, outputs.numbers)
    return outputs


def through(table: ChannelTable, x: Channels, axis: int | None = None, only_zeros: bool = False) -> Channels:
    """The same channels, perhaps on another axis; constants stay constant, or only those that are 0."""
    known = x.known & (x.constant == 0) if only_zeros else x.known
    outputs = table.new(x.axis if axis is None else axis, known, x.constant, Origin((x,), lambda given: given[0]))
    table.tie(x.numbers, outputs.numbers)
    return outputs


def random_dropout(table: ChannelTable, x: Channels | None, keeps_zeros: bool) -> Channels:
    """Dropout in training: what was constant is random, except for zeros where they are left alone."""
    if x is None or not keeps_zeros:
        raise NotUnderstoodError("its dropout does not leave zeros alone" if x is not None else "")
    return through(table, x, only_zeros=True)


def pooling(table: ChannelTable, x: Channels | None, shape: Shape, dimensions: int, only_zeros: bool) -> Channels:
    """Pooling, or interpolation, over the last axes, each channel on its own."""
    if x is None:
        raise NotUnderstoodError
    if x.axis >= len(shape) - dimensions:
        raise NotUnderstoodError(f"it pools over axis {x.axis}, where the channels are")
    return through(table, x, only_zeros=only_zeros)


def keeps_zeros_only(module: Any) -> bool:
    """Average pooling that counts its padding, or divides by another number: 0 stays 0, other constants do not stay."""
    if not isinstance(module, nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d):
        return False
    padding = module.padding if isinstance(module.padding, tuple) else (module.padding,)
    return (any(padding) and module.count_include_pad) or getattr(module, "divisor_override", None) is not None


def concatenation(table: ChannelTable, parts: Sequence[tuple[Channels | None, Shape]], axis: int) -> Channels:
    """Parts behind one another on the channel axis; of a part that is not understood all channels stay."""
    if all(part is None for part, _ in parts):
        raise NotUnderstoodError
    axis %= len(parts[0][1])
    if any(part is not None and part.axis != axis for part, _ in parts):
        raise NotUnderstoodError(f"it concatenates on axis {axis}, where the channels are not")
    found = [table.unknown(axis, shape[axis]) if part is None else part for part, shape in parts]
    outputs = table.new(
        axis,
        np.concatenate([part.known for part in found]),
        np.concatenate([part.constant for part in found]),
        Origin(tuple(found), torch.cat),
    )
    table.tie(np.concatenate([part.numbers for part in found]), outputs.numbers)
    return outputs


def flatten(table: ChannelTable, x: Channels | None, shape: Shape, start: int, end: int) -> Channels:
    """Axes start … end become one. With channels first, channel c is the entries c·S … (c + 1)·S − 1 of it."""
    if x is None:
        raise NotUnderstoodError
    start, end = start % len(shape), end % len(shape)
    if x.axis < start:
        return through(table, x)
    if x.axis > end:
        return through(table, x, x.axis - (end - start))
    if x.axis != start:
        raise NotUnderstoodError("it flattens axes before the channels into them")
    size = math.prod(shape[start + 1 : end + 1])
    origin = Origin((x,), lambda given: given[0].repeat_interleave(size))
    outputs = table.new(start, np.repeat(x.known, size), np.repeat(x.constant, size), origin)
    table.tie(np.repeat(x.numbers, size), outputs.numbers)
    return outputs


def mean(table: ChannelTable, x: Channels | None, shape: Shape, axes: Any, keepdim: Any) -> Channels:
    """The mean over axes other than the channels'."""
    if x is None:
        raise NotUnderstoodError
    axes = (axes,) if isinstance(axes, int) else axes
    if (
        not isinstance(axes, tuple | list)
        or not all(isinstance(axis, int) for axis in axes)
        or not isinstance(keepdim, bool)
    ):
        raise NotUnderstoodError("it takes a mean over axes that are not written out")
    gone = {axis % len(shape) for axis in axes}
    if x.axis in gone:
        raise NotUnderstoodError("it takes the mean over the channels")
    return through(table, x, x.axis - (0 if keepdim else sum(axis < x.axis for axis in gone)))


def permutation(table: ChannelTable, x: Channels | None, order: Sequence[Any]) -> Channels:
    """Axis i of the result is axis order[i] of the value."""
    if x is None:
        raise NotUnderstoodError
    if not all(isinstance(axis, int) for axis in order):
        raise NotUnderstoodError("it permutes axes that are not written out")
    return through(table, x, [axis % len(order) for axis in order].index(x.axis))


def is_batch_size(argument: Any, value: fx.Node) -> bool:
    """Whether an argument of a reshape is the first length of the value itself or of an input of the network."""
    if not isinstance(argument, fx.Node):
        return False
    source: Any = None
    if argument.op == "call_method" and argument.target == "size" and argument.args[1:] == (0,):
        source = argument.args[0]
    elif getattr(argument.target, "__name__", "") == "getitem" and argument.args[1] == 0:
        whole = argument.args[0]
        if isinstance(whole, fx.Node) and (whole.target == "size" or whole.args[1:] == ("shape",)):
            source = whole.args[0]
    return isinstance(source, fx.Node) and (source is value or source.op == "placeholder")


def asks_for_channels(node: fx.Node, axis: int, dimensions: int) -> bool:
    """Whether a node that reads the shape of a value may read how many channels there are."""
    index = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    if node.target == "size" and index is not None:
        return not isinstance(index, int) or index % dimensions == axis
    for user in node.users:
        index = user.args[1] if getattr(user.target, "__name__", "") == "getitem" and len(user.args) > 1 else None
        if user.users and (not isinstance(index, int) or index % dimensions == axis):
            return True
    return False
