"""What each parameter of a model is to its layer: one name a kind, from the types of the modules alone.

kind           | parameters
---------------|------------------------------------------------------------------------------------------------
``linear``     | the weight of nn.Linear
``conv``       | the weight of nn.Conv1d … nn.Conv3d and of the transposed ones
``attention``  | the projections of nn.MultiheadAttention: in_proj, q_proj, k_proj, v_proj and out_proj weights
``embedding``  | the weight of nn.Embedding and nn.EmbeddingBag
``recurrent``  | the weights of nn.RNN, nn.LSTM, nn.GRU and their cells
``bias``       | the biases of all these
``norm``       | everything in a normalisation: the classes of torch, and every class named for a norm (``LlamaRMSNorm``)
``other``      | the rest: modules that torch does not have, parameters of a parametrisation
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

KINDS = ("linear", "conv", "attention", "embedding", "recurrent", "bias", "norm", "other")
_IN_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
# "Normal" is a distribution and "Normalized" an adjective.
_NORM = re.compile(r"Norm(?!al)")


@final
@dataclass(frozen=True, eq=False)
class Place:
    """Where a parameter stands: its name in the model, the module that holds it, its kind."""

    name: str
    kind: str
    module: nn.Module
    heads: int = 0
    """The number of heads of the attention that the parameter belongs to; 0 for everything else."""

    @property
    def convolution(self) -> _ConvNd | None:
        """The module, where the parameter is the weight of a convolution."""
        return self.module if self.kind == "conv" and isinstance(self.module, _ConvNd) else None

    @property
    def transposed(self) -> bool:
        """Whether axis 0 of the parameter is that of the inputs: so it is for transposed convolutions."""
        return isinstance(self.convolution, _ConvTransposeNd)


@final
@dataclass(frozen=True, eq=False)
class LayerParameter:
    """One parameter and all the places where it stands: more than one when it is tied."""

    parameter: nn.Parameter
    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        """Its first name, the one that ``model.named_parameters()`` gives."""
        return self.places[0].name

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.parameter.shape)


def layer_parameters(model: nn.Module) -> list[LayerParameter]:
    """All parameters of the model, each once, in the order of ``model.parameters()``.

    Raises a `TypeError` for what is no module, a `ValueError` for a lazy module that has no shapes yet.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    attentions = {id(m.out_proj): m.num_heads for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    found: dict[int, tuple[nn.Parameter, list[Place]]] = {}
    for prefix, module in model.named_modules(remove_duplicate=False):
        heads = module.num_heads if isinstance(module, nn.MultiheadAttention) else attentions.get(id(module), 0)
        for local, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
            name = f"{prefix}.{local}" if prefix else local
            if isinstance(parameter, nn.parameter.UninitializedParameter):
                raise ValueError(
                    f"model must have the shapes of its parameters, but {name!r} of a lazy module has none yet: "
                    "run a forward pass first"
                )
            kind = _kind(module, local, heads)
            place = Place(name, kind, module, heads if kind == "attention" else 0)
            found.setdefault(id(parameter), (parameter, []))[1].append(place)
    return [LayerParameter(parameter, tuple(places)) for parameter, places in found.values()]


def _kind(module: nn.Module, local: str, heads: int) -> str:
    if isinstance(module, nn.MultiheadAttention):
        return "attention" if local in _IN_PROJECTIONS else "bias"
    if isinstance(module, nn.Linear | _ConvNd):
        if local == "weight":
            return "conv" if isinstance(module, _ConvNd) else "attention" if heads else "linear"
        return "bias" if local == "bias" else "other"
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding" if local == "weight" else "other"
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return "recurrent" if local.startswith("weight") else "bias" if local.startswith("bias") else "other"
    return "norm" if _NORM.search(type(module).__name__) else "other"
