"""Vector code for the image of one channel in one block, a plane: the passes of batch norm over memory.

intrinsic  | what it does with each pixel of all images of a block
-----------|------------------------------------------------------------------------------------------
`total`    | sums[0] += x
`squares`  | sums[0] += (x − c)²
`shift`    | y ← f(z), z = s (x − c) + b, or + r
`slopes`   | sums[0] += g, sums[1] += g (x − c),   g = dy where the gate is open
`descend`  | dx ← s (g − l − t (x − c)),  and dr ← g

symbol        | argument      | meaning
--------------|---------------|------------------------------------------------------------------
x, y, r, dy, dx, dr | ``planes`` | address of int64 (5, 2): for the places X, Y, R, DY, DX the address of the first pixel, and
              |               | bytes from a row to the next; dr is at R
              | ``size``      | address of int64: rows, pixels in a row, lanes that stand for an image
c, s, b, l, t | ``numbers``   | address of float32
f             | ``relu``      | literal: max(·, 0) or the identity
gate          | ``gate``      | literal: `OPEN`, `BY_Z` (z > 0) or `BY_Y` (y > 0)
              | ``sums``      | address of float64
              | ``stored``    | its type says how pixels are stored: float32, or uint16 for bfloat16
              | ``unroll``    | literal: pixels at a time, of which a row has a multiple
              | ``past``      | literal: write past the caches, which then do not read the memory first

Lanes without an image are not looked at and 0 is written there. NaN goes through f. A row is summed up in float32, lane by lane,
and rows in float64. Addresses are plain integers and nothing is checked here: who calls answers for bounds and alignment.
"""

# ruff: noqa: ARG001 - numba looks up the arguments of an intrinsic by their number
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import (
    DOUBLES,
    F32,
    F64,
    FLOATS,
    I32,
    I64,
    LANES,
    ZERO,
    Loop,
    fma,
    halves,
    horizontal_sum,
    literals,
    load,
    splat,
    store,
)

X, Y, R, DY, DX = range(5)
_C, _S, _B, _L, _T = range(5)
OPEN, BY_Z, BY_Y = range(3)

Pixel = dict[int, Any]
"""Vectors, by place."""
Made = tuple[list[Any], Pixel]
"""Sums to carry on, and what is to be written."""
Body = Callable[[Any, Pixel, Any, list[Any]], Made]


class Walk(NamedTuple):
    """How a plane is gone through: which places are read and written, how many sums are carried along."""

    stored: Any
    unroll: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    totals: int
    past_caches: bool = False


_VOID = types.void
_ADDRESSES = [types.int64] * 4


def _total(typing: Any, unroll: Any, stored: Any, planes: Any, size: Any, numbers: Any, sums: Any) -> Any:
    shape = literals(unroll)
    if shape is None:
        return None

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        def body(b: Any, pixel: Pixel, there: Any, sums: list[Any]) -> Made:
            return [b.fadd(sums[0], b.select(there, pixel[X], ZERO))], {}

        _each(b, arguments, Walk(stored, shape[0], (X,), (), 1), body)
        return context.get_dummy_value()

    return _VOID(unroll, stored, *_ADDRESSES), generate


def _squares(typing: Any, unroll: Any, stored: Any, planes: Any, size: Any, numbers: Any, sums: Any) -> Any:
    shape = literals(unroll)
    if shape is None:
        return None

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        centre = _number(b, arguments, _C)

        def body(b: Any, pixel: Pixel, there: Any, sums: list[Any]) -> Made:
            away = _away(b, pixel, there, centre)
            return [fma(b, away, away, sums[0])], {}

        _each(b, arguments, Walk(stored, shape[0], (X,), (), 1), body)
        return context.get_dummy_value()

    return _VOID(unroll, stored, *_ADDRESSES), generate


def _shift(
    typing: Any, unroll: Any, past: Any, adds: Any, relu: Any, stored: Any, planes: Any, size: Any, numbers: Any, sums: Any
) -> Any:  # fmt: skip
    shape = literals(unroll, past, adds, relu)
    if shape is None:
        return None
    unroll_by, past_caches, with_residual, with_relu = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        centre, scale, plus = (_number(b, arguments, i) for i in (_C, _S, _B))

        def body(b: Any, pixel: Pixel, there: Any, sums: list[Any]) -> Made:
            beside = b.fadd(plus, pixel[R]) if with_residual else plus
            z = fma(b, _away(b, pixel, there, centre), scale, beside)
            if with_relu:
                z = b.select(b.fcmp_ordered("<=", z, ZERO), ZERO, z)
            return [], {Y: b.select(there, z, ZERO)}

        _each(
            b, arguments, Walk(stored, unroll_by, (X, R) if with_residual else (X,), (Y,), 0, bool(past_caches)), body
        )
        return context.get_dummy_value()

    return _VOID(unroll, past, adds, relu, stored, *_ADDRESSES), generate


def _slopes(typing: Any, unroll: Any, gate: Any, stored: Any, planes: Any, size: Any, numbers: Any, sums: Any) -> Any:
    shape = literals(unroll, gate)
    if shape is None:
        return None

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        slope = _Slope(b, arguments, shape[1])

        def body(b: Any, pixel: Pixel, there: Any, sums: list[Any]) -> Made:
            away, g = slope.at(b, pixel, there)
            return [b.fadd(sums[0], g), fma(b, g, away, sums[1])], {}

        _each(b, arguments, Walk(stored, shape[0], slope.places, (), 2), body)
        return context.get_dummy_value()

    return _VOID(unroll, gate, stored, *_ADDRESSES), generate


