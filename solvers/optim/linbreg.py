"""LinBreg for networks, momentum included (bungert2021 Algorithms 1 and 2 in the form (2.14)).

    g  = ∇L(θ) on the mini-batch (+ weight_decay·θ)
    m⁺ = β m + (1 − β) τ g          (β = 0: m⁺ = τ g)
    v⁺ = (1 − τ·dual_decay) v − m⁺
    θ⁺ = prox_{δJ}(δ v⁺)

symbol | here                | in ``state[p]``
-------|---------------------|-----------------------------------------------------------------------
v      |                     | ``dual``: v = θ/δ + p with p ∈ ∂J(θ), the one nearest to 0, unless `init_dual` says another
m      |                     | ``momentum_buffer``
τ ≥ 0  | ``lr``              |
β      | ``momentum`` [0, 1) |
δ > 0  | ``delta``           |
J      | ``regularizer``     |

For J = 0 and β = 0 it is SGD with step size δτ. ``dual_decay`` is ours and off by default: v never forgets otherwise, so an
entry that was pushed far beyond its threshold early in training stays for as long.
torch.compile of a step with `GroupL2` and momentum ends in ``KeyError: 'buf…'`` on the CPU, an error of torch (2.13;
github.com/pytorch/pytorch/issues/196570); ``torch._inductor.config.cpp.max_horizontal_fusion_size = 1`` avoids it.
Reference: `mlbreg.solvers.linbreg`, `mlbreg.solvers.momentum`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ...theory.arrays import check_number
from .base import Batch, RegularizedOptimizer, check_share
from .precision import state_dtype
from .regularizers import L1, ParameterRegularizer, from_group

_foreach_copy_: Any = torch._foreach_copy_


class BregmanOptimizer(RegularizedOptimizer, ABC):
    """An optimizer whose state is a pair (θ, v) with v ∈ ∂J_δ(θ)."""

    _required: ClassVar[tuple[str, ...]] = ("dual",)

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        check_number("delta", group["delta"], above=0)
        check_number("dual_decay", group["dual_decay"], at_least=0)

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if "dual" not in state:
            state["dual"] = _dual(theta, None, group)

    @torch.no_grad()
    def init_dual(self, p: Callable[[Tensor], Tensor] | None = None) -> None:
        """v = θ/δ + p̄ for all parameters, p̄ ∈ ∂J(θ) nearest to ``p(parameter)``, to 0 when left out.

        Without this call v is made with p = 0 at the first step, from the θ of then. Call it before the first step: it
        forgets all other state.
        """
        for group in self.param_groups:
            for theta in group["params"]:
                wanted = None if p is None else p(theta)
                if wanted is not None and wanted.shape != theta.shape:
                    raise ValueError(
                        f"p must give a tensor of the shape of its parameter, {tuple(theta.shape)}, got {tuple(wanted.shape)}"
                    )
                self.state[theta].clear()
                state = self._state_of(theta, group)
                state["dual"] = _dual(theta, wanted, group)


def _dual(theta: Tensor, p: Tensor | None, group: dict[str, Any]) -> Tensor:
    wide = theta.detach().to(state_dtype(theta))
    p = torch.zeros_like(wide) if p is None else p.to(wide)
    dual: Tensor = from_group(group).subgradient(wide, p) + wide / group["delta"]
    return dual


@final
class LinBreg(BregmanOptimizer):
    """Linearized Bregman iteration. Arguments: see the table above and `base`."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 0.1,
        regularizer: ParameterRegularizer = L1(1e-3),  # noqa: B008 - frozen
        delta: float = 1.0,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        dual_decay: float = 0.0,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        check_finite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "delta": delta,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "dual_decay": dual_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "check_finite": check_finite,
        }
        super().__init__(params, regularizer, defaults)

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        super()._check_group(group, first)
        check_share("momentum", group["momentum"])

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        super()._fill_state(theta, group, state)
        fill_momentum(group, state)

    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        linbreg_(group, batch, tau)


def fill_momentum(group: dict[str, Any], state: dict[str, Any]) -> None:
    """m = 0, where there is a momentum and none yet: it may be switched on between steps."""
    if group["momentum"] and "momentum_buffer" not in state:
        state["momentum_buffer"] = torch.zeros_like(state["dual"])


def linbreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """The update above for the tensors of a batch."""
    if group["fused"]:
        from .fused.updates import fused_linbreg_  # not loaded without need

        fused_linbreg_(group, batch, tau)
        return
    duals, gradients = batch.state("dual"), batch.gradients
    decay_(duals, tau, group["dual_decay"])
    if group["momentum"]:
        beta = group["momentum"]
        moments = batch.state("momentum_buffer")
        if batch.foreach:
            torch._foreach_mul_(moments, beta)
            torch._foreach_add_(moments, torch._foreach_mul(gradients, (1 - beta) * tau))
            torch._foreach_sub_(duals, moments)
        else:
            for v, m, g in zip(duals, moments, gradients, strict=True):
                v.sub_(m.mul_(beta).add_(g * ((1 - beta) * tau)))
    elif batch.foreach:
        torch._foreach_sub_(duals, torch._foreach_mul(gradients, tau))
    else:
        for v, g in zip(duals, gradients, strict=True):
            v.sub_(g * tau)
    mirror_(group, batch, duals)


def decay_(duals: list[Tensor], tau: Any, dual_decay: float) -> None:
    """v ← (1 − τ·dual_decay) v."""
    if dual_decay:
        for v in duals:
            v.mul_(1 - tau * dual_decay)


def mirror_(group: dict[str, Any], batch: Batch, duals: list[Tensor]) -> None:
    """θ ← prox_{δJ}(δ v), in the precision of v, then rounded to that of θ."""
    delta = group["delta"]
    if batch.foreach:
        images = list(torch._foreach_mul(duals, delta))
        batch.regularizer.prox_all_(images, delta)
        _foreach_copy_(batch.thetas, images)
        return
    for theta, v in zip(batch.thetas, duals, strict=True):
        theta.copy_(batch.regularizer.prox_(v * delta, delta))
