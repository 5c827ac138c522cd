"""AdaBreg for networks (bungert2021 Algorithm 3): Adam's moments move the dual variable.

    g   = ∇L(θ) on the mini-batch (+ weight_decay·θ)
    m₁⁺ = β₁ m₁ + (1 − β₁) g,  m₂⁺ = β₂ m₂ + (1 − β₂) g²,  both divided by 1 − βⁿ in the n-th step (m̂₁, m̂₂)
    v⁺  = (1 − τ·dual_decay) v − τ m̂₁/(√m̂₂ + ε)
    θ⁺  = prox_{δJ}(δ v⁺)

symbol   | here          | in ``state[p]``
---------|---------------|----------------------------------
v        |               | ``dual``, see `linbreg`
m₁, m₂, n |              | ``exp_avg``, ``exp_avg_sq``, ``step`` (as in torch.optim.Adam)
τ ≥ 0    | ``lr``        |
β₁, β₂   | ``betas``     |
ε > 0    | ``eps``       |
         | ``capturable`` | ``step`` lives on the device of θ: for CUDA graphs, with ``check_finite=False``

For J = 0 and δ = 1 it is torch.optim.Adam. Reference: `mlbreg.solvers.adabreg`.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from ...theory.arrays import check_number
from .base import Batch, check_share
from .linbreg import BregmanOptimizer, decay_, mirror_
from .regularizers import L1, ParameterRegularizer

#: What a state with moments holds.
REQUIRED = ("dual", "exp_avg", "exp_avg_sq", "step")


@final
class AdaBreg(BregmanOptimizer):
    """The Bregman version of Adam. Arguments: see the table above and `base`."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        regularizer: ParameterRegularizer = L1(1e-3),  # noqa: B008 - frozen
        delta: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        dual_decay: float = 0.0,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        capturable: bool = False,
        check_finite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "delta": delta,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "dual_decay": dual_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "capturable": capturable,
            "check_finite": check_finite,
        }
        super().__init__(params, regularizer, defaults)

    _required = REQUIRED

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        super()._check_group(group, first)
        check_adam(group)

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        super()._fill_state(theta, group, state)
        fill_adam(theta, group, state)

    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        adabreg_(group, batch, tau)


def check_adam(group: dict[str, Any]) -> None:
    """An error for moments out of range."""
    betas = group["betas"]
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas!r}")
    for number, beta in enumerate(betas):
        check_share(f"betas[{number}]", beta)
    check_number("eps", group["eps"], above=0)
    if group["capturable"] and group["check_finite"]:
        raise ValueError("check_finite must be False with capturable=True: it would wait for the device in every step")


def fill_adam(theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
    """No moments, no steps, where there are none yet."""
    if "step" in state:
        return
    state["exp_avg"] = torch.zeros_like(state["dual"])
    state["exp_avg_sq"] = torch.zeros_like(state["dual"])
    state["step"] = torch.zeros((), dtype=torch.float32, device=theta.device if group["capturable"] else "cpu")


def adabreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """The update above for the tensors of a batch."""
    if group["fused"]:
        from .fused.updates import fused_adabreg_  # not loaded without need

        fused_adabreg_(group, batch, tau)
        return
    duals, gradients = batch.state("dual"), batch.gradients
    first, second, steps = batch.state("exp_avg"), batch.state("exp_avg_sq"), batch.state("step")
    beta1, beta2 = group["betas"]
    decay_(duals, tau, group["dual_decay"])
    for step in steps:
        step.add_(1)
    # float64: float32 rounds 1 − β₂ⁿ of the first steps in its fourth digit.
    counts = [step.double() if group["capturable"] or torch.compiler.is_compiling() else step.item() for step in steps]
    scales = [tau / (1 - beta1**n) for n in counts]
    roots = [(1 - beta2**n) ** 0.5 for n in counts]
    if batch.foreach:
        torch._foreach_mul_(first, beta1)
        torch._foreach_add_(first, gradients, alpha=1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        sizes = torch._foreach_sqrt(second)
        torch._foreach_div_(sizes, roots)
        torch._foreach_add_(sizes, group["eps"])
        moves = torch._foreach_mul(first, scales)
        torch._foreach_div_(moves, sizes)
        torch._foreach_sub_(duals, moves)
    else:
        for v, g, m1, m2, scale, root in zip(duals, gradients, first, second, scales, roots, strict=True):
            m1.mul_(beta1).add_(g, alpha=1 - beta1)
            m2.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            v.sub_((m1 * scale) / ((m2.sqrt() / root).add_(group["eps"])))
    mirror_(group, batch, duals)
