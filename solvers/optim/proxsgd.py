"""ProxSGD, proximal stochastic gradient descent on L + J (bungert2021 (1.5)).

    θ⁺ = prox_{τJ}(θ − τ g),  g = ∇L(θ) on the mini-batch (+ weight_decay·θ)

It minimises L + J, where LinBreg minimises L and lets J choose the path. No state. Reference: `mlbreg.solvers.proxgd`.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from .base import Batch, RegularizedOptimizer
from .regularizers import L1, ParameterRegularizer


@final
class ProxSGD(RegularizedOptimizer):
    """Proximal gradient steps. Arguments: see `base`."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 0.1,
        regularizer: ParameterRegularizer = L1(1e-4),  # noqa: B008 - frozen
        *,
        weight_decay: float = 0.0,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        check_finite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "check_finite": check_finite,
        }
        super().__init__(params, regularizer, defaults)

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        pass

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        pass

    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        tau = float(tau)
        if tau == 0:
            return  # the prox of 0·J is the identity on dom J, and no prox takes a step of 0
        if group["fused"]:
            from .fused.updates import fused_proxsgd_  # not loaded without need

            fused_proxsgd_(group, batch, tau)
            return
        moved = [theta.to(g.dtype) - g * tau for theta, g in zip(batch.thetas, batch.gradients, strict=True)]
        if batch.foreach:
            batch.regularizer.prox_all_(moved, tau)
        else:
            for z in moved:
                batch.regularizer.prox_(z, tau)
        for theta, z in zip(batch.thetas, moved, strict=True):
            theta.copy_(z)
