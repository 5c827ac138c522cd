"""Numbers of activations in numba code, one at a time: float32 as it is, bfloat16 as the uint16 that numpy sees in memory.

function          | gives
------------------|-------------------------------------------------------------------
`widened(x)`      | float32
`narrowed(x, like)` | a float32 as ``like`` is stored: bfloat16 to the nearest, ties to even; NaN stays NaN

Which one a number is its type says, so a kernel is compiled once for each storage, and LLVM makes vectors of its loops.
"""

# ruff: noqa: ARG001 - numba looks up the arguments of an intrinsic by their number
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import F32, I32, nearest

_I16 = ir.IntType(16)


def _widened(typing: Any, x: Any) -> Any:
    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        if x == types.float32:
            return arguments[0]
        return b.bitcast(b.shl(b.zext(arguments[0], I32), ir.Constant(I32, 16)), F32)

    return types.float32(x), generate


def _narrowed(typing: Any, x: Any, like: Any) -> Any:
    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        if like == types.float32:
            return arguments[0]
        return b.trunc(b.lshr(nearest(b, arguments[0]), ir.Constant(I32, 16)), _I16)

    return like(types.float32, like), generate


widened: Any = intrinsic(_widened)
narrowed: Any = intrinsic(_narrowed)
