"""The vector code: two loops over non-zero weights with a tile of 16-lane vectors in registers, written as LLVM IR.

Everything else of this package is plain numba and torch. Activations lie in memory as `blocks` says: 16 images are the lanes
of a vector, so a pixel of a channel is 64 contiguous, aligned bytes, and one weight meets a vector as one broadcast. A tile
is rows × cols such vectors; at most 16, for AVX-512 has 32 registers. LLVM lowers the same code for AVX2 and NEON.

symbol      | argument          | meaning
------------|-------------------|-----------------------------------------------------------------------
R, C        | ``rows, cols``    | the tile, integer literals
s, t        | ``step_in, step_out`` | pixels from one column of the tile to the next, in the source and in the target; literals
            | ``source``        | address of the vector that offset 0 and the first entry of the tile stand for
oᵢ, wᵢ      | ``offsets, values`` | addresses of arrays of uint32 (bytes) and float32, i = begin … end − 1
            | ``row_in, row_out`` | bytes from one row of the tile to the next

    gather:   out[r, c] = (out[r, c] if add else 0) + Σᵢ wᵢ · source[oᵢ + r·row_in + c·s·64]
    contract: sums[i] += Σ_{r, c, lanes} grad[r, c] · source[oᵢ + r·row_in + c·s·64]

Addresses are plain integers and nothing is checked here: who calls answers for bounds and alignment (64 bytes).
"""

# ruff: noqa: ARG001 - numba looks up the arguments of an intrinsic by their number
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Images in a block: floats in a vector of AVX-512.
LANES = 16
#: Bytes of a vector.
VECTOR = 4 * LANES

_F32, _I32, _I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_F32, LANES)
_get_or_insert_function: Any = cgutils.get_or_insert_function


def _gather(
    typing: Any,
    rows: Any,
    cols: Any,
    step_in: Any,
    step_out: Any,
    add: Any,
    source: Any,
    offsets: Any,
    values: Any,
    begin: Any,
    end: Any,
    row_in: Any,
    out: Any,
    row_out: Any,
) -> Any:
    """A tile of a sparse convolution: for all non-zeros of one output channel, or of one row of the transposed matrix."""
    shape = _literals(rows, cols, step_in, step_out, add)
    if shape is None:
        return None
    height, width, stride_in, stride_out, adds = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, offsets, values, begin, end, row_in, out, row_out = arguments[5:]
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        start = _tile(b, out, row_out, height, width, stride_out) if adds else []
        before = [b.load(p, align=VECTOR) for p in start] if adds else [zero] * (height * width)
        offset_at, value_at = b.inttoptr(offsets, _I32.as_pointer()), b.inttoptr(values, _F32.as_pointer())
        loop = _Loop(b, begin, end, before)
        offset = b.zext(b.load(b.gep(offset_at, [loop.index])), _I64)
        weight = _splat(b, b.load(b.gep(value_at, [loop.index])))
        places = _tile(b, b.add(source, offset), row_in, height, width, stride_in)
        after = [_fma(b, b.load(place, align=VECTOR), weight, x) for place, x in zip(places, loop.carried, strict=True)]
        loop.close(after)
        for place, x in zip(_tile(b, out, row_out, height, width, stride_out), loop.carried, strict=True):
            b.store(x, place, align=VECTOR)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, step_out, add, *[types.int64] * 8), generate


# Without the first argument, which is numba's. A plain value: a decorator would show its reader an argument too many.
gather: Any = intrinsic(prefer_literal=True)(_gather)


