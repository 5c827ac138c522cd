"""The fused update on the CPU, compiled by numba: one launch for all parameters of a group.

A launch is a list of jobs, one for a run of whole groups of a parameter that fits a near cache, taken in turn by the threads.
The tensors come as addresses: wrapping each in an array of its own would take longer than the update of a small one.

It reads and writes at the speed of memory. Measured without gain: writing θ past the caches, so that it is not read before
it is written; longer blocks.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numba import types

from ...threads import use_torch_threads
from .parts import ADABREG, LINBREG, MOMENTUM, PROXIMAL, Numbers, Part

#: Entries that are moved before their θ is written: they stay in a near cache. A group that is longer is moved whole.
_BLOCK = 1 << 12
#: From how many entries on the threads are woken, which takes longer than a small update.
_LARGE = 1 << 16
#: The square of a norm may be taken in any order; NaN and ∞ keep their meaning.
_FAST = {"reassoc", "contract"}
_DTYPES = {torch.float32: np.float32, torch.float64: np.float64, torch.bfloat16: np.int16}


def launch(rule: int, parts: list[Part]) -> None:
    """Update the parts, which are of one type."""
    table, blocks = [], []
    rows: dict[Numbers, int] = {}
    for part in parts:
        numel = part.theta.numel()
        # A number of whole groups.
        block = max(_BLOCK // max(part.size, 1), 1) * max(part.size, 1)
        table.append(
            [*[x.data_ptr() for x in part.tensors()], numel, block, part.size, rows.setdefault(part.numbers, len(rows))]
        )
        blocks.append(-(-numel // block))
    theta_like = np.empty(0, _DTYPES[parts[0].theta.dtype])
    wide = np.float64 if parts[0].theta.dtype == torch.float64 else np.float32
    numbers = np.array(list(rows), dtype=wide)
    _jobs(parts)(rule, np.array(table), _starts(blocks), numbers, theta_like, np.empty(0, wide))


def _starts(blocks: list[int]) -> np.ndarray:
    """The number of the first job of each tensor, and that of all jobs."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(blocks, dtype=np.int64)])


def _jobs(parts: list[Part]) -> Any:
    many = use_torch_threads() > 1 and sum(part.theta.numel() for part in parts) >= _LARGE
    return _all_threads if many else _one_thread


@numba.extending.intrinsic
def _pointer(typing_context: Any, address: Any, like: Any) -> Any:  # noqa: ARG001 - numba's way to call it
    """The address as a pointer to entries as ``like`` has them."""
    kinds: Any = types
    pointer = kinds.CPointer(like.dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.int64, like), codegen


# Of which their stubs know less than they do.
_numba: Any = numba
carray = _numba.carray
pointer_to: Any = _pointer


@numba.njit(inline="always")
def _entries(address: int, low: int, count: int, like: Any) -> Any:
    """An array of ``count`` entries of the tensor at an address, from the entry ``low`` on."""
    return carray(pointer_to(address + low * like.itemsize, like), count)


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

    return upper_half if isinstance(x, types.Integer) else itself


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

    return rounded if isinstance(entries.dtype, types.Integer) else itself


# The kernels count from 0 in arrays of their own, and 1/0 is ∞: a check at each entry would cost the vector instructions.
@numba.njit(fastmath=_FAST, error_model="numpy", cache=True)
def _move(rule: int, n: Any, theta: Any, g: Any, v: Any, first: Any, second: Any) -> None:
    """v⁺ and the moments; see `parts`."""
    keep, sign, decay, beta1, gain1 = n[0], n[1], n[2], n[3], n[4]
    beta2, gain2, scale, root, eps = n[5], n[6], n[7], n[8], n[9]
    if rule == LINBREG:
        for i in range(v.size):
            v[i] = keep * v[i] - scale * (sign * _wide(g[i]) + decay * _wide(theta[i]))
    elif rule == MOMENTUM:
        for i in range(v.size):
            first[i] = beta1 * first[i] + gain1 * (sign * _wide(g[i]) + decay * _wide(theta[i]))
            v[i] = keep * v[i] - first[i]
    elif rule == ADABREG:
        for i in range(v.size):
            gradient = sign * _wide(g[i]) + decay * _wide(theta[i])
            m1 = beta1 * first[i] + gain1 * gradient
            m2 = beta2 * second[i] + gain2 * gradient * gradient
            first[i] = m1
            second[i] = m2
            v[i] = keep * v[i] - scale * m1 / (np.sqrt(m2) / root + eps)
    else:
        for i in range(v.size):
            here = _wide(theta[i])
            v[i] = here - scale * (sign * _wide(g[i]) + decay * here)


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
def _job(job: int, rule: int, table: Any, starts: Any, numbers: Any, theta_like: Any, wide: Any) -> None:
    number = np.searchsorted(starts, job, side="right") - 1
    numel, block, size = table[number, 5], table[number, 6], table[number, 7]
    low = (job - starts[number]) * block
    count = min(block, numel - low)
    n = numbers[table[number, 8]]
    theta = _entries(table[number, 0], low, count, theta_like)
    g = _entries(table[number, 1], low, count, theta_like)
    if rule == PROXIMAL:
        v = np.empty(count, n.dtype)
        _move(rule, n, theta, g, v, v, v)
        _mirror(size, n[10], n[11], theta, v)
    else:
        v = _entries(table[number, 2], low, count, wide)
        first = _entries(table[number, 3], low, count, wide)
        second = _entries(table[number, 4], low, count, wide)
        _move(rule, n, theta, g, v, first, second)
        _mirror(size, n[10], n[11], theta, v)


@numba.njit(error_model="numpy", cache=True)
def _one_thread(rule: int, table: Any, starts: Any, numbers: Any, theta_like: Any, wide: Any) -> None:
    for job in range(starts[-1]):
        _job(job, rule, table, starts, numbers, theta_like, wide)


@numba.njit(parallel=True, error_model="numpy", cache=True)
def _all_threads(rule: int, table: Any, starts: Any, numbers: Any, theta_like: Any, wide: Any) -> None:
    for job in numba.prange(starts[-1]):
        _job(job, rule, table, starts, numbers, theta_like, wide)
