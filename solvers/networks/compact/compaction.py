"""`compact`: the small dense network inside a network with structured sparsity."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ..flops import count_flops
from .propagation import propagate
from .report import CompactReport, LayerChange
from .shrinking import shrink
from .tracing import CompactError, trace


class Compacted(NamedTuple):
    """The compact network, and what was done."""

    model: nn.Module
    report: CompactReport


def compact(model: nn.Module, example_input: Tensor | tuple[Any, ...], *, tolerance: float = 1e-5) -> Compacted:
    """Remove the dead filters, rows, columns and channels of a network for good.

    argument          | meaning
    ------------------|------------------------------------------------------------------------------------------------
    ``model``         | any module that torch.fx can trace; it is copied and not touched
    ``example_input`` | a tensor, or a tuple of positional arguments; gives the shapes, and the outputs to compare
    ``tolerance``     | largest |before − after| of an output, relative to max(1, largest |output|)

    The result is a `torch.fx.GraphModule` of plain layers that have the names of the original ones, in eval mode: it
    computes what the original computes in eval mode. Functional dropout is gone from it. It can be trained further,
    saved by its state_dict, and exported. Modules that the forward pass never calls are not in it.

    Raises `CompactError` when the model cannot be traced, and when the outputs differ by more than the tolerance.
    """
    if not 0 < tolerance < math.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    try:
        original = copy.deepcopy(model).eval()
    except RuntimeError as error:  # a weight that is computed and kept, as torch.nn.utils.prune does
        raise CompactError(
            f"model {type(model).__name__} cannot be copied, make computed weights permanent: {error}"
        ) from error
    before = count_flops(original, inputs)
    expected = _run(original, inputs)
    traced = trace(copy.deepcopy(original), inputs)
    found = propagate(traced)
    shapes = {
        name: (type(part).__name__, _weight_shape(part), _size(part)) for name, part in traced.module.named_modules()
    }
    shrink(found, found.table.decide())
    small = traced.module.eval()
    difference = _difference(expected, _run(small, inputs), tolerance)
    layers = tuple(
        LayerChange(name, kind, shape, _weight_shape(part), size, _size(part))
        for name, part in small.named_modules()
        for kind, shape, size in [shapes[name]]
        if size
    )
    report = CompactReport(
        layers=layers,
        left_dense=tuple(found.notes),
        parameters_before=sum(parameter.numel() for parameter in model.parameters()),
        parameters_after=sum(parameter.numel() for parameter in small.parameters()),
        before=before,
        after=count_flops(small, inputs),
        largest_difference=difference,
    )
    return Compacted(small, report)


def _run(model: nn.Module, inputs: tuple[Any, ...]) -> list[Any]:
    """The outputs, flat. Each run has inputs of its own: a model may change them in place."""
    with torch.no_grad():
        return tree_flatten(model(*(x.clone() if isinstance(x, Tensor) else x for x in inputs)))[0]


def _difference(expected: list[Any], found: list[Any], tolerance: float) -> float:
    """The largest difference of two lists of outputs; `CompactError` when it is too large or they are of other shapes."""
    if len(expected) != len(found):
        raise CompactError(
            f"the compact model gives {len(found)} outputs instead of {len(expected)}; it is not returned"
        )
    largest = 0.0
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        if not isinstance(one, Tensor):
            if one != other:
                raise CompactError(
                    f"output {number} is {other!r} instead of {one!r}; the compact model is not returned"
                )
            continue
        if one.shape != other.shape or one.dtype != other.dtype:
            raise CompactError(
                f"output {number} has shape {tuple(other.shape)} and {other.dtype} instead of {tuple(one.shape)} and {one.dtype}; "
                "the compact model is not returned"
            )
        if not one.numel():
            continue
        gap = float((one.double() - other.double()).abs().max())
        scale = max(1.0, float(one.double().abs().max()))
        if not gap <= tolerance * scale:  # so that NaN fails
            raise CompactError(
                f"output {number} differs by {gap:.3g} on the example input, allowed is {tolerance * scale:.3g}; "
                "the compact model is not returned"
            )
        largest = max(largest, gap)
    return largest


def _weight_shape(module: nn.Module) -> tuple[int, ...]:
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if isinstance(weight, Tensor) else ()


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))
