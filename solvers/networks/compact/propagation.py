"""Walks through the graph of a network and finds the channels of each value.

Whatever is not understood keeps all channels of what it takes and of what it gives: wrong is worse than large.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from torch import Tensor, fx, nn

from . import layer_rules, value_rules
from .channels import Channels, ChannelTable, Shape
from .layer_rules import LayerRules, NotUnderstoodError, StoredValues
from .tracing import Traced


@final
@dataclass
class Propagation:
    """What the walk found.

    attribute     | meaning
    --------------|----------------------------------------------------------------------------
    ``rules``     | of the layers with parameters
    ``table``     | the channels
    ``values``    | of each value of the graph that has some
    ``followers`` | (name, channels) of batch normalisations and depthwise convolutions
    ``reshapes``  | reshapes to (examples, features), which may have the old number of features in them
    ``notes``     | (name, reason) of what kept channels because it is not understood
    """

    traced: Traced
    rules: LayerRules
    table: ChannelTable
    values: dict[fx.Node, Channels] = field(default_factory=dict)
    followers: list[tuple[str, Channels]] = field(default_factory=list)
    reshapes: list[fx.Node] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def shape(self, node: fx.Node) -> Shape:
        """The shape of a value for the example input."""
        if node not in self.traced.shapes:
            raise NotUnderstoodError("it takes something that is no tensor")
        return self.traced.shapes[node]

    def operand(self, node: fx.Node) -> tuple[Channels | None, Shape]:
        """Channels and shape of a value."""
        return self.values.get(node), self.shape(node)


def propagate(traced: Traced, rules: LayerRules | None = None) -> Propagation:
    """The channels of every value in the graph; ``rules``: `StoredValues` when left out."""
    rules = StoredValues() if rules is None else rules
    found = Propagation(traced, rules, ChannelTable(rules.moving))
    modules = dict(traced.module.named_modules())
    for node in traced.module.graph.nodes:
        try:
            # A constant that overflows is no constant: the table sees to it.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                channels = _rule(found, node, modules)
        except NotUnderstoodError as unknown:
            channels = None
            touched = [found.values[value] for value in node.all_input_nodes if value in found.values]
            for value in touched:
                found.table.pin(value)
            if str(unknown) and (touched or _has_weights(node, modules)):
                found.notes.append((str(node.target) if node.op == "call_module" else node.name, str(unknown)))
        if channels is not None and node in traced.mutated:
            found.table.pin(channels)
            found.notes.append((node.name, "an in-place operation changes it while others use it"))
        elif channels is not None:
            found.values[node] = channels
    return found


def _has_weights(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether parameters are used here."""
    if node.op == "call_module":
        return any(True for _ in modules[str(node.target)].parameters())
    return any(value.op == "get_attr" for value in node.all_input_nodes)


def _rule(found: Propagation, node: fx.Node, modules: dict[str, nn.Module]) -> Channels | None:
    if node.op == "call_module":
        return _module(found, node, str(node.target), modules[str(node.target)])
    if node.op == "call_function":
        home = getattr(node.target, "__module__", None)
        if home is not None and home.partition(".")[0] not in ("torch", "_operator", "builtins"):
            raise NotUnderstoodError(f"{home}.{getattr(node.target, '__name__', node.target)} is not known here")
        return _function(found, node, getattr(node.target, "__name__", ""))
    if node.op == "call_method":
        return _function(found, node, str(node.target))
    raise NotUnderstoodError  # inputs, outputs and bare parameters: they are what they are


def _module(found: Propagation, node: fx.Node, name: str, module: nn.Module) -> Channels:
    arguments = [*node.args, *node.kwargs.values()]
    if len(arguments) != 1 or not isinstance(arguments[0], fx.Node):
        raise NotUnderstoodError(f"{type(module).__name__} is not known here")
    if name in found.traced.fixed:
        raise NotUnderstoodError(found.traced.fixed[name])
    source, table, rules, kind = arguments[0], found.table, found.rules, type(module)
    x, shape = found.operand(source)
    if kind is nn.Linear:
        return rules.mixing(table, name, module, x, shape)
    if isinstance(module, nn.modules.conv._ConvNd) and kind in (*layer_rules.CONVOLUTIONS, *layer_rules.TRANSPOSED):
        if module.groups == 1:
            return rules.mixing(table, name, module, x, shape)
        if kind in layer_rules.CONVOLUTIONS and module.groups == module.in_channels == module.out_channels:
            outputs = rules.depthwise(table, module, x, shape)
            found.followers.append((name, outputs))
            return outputs
        raise NotUnderstoodError(f"convolution with {module.groups} groups")
    if kind in layer_rules.NORMALISATIONS:
        outputs = rules.batch_norm(table, module, x)
        found.followers.append((name, outputs))
        return outputs
    if kind in value_rules.DROPOUT_MODULES:
        if module.training and module.p != 0:
            return value_rules.random_dropout(table, x, kind in value_rules.ZEROING_DROPOUT_MODULES)
        return value_rules.elementwise(table, [(x, shape)], lambda constants: constants[0])
    if kind in value_rules.ELEMENTWISE_MODULES:
        return value_rules.elementwise(table, [(x, shape)], lambda constants: module(constants[0]))
    if kind in value_rules.POOLING_MODULES and node in found.traced.shapes:
        only_zeros = value_rules.keeps_zeros_only(module)
        return value_rules.pooling(table, x, shape, int(kind.__name__[-2]), only_zeros)
    if kind is nn.Upsample:
        return value_rules.pooling(table, x, shape, len(shape) - 2, only_zeros=False)
    if isinstance(module, nn.Flatten) and kind is nn.Flatten:
        return value_rules.flatten(table, x, shape, module.start_dim, module.end_dim)
    raise NotUnderstoodError(f"{kind.__name__} is not known here")


