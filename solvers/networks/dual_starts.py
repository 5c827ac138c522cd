"""Where the dual variable starts: v = θ/δ + p with p ∈ ∂J(θ), for ``optimizer.init_dual``.

start                  | p: the point of ∂J(θ) nearest to
-----------------------|------------------------------------------------------------------------------------
``init_dual()``        | 0
`along_gradient` (s)   | −s ∇L(θ), from ``.grad``
`given`                | tensors of your own, such as the p of another run

For ℓ1 and group ℓ1,2 ∂J_g(θ_g) is one point where θ_g ≠ 0, and the choice is about the groups at 0. With p = 0 such a group
needs more than λ√n_g/(τ‖∇_g L‖) steps of LinBreg with a constant gradient to appear. Along −s∇L it has s/τ of them behind it
at the start; if s‖∇_g L‖ ≥ λ√n_g it starts on the boundary of ∂J_g(0) and appears at the first step in this direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ...theory.arrays import check_number

#: From a parameter to the tensor whose nearest point in ∂J(θ) is p.
DualStart = Callable[[Tensor], Tensor]


def along_gradient(scale: float) -> DualStart:
    """−s ∇L(θ), s ≥ 0, from the gradients of a backward pass; 0 for parameters without one."""
    check_number("scale", scale, at_least=0)
    return lambda theta: torch.zeros_like(theta) if theta.grad is None else -scale * theta.grad


def given(targets: Mapping[Tensor, Tensor]) -> DualStart:
    """The tensor for each parameter; 0 for parameters that are not among ``targets``."""
    return lambda theta: targets.get(theta, torch.zeros_like(theta))
