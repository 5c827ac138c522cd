"""What a call of a graph is in the blocked layout: which layer with which settings, or none that is known here.

kind        | calls
------------|--------------------------------------------------------------------------------------------------
``conv``    | nn.Conv2d, functional.conv2d: one group, zeros as padding
``linear``  | nn.Linear, functional.linear
``norm``    | nn.BatchNorm2d, nn.BatchNorm1d on (N, C)
``relu``    | nn.ReLU, torch.relu, functional.relu, x.relu(), in place or not
``add``     | a + b of equal shapes, torch.add, x.add(), a += b
``pool``    | largest and mean of windows, adaptive mean where the windows are equal; no dilation, no ceil_mode, no indices
``flatten`` | nn.Flatten, torch.flatten, view, reshape: (N, C, H, W) → (N, C·H·W)
``same``    | nn.Identity, dropout that drops nothing

A function with weights is known where weight and bias are Parameters of the model.

Activations are *images* (N, C, H, W) or *rows* (…, C), which the layout takes as images of one pixel.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from .blocks import Grid, Storage
from .geometry import Geometry
from .graph import Graph, is_watched
from .in_place import changes_what_others_hold

Kind = Literal["conv", "linear", "norm", "relu", "add", "pool", "flatten", "same"]
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_MOST_TAPS = 255


@final
@dataclass(frozen=True, eq=False)
class Call:
    """A node whose kind is known."""

    kind: Kind
    inputs: tuple[fx.Node, ...]
    module: Any = None
    geometry: Geometry | None = None
    """Of a convolution or a window."""
    largest: bool = False
    count_padding: bool = True


def known(graph: Graph, node: fx.Node, model: nn.Module) -> Call | None:
    """What a node is; None for what has to be run by torch."""
    if not _is_float32(graph.values.get(node)):
        return None
    first = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(first, fx.Node) or not _is_float32(graph.values.get(first)):
        return None
    if changes_what_others_hold(node, model):
        return None
    x, y = graph.values[first], graph.values[node]
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        if is_watched(module) or len(node.args) != 1 or node.kwargs:
            return None
        return _of_module(module, first, x, y)
    if node.op == "call_function":
        multiplied = _multiplication(node, first, x, model)
        return _of_function(node, first, x, y, graph) if multiplied is None else multiplied
    if node.op == "call_method":
        return _of_method(node, first, x, y, graph)
    return None


def takes_rows(call: Call, axes: int) -> bool | None:
    """Whether the input of a call, a tensor of so many axes, is rows; None where images and rows are the same to it."""
    if call.kind in ("relu", "add"):
        return None
    return call.kind == "linear" or (call.kind == "norm" and axes == 2)


def grid_of(shape: tuple[int, ...], rows: bool, border: int = 0, storage: Storage = "float32") -> Grid:
    """How an activation lies in the layout."""
    if rows:
        return Grid(int(torch.Size(shape[:-1]).numel()), shape[-1], 1, 1, border, storage)
    images, channels, height, width = shape
    return Grid(images, channels, height, width, border, storage)


def _is_float32(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float32 and value.numel() > 0


def _of_module(module: Any, first: fx.Node, x: Tensor, y: Tensor) -> Call | None:
    kind = type(module)
    if kind is nn.Conv2d and x.dim() == 4:
        return _convolution(module, first) if module.padding_mode == "zeros" and _is_plain(module) else None
    if kind.forward is nn.Linear.forward and x.dim() >= 2 and _is_plain(module):
        return Call("linear", (first,), module)
    if (kind is nn.BatchNorm2d and x.dim() == 4) or (kind is nn.BatchNorm1d and x.dim() == 2):
        return Call("norm", (first,), module) if _is_plain(module) else None
    if kind is nn.ReLU:
        return Call("relu", (first,))
    if kind is nn.Identity or (isinstance(module, _DROPOUTS) and (not module.training or module.p == 0)):
        return Call("same", (first,))
    if kind is nn.Flatten and (module.start_dim, module.end_dim) in ((1, -1), (1, 3)) and x.dim() == 4:
        return Call("flatten", (first,))
    if kind is nn.MaxPool2d and not module.return_indices:
        return _window(
            first, x, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode, True
        )
    if kind is nn.AvgPool2d and module.divisor_override is None:
        return _window(
            first,
            x,
            module.kernel_size,
            module.stride,
            module.padding,
            1,
            module.ceil_mode,
            False,
            module.count_include_pad,
        )
    if kind is nn.AdaptiveAvgPool2d:
        return _equal_windows(first, x, y)
    return None


def _is_plain(module: nn.Module) -> bool:
    """Whether all of its tensors are parameters and buffers of its own, float32 on the CPU."""
    own = {**module._parameters, **module._buffers}
    return all(
        x is None or not x.is_floating_point() or (x.dtype == torch.float32 and x.device.type == "cpu")
        for x in own.values()
    ) and all(name in own for name in ("weight", "bias"))


def _convolution(module: Any, first: fx.Node) -> Call | None:
    """``module``: an nn.Conv2d with zeros as padding, or what stands for one."""
    if module.groups != 1:
        return None
    k, s, d = module.kernel_size, _pair(module.stride), _pair(module.dilation)
    padding = module.padding
    if isinstance(padding, str):
        total = [b * (a - 1) for a, b in zip(k, d, strict=True)]
        if padding == "same" and any(n % 2 for n in total):
            return None  # one side gets more than the other
        padding = (total[0] // 2, total[1] // 2) if padding == "same" else (0, 0)
    return Call("conv", (first,), module, Geometry((k[0], k[1]), s, _pair(padding), d))


@final
class _Weights:
    """Stands for a module: the Parameters that a function is given, by their names in the model, and settings."""

    def __init__(self, model: nn.Module, weight: str, bias: str | None, settings: dict[str, Any]) -> None:
        self._model, self._paths = model, (weight, bias)
        self.kernel_size = tuple(self.weight.shape[2:])
        self.stride, self.padding = settings.get("stride", 1), settings.get("padding", 0)
        self.dilation, self.groups = settings.get("dilation", 1), settings.get("groups", 1)

    @property
    def weight(self) -> Any:
        """The Parameter that is there now."""
        return self._model.get_parameter(self._paths[0])

    @property
    def bias(self) -> Any:
        """Likewise; None where there is none."""
        return None if self._paths[1] is None else self._model.get_parameter(self._paths[1])


def _pair(x: Any) -> tuple[int, int]:
    return (int(x), int(x)) if not isinstance(x, tuple | list) else (int(x[0]), int(x[-1]))


def _window(
    first: fx.Node, x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, largest: bool,
    count_padding: bool = True,
) -> Call | None:  # fmt: skip
    size = _pair(kernel)
    window = Geometry(size, _pair(stride) if stride not in (None, []) else size, _pair(padding))
    too_many = largest and size[0] * size[1] > _MOST_TAPS
    if x.dim() != 4 or ceil or _pair(dilation) != (1, 1) or too_many:
        return None
    return Call("pool", (first,), None, window, largest, count_padding)


def _equal_windows(first: fx.Node, x: Tensor, y: Tensor) -> Call | None:
    if x.dim() != 4 or x.shape[2] % y.shape[2] or x.shape[3] % y.shape[3]:
        return None
    size = (x.shape[2] // y.shape[2], x.shape[3] // y.shape[3])
    return Call("pool", (first,), None, Geometry(size, size), False)


_PRODUCTS: dict[Any, tuple[str, ...]] = {
    functional.linear: ("input", "weight", "bias"),
    functional.conv2d: ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
}


def _multiplication(node: fx.Node, first: fx.Node, x: Tensor, model: nn.Module) -> Call | None:
    """A function of a weight and a bias that are Parameters of the model."""
    names: Any = _PRODUCTS.get(node.target)
    if names is None:
        return None
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    weight, bias = given.pop("weight", None), given.pop("bias", None)
    del given["input"]
    own = dict(model.named_parameters(remove_duplicate=False))
    tensors = [weight] if bias is None else [weight, bias]
    if any(not isinstance(w, fx.Node) or w.op != "get_attr" or str(w.target) not in own for w in tensors):
        return None
    if any(own[str(w.target)].dtype != torch.float32 or own[str(w.target)].device.type != "cpu" for w in tensors):
        return None
    if len(node.all_input_nodes) > 1 + len(tensors):
        return None  # settings that are computed
    module = _Weights(model, str(weight.target), None if bias is None else str(bias.target), given)
    if node.target is functional.linear:
        return Call("linear", (first,), module) if x.dim() >= 2 else None
    return _convolution(module, first) if x.dim() == 4 else None


_POOLS: dict[Any, tuple[str, ...]] = {
    functional.max_pool2d: ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    functional.avg_pool2d: (
        "input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override",
    ),
}  # fmt: skip
_POOLS[torch.max_pool2d] = _POOLS[functional.max_pool2d][:-1]


def _of_function(node: fx.Node, first: fx.Node, x: Tensor, y: Tensor, graph: Graph) -> Call | None:
    target: Any = node.target
    if target in (torch.relu, functional.relu, torch.relu_, functional.relu_):
        return Call("relu", (first,))
    if target in (operator.add, operator.iadd, torch.add):
        return _sum(node, first, x, y, graph)
    if target is torch.flatten:
        return _flattened(first, x, y)
    if target is functional.dropout:
        p = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
        training = node.kwargs.get("training", node.args[2] if len(node.args) > 2 else True)
        return Call("same", (first,)) if training is False or p == 0 else None
    if target in (functional.adaptive_avg_pool2d,):
        return _equal_windows(first, x, y)
    if target in _POOLS:
        given = {**dict(zip(_POOLS[target], node.args, strict=False)), **node.kwargs}
        if given.get("return_indices") or given.get("divisor_override") is not None:
            return None
        if any(isinstance(value, fx.Node) for name, value in given.items() if name != "input"):
            return None
        return _window(
            first, x, given["kernel_size"], given.get("stride"), given.get("padding", 0), given.get("dilation", 1),
            bool(given.get("ceil_mode", False)), target is not functional.avg_pool2d,
            bool(given.get("count_include_pad", True)),
        )  # fmt: skip
    return None


def _of_method(node: fx.Node, first: fx.Node, x: Tensor, y: Tensor, graph: Graph) -> Call | None:
    name = str(node.target)
    if name in ("relu", "relu_"):
        return Call("relu", (first,))
    if name in ("add", "add_", "__add__"):
        return _sum(node, first, x, y, graph)
    if name in ("flatten", "view", "reshape"):
        return _flattened(first, x, y)
    return None


def _sum(node: fx.Node, first: fx.Node, x: Tensor, y: Tensor, graph: Graph) -> Call | None:
    if len(node.args) != 2 or node.kwargs or not isinstance(node.args[1], fx.Node):
        return None
    second = graph.values.get(node.args[1])
    same = _is_float32(second) and second.shape == x.shape == y.shape  # type: ignore[union-attr]
    return Call("add", (first, node.args[1])) if same else None


def _flattened(first: fx.Node, x: Tensor, y: Tensor) -> Call | None:
    whole = x.dim() == 4 and tuple(y.shape) == (x.shape[0], x[0].numel())
    return Call("flatten", (first,)) if whole else None
