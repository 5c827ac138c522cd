"""A model as a graph of calls, with the shape of every value: what a sparse network is made from.

The model's Python code runs once, with stand-ins for tensors (torch.fx): what it decides is decided for all calls with inputs
of the same shapes while the model's modules, hooks and plain attributes stay as they are (`state`). Therefore a model is refused
that draws random numbers of its own, or changes its attributes, while it is traced; modules with hooks or a ``forward`` of
their own are not looked into.
"""

from __future__ import annotations

import copy
import inspect
import random
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, fx, nn

from . import transformer
from .in_place import InPlaceError, without_changes_in_place


class NotTraceableError(Exception):
    """The model cannot be run as a graph; the message says why."""


@final
@dataclass(frozen=True, eq=False)
class Graph:
    """The calls of a model, in order.

    attribute     | meaning
    --------------|------------------------------------------------------------------------
    ``nodes``     | fx nodes; an operation that changes its argument in place is the argument's last user
    ``values``    | what each node gives: tensors on the device meta, other things as they are
    ``constants`` | tensors that the Python code made
    """

    nodes: list[fx.Node]
    values: dict[fx.Node, Any]
    constants: dict[str, Any]


@final
class _Tracer(fx.Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.contexts = {_context()}
        """Those in which operations were called."""

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        self.contexts.add(_context())
        return super().create_node(*args, **kwargs)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = transformer.is_of_torch(m)
        return is_watched(m) or known or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        shown = None if is_watched(m) else transformer.shown(m)
        return super().call_module(m, forward, args, kwargs) if shown is None else shown(*args, **kwargs)


def _context() -> tuple[bool, ...]:
    """What a model may switch for a part of its own code: gradients, inference mode, autocast. A graph does not hold it."""
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")


def is_watched(module: nn.Module) -> bool:
    """Whether somebody sees the calls of the module, so that it must be called."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks) or "forward" in module.__dict__


_PLAIN = (bool, int, float, str, type(None), torch.dtype)


def state(model: nn.Module) -> tuple[Any, ...]:
    """What a graph of the model depends on beside its arguments: with another state it has to be traced anew.

    Whether gradients are on, the modules, their hooks, flags, and attributes that are numbers, strings, functions, or tuples and
    lists of such.
    """
    found: list[Any] = [torch.is_grad_enabled()]
    for module in model.modules():
        found += (id(module), is_watched(module))
        found += [(name, x) for name, value in module.__dict__.items() if (x := _plain(value)) is not _NOT_PLAIN]
    return tuple(found)


_NOT_PLAIN: Any = object()


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return value
    if type(value) in (tuple, list):
        parts = tuple(_plain(x) for x in value)
        return _NOT_PLAIN if any(x is _NOT_PLAIN for x in parts) else parts
    return _NOT_PLAIN


def bound_arguments(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What a call hands to ``model.forward``, by name, with defaults. A `NotTraceableError` where that cannot be traced."""
    signature = inspect.signature(type(model).forward)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        raise NotTraceableError("its forward takes any number of arguments")
    bound = signature.bind(model, *args, **kwargs)
    bound.apply_defaults()
    arguments = dict(list(bound.arguments.items())[1:])
    check_arguments(arguments)
    return arguments


def check_arguments(arguments: dict[str, Any]) -> None:
    """A `NotTraceableError` unless all are tensors or plain values."""
    for name, x in arguments.items():
        if not isinstance(x, Tensor | bool | int | float | str | None):
            raise NotTraceableError(
                f"argument {name!r} is neither a tensor nor a plain value, but a {type(x).__name__}"
            )


def trace(model: nn.Module, arguments: dict[str, Any]) -> Graph:
    """``arguments``: those of ``model.forward`` by name, tensors and plain values. Raises `NotTraceableError`."""
    check_arguments(arguments)
    plain = {name: x for name, x in arguments.items() if not isinstance(x, Tensor)}
    own = [name for name, module in model.named_modules() if name and "forward" in module.__dict__]
    if own:
        raise NotTraceableError(f"the forward of {own[0]} is not that of its class")
    before, luck = _attributes(model), _random_state()
    tracer = _Tracer()
    try:
        graph = tracer.trace(model, plain or None)
    except Exception as error:
        raise NotTraceableError(f"torch.fx cannot trace it: {type(error).__name__}: {error}") from error
    finally:
        changed, constants = _restore(before)
        drawn = not _same_state(luck, _random_state())
        _set_random_state(luck)
    if changed:
        raise NotTraceableError(f"its forward changes attributes: {', '.join(changed)}")
    if drawn:
        raise NotTraceableError("its forward draws random numbers that do not depend on its inputs")
    if len(tracer.contexts) > 1:
        raise NotTraceableError("its forward switches gradients or autocast")
    nodes = list(graph.nodes)
    try:
        without_changes_in_place(nodes, model)
    except InPlaceError as error:
        raise NotTraceableError(str(error)) from error
    return Graph(nodes, _values(model, nodes, arguments, constants), constants)


def _attributes(model: nn.Module) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The dictionaries of all modules with copies: attributes, buffers."""
    found = []
    for name, module in model.named_modules():
        for kept in (module.__dict__, module._buffers, module._parameters, module._modules):
            found.append((name, kept, dict(kept)))
    return found


def _restore(before: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> tuple[list[str], dict[str, Any]]:
    """Undo what tracing did to the model: names of changed attributes, and the constants that torch.fx left there."""
    changed, constants = [], {}
    for name, now, old in before:
        for key in [*now]:
            if key not in old and key.startswith("_tensor_constant"):
                constants[key] = now.pop(key)
            elif key not in old or now[key] is not old[key]:
                changed.append(f"{name}.{key}" if name else key)
        if changed:
            now.clear()
            now.update(old)
    return changed, constants


def _random_state() -> tuple[Any, ...]:
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def _set_random_state(state: tuple[Any, ...]) -> None:
    torch.set_rng_state(state[0])
    random.setstate(state[1])
    np.random.set_state(state[2])


def _same_state(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return bool(torch.equal(a[0], b[0]) and a[1] == b[1] and np.array_equal(a[2][1], b[2][1]) and a[2][2:] == b[2][2:])


def _values(
    model: nn.Module, nodes: list[fx.Node], arguments: dict[str, Any], constants: dict[str, Any]
) -> dict[fx.Node, Any]:
    """Run the graph on the device meta, with a copy of the model that has no memory."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(_shapeless(parameter), requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = _shapeless(buffer)
    try:
        if "forward" in model.__dict__:  # the network that asks, which is in place of it
            memo[id(model.__dict__["forward"])] = None
        twin = copy.deepcopy(model, memo)
        for module in twin.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None:
                module.momentum = 0.0  # it would ask for the number of batches, and shapes do not depend on it
            for hooks in (module._forward_hooks, module._forward_pre_hooks):
                hooks.clear()
        inputs = iter(arguments.values())
        values: dict[fx.Node, Any] = {}
        with torch.no_grad():
            for node in nodes:
                if node.op == "placeholder":
                    x = next(inputs)
                    values[node] = _shapeless(x) if isinstance(x, Tensor) else x
                elif node.op == "get_attr":
                    x = constants[str(node.target)] if node.target in constants else _attribute(twin, str(node.target))
                    values[node] = _shapeless(x) if isinstance(x, Tensor) else x
                elif node.op != "output":
                    values[node] = call(
                        node, twin, fx.map_arg(node.args, values.get), fx.map_arg(node.kwargs, values.get)
                    )
    except Exception as error:
        raise NotTraceableError(f"the shapes of its values cannot be told: {type(error).__name__}: {error}") from error
    return values


def _shapeless(x: Tensor) -> Tensor:
    return torch.empty_like(x.detach(), device="meta")


def _attribute(model: nn.Module, path: str) -> Any:
    owner, _, name = path.rpartition(".")
    return getattr(model.get_submodule(owner), name)


def call(node: fx.Node, model: nn.Module, args: Any, kwargs: Any) -> Any:
    """What a node of a call gives."""
    if node.op == "call_module":
        return model.get_submodule(str(node.target))(*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    function: Any = node.target
    return function(*args, **kwargs)


def fetch(node: fx.Node, model: nn.Module, constants: dict[str, Any]) -> Any:
    """What a node of an attribute gives."""
    return constants[str(node.target)] if node.target in constants else _attribute(model, str(node.target))
