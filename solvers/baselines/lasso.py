"""Lasso and group Lasso by gradient descent: L + J by a subgradient, then a threshold (bungert2021 (1.4), section 4.4).

    g = ∇L(θ) + p,  p ∈ ∂J(θ) the point of smallest norm;   a step of the base rule with g;   θ_g ← 0 where ‖θ_g‖₂ < t √n_g

symbol | entry of a parameter group | meaning
-------|----------------------------|----------------------------------------------------------------------------
J      | ``regularizer``, ``lam``, … | see `optim.regularizers`: Zero, L1, GroupL2
t      | ``threshold``              | bound on the root mean square of a group; for L1, on |θ_i|
       | ``threshold_steps``        | apply it after every step; False: only where `apply_threshold` is called

Almost no iterate has a zero: without the threshold nothing is sparse. bungert2021 applies it once, after training. Group by
group √n_g makes t comparable between layers, as it does in J. Parameters with the regularizer Zero have no threshold.
"""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from ...theory.arrays import check_number
from ..optim.layouts import group_size, split
from ..optim.regularizers import L1, GroupL2, ParameterRegularizer, Zero, from_group, group_norms, to_group
from .wrapped import WrappedOptimizer, in_layout_of


@final
class Lasso(WrappedOptimizer):
    """A base rule on the gradient of L plus a subgradient of J; its momentum and its weight decay are on top of that.

    A group may have its own ``regularizer`` and ``threshold``. ``options``: those of the base rule.
    """

    def __init__(
        self,
        params: Any,
        base: type[Optimizer] = SGD,
        *,
        regularizer: ParameterRegularizer = L1(1e-4),  # noqa: B008 - frozen
        threshold: float = 1e-3,
        threshold_steps: bool = False,
        **options: Any,
    ) -> None:
        _check_kind(regularizer)
        defaults = {"regularizer": regularizer, "threshold": threshold, "threshold_steps": threshold_steps}
        super().__init__(params, base, options, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; the group may have its own ``regularizer`` and ``threshold``."""
        regularizer = _check_kind(param_group.get("regularizer", self.defaults["regularizer"]))
        super().add_param_group({**param_group, **to_group(regularizer)})
        group = self.param_groups[-1]
        try:
            group["threshold"] = float(check_number("threshold", group["threshold"], at_least=0))
            for theta in group["params"]:
                if not theta.is_floating_point():
                    raise ValueError(f"params must be real floating-point tensors, got {theta.dtype}")
                regularizer.check(tuple(theta.shape))
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    def _advance(self) -> None:
        penalised = {}
        for group in self.param_groups:
            regularizer = from_group(group)
            if isinstance(regularizer, Zero):
                continue
            for theta in group["params"]:
                if theta.grad is not None:
                    p = regularizer.subgradient(theta, torch.zeros_like(theta))
                    penalised[theta] = in_layout_of(theta).add_(p, alpha=-1 if group["maximize"] else 1)
        self._base_step(penalised)
        for group in self.param_groups:
            if group["threshold_steps"]:
                _apply_threshold(group, [theta for theta in group["params"] if theta.grad is not None])

    @torch.no_grad()
    def apply_threshold(self) -> None:
        """Set the groups below the threshold to 0: the last act of training."""
        for group in self.param_groups:
            _apply_threshold(group, group["params"])


def _apply_threshold(group: dict[str, Any], thetas: list[Tensor]) -> None:
    regularizer = from_group(group)
    if isinstance(regularizer, Zero):
        return
    layout = regularizer.layout if isinstance(regularizer, GroupL2) else "entries"
    for theta in thetas:
        bound = group["threshold"] * math.sqrt(group_size(layout, tuple(theta.shape)))
        split(layout, theta).masked_fill_(group_norms(layout, theta) < bound, 0)


def _check_kind(regularizer: Any) -> ParameterRegularizer:
    if not isinstance(regularizer, Zero | L1 | GroupL2):
        raise TypeError(f"regularizer must be a Zero, L1 or GroupL2, got {regularizer!r}")
    return regularizer
