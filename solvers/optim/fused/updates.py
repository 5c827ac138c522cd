"""The fused updates as the optimizers call them: from a batch to the parts of a launch, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from ..base import Batch
from ..distributed_tensors import is_distributed
from ..layouts import group_size
from ..regularizers import L1, GroupL2, ParameterRegularizer, Zero
from .parts import ADABREG, LINBREG, MOMENTUM, PROXIMAL, Numbers, Part

Launch = Callable[[int, list[Part]], None]

_DTYPES = {
    "cpu": (torch.float32, torch.float64, torch.bfloat16),
    "cuda": (torch.float32, torch.float64, torch.bfloat16, torch.float16),
}
_STRIDED_LAYOUTS = ("columns", "channels")
#: One program of a GPU walks through a group.
_LONGEST_GROUP_ON_CUDA = 1 << 16


def check_fused(group: dict[str, Any], regularizer: ParameterRegularizer) -> None:
    """A `ValueError` where the fused update does not apply to a parameter group."""
    if group["foreach"]:
        raise ValueError("foreach must not be True with fused=True: they are two ways to update")
    if group.get("capturable"):
        raise ValueError("capturable must be False with fused=True")
    together = isinstance(regularizer, GroupL2) and regularizer.layout not in _STRIDED_LAYOUTS
    if not together and not isinstance(regularizer, Zero | L1):
        raise ValueError(
            f"fused must be False with {regularizer!r}: it is made for Zero, L1 and GroupL2 whose groups lie together in memory"
        )
    for theta in group["params"]:
        device = theta.device.type
        if device not in _DTYPES or is_distributed(theta):
            raise ValueError(
                f"fused must be False for parameters on {theta.device} or on several processes: it is for {', '.join(_DTYPES)}"
            )
        if theta.dtype not in _DTYPES[device]:
            raise ValueError(
                f"fused must be False for parameters of {theta.dtype} on {device}: it is made for {_DTYPES[device]}"
            )
        if not theta.is_contiguous():
            raise ValueError(
                f"fused must be False for parameters that are not contiguous, got strides {theta.stride()}"
            )
        if device == "cuda":
            _check_cuda(theta, regularizer)


def _check_cuda(theta: Tensor, regularizer: ParameterRegularizer) -> None:
    if find_spec("triton") is None:
        raise ValueError(
            "fused must be False for parameters on cuda: triton, which compiles the update, is not installed"
        )
    size = _group_size(regularizer, theta)
    if size > _LONGEST_GROUP_ON_CUDA:
        raise ValueError(
            f"fused must be False on cuda for groups of more than {_LONGEST_GROUP_ON_CUDA:,} entries, got {size:,} with "
            f"{regularizer!r} and a parameter of shape {tuple(theta.shape)}"
        )


def fused_linbreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """`linbreg.linbreg_`, with the raw gradients in ``batch``."""
    tau, beta = float(tau), group["momentum"]
    numbers = Numbers(keep=1 - tau * group["dual_decay"], beta1=beta, gain1=(1 - beta) * tau, scale=tau)
    moments = ("momentum_buffer",) if beta else ()
    _update(MOMENTUM if beta else LINBREG, group, batch, moments, [numbers] * len(batch.thetas))


def fused_adabreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """`adabreg.adabreg_`, with the raw gradients in ``batch``."""
    tau, (beta1, beta2) = float(tau), group["betas"]
    common = Numbers(
        keep=1 - tau * group["dual_decay"],
        beta1=beta1,
        gain1=1 - beta1,
        beta2=beta2,
        gain2=1 - beta2,
        eps=group["eps"],
    )
    of_each = []
    for step in batch.state("step"):
        n = step.add_(1).item()
        of_each.append(common._replace(scale=tau / (1 - beta1**n), root=(1 - beta2**n) ** 0.5))
    _update(ADABREG, group, batch, ("exp_avg", "exp_avg_sq"), of_each)


def fused_proxsgd_(group: dict[str, Any], batch: Batch, tau: float) -> None:
    """The update of `proxsgd`, with the raw gradients in ``batch``; τ > 0."""
    _update(PROXIMAL, group, batch, (), [Numbers(scale=tau)] * len(batch.thetas))


def _update(rule: int, group: dict[str, Any], batch: Batch, moments: tuple[str, ...], of_each: list[Numbers]) -> None:
    check_fused({**group, "params": batch.thetas}, batch.regularizer)
    names = () if rule == PROXIMAL else ("dual", *moments)
    # ProxSGD takes the prox of τJ, the others that of δJ.
    factor = of_each[0].scale if rule == PROXIMAL else group["delta"]
    common = {
        "sign": -1.0 if group["maximize"] else 1.0,
        "decay": group["weight_decay"],
        "delta": 1.0 if rule == PROXIMAL else group["delta"],
    }
    known: dict[tuple[int, int], Numbers] = {}
    launches: dict[tuple[torch.device, torch.dtype], list[Part]] = {}
    for theta, g, state, own in zip(batch.thetas, batch.gradients, batch.states, of_each, strict=True):
        if not theta.numel():
            continue  # its groups may be empty, too, and no others are
        size = _group_size(batch.regularizer, theta)
        numbers = known.get((size, id(own)))
        if numbers is None:
            threshold = factor * _weight(batch.regularizer, size)
            numbers = known[size, id(own)] = own._replace(threshold=threshold, **common)
        kept = tuple([state[name] for name in names])
        for x in kept:
            if not x.is_contiguous():
                raise ValueError(f"fused must be False for state that is not contiguous, got strides {x.stride()}")
        if g.dtype != theta.dtype or not g.is_contiguous():
            g = g.to(theta.dtype).contiguous()
        part = Part(theta, g, kept, size, numbers)
        launches.setdefault((theta.device, theta.dtype), []).append(part)
    for (device, _), parts in launches.items():
        _launch_on(device)(rule, parts)
        # Autograd has to know of a write that torch did not do.
        torch.autograd.graph.increment_version([x for part in parts for x in (part.theta, *part.state)])


def _launch_on(device: torch.device) -> Launch:
    # Both compilers take their time to import.
    if device.type == "cuda":
        from .cuda import launch
    else:
        from .cpu import launch
    return launch


def _group_size(regularizer: ParameterRegularizer, theta: Tensor) -> int:
    if isinstance(regularizer, GroupL2):
        return group_size(regularizer.layout, tuple(theta.shape))
    return 1 if isinstance(regularizer, L1) else 0


def _weight(regularizer: ParameterRegularizer, size: int) -> float:
    """What J counts a unit of a group's norm."""
    if isinstance(regularizer, GroupL2):
        return regularizer.lam * float(size**0.5)
    return regularizer.lam if isinstance(regularizer, L1) else 0.0
