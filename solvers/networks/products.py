"""Multiply-adds of the torch functions that multiply and sum: convolutions, linear maps, matrix products, attention.

symbol | here             | meaning
-------|------------------|--------------------------------------------------------------------------------------
f_D    | `Product.dense`  | multiply-adds of one call, every weight counted; zeros of a padding are multiplied, too
f_S    | `Product.sparse` | those with a non-zero weight; a product of two activations has no weight: f_S = f_D

Each function here uses every entry of its weight equally often (f_D/n times for n weights), so f_S = f_D·n_≠0/n exactly:
a convolution's weight meets each output position, a transposed one's each input position, a matrix's each row of inputs.

function                       | f_D
-------------------------------|------------------------------------------------------------------------------------------
convolution                    | output entries × weights of one output channel (strides, dilations and groups are in both)
transposed convolution         | input entries × weights of one input channel
linear, matrix products        | output entries × length of the sum
einsum of two operands         | product of the lengths of all indices
scaled dot-product attention   | batch·heads·L·S·(E + E_v): L queries, S keys of length E, values of length E_v
multi-head attention           | the projections of queries, keys, values and outputs, and 2·N·L·S·E for N examples
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

#: Functions that multiply and sum, for which there is no formula here: a count says that they are missing.
WITHOUT_FORMULA = frozenset(
    {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "bilinear"}
    | {"tensordot", "cdist", "chain_matmul", "multi_dot", "addbmm", "inner", "outer", "ger", "addr", "addmv", "vdot"}
    | {"conv_tbc", "kron", "scaled_mm", "_scaled_mm", "_grouped_mm"}
)


@final
@dataclass(frozen=True)
class Product:
    """One call: ``kind`` is conv, linear, matmul or attention; ``weight`` is None for a product of two activations."""

    kind: str
    dense: int
    weight: Tensor | None = None

    @property
    def sparse(self) -> int:
        """f_S = f_D·n_≠0/n; an integer, since every weight is used equally often."""
        if self.weight is None or self.weight.numel() == 0:
            return self.dense
        return self.dense // self.weight.numel() * int(torch.count_nonzero(self.weight))


def _get(args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int, name: str) -> Any:
    return args[index] if index < len(args) else kwargs[name]


def _convolution(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> list[Product]:
    weight: Tensor = _get(args, kwargs, 1, "weight")
    return [Product("conv", output.numel() * math.prod(weight.shape[1:]), weight)]


def _transposed(args: tuple[Any, ...], kwargs: Mapping[str, Any], _output: Tensor) -> list[Product]:
    x, weight = _get(args, kwargs, 0, "input"), _get(args, kwargs, 1, "weight")
    return [Product("conv", x.numel() * math.prod(weight.shape[1:]), weight)]


def _linear(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> list[Product]:
    weight: Tensor = _get(args, kwargs, 1, "weight")
    return [Product("linear", output.numel() * weight.shape[-1], weight)]


def _matmul(first: int, names: tuple[str, str], swapped: bool = False) -> Callable[..., list[Product]]:
    """Matrix products whose two factors stand at ``first`` and the place after it; which is a weight, `count` sees."""

    def formula(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> list[Product]:
        factors = [_get(args, kwargs, first + i, name) for i, name in enumerate(names)]
        left = factors[1] if swapped else factors[0]
        return [Product("matmul", output.numel() * left.shape[-1])]

    return formula


def _einsum(args: tuple[Any, ...], _kwargs: Mapping[str, Any], _output: Tensor) -> list[Product] | None:
    equation, operands = args[0], list(args[1:])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    if not isinstance(equation, str) or "..." in equation or len(operands) > 2:
        return None
    if len(operands) < 2:
        return []
    lengths: dict[str, int] = {}
    for indices, operand in zip(equation.replace(" ", "").split("->")[0].split(","), operands, strict=True):
        for index, length in zip(indices, operand.shape, strict=True):
            lengths[index] = max(length, lengths.get(index, 1))  # an axis of length 1 is repeated
    return [Product("matmul", math.prod(lengths.values()))]


def _attention(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Tensor) -> list[Product]:
    query, key, value = (_get(args, kwargs, i, name) for i, name in enumerate(("query", "key", "value")))
    batch = math.prod(output.shape[:-2])
    pairs = batch * query.shape[-2] * key.shape[-2]
    return [Product("attention", pairs * (query.shape[-1] + value.shape[-1]))]


def _multi_head(args: tuple[Any, ...], kwargs: Mapping[str, Any], _output: Any) -> list[Product]:
    bound = inspect.signature(functional.multi_head_attention_forward).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    query, key, value = given["query"], given["key"], given["value"]  # (L, N, E) or (L, E)
    width = given["embed_dim_to_check"]
    if given["use_separate_proj_weight"]:
        weights = [given[f"{name}_proj_weight"] for name in "qkv"]
    else:
        weights = list(given["in_proj_weight"].chunk(3))
    examples = query.shape[1] if query.ndim == 3 else 1
    # A learned key, a key of zeros: one more place to attend to, without a projection.
    keys = key.shape[0] if given["static_k"] is None else given["static_k"].shape[1]
    keys += (given["bias_k"] is not None) + bool(given["add_zero_attn"])
    projected = [
        Product("linear", x.numel() * weight.shape[0], weight)
        for x, weight in zip((query, key, value), weights, strict=True)
    ]
    return [
        *projected,
        Product("attention", 2 * examples * query.shape[0] * keys * width),
        Product("linear", query.shape[0] * examples * width * width, given["out_proj_weight"]),
    ]


_FORMULAS: dict[str, Callable[..., list[Product] | None]] = {
    **{f"conv{d}d": _convolution for d in (1, 2, 3)},
    **{f"conv_transpose{d}d": _transposed for d in (1, 2, 3)},
    "linear": _linear,
    "matmul": _matmul(0, ("input", "other")),
    "__matmul__": _matmul(0, ("input", "other")),
    "__rmatmul__": _matmul(0, ("input", "other"), swapped=True),
    "mm": _matmul(0, ("input", "mat2")),
    "bmm": _matmul(0, ("input", "mat2")),
    "mv": _matmul(0, ("input", "vec")),
    "dot": _matmul(0, ("input", "tensor")),
    "addmm": _matmul(1, ("mat1", "mat2")),
    "baddbmm": _matmul(1, ("batch1", "batch2")),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
}


def count(function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> list[Product] | None:
    """The products in one call of the torch function of this name; None when it has some and there is no formula.

    A matrix product comes without its weight: that one of its factors is a parameter can be told by the model alone.
    """
    if function in WITHOUT_FORMULA:
        return None
    formula = _FORMULAS.get(function)
    return [] if formula is None else formula(args, kwargs, output)
