"""A state_dict as JSON and tensors beside it: nested dicts, lists and tuples with numbers, text and tensors at the leaves.

JSON has no integers as keys, no tuples and no tensors, so each node but a leaf says what it is:

node                          | stands for
------------------------------|------------------------------------------
``{"tensor": name}``          | a tensor that is stored under this name
``{"dict": [[key, node], …]}``| a dict, in its order; keys are text or integers
``{"list": [node, …]}``       | a list; ``tuple`` likewise
anything else                 | itself
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def encode(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The JSON of a value; its tensors go into ``tensors`` under names that begin with ``name``."""
    if isinstance(value, Tensor):
        if name in tensors:
            raise ValueError(f"two tensors would be stored as {name!r}: rename one of them")
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"{name} must have text or integers as keys, got {key!r}")
        return {"dict": [[key, encode(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
    for kind in (list, tuple):
        if type(value) is kind:
            return {kind.__name__: [encode(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{name} must be a tensor or plain data (numbers, text, lists, dicts), got {type(value).__name__}")


def decode(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that `encode` was given."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: decode(item, tensors) for key, item in content}
    items = [decode(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
