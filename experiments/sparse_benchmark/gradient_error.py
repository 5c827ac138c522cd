"""How far the gradients of a step are from those in float64: ‖g − g₆₄‖ / ‖g₆₄‖.

entry       | over
------------|--------------------------------------------------------------------------------------------------------
``support`` | the non-zero weights of all layers together
``worst``   | the non-zero weights of the layer where it is largest; a layer whose gradient is 0 is left out

The same weights, batch and statistics of the batch for all. A ReLU that rounding switches adds to the error of each of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks.catalogue import build
from .batch import RandomBatch
from .contenders import CONTENDERS
from .patterns import State

#: Who is compared.
COMPARED = ("ours", "channels-last", "dense", "ours-bf16", "bf16")


def gradient_errors(network: str, state: State, batch: RandomBatch) -> dict[str, dict[str, float]]:
    """For each of `COMPARED`: the table above."""
    exact = _exact(network, state, batch)
    found = {}
    for name in COMPARED:
        contender = CONTENDERS[name](network, batch)
        contender.load(state)
        contender.step()
        found[name] = relative_errors(gradients(contender.model), exact, state)
    return found


def gradients(model: nn.Module) -> State:
    """Of the weights of two axes or more."""
    return {name: p.grad for name, p in model.named_parameters() if p.dim() > 1 and p.grad is not None}


def relative_errors(found: Mapping[str, Tensor], exact: Mapping[str, Tensor], state: State) -> dict[str, float]:
    """``support`` and ``worst``. Raises a `ValueError` where a gradient is missing."""
    if found.keys() != exact.keys():
        raise ValueError(f"gradients must be those of {sorted(exact)}, got {sorted(found)}")
    errors, sizes = [], []
    for name, reference in exact.items():
        there = state[name] != 0
        errors.append((found[name].double() - reference)[there].square().sum())
        sizes.append(reference[there].square().sum())
    layers = [float((error / size).sqrt()) for error, size in zip(errors, sizes, strict=True) if size > 0]
    whole = torch.stack(errors).sum() / torch.stack(sizes).sum()
    return {"support": float(whole.sqrt()), "worst": max(layers)}


def _exact(network: str, state: State, batch: RandomBatch) -> State:
    model = build(network, 0)
    model.load_state_dict(state)
    model.double().train()
    torch.autograd.backward(functional.cross_entropy(model(batch.inputs.double()), batch.labels))
    return gradients(model)
