"""How sparse the network of a run is, as entries of a row of metrics; see `solvers.networks.sparsity` for the counts.

entry                          | share of non-zero
-------------------------------|------------------------------------------------------------------------------
``n_total``                    | parameters, biases and norms included
``weights``                    | weights of linear layers and convolutions
``n_linear``, ``n_conv``       | the same of linear layers; kernels of convolutions. ``s_conv`` is 1 − n_conv
``units``                      | units with a weight; ``active``: by layer
``layers``                     | weights, by layer
``norm_1``                     | ‖θ‖₁ of the weights of linear layers and convolutions, no share
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...solvers.networks.sparsity import sparsity


def density(model: nn.Module) -> float:
    """``weights`` alone."""
    share = sparsity(model).weights.share
    assert share is not None
    return share


def sparsity_row(model: nn.Module) -> dict[str, Any]:
    """The table's entries; those that the network has no layers for are left out."""
    found = sparsity(model)
    shares = {
        "n_total": found.n_total,
        "weights": found.weights.share,
        "n_linear": found.n_linear,
        "n_conv": found.n_conv,
        "s_conv": found.s_conv,
        "units": found.units.share,
    }
    weights = [one for one in found.parameters if one.kind in ("linear", "conv")]
    return {
        **{name: share for name, share in shares.items() if share is not None},
        "norm_1": _norm_1(model, {one.name for one in weights}),
        "layers": {one.name: one.entries.share for one in weights},
        "active": {one.name: one.units.share for one in weights if one.units is not None},
    }


@torch.no_grad()
def _norm_1(model: nn.Module, names: set[str]) -> float:
    parts = [p.abs().sum(dtype=torch.float64) for name, p in model.named_parameters() if name in names]
    return float(torch.stack(parts).sum())