def _contract(
    typing: Any,
    rows: Any,
    cols: Any,
    step_in: Any,
    step_grad: Any,
    source: Any,
    offsets: Any,
    sums: Any,
    begin: Any,
    end: Any,
    row_in: Any,
    grad: Any,
    row_grad: Any,
) -> Any:
    """What a tile adds to the gradients of the non-zero weights of one output channel; ``sums`` is an address of float32."""
    shape = _literals(rows, cols, step_in, step_grad)
    if shape is None:
        return None
    height, width, stride_in, stride_grad = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, offsets, sums, begin, end, row_in, grad, row_grad = arguments[4:]
        gradients = [b.load(p, align=VECTOR) for p in _tile(b, grad, row_grad, height, width, stride_grad)]
        offset_at, sum_at = b.inttoptr(offsets, _I32.as_pointer()), b.inttoptr(sums, _F32.as_pointer())
        loop = _Loop(b, begin, end, [])
        offset = b.zext(b.load(b.gep(offset_at, [loop.index])), _I64)
        places = _tile(b, b.add(source, offset), row_in, height, width, stride_in)
        # Two accumulators: one would wait for its own last product.
        totals = [ir.Constant(_VECTOR, [0.0] * LANES)] * min(2, len(places))
        for i, (place, gradient) in enumerate(zip(places, gradients, strict=True)):
            which = i % len(totals)
            totals[which] = _fma(b, b.load(place, align=VECTOR), gradient, totals[which])
        total = totals[0] if len(totals) == 1 else b.fadd(totals[0], totals[1])
        here = b.gep(sum_at, [loop.index])
        b.store(b.fadd(b.load(here), _horizontal_sum(b, total)), here)
        loop.close([])
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, step_grad, *[types.int64] * 8), generate


contract: Any = intrinsic(prefer_literal=True)(_contract)


class _Loop:
    """``for index in range(begin, end)`` with values carried from one turn to the next; ``close`` ends the body."""

    def __init__(self, b: Any, begin: Any, end: Any, carried: list[Any]) -> None:
        self.b, before = b, b.block
        self.head, body, self.exit = (b.append_basic_block(name) for name in ("head", "body", "exit"))
        b.branch(self.head)
        b.position_at_end(self.head)
        self.index = b.phi(_I64)
        self.index.add_incoming(begin, before)
        self.carried = [b.phi(x.type) for x in carried]
        for phi, x in zip(self.carried, carried, strict=True):
            phi.add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", self.index, end), body, self.exit)
        b.position_at_end(body)

    def close(self, carried: list[Any]) -> None:
        self.index.add_incoming(self.b.add(self.index, ir.Constant(_I64, 1)), self.b.block)
        for phi, x in zip(self.carried, carried, strict=True):
            phi.add_incoming(x, self.b.block)
        self.b.branch(self.head)
        self.b.position_at_end(self.exit)


def _literals(*arguments: Any) -> tuple[int, ...] | None:
    """The values of literal integers; None lets numba try again with literal types."""
    if not all(isinstance(argument, types.IntegerLiteral) for argument in arguments):
        return None
    return tuple(argument.literal_value for argument in arguments)


def _tile(b: Any, base: Any, row: Any, height: int, width: int, step: int) -> list[Any]:
    """The addresses of the vectors of a tile, row by row."""
    places = []
    for r in range(height):
        base = b.add(base, row) if r else base
        pointer = b.inttoptr(base, _VECTOR.as_pointer())
        places += [b.gep(pointer, [ir.Constant(_I64, c * step)]) for c in range(width)]
    return places


def _splat(b: Any, x: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = b.insert_element(undefined, x, ir.Constant(_I32, 0))
    return b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = _get_or_insert_function(b.module, kind, f"llvm.fma.v{LANES}f32")
    return b.call(function, [x, y, z])


def _horizontal_sum(b: Any, x: Any) -> Any:
    """The sum of the lanes, by halves."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    half = LANES // 2
    while half:
        swap = [(i + half) % LANES for i in range(LANES)]
        x = b.fadd(x, b.shuffle_vector(x, undefined, ir.Constant(ir.VectorType(_I32, LANES), swap)))
        half //= 2
    return b.extract_element(x, ir.Constant(_I32, 0))
