"""The words of vector code: 16 lanes of float32 in LLVM IR, loops, and how vectors are read, stored, made and added up.

A pixel in memory is one vector, or two where it is stored as bfloat16: the images with even numbers are the lower halves of 16
integers, those with odd ones the upper halves.

`tiles` and `planes` are written in them. LLVM lowers the same code for AVX-512, AVX2 and NEON.

numba keeps compiled kernels on disk and looks whether the file of the kernel has changed, not that of an intrinsic in it: who
edits this file, `tiles`, `tile_parts`, `tile_calls` or `planes` removes ``solvers/sparse_cpu/__pycache__`` before running anything.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, codegen, config

#: Floats in a vector of AVX-512.
LANES = 16
#: Bytes of a vector, and of a pixel in memory.
VECTOR = 4 * LANES

F32, F64, I32, I64 = ir.FloatType(), ir.DoubleType(), ir.IntType(32), ir.IntType(64)
FLOATS, DOUBLES, INTS = (ir.VectorType(kind, LANES) for kind in (F32, F64, I32))
ZERO = ir.Constant(FLOATS, [0.0] * LANES)
_get_or_insert_function: Any = cgutils.get_or_insert_function


class _BFloat(ir.Type):  # type: ignore[misc]
    """bfloat16, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"


_BF16 = _BFloat()
_features: Any = codegen.get_host_cpu_features
_asked: str | None = vars(config)["CPU_FEATURES"]
#: Whether the processor rounds to bfloat16 by an instruction; elsewhere LLVM would call a function for each number.
_HAS_ROUNDING = "+avx512bf16" in (_features() if _asked is None else _asked).split(",")


class Loop:
    """``for index in range(begin, end, step)`` with values carried from one turn to the next; ``close`` ends the body."""

    def __init__(self, b: Any, begin: Any, end: Any, carried: list[Any], step: int = 1) -> None:
        self.b, self.step, before = b, ir.Constant(I64, step), b.block
        self.head, body, self.exit = (b.append_basic_block(name) for name in ("head", "body", "exit"))
        b.branch(self.head)
        b.position_at_end(self.head)
        self.index = b.phi(I64)
        self.index.add_incoming(begin, before)
        self.carried = [b.phi(x.type) for x in carried]
        for phi, x in zip(self.carried, carried, strict=True):
            phi.add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", self.index, end), body, self.exit)
        b.position_at_end(body)

    def close(self, carried: list[Any]) -> None:
        self.index.add_incoming(self.b.add(self.index, self.step), self.b.block)
        for phi, x in zip(self.carried, carried, strict=True):
            phi.add_incoming(x, self.b.block)
        self.b.branch(self.head)
        self.b.position_at_end(self.exit)


def literals(*arguments: Any) -> tuple[int, ...] | None:
    """The values of literal integers; None lets numba try again with literal types."""
    if not all(isinstance(argument, types.IntegerLiteral) for argument in arguments):
        return None
    return tuple(argument.literal_value for argument in arguments)


def splat(b: Any, x: Any) -> Any:
    undefined = ir.Constant(FLOATS, ir.Undefined)
    first = b.insert_element(undefined, x, ir.Constant(I32, 0))
    return b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES))


def fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    kind = ir.FunctionType(FLOATS, [FLOATS] * 3)
    function = _get_or_insert_function(b.module, kind, f"llvm.fma.v{LANES}f32")
    return b.call(function, [x, y, z])


def halves(stored: Any) -> int:
    """Vectors of float32 in a pixel: 1, or 2 where it is stored as bfloat16: of the images with even and odd numbers.

    ``stored``: float32, or uint16 for bfloat16.
    """
    return 2 if stored == types.uint16 else 1


def load(b: Any, place: Any, stored: Any) -> list[Any]:
    """The vectors of a pixel."""
    if halves(stored) == 1:
        return [b.load(place, align=VECTOR)]
    both = b.load(b.bitcast(place, INTS.as_pointer()), align=VECTOR)
    return [b.bitcast(x, FLOATS) for x in (b.shl(both, _all(16)), b.and_(both, _all(_UPPER)))]


def store(b: Any, pixel: list[Any], place: Any, stored: Any, past_caches: bool = False) -> None:
    """Past the caches the memory is not read before it is overwritten; worth it where it would not stay there anyway."""
    if halves(stored) == 1:
        done = b.store(pixel[0], place, align=VECTOR)
    else:
        done = b.store(_interleaved(b, *pixel), b.bitcast(place, INTS.as_pointer()), align=VECTOR)
    if past_caches:
        done.set_metadata("nontemporal", b.module.add_metadata([ir.Constant(I32, 1)]))


_UPPER = 0xFFFF0000


def _interleaved(b: Any, even: Any, odd: Any) -> Any:
    """bfloat16 of two vectors, in turn."""
    if _HAS_ROUNDING:
        lower, upper = (
            b.zext(b.bitcast(b.fptrunc(x, ir.VectorType(_BF16, LANES)), ir.VectorType(ir.IntType(16), LANES)), INTS)
            for x in (even, odd)
        )
        return b.or_(lower, b.shl(upper, _all(16)))
    return b.or_(b.lshr(nearest(b, even), _all(16)), b.and_(nearest(b, odd), _all(_UPPER)))


def nearest(b: Any, x: Any) -> Any:
    """Of float32, one or a vector, integers whose upper halves are x as bfloat16, ties to even; the lower ones are anything."""
    kind = INTS if x.type == FLOATS else I32
    bits = b.bitcast(x, kind)
    last = b.and_(b.lshr(bits, _all(16, kind)), _all(1, kind))
    rounded = b.add(bits, b.add(last, _all(0x7FFF, kind)))
    # The sum would carry a NaN into the sign.
    return b.select(b.fcmp_unordered("uno", x, x), b.or_(bits, _all(0x400000, kind)), rounded)


def _all(number: int, kind: Any = INTS) -> Any:
    return ir.Constant(kind, [number] * LANES if kind == INTS else number)


def prefetch_line(b: Any, place: Any, write: bool = False) -> None:
    """Ask for the line at a pointer: for the second cache, or to ``write`` it soon."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    function = _get_or_insert_function(b.module, kind, "llvm.prefetch.p0i8")
    reading, near_second, data = (ir.Constant(I32, number) for number in ((1, 3, 1) if write else (0, 2, 1)))
    b.call(function, [b.bitcast(place, byte), reading, near_second, data])


def horizontal_sum(b: Any, x: Any) -> Any:
    """The sum of the lanes, by halves."""
    undefined = ir.Constant(x.type, ir.Undefined)
    half = LANES // 2
    while half:
        swap = [(i + half) % LANES for i in range(LANES)]
        x = b.fadd(x, b.shuffle_vector(x, undefined, ir.Constant(ir.VectorType(I32, LANES), swap)))
        half //= 2
    return b.extract_element(x, ir.Constant(I32, 0))
