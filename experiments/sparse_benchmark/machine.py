"""What the machine can do, measured: fused multiply-adds from registers, and reading from caches and memory.

measured         | how
-----------------|--------------------------------------------------------------------------------------------------
FMA peak         | each thread: independent chains x ← x·a + b of 16 floats in registers; the best of 6, 12 and 24 chains
                 | (few for machines with few registers, many where one FMA takes long)
bandwidth        | each thread adds up an array of its own, again and again: 16 KiB, 256 KiB, 64 MiB

Both on torch's number of threads; the peak on one thread, too. A kernel that reads what it multiplies is bound by the lower one.
"""

# ruff: noqa: ARG001 - numba looks up the arguments of an intrinsic by their number
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

from ...solvers.sparse_cpu.vectors import FLOATS, I32, I64, LANES, Loop, fma, literals, splat
from ...solvers.threads import use_torch_threads

_CHAINS = (6, 12, 24)
_TRIAL = 0.02
_numba: Any = numba
#: KiB of each thread's array.
READ_KIB = {"L1": 16, "L2": 256, "memory": 64 * 1024}


def _chains(typing: Any, chains: Any, count: Any, factor: Any, summand: Any) -> Any:
    """x₁ … x_chains ← xᵢ·factor + summand, ``count`` times; a float that depends on all of them."""
    shape = literals(chains)
    if shape is None:
        return None

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        _, count, factor, summand = arguments
        a, c = splat(b, factor), splat(b, summand)
        # Chains that begin alike would be merged into one.
        starts = [ir.Constant(FLOATS, [float(i + 1)] * LANES) for i in range(shape[0])]
        loop = Loop(b, ir.Constant(I64, 0), count, starts)
        loop.close([fma(b, x, a, c) for x in loop.carried])
        total = loop.carried[0]
        for x in loop.carried[1:]:
            total = b.fadd(total, x)
        return b.extract_element(total, ir.Constant(I32, 0))

    return types.float32(chains, types.int64, types.float32, types.float32), generate


_fma_chains: Any = intrinsic(prefer_literal=True)(_chains)


@njit(parallel=True, cache=True)
def _multiply_add(kind, count, out):  # type: ignore[no-untyped-def]
    for thread in prange(len(out)):
        if kind == 6:
            out[thread] = _fma_chains(6, count, np.float32(0.5), np.float32(1.0))
        elif kind == 12:
            out[thread] = _fma_chains(12, count, np.float32(0.5), np.float32(1.0))
        else:
            out[thread] = _fma_chains(24, count, np.float32(0.5), np.float32(1.0))


@njit(parallel=True, fastmath=True, cache=True)
def _read(data, times, out):  # type: ignore[no-untyped-def]
    for thread in prange(len(out)):
        own, found = data[thread], np.float32(0)
        for number in range(times):
            part = own[16 * (number % 2) :]  # another sum each time: it cannot be moved out of the loop
            for i in range(len(part)):
                found += part[i]
        out[thread] = found


def peak_gflops(threads: int) -> float:
    """10⁹ multiplications and additions a second, with the number of chains that gives most."""
    with _threads_of_both(threads):
        out = np.zeros(threads, dtype=np.float32)
        fastest = max(chains / _seconds_each(partial(_multiply_add, chains, out=out)) for chains in _CHAINS)
    return threads * fastest * LANES * 2 / 1e9


def read_gb_per_second(threads: int, kib: int) -> float:
    """10⁹ bytes a second, from an array of that size for each thread."""
    with _threads_of_both(threads):
        data, out = np.ones((threads, kib * 256), dtype=np.float32), np.zeros(threads, dtype=np.float32)
        return threads * kib * 1024 / _seconds_each(partial(_read, data, out=out)) / 1e9


def bounds() -> dict[str, Any]:
    """All of the table above, for torch's number of threads."""
    threads = torch.get_num_threads()
    return {
        "threads": threads,
        "fma_gflops": peak_gflops(threads),
        "fma_gflops_one_thread": peak_gflops(1),
        "read_gb_per_second": {name: read_gb_per_second(threads, kib) for name, kib in READ_KIB.items()},
        "read_kib": dict(READ_KIB),
        "threading_layer": _numba.threading_layer(),
    }


def _seconds_each(run: Callable[[int], object]) -> float:
    """Of one of n repetitions in ``run(n)``: n such that the faster of two trials takes `_TRIAL` seconds; the best of five."""
    run(1)
    count = 1
    while min(_elapsed(run, count) for _ in range(2)) < _TRIAL:
        count *= 2
    return min(_elapsed(run, count) for _ in range(5)) / count


def _elapsed(run: Callable[[int], object], count: int) -> float:
    start = time.perf_counter()
    run(count)
    return time.perf_counter() - start


@contextmanager
def _threads_of_both(count: int) -> Iterator[None]:
    """torch's number of threads, and with it numba's, is ``count`` inside, and as it was outside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    use_torch_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        use_torch_threads()
