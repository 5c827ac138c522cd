"""Gradients on their way from ``.grad`` to an update: which there are, whether they fit and are finite, in what form.

A gradient may be a sparse COO tensor of the shape of its parameter, coalesced or not, as ``nn.Embedding(sparse=True)`` gives
one. It means the same numbers as the dense one, and is made dense: zeros move the moments and v, too. The coarse steps of
`multilevel` alone read it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .distributed_tensors import is_distributed, whole
from .precision import state_dtype

Group = dict[str, Any]


def with_gradient(group: Group) -> list[Tensor]:
    """The parameters of a group that a step is for."""
    return [theta for theta in group["params"] if theta.grad is not None]


def dense_gradient(theta: Tensor) -> Tensor:
    """``theta.grad``, or a dense tensor of the same numbers."""
    assert theta.grad is not None
    return theta.grad.to_dense() if theta.grad.layout == torch.sparse_coo else theta.grad


def gradient_for_update(theta: Tensor, gradient: Tensor, group: Group) -> Tensor:
    """The entry of `base.Batch.gradients` for θ and its dense gradient; both may be compact copies."""
    if group.get("fused"):
        return gradient
    gradient = gradient.to(state_dtype(theta))
    if group["maximize"]:
        gradient = -gradient
    if group["weight_decay"]:
        gradient = gradient.add(theta, alpha=group["weight_decay"])
    return gradient


def check_gradients(groups: Sequence[Group], states: Mapping[Tensor, Mapping[str, Tensor]]) -> None:
    """A `ValueError` for a gradient or a state that is not of the shape of its parameter, or a gradient that is not finite.

    The second is not asked where a group has ``check_finite=False``, and while torch compiles the step: a branch on values
    would break its graph.
    """
    for number, group in enumerate(groups):
        for position, theta in enumerate(group["params"]):
            if theta.grad is None:
                continue
            shape = theta.shape
            if theta.grad.shape != shape:
                raise _misfit("gradient", theta.grad, group, number, position)
            for name, value in states[theta].items() if theta in states else ():
                if value.shape != shape and name != "step":
                    raise _misfit(name, value, group, number, position)
    if torch.compiler.is_compiling():
        return
    asked = [(number, group) for number, group in enumerate(groups) if group["check_finite"]]
    if all(_may_be_finite(group) for _, group in asked):
        return
    for number, group in asked:
        for position, theta in enumerate(group["params"]):
            bad = 0 if theta.grad is None else int(whole((~torch.isfinite(_numbers(theta.grad))).sum()))
            if bad:
                raise ValueError(
                    f"gradients must be finite, got {bad} of {theta.grad.numel()} entries NaN or infinite in "
                    f"{parameter_name(group, number, position)}; nothing was changed (check_finite=False lets them through)"
                )


def parameter_name(group: Group, number: int, position: int) -> str:
    """How errors speak of a parameter of the group with this number."""
    names = group.get("param_names")
    if names:
        return f"parameter {names[position]!r}"
    return f"parameter {position} of group {number}, of shape {tuple(group['params'][position].shape)}"


def _misfit(name: str, value: Tensor, group: Group, number: int, position: int) -> ValueError:
    return ValueError(
        f"the {name} must have the shape of its parameter, got {tuple(value.shape)} for "
        f"{parameter_name(group, number, position)}; a parameter that was resized needs a new optimizer"
    )


def _may_be_finite(group: Group) -> bool:
    """One pass without a temporary: no NaN and no ∞ is lost in a sum. A sum may overflow; then the entries are looked at."""
    sums: list[Tensor] = []
    on_gpu: dict[torch.dtype, list[Tensor]] = {}
    for gradient in [theta.grad for theta in group["params"] if theta.grad is not None]:
        if gradient.is_cuda and gradient.layout == torch.strided and not is_distributed(gradient):
            on_gpu.setdefault(state_dtype(gradient), []).append(gradient)
        else:
            sums.append(whole(_sum(gradient)))
    norms: Any = torch._foreach_norm  # one launch for all of them
    for dtype, gradients in on_gpu.items():
        sums += norms(gradients, 1, dtype=dtype)
    return not sums or bool(torch.isfinite(torch.stack([total.double().to(sums[0].device) for total in sums])).all())


def _sum(gradient: Tensor) -> Tensor:
    if gradient.layout == torch.sparse_coo:
        # Of the sizes: where that is finite, no sum over entries that are there twice is infinite, either.
        total: Tensor = torch.linalg.vector_norm(gradient._values(), 1, dtype=state_dtype(gradient))
        return total
    # On the CPU torch copies all of a bfloat16 tensor to sum it in float32. It has the range of float32 anyway.
    return gradient.sum() if gradient.dtype == torch.bfloat16 else gradient.sum(dtype=state_dtype(gradient))


def _numbers(gradient: Tensor) -> Tensor:
    return gradient.coalesce()._values() if gradient.layout == torch.sparse_coo else gradient
