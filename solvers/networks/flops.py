"""The FLOPs of a network's forward pass, dense and sparse, layer by layer, from one forward pass.

symbol | here               | meaning
-------|--------------------|-------------------------------------------------------------------------------------
f_D    | `FlopCount.dense`  | FLOPs of one forward pass of the example input as it is, all examples in it together
f_S    | `FlopCount.sparse` | those of the non-zero weights, and of products that have no weight (attention)

`count_flops` runs the model once and looks at each call of a torch function: a layer counts whether it is a module or a
function, with its own weight or a computed one (a weight times a mask has the zeros of the mask). After structured
sparsity, the count of what `compact` returns is that of the network without its dead parts. The count prints what it
assumes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .products import Product, count
from .text_table import text_table


@final
@dataclass(frozen=True)
class LayerFlops:
    """What one module does of one kind (conv, linear, matmul, attention) in the forward pass.

    symbol           | meaning
    -----------------|----------------------------------------------------------------
    ``weights``      | entries of its weights, each weight once however often it is used
    ``nonzeros``     | those that are not 0
    ``dense``        | f_D, in FLOPs
    ``sparse``       | f_S, in FLOPs
    """

    name: str
    kind: str
    calls: int
    weights: int
    nonzeros: int
    dense: int
    sparse: int


@final
@dataclass(frozen=True)
class FlopCount:
    """The layers in the order of their first use, and what the count assumes."""

    layers: tuple[LayerFlops, ...]
    flops_per_mac: int
    shapes: tuple[tuple[int, ...], ...]
    not_counted: tuple[str, ...]

    @property
    def dense(self) -> int:
        """f_D."""
        return sum(layer.dense for layer in self.layers)

    @property
    def sparse(self) -> int:
        """f_S."""
        return sum(layer.sparse for layer in self.layers)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """All that this count takes for granted, a sentence each."""
        shapes = ", ".join(str(shape) for shape in self.shapes)
        missing = (
            f"MISSING, for want of a formula: {', '.join(self.not_counted)}."
            if self.not_counted
            else "No other function of this forward pass is known to multiply and sum."
        )
        return (
            f"One multiply-add (MAC) is {self.flops_per_mac} FLOP{'s' if self.flops_per_mac > 1 else ''}.",
            f"One forward pass in eval mode of inputs of shape {shapes}: all examples together.",
            "Counted: convolutions, linear maps, matrix products, attention (all pairs of query and key, masked ones too).",
            "Not counted: biases, normalisations, activations, softmax, pooling, embeddings, sums of branches.",
            "Products with the zeros of a padding are counted; zeros among the activations save nothing.",
            "Sparse: each non-zero weight costs what it costs in the dense layer, its index nothing.",
            missing,
        )

    def __str__(self) -> str:
        header = ("layer", "kind", "calls", "weights", "non-zero", "dense FLOPs", "sparse FLOPs")
        rows: list[tuple[Any, ...]] = [
            (x.name or "(model)", x.kind, x.calls, x.weights, x.nonzeros, x.dense, x.sparse) for x in self.layers
        ]
        total = ("total", "", None, None, None, self.dense, self.sparse)
        return "\n".join([text_table(header, [*rows, total]), *(f"- {line}" for line in self.assumptions)])


@dataclass
class _Row:
    """A layer while the forward pass is running; keeping the weights keeps their ids from being used again."""

    calls: int = 0
    dense: int = 0
    sparse: int = 0
    weights: dict[int, Tensor] = field(default_factory=dict)


class _Counting(TorchFunctionMode):
    """Sees every call of a torch function; ``path`` is the stack of the modules that are running."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.path = [""]
        self.rows: dict[tuple[str, str], _Row] = {}
        self.missing: Counter[str] = Counter()
        self._parameters = {parameter.untyped_storage().data_ptr(): parameter for parameter in model.parameters()}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        products = count(name, args, kwargs, output)
        if products is None:
            self.missing[f"{name} in {self.path[-1] or 'the model'}"] += 1
        for product in products or ():
            self._add(self._with_weight(product, [*args, *kwargs.values()]))
        return output

    def _with_weight(self, product: Product, arguments: Sequence[Any]) -> Product:
        """A matrix product with a parameter or a view of one is a linear map."""
        if product.kind != "matmul":
            return product
        for x in arguments:
            if not isinstance(x, Tensor) or not x.numel() or x.untyped_storage().data_ptr() not in self._parameters:
                continue
            parameter = self._parameters[x.untyped_storage().data_ptr()]
            # A part of the parameter is a weight of its own; a transposed or repeated one is the parameter.
            weight = x if x.numel() < parameter.numel() else parameter
            if product.dense % weight.numel() == 0:
                return replace(product, kind="linear", weight=weight)
        return product

    def _add(self, product: Product) -> None:
        row = self.rows.setdefault((self.path[-1], product.kind), _Row())
        row.calls += 1
        row.dense += product.dense
        row.sparse += product.sparse
        if product.weight is not None:
            row.weights[id(product.weight)] = product.weight


@contextmanager
def _prepared(model: nn.Module, counting: _Counting) -> Iterator[None]:
    """The model in eval mode, so that no statistics move, with hooks that tell which module runs; then as it was."""
    modes = {module: module.training for module in model.modules()}
    handles = []
    for name, module in model.named_modules():

        def enter(_module: nn.Module, _args: Any, name: str = name) -> None:
            counting.path.append(name)

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            counting.path.pop()

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave, always_call=True))
    model.eval()
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode


def count_flops(model: nn.Module, example_input: Tensor | tuple[Any, ...], *, flops_per_mac: int = 2) -> FlopCount:
    """Count the FLOPs of ``model(example_input)``; a tuple holds several positional arguments.

    argument          | meaning
    ------------------|----------------------------------------------------------------------------
    ``example_input`` | with a batch of B the result is for B examples
    ``flops_per_mac`` | 2 (a product and a sum, the convention of torch and RigL) or 1

    A compiled or scripted model hides its functions: `ValueError`.
    """
    if flops_per_mac not in (1, 2):
        raise ValueError(f"flops_per_mac must be 1 or 2, got {flops_per_mac!r}")
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or "_orig_mod" in dict(module.named_children()):
            raise ValueError(
                f"model must not be compiled or scripted, got {type(module).__name__} at {name or 'its root'!r}"
            )
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    counting = _Counting(model)
    with torch.no_grad(), _prepared(model, counting), counting:
        model(*inputs)
    layers = tuple(
        LayerFlops(
            name=name,
            kind=kind,
            calls=row.calls,
            weights=sum(weight.numel() for weight in row.weights.values()),
            nonzeros=sum(int(torch.count_nonzero(weight)) for weight in row.weights.values()),
            dense=flops_per_mac * row.dense,
            sparse=flops_per_mac * row.sparse,
        )
        for (name, kind), row in counting.rows.items()
    )
    missing = tuple(f"{name} (×{times})" for name, times in counting.missing.items())
    shapes = tuple(tuple(x.shape) for x in inputs if isinstance(x, Tensor))
    return FlopCount(layers, flops_per_mac, shapes, missing)
