"""Operations of a graph that change a value in place: what they change, and who would see it.

In the graph such an operation is one that makes a new value, which all later readers get.
"""

from __future__ import annotations

import operator

import torch
from torch import fx, nn


class InPlaceError(Exception):
    """A change that another value may show, too; the message names both."""


def changes_in_place(node: fx.Node, model: nn.Module) -> fx.Node | None:
    """The argument that a node changes, None when it changes none."""
    first = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(first, fx.Node):
        first = None
    if node.op == "call_module":
        return first if getattr(model.get_submodule(str(node.target)), "inplace", False) is True else None
    if node.op not in ("call_function", "call_method"):
        return None
    if isinstance(out := node.kwargs.get("out"), fx.Node):
        return out
    name = str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")
    augmented = name in ("iadd", "isub", "imul", "itruediv", "setitem")
    underscore = name.endswith("_") and not name.endswith("__")
    return first if augmented or underscore or node.kwargs.get("inplace") is True else None


def changes_what_others_hold(node: fx.Node, model: nn.Module) -> bool:
    """Whether a node changes an argument, a parameter or a constant in place, or what may be a view of one."""
    changed = changes_in_place(node, model)
    return changed is not None and any(x.op in ("placeholder", "get_attr") for x in _aliases(changed, node, model))


def without_changes_in_place(nodes: list[fx.Node], model: nn.Module) -> None:
    """Who reads a value after it was changed in place reads the result of the change instead. Raises an `InPlaceError`."""
    place = {node: i for i, node in enumerate(nodes)}
    for node in nodes:
        changed = changes_in_place(node, model)
        if changed is None:
            continue
        for user in [user for user in changed.users if place[user] > place[node]]:
            user.replace_input_with(changed, node)
        for alias in _aliases(changed, node, model) - {changed}:
            if any(place[user] > place[node] for user in alias.users):
                raise InPlaceError(f"{node.name} changes {changed.name} in place, which {alias.name} may look at")


_NEW = (nn.modules.conv._ConvNd, nn.Linear, nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.Embedding)
_NEW_FUNCTIONS = (operator.add, operator.sub, operator.mul, operator.matmul, torch.add, torch.cat, torch.relu)


def _aliases(value: fx.Node, change: fx.Node, model: nn.Module) -> set[fx.Node]:
    """Values that may share memory with one that is changed: views made of it before, and what it is a view of."""
    found, open_ends = {value}, [value]
    while open_ends:
        node = open_ends.pop()
        near = [user for user in node.users if _may_be_view(user, model)]
        first = node.args[0] if node.args else node.kwargs.get("input")
        if isinstance(first, fx.Node) and _may_be_view(node, model):
            near.append(first)
        near = [other for other in near if other not in found and other is not change]
        open_ends += near
        found.update(near)
    return found


def _may_be_view(node: fx.Node, model: nn.Module) -> bool:
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        pools = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd)
        return not isinstance(module, (*_NEW, *pools)) and (
            not isinstance(module, nn.ReLU) or module.inplace  # one that is not in place makes something new
        )
    return node.op in ("call_function", "call_method") and node.target not in _NEW_FUNCTIONS
