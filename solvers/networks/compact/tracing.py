"""A model as a graph of torch functions and plain layers, with the shape of every value."""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, fx, nn

from .channels import Shape


class CompactError(Exception):
    """The model cannot be made compact: it cannot be traced, or what came out does not compute the same."""


@final
@dataclass(frozen=True)
class Traced:
    """The graph of a model in eval mode.

    attribute    | meaning
    -------------|--------------------------------------------------------------------------------
    ``module``   | the model again, as a graph and its layers
    ``shapes``   | of every value that is a tensor, for the example input
    ``fixed``    | modules that must not be changed, and why
    ``mutated``  | values that an in-place operation changes while somebody else has them
    """

    module: fx.GraphModule
    shapes: dict[fx.Node, Shape]
    fixed: dict[str, str]
    mutated: frozenset[fx.Node]


class _Shapes(fx.Interpreter):
    """Runs the graph and writes down the shapes."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[fx.Node, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def trace(model: nn.Module, inputs: tuple[Any, ...]) -> Traced:
    """Trace a model (which becomes part of the result: hand in a copy, in eval mode).

    Raises `CompactError` when the model's Python code asks for the value of a tensor, or has hooks of its own, which a
    trace does not see.
    """
    name = type(model).__name__
    if model._forward_hooks or model._forward_pre_hooks:
        raise CompactError(f"model {name} has forward hooks, which a graph of it would lose: remove them first")
    try:
        module = fx.symbolic_trace(model)
    except Exception as error:
        raise CompactError(
            f"model {name} cannot be traced by torch.fx, so nothing is known of how its channels hang together. "
            f"Not understood: {type(error).__name__}: {error}"
        ) from error
    interpreter = _Shapes(module)
    with torch.no_grad():
        interpreter.run(*(x.clone() if isinstance(x, Tensor) else x for x in inputs))
    return Traced(module, interpreter.shapes, fixed_modules(module), changed_values(module.graph))


def fixed_modules(module: fx.GraphModule) -> dict[str, str]:
    """Modules that are used in two places, share parameters, or are seen by hooks."""
    modules = dict(module.named_modules(remove_duplicate=False))
    calls = Counter(id(modules[str(node.target)]) for node in module.graph.nodes if node.op == "call_module")
    owners: Counter[int] = Counter()
    for part in {id(part): part for part in modules.values()}.values():
        owners.update(id(parameter) for parameter in part.parameters(recurse=False))
    read = {str(node.target).rpartition(".")[0] for node in module.graph.nodes if node.op == "get_attr"}
    reasons = {}
    for name, part in modules.items():
        parameters = list(part.parameters(recurse=False))
        if calls[id(part)] > 1 and (parameters or list(part.buffers(recurse=False))):
            reasons[name] = "it is used in more than one place"
        elif any(owners[id(parameter)] > 1 for parameter in parameters):
            reasons[name] = "another layer shares its parameters"
        elif name in read and parameters:
            reasons[name] = "its parameters are also read from outside"
        elif part._forward_hooks or part._forward_pre_hooks:
            reasons[name] = "it has forward hooks"
    return reasons


#: Functions and methods of a tensor that make a new one: an in-place change of the result does not reach the argument.
_FRESH = (
    nn.modules.conv._ConvNd,
    nn.Linear,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)


def changed_values(graph: fx.Graph) -> frozenset[fx.Node]:
    """Values that change after they were made and that more than one node uses: no rule here may reason about them.

    Every argument of an in-place operation is followed back as far as it may be a view of something older.
    """
    found: set[fx.Node] = set()
    modules = dict(graph.owning_module.named_modules()) if graph.owning_module is not None else {}
    for node in graph.nodes:
        chain, value = [], _changed(node, modules)
        while value is not None:
            chain.append(value)
            module = modules.get(str(value.target)) if value.op == "call_module" else None
            fresh = isinstance(module, _FRESH) or (
                value.op == "call_function" and value.target in (operator.add, torch.cat)
            )
            value = None if fresh else _first_node(value)
        if any(len(value.users) > 1 for value in chain):
            found.update(chain)
            found.add(node)
    return frozenset(found)


def _first_node(node: fx.Node) -> fx.Node | None:
    first = node.args[0] if node.args else node.kwargs.get("input")
    return first if isinstance(first, fx.Node) else None


def _changed(node: fx.Node, modules: dict[str, nn.Module]) -> fx.Node | None:
    """The value that a node changes in place; None when it changes none."""
    if node.op == "call_module":
        return _first_node(node) if getattr(modules[str(node.target)], "inplace", False) is True else None
    if node.op not in ("call_function", "call_method"):
        return None
    if isinstance(out := node.kwargs.get("out"), fx.Node):
        return out
    name = str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")
    augmented = name in ("iadd", "isub", "imul", "itruediv", "setitem", "__setitem__")
    underscore = name.endswith("_") and not name.endswith("__")
    return _first_node(node) if augmented or underscore or node.kwargs.get("inplace") is True else None