def _function(found: Propagation, node: fx.Node, name: str) -> Channels | None:
    table, args, kwargs = found.table, node.args, node.kwargs
    if name in value_rules.ELEMENTWISE:
        return _elementwise(found, node, name)
    if name in ("cat", "concat", "concatenate"):
        parts, axis = args[0] if args else kwargs["tensors"], _get(node, 1, "dim", 0)
        if not isinstance(parts, tuple | list) or not isinstance(axis, int):
            raise NotUnderstoodError("it concatenates what is not written out")
        nodes = [part for part in parts if isinstance(part, fx.Node)]
        if len(nodes) < len(parts):
            raise NotUnderstoodError("it concatenates something that is no value of the graph")
        return value_rules.concatenation(table, [found.operand(part) for part in nodes], axis)
    source = args[0] if args else kwargs.get("input")
    if not isinstance(source, fx.Node) or source not in found.traced.shapes:
        raise NotUnderstoodError
    x, shape = found.operand(source)
    if name == "dim" or (name in ("size", "getattr") and _reads_shape(node)):
        if x is not None and name != "dim" and value_rules.asks_for_channels(node, x.axis, len(shape)):
            raise NotUnderstoodError("it asks how many channels there are")
        return None
    if name in value_rules.DROPOUTS and not _get(node, 2, "training", True):
        return value_rules.elementwise(table, [(x, shape)], lambda constants: constants[0])
    if name in value_rules.DROPOUTS:
        return value_rules.random_dropout(table, x, keeps_zeros="alpha" not in name)
    if name in value_rules.POOLING and node in found.traced.shapes:
        return value_rules.pooling(table, x, shape, int(name[-2]), only_zeros=name.startswith("avg"))
    if name == "flatten":
        start, end = _get(node, 1, "start_dim", 0), _get(node, 2, "end_dim", -1)
        if not isinstance(start, int) or not isinstance(end, int):
            raise NotUnderstoodError("it flattens axes that are not written out")
        return value_rules.flatten(table, x, shape, start, end)
    if name == "interpolate":
        return value_rules.pooling(table, x, shape, len(shape) - 2, only_zeros=False)
    if name in ("view", "reshape"):
        return _reshape(found, node, source, x, shape)
    if name == "mean":
        return value_rules.mean(table, x, shape, _get(node, 1, "dim", None), _get(node, 2, "keepdim", False))
    if name in ("permute", "transpose", "swapaxes"):
        given = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
        order = [axis for axis in given if isinstance(axis, int)]
        if kwargs.keys() - {"input"} or len(order) < len(given):
            raise NotUnderstoodError("it permutes axes that are not written out")
        if name != "permute":
            swapped, order = order, list(range(len(shape)))
            order[swapped[0]], order[swapped[1]] = order[swapped[1]], order[swapped[0]]
        return value_rules.permutation(table, x, order)
    raise NotUnderstoodError(f"{name or node.target} is not known here")


def _elementwise(found: Propagation, node: fx.Node, name: str) -> Channels:
    """Any function of several values, entry by entry; the other arguments are numbers."""
    values = [x for x in (*node.args, *node.kwargs.values()) if isinstance(x, fx.Node)]
    if set(values) != set(node.all_input_nodes) or "out" in node.kwargs:
        raise NotUnderstoodError(f"{name} with arguments that are not known here")
    if not any(value in found.values for value in values):
        raise NotUnderstoodError

    def run(constants: list[Tensor]) -> Any:
        given = iter(constants)
        args = [next(given) if isinstance(x, fx.Node) else x for x in node.args]
        kwargs = {key: next(given) if isinstance(x, fx.Node) else x for key, x in node.kwargs.items()}
        if node.op == "call_method":
            return getattr(args[0], name)(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)

    operands = [found.operand(value) for value in values]
    return value_rules.elementwise(found.table, operands, run, product=name in value_rules.PRODUCTS)


def _reshape(found: Propagation, node: fx.Node, source: fx.Node, x: Channels | None, shape: Shape) -> Channels:
    """A reshape of (N, C, …) to (N, all the rest); it is a flatten, and will be written as one."""
    if x is None:
        raise NotUnderstoodError
    target = node.args[1] if len(node.args) == 2 and isinstance(node.args[1], tuple | list) else node.args[1:]
    if len(target) == 2 and x.axis == 1 and found.shape(node)[0] == shape[0]:
        examples, features = target
        if isinstance(features, int) and (
            value_rules.is_batch_size(examples, source) or (examples == -1 and features != -1)
        ):
            found.reshapes.append(node)
            return value_rules.flatten(found.table, x, shape, 1, -1)
    raise NotUnderstoodError("it reshapes the channels")


def _get(node: fx.Node, index: int, name: str, default: Any) -> Any:
    return node.args[index] if index < len(node.args) else node.kwargs.get(name, default)


def _reads_shape(node: fx.Node) -> bool:
    return node.target == "size" or node.args[1:] == ("shape",)
