"""Layers whose weights are sparse enough, which are called, and which run dense all the same: their names, and why."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from torch import nn

from .graph import Graph, is_watched

_MULTIPLYING = (
    nn.modules.conv._ConvNd, nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention,
)  # fmt: skip
#: Names in one notice.
_MOST = 5


def unsupported(
    model: nn.Module, graph: Graph, sparse: Container[Any], is_sparse: Callable[[nn.Parameter], bool]
) -> dict[str, str]:
    """``sparse``: weights that run sparsely. By name; layers without a weight that ``is_sparse`` says is one are left out."""
    called = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    found = {}
    for name, module in model.named_modules():
        paths = {".".join(name.split(".")[: i + 1]) for i in range(name.count(".") + 1)}
        if not isinstance(module, _MULTIPLYING) or not (
            paths & called or any(x.startswith(f"{name}.") for x in called)
        ):
            continue
        weights = [p for p in module.parameters(recurse=False) if p.dim() > 1 and p not in sparse and is_sparse(p)]
        if weights:
            found[name] = _reason(module, weights[0])
    return found


def _reason(module: nn.Module, weight: nn.Parameter) -> str:
    kind = type(module).__name__
    if is_watched(module):
        return f"{kind} with hooks"
    if str(weight.dtype) != "torch.float32":
        return f"{kind} in {str(weight.dtype).removeprefix('torch.')}"
    if isinstance(module, nn.Conv2d) and module.groups != 1:
        return f"{kind} with {module.groups} groups"
    if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
        return f"{kind} with padding_mode {module.padding_mode!r}"
    return f"{kind} as it is called here" if type(module) in (nn.Conv2d, nn.Linear) else kind


def listed(layers: dict[str, str]) -> str:
    """A few of them for a notice."""
    named = [f"{name} ({why})" for name, why in [*layers.items()][:_MOST]]
    more = len(layers) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
