"""The numbers to watch while a sparse network trains, as one flat dictionary that every logger takes.

key                          | meaning
-----------------------------|-------------------------------------------------------------------
``sparsity/total``           | 1 − N_total: share of zeros among all parameters
``sparsity/linear``, ``…/conv`` | 1 − N_linear, S_conv, where there are such layers
``density/NAME``             | share of non-zero entries of each parameter that is regularised; of all without λ
``regularizer/value``        | J(θ)
``lam/I``, ``lr/I``          | λ and τ of parameter group I
``coarse``                   | 1.0 during a coarse phase, 0.0 otherwise (ML LinBreg)
"""

from __future__ import annotations

from torch import nn
from torch.optim import Optimizer

from ..networks.sparsity import sparsity
from ..optim.base import RegularizedOptimizer
from ..optim.multilevel import MultilevelOptimizer


def scalars(model: nn.Module, optimizer: Optimizer | None = None) -> dict[str, float]:
    """The table above for a model and its optimizer. Any torch optimizer is welcome; what it has not is left out."""
    found = sparsity(model)
    shares = {"total": found.sparsity, "conv": found.s_conv}
    if found.n_linear is not None:
        shares["linear"] = 1 - found.n_linear
    result = {f"sparsity/{name}": share for name, share in shares.items() if share is not None}
    watched = _regularised_names(model, optimizer)
    for one in found.parameters:
        if one.name in watched and one.entries.share is not None:
            result[f"density/{one.name}"] = one.entries.share
    for number, group in enumerate(optimizer.param_groups if optimizer else ()):
        result[f"lr/{number}"] = float(group["lr"])
        if "lam" in group:
            result[f"lam/{number}"] = float(group["lam"])
    if isinstance(optimizer, RegularizedOptimizer):
        result["regularizer/value"] = float(optimizer.regularizer_value())
    if isinstance(optimizer, MultilevelOptimizer):
        result["coarse"] = float(optimizer.in_coarse_phase)
    return result


def _regularised_names(model: nn.Module, optimizer: Optimizer | None) -> set[str]:
    """The parameters in groups with λ; all weights for an optimizer that knows no λ, or none."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [group for group in optimizer.param_groups if "lam" in group] if optimizer else []
    if not groups:
        return set(names.values())
    return {names[id(parameter)] for group in groups for parameter in group["params"] if id(parameter) in names}
