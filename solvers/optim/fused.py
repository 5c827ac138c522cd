"""The whole update of LinBreg, AdaBreg and ProxSGD in one pass over memory, on the CPU: ``fused=True``.

The plain path writes each intermediate result to memory and reads it again. Here a group is moved, its norm taken and its
prox applied while it is in the cache: LinBreg reads g and v and writes v and θ, 16 bytes a parameter in float32. Compiled by
numba at the first step; the threads are those of torch.get_num_threads(). The twin is the plain path of `linbreg`, `adabreg`
and `proxsgd`, which gives the same numbers up to rounding.

what             | allowed
-----------------|-----------------------------------------------------------------------------------
device           | CPU
parameters       | float32, float64, bfloat16 (rounded to nearest even); contiguous
regularizer      | `Zero`, `L1`, `GroupL2` with the layouts entries, rows, filters, kernels, heads:n, whole

Anything else is a `ValueError`, never another path in silence.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from ..threads import use_torch_threads
from .base import Batch, is_distributed, state_dtype
from .layouts import group_size
from .regularizers import L1, GroupL2, ParameterRegularizer, Zero

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
_STRIDED_LAYOUTS = ("columns", "channels")
#: Entries that are moved before their θ is written: they stay in a near cache. A group that is longer is moved whole.
_BLOCK = 1 << 13
#: From how many entries on the threads are woken, which takes longer than a small parameter.
_LARGE = 1 << 16
#: A sum over a group may be taken in any order; NaN and ∞ keep their meaning.
_FAST = {"reassoc", "contract"}
#: The numbers of a kernel, in its order, with the values that leave v alone.
_NEUTRAL = {
    "keep": 1.0,
    "sign": 1.0,
    "decay": 0.0,
    "beta1": 0.0,
    "gain1": 0.0,
    "beta2": 0.0,
    "gain2": 0.0,
    "scale": 0.0,
    "root": 1.0,
    "eps": 0.0,
    "delta": 1.0,
    "threshold": 0.0,
}


def check_fused(group: dict[str, Any], regularizer: ParameterRegularizer) -> None:
    """A `ValueError` where the fused update does not apply to a parameter group."""
    if group["foreach"]:
        raise ValueError("foreach must not be True with fused=True: they are two ways to update")
    if group.get("capturable"):
        raise ValueError("capturable must be False with fused=True")
    contiguous_groups = isinstance(regularizer, GroupL2) and regularizer.layout not in _STRIDED_LAYOUTS
    if not isinstance(regularizer, Zero | L1) and not contiguous_groups:
        raise ValueError(
            f"fused must be False with {regularizer!r}: it is made for Zero, L1 and GroupL2 whose groups lie together in memory"
        )
    for theta in group["params"]:
        if theta.device.type != "cpu" or is_distributed(theta):
            raise ValueError(
                f"fused must be False for parameters on {theta.device} or on several processes: it is for the CPU"
            )
        if theta.dtype not in _DTYPES:
            raise ValueError(f"fused must be False for parameters of {theta.dtype}: it is made for {_DTYPES}")
        if not theta.is_contiguous():
            raise ValueError(
                f"fused must be False for parameters that are not contiguous, got strides {theta.stride()}"
            )


def fused_linbreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """`linbreg.linbreg_`, with the raw gradients in ``batch``."""
    tau, beta = float(tau), group["momentum"]
    numbers = {"keep": 1 - tau * group["dual_decay"], "beta1": beta, "gain1": (1 - beta) * tau, "scale": tau}
    moments = ("momentum_buffer",) if beta else ()
    _each(group, batch, moments, [numbers] * len(batch.thetas))


def fused_adabreg_(group: dict[str, Any], batch: Batch, tau: Any) -> None:
    """`adabreg.adabreg_`, with the raw gradients in ``batch``."""
    tau, (beta1, beta2) = float(tau), group["betas"]
    numbers = {
        "keep": 1 - tau * group["dual_decay"],
        "beta1": beta1,
        "gain1": 1 - beta1,
        "beta2": beta2,
        "gain2": 1 - beta2,
    }
    of_each = []
    for step in batch.state("step"):
        n = step.add_(1).item()
        of_each.append({**numbers, "scale": tau / (1 - beta1**n), "root": (1 - beta2**n) ** 0.5, "eps": group["eps"]})
    _each(group, batch, ("exp_avg", "exp_avg_sq"), of_each)


def fused_proxsgd_(group: dict[str, Any], batch: Batch, tau: float) -> None:
    """The update of `proxsgd`, with the raw gradients in ``batch``; τ > 0."""
    threads = _threads(group, batch)
    for theta, g in zip(batch.thetas, batch.gradients, strict=True):
        if not theta.numel():
            continue
        size, threshold = _threshold(batch.regularizer, theta, tau)
        numbers = {**_NEUTRAL, **_signed(group), "scale": tau, "threshold": threshold}
        constants = np.array(
            [numbers[name] for name in _NEUTRAL], dtype=_flat(theta.new_empty(0, dtype=state_dtype(theta))).dtype
        )
        update = _proximal_all_threads if threads > 1 and theta.numel() >= _LARGE else _proximal_one_thread
        update(_block_size(size), size, constants, _flat(theta.detach()), _flat(g.to(theta.dtype).contiguous()))
        torch.autograd.graph.increment_version(theta)


def _threads(group: dict[str, Any], batch: Batch) -> int:
    check_fused(group, batch.regularizer)
    return use_torch_threads()


def _signed(group: dict[str, Any]) -> dict[str, float]:
    return {"sign": -1.0 if group["maximize"] else 1.0, "decay": group["weight_decay"]}


def _block_size(size: int) -> int:
    """A number of whole groups."""
    return max(_BLOCK // max(size, 1), 1) * max(size, 1)


def _each(group: dict[str, Any], batch: Batch, moments: tuple[str, ...], of_each: list[dict[str, float]]) -> None:
    threads = _threads(group, batch)
    common = {**_signed(group), "delta": group["delta"]}
    for theta, g, state, own in zip(batch.thetas, batch.gradients, batch.states, of_each, strict=True):
        if not theta.numel():
            continue
        size, threshold = _threshold(batch.regularizer, theta, group["delta"])
        numbers = {**_NEUTRAL, **common, **own, "threshold": threshold}
        dual = _flat(state["dual"])
        kept = [_flat(state[name]) for name in moments]
        # A moment that there is not is not looked at.
        first, second = (*kept, dual, dual)[:2]
        constants = np.array([numbers[name] for name in _NEUTRAL], dtype=dual.dtype)
        gradient = _flat(g.to(theta.dtype).contiguous())
        update = _all_threads if threads > 1 and theta.numel() >= _LARGE else _one_thread
        update(_block_size(size), len(moments), size, constants, _flat(theta.detach()), gradient, dual, first, second)
        # Autograd has to know of a write that torch did not do.
        torch.autograd.graph.increment_version((theta, state["dual"], *(state[name] for name in moments)))


def _threshold(regularizer: ParameterRegularizer, theta: Tensor, delta: float) -> tuple[int, float]:
    """The size of a group, 0 where J = 0, and δ (ProxSGD: τ) times its weight."""
    if isinstance(regularizer, GroupL2):
        size = group_size(regularizer.layout, tuple(theta.shape))
        return size, delta * regularizer.lam * float(np.sqrt(size))
    return (1, delta * regularizer.lam) if isinstance(regularizer, L1) else (0, 0.0)


def _flat(x: Tensor) -> np.ndarray:
    if not x.is_contiguous():
        raise ValueError(f"fused must be False for state that is not contiguous, got strides {x.stride()}")
    flat = x.view(-1)
    return (flat.view(torch.int16) if x.dtype == torch.bfloat16 else flat).numpy()


def _wide(x: Any) -> Any:
    """The number behind an entry of g or θ."""
    raise NotImplementedError


def _narrow(number: Any, entries: Any) -> Any:
    """The entry of θ that holds a number, rounded to nearest even."""
    raise NotImplementedError


# numba knows no bfloat16. It is the upper half of the bits of a float32, and comes here as int16.
@numba.extending.overload(_wide, inline="always")
def _overload_wide(x: Any) -> Any:
    def itself(x: Any) -> Any:
        return x

    def upper_half(x: Any) -> Any:
        return np.int32(np.uint32(np.uint16(x)) << np.uint32(16)).view(np.float32)

    return upper_half if isinstance(x, numba.types.Integer) else itself


@numba.extending.overload(_narrow, inline="always")
def _overload_narrow(number: Any, entries: Any) -> Any:  # noqa: ARG001 - numba compares the names
    def itself(number: Any, entries: Any) -> Any:  # noqa: ARG001
        return number

    def rounded(number: Any, entries: Any) -> Any:  # noqa: ARG001
        if number != number:
            return np.int16(0x7FC0)
        bits = np.float32(number).view(np.uint32)
        return np.int16(
            np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))
        )

    return rounded if isinstance(entries.dtype, numba.types.Integer) else itself


# The kernels get slices and count from 0, and 1/0 is ∞: a check at each entry would cost the vector instructions.
@numba.njit(fastmath=_FAST, error_model="numpy", cache=True)
def _move(kind: int, n: Any, theta: Any, g: Any, v: Any, first: Any, second: Any) -> None:
    """v⁺; kind is the number of moments."""
    keep, sign, decay, beta1, gain1, beta2, gain2, scale, root, eps = (
        n[0],
        n[1],
        n[2],
        n[3],
        n[4],
        n[5],
        n[6],
        n[7],
        n[8],
        n[9],
    )
    if kind == 0:
        for i in range(v.size):
            v[i] = keep * v[i] - scale * (sign * _wide(g[i]) + decay * _wide(theta[i]))
    elif kind == 1:
        for i in range(v.size):
            first[i] = beta1 * first[i] + gain1 * (sign * _wide(g[i]) + decay * _wide(theta[i]))
            v[i] = keep * v[i] - first[i]
    else:
        for i in range(v.size):
            gradient = sign * _wide(g[i]) + decay * _wide(theta[i])
            m1 = beta1 * first[i] + gain1 * gradient
            m2 = beta2 * second[i] + gain2 * gradient * gradient
            first[i] = m1
            second[i] = m2
            v[i] = keep * v[i] - scale * m1 / (np.sqrt(m2) / root + eps)


@numba.njit(fastmath=_FAST, error_model="numpy", cache=True)
def _mirror(size: int, delta: Any, threshold: Any, theta: Any, v: Any) -> None:
    """θ⁺; v is a number of whole groups."""
    if size == 0:
        for i in range(v.size):
            theta[i] = _narrow(delta * v[i], theta)
    elif size == 1:
        for i in range(v.size):
            z = delta * v[i]
            theta[i] = _narrow(z - min(max(z, -threshold), threshold), theta)
    else:
        for number in range(v.size // size):
            part = v[number * size : (number + 1) * size]
            image = theta[number * size : (number + 1) * size]
            square = delta * 0
            for i in range(part.size):
                square += delta * part[i] * (delta * part[i])
            norm = np.sqrt(square)
            factor = delta * (1 - threshold / norm) if norm > threshold else 0 * delta
            for i in range(part.size):
                image[i] = _narrow(factor * part[i], image)


@numba.njit(error_model="numpy", cache=True)
def _block(
    number: int, block: int, kind: int, size: int, n: Any, theta: Any, g: Any, v: Any, first: Any, second: Any
) -> None:
    low = number * block
    high = min(low + block, v.size)
    dual, image = v[low:high], theta[low:high]
    _move(kind, n, image, g[low:high], dual, first[low:high], second[low:high])
    _mirror(size, n[10], n[11], image, dual)


@numba.njit(error_model="numpy", cache=True)
def _one_thread(block: int, kind: int, size: int, n: Any, theta: Any, g: Any, v: Any, first: Any, second: Any) -> None:
    for number in range((v.size + block - 1) // block):
        _block(number, block, kind, size, n, theta, g, v, first, second)


@numba.njit(parallel=True, error_model="numpy", cache=True)
def _all_threads(block: int, kind: int, size: int, n: Any, theta: Any, g: Any, v: Any, first: Any, second: Any) -> None:
    for number in numba.prange((v.size + block - 1) // block):
        _block(number, block, kind, size, n, theta, g, v, first, second)


@numba.njit(error_model="numpy", cache=True)
def _proximal_block(number: int, block: int, size: int, n: Any, theta: Any, g: Any) -> None:
    low = number * block
    image, gradient = theta[low : low + block], g[low : low + block]
    sign, decay, tau = n[1], n[2], n[7]
    z = np.empty(image.size, n.dtype)
    for i in range(z.size):
        here = _wide(image[i])
        z[i] = here - tau * (sign * _wide(gradient[i]) + decay * here)
    _mirror(size, n[10], n[11], image, z)


@numba.njit(error_model="numpy", cache=True)
def _proximal_one_thread(block: int, size: int, n: Any, theta: Any, g: Any) -> None:
    for number in range((theta.size + block - 1) // block):
        _proximal_block(number, block, size, n, theta, g)


@numba.njit(parallel=True, error_model="numpy", cache=True)
def _proximal_all_threads(block: int, size: int, n: Any, theta: Any, g: Any) -> None:
    for number in numba.prange((theta.size + block - 1) // block):
        _proximal_block(number, block, size, n, theta, g)