def _descend(
    typing: Any, unroll: Any, past: Any, gate: Any, carries: Any, stored: Any, planes: Any, size: Any, numbers: Any, sums: Any
) -> Any:  # fmt: skip
    shape = literals(unroll, past, gate, carries)
    if shape is None:
        return None
    unroll_by, past_caches, which, with_residual = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        slope = _Slope(b, arguments, which)
        scale, level, tilt = (_number(b, arguments, i) for i in (_S, _L, _T))
        back = b.fsub(ZERO, tilt)

        def body(b: Any, pixel: Pixel, there: Any, sums: list[Any]) -> Made:
            away, g = slope.at(b, pixel, there)
            x = b.fmul(scale, fma(b, away, back, b.fsub(g, level)))
            return [], {R: g, DX: b.select(there, x, ZERO)}

        writes = (R, DX) if with_residual else (DX,)
        _each(b, arguments, Walk(stored, unroll_by, slope.places, writes, 0, bool(past_caches)), body)
        return context.get_dummy_value()

    return _VOID(unroll, past, gate, carries, stored, *_ADDRESSES), generate


# Without the first argument, which is numba's. Plain values: a decorator would show their reader an argument too many.
total: Any = intrinsic(prefer_literal=True)(_total)
squares: Any = intrinsic(prefer_literal=True)(_squares)
shift: Any = intrinsic(prefer_literal=True)(_shift)
slopes: Any = intrinsic(prefer_literal=True)(_slopes)
descend: Any = intrinsic(prefer_literal=True)(_descend)


class _Slope:
    """x − c and g at a pixel."""

    def __init__(self, b: Any, arguments: Any, gate: int) -> None:
        self.gate = gate
        self.places = (X, DY, Y) if gate == BY_Y else (X, DY)
        self.centre, self.scale, self.plus = (_number(b, arguments, i) for i in (_C, _S, _B))

    def at(self, b: Any, pixel: Pixel, there: Any) -> tuple[Any, Any]:
        away = _away(b, pixel, there, self.centre)
        is_open = there
        if self.gate != OPEN:
            z = pixel[Y] if self.gate == BY_Y else fma(b, away, self.scale, self.plus)
            # NaN is let through, as in the forward pass.
            is_open = b.and_(there, b.fcmp_unordered(">", z, ZERO))
        return away, b.select(is_open, pixel[DY], ZERO)


def _away(b: Any, pixel: Pixel, there: Any, centre: Any) -> Any:
    return b.select(there, b.fsub(pixel[X], centre), ZERO)


def _number(b: Any, arguments: Any, i: int) -> Any:
    numbers = b.inttoptr(arguments[-2], F32.as_pointer())
    return splat(b, b.load(b.gep(numbers, [ir.Constant(I64, i)])))


def _each(b: Any, arguments: Any, walk: Walk, body: Body) -> None:
    """Take ``body`` at each vector of each pixel; it is given what ``reads`` hold, and the lanes that are there."""
    planes, size, _, sums = arguments[-4:]
    rows, width, lanes = _integers(b, size, 3)
    starts = {
        place: _integers(b, b.add(planes, ir.Constant(I64, 16 * place)), 2) for place in (*walk.reads, *walk.writes)
    }
    there = _images(b, lanes, halves(walk.stored))
    nothing, totals, lines = ir.Constant(I64, 0), walk.totals, walk.unroll * len(there)
    down = Loop(b, nothing, rows, [ir.Constant(DOUBLES, [0.0] * LANES)] * totals)
    bases = {
        place: b.inttoptr(b.add(base, b.mul(down.index, pitch)), FLOATS.as_pointer())
        for place, (base, pitch) in starts.items()
    }
    right = Loop(b, nothing, width, [ZERO] * (totals * lines), walk.unroll)
    made: list[Any] = []
    for turn in range(walk.unroll):
        here = b.add(right.index, ir.Constant(I64, turn))
        at = {place: b.gep(base, [here]) for place, base in bases.items()}
        read = {place: load(b, at[place], walk.stored) for place in walk.reads}
        written: list[Pixel] = []
        for half, is_image in enumerate(there):
            line = turn * len(there) + half
            before = right.carried[line * totals : (line + 1) * totals]
            after, pixel = body(b, {place: vectors[half] for place, vectors in read.items()}, is_image, before)
            made += after
            written.append(pixel)
        for place in walk.writes:
            store(b, [pixel[place] for pixel in written], at[place], walk.stored, walk.past_caches)
    right.close(made)
    wide = []
    for which, before in enumerate(down.carried):
        row = right.carried[which]
        for line in range(1, lines):
            row = b.fadd(row, right.carried[line * totals + which])
        wide.append(b.fadd(before, b.fpext(row, DOUBLES)))
    down.close(wide)
    results = b.inttoptr(sums, F64.as_pointer())
    for which, x in enumerate(down.carried):
        place = b.gep(results, [ir.Constant(I64, which)])
        b.store(b.fadd(b.load(place), horizontal_sum(b, x)), place)


def _integers(b: Any, address: Any, count: int) -> list[Any]:
    at = b.inttoptr(address, I64.as_pointer())
    return [b.load(b.gep(at, [ir.Constant(I64, i)])) for i in range(count)]


def _images(b: Any, lanes: Any, halves: int) -> list[Any]:
    """For each vector of a pixel which of its lanes stand for one of the first ``lanes`` images."""
    kind = ir.VectorType(I32, LANES)
    one = b.insert_element(ir.Constant(kind, ir.Undefined), b.trunc(lanes, I32), ir.Constant(I32, 0))
    all_same = b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * LANES))
    numbers = [ir.Constant(kind, [halves * i + half for i in range(LANES)]) for half in range(halves)]
    return [b.icmp_signed("<", images, all_same) for images in numbers]
