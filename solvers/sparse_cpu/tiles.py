"""Vector code of the sparse convolutions: loops over non-zero weights with a tile of 16-lane vectors in registers.

Beside this, `planes` and `vectors` all of the package is plain numba and torch. Activations lie in memory as `blocks` says: a
pixel of a channel is 64 contiguous, aligned bytes, a vector of 16 images, or two of 32 images in bfloat16, and one weight meets a
vector as one broadcast. A tile is rows × cols such pixels, and 16 vectors of sums are in registers, for AVX-512 has 32: a larger
tile is taken in `turns`.

symbol      | argument          | meaning
------------|-------------------|-----------------------------------------------------------------------
R, C        | ``rows, cols``    | the tile, integer literals
s, t        | ``step_in, step_out`` | pixels from one column of the tile to the next, in the source and in the target; literals
            | ``source``        | address of the vector that offset 0 and the first entry of the tile stand for
oᵢ, wᵢ      | ``offsets, values`` | addresses of arrays of uint32 (bytes) and float32
            | ``starts``        | address of int64: segment n is i = starts[n] … starts[n + 1] − 1; one segment, or nine, see below
            | ``row_in, row_out`` | bytes from one row of the tile to the next
            | ``edges``         | literal: the sides of the image that the tile touches, 0 for one segment
            | ``stored``        | its type says how pixels are stored: float32, or uint16 for bfloat16

    gather:   out[r, c] = (out[r, c] if add else 0) + Σᵢ wᵢ · source[oᵢ + r·row_in + c·s·64]
    contract: sums[i] += Σ_{r, c, lanes} grad[r, c] · source[oᵢ + r·row_in + c·s·64]
    backpropagate: both, with ``near`` for grad, which lies as ``out`` does; ``mode`` ADD is add, and with GATE
        out[r, c] ← out[r, c] where near[r, c] > 0 or NaN, else 0, in the end

On a small image much of a 3×3 window lies in the border: of a 4×4 image 31 % of the products are with zeros. With ``edges`` the
non-zeros come in nine segments, by the shift of their tap, (−1, −1), (−1, 0), … (1, 1); the entries of the tile from which a
segment reaches into the border are left out. `prefetch` asks for the memory of a tile
that will be read, `claim` of one that will be written, `take_job` counts for all threads.

Addresses are plain integers and nothing is checked here: who calls answers for bounds and alignment (64 bytes).
"""

# ruff: noqa: ARG001 - numba looks up the arguments of an intrinsic by their number
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import (
    F32,
    FLOATS,
    I32,
    I64,
    ZERO,
    Loop,
    fma,
    halves,
    horizontal_sum,
    literals,
    load,
    prefetch_line,
    splat,
    store,
)

#: Sides of the image that a tile touches, added up.
TOP, BOTTOM, LEFT, RIGHT = 1, 2, 4, 8
#: Vectors of sums in registers.
_MOST = 16
_ACCUMULATORS = 2
Pixels = dict[int, list[Any]]
"""The vectors of entries of a tile."""
#: ``mode``, added up.
ADD, GATE = 1, 2


def _gather(
    typing: Any,
    rows: Any,
    cols: Any,
    step_in: Any,
    step_out: Any,
    edges: Any,
    stored: Any,
    source: Any,
    offsets: Any,
    values: Any,
    starts: Any,
    row_in: Any,
    out: Any,
    row_out: Any,
    add: Any,
) -> Any:
    """A tile of a sparse convolution: for all non-zeros of one output channel, or of one row of the transposed matrix."""
    shape = literals(rows, cols, step_in, step_out, edges)
    if shape is None:
        return None
    height, width, stride_in, stride_out, sides = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, offsets, values, starts, row_in, out, row_out, add = arguments[6:]
        offset_at, value_at = b.inttoptr(offsets, I32.as_pointer()), b.inttoptr(values, F32.as_pointer())
        places = _tile(b, out, row_out, height, width, stride_out)
        for turn in turns(height, width, halves(stored)):
            totals = _loaded_or_zero(b, places, turn, stored, add)
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *_bounds(b, starts, number), _vectors(totals, here))
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                weight = splat(b, b.load(b.gep(value_at, [loop.index])))
                pixels = _tile(b, b.add(source, offset), row_in, height, width, stride_in)
                carried, made = _pixels(loop.carried, here), []
                for i in here:
                    vectors = load(b, pixels[i], stored)
                    made += [fma(b, x, weight, total) for x, total in zip(vectors, carried[i], strict=True)]
                loop.close(made)
                totals |= carried
            for i in turn:
                store(b, totals[i], places[i], stored)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, step_out, edges, stored, *[types.int64] * 8), generate


# Without the first argument, which is numba's. A plain value: a decorator would show its reader an argument too many.
gather: Any = intrinsic(prefer_literal=True)(_gather)


def _contract(
    typing: Any,
    rows: Any,
    cols: Any,
    step_in: Any,
    step_grad: Any,
    edges: Any,
    stored: Any,
    source: Any,
    offsets: Any,
    sums: Any,
    starts: Any,
    row_in: Any,
    grad: Any,
    row_grad: Any,
) -> Any:
    """What a tile adds to the gradients of the non-zero weights of one output channel; ``sums`` is an address of float32."""
    shape = literals(rows, cols, step_in, step_grad, edges)
    if shape is None:
        return None
    height, width, stride_in, stride_grad, sides = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, offsets, sums, starts, row_in, grad, row_grad = arguments[6:]
        offset_at, sum_at = b.inttoptr(offsets, I32.as_pointer()), b.inttoptr(sums, F32.as_pointer())
        places = _tile(b, grad, row_grad, height, width, stride_grad)
        for turn in turns(height, width, halves(stored)):
            gradients = {i: load(b, places[i], stored) for i in turn}
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *_bounds(b, starts, number), [])
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                pixels = _tile(b, b.add(source, offset), row_in, height, width, stride_in)
                product = Product()
                for i in here:
                    product.add(b, load(b, pixels[i], stored), gradients[i])
                product.leave(b, b.gep(sum_at, [loop.index]))
                loop.close([])
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, step_grad, edges, stored, *[types.int64] * 7), generate


contract: Any = intrinsic(prefer_literal=True)(_contract)


def _backpropagate(
    typing: Any,
    rows: Any,
    cols: Any,
    step_in: Any,
    step_out: Any,
    edges: Any,
    stored: Any,
    source: Any,
    offsets: Any,
    values: Any,
    sums: Any,
    starts: Any,
    row_in: Any,
    near: Any,
    out: Any,
    row_out: Any,
    mode: Any,
) -> Any:
    """`gather` and `contract` at once: each vector of the source is read for both."""
    shape = literals(rows, cols, step_in, step_out, edges)
    if shape is None:
        return None
    height, width, stride_in, stride_out, sides = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, offsets, values, sums, starts, row_in, near, out, row_out, mode = arguments[6:]
        offset_at, value_at = b.inttoptr(offsets, I32.as_pointer()), b.inttoptr(values, F32.as_pointer())
        sum_at = b.inttoptr(sums, F32.as_pointer())
        places = _tile(b, out, row_out, height, width, stride_out)
        # These stay in the first cache: registers are for the tile of the output.
        beside = _tile(b, near, row_out, height, width, stride_out)
        for turn in turns(height, width, halves(stored)):
            totals = _loaded_or_zero(b, places, turn, stored, b.and_(mode, ir.Constant(I64, ADD)))
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *_bounds(b, starts, number), _vectors(totals, here))
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                weight = splat(b, b.load(b.gep(value_at, [loop.index])))
                pixels = _tile(b, b.add(source, offset), row_in, height, width, stride_in)
                carried, made, product = _pixels(loop.carried, here), [], Product()
                for i in here:
                    slopes = load(b, pixels[i], stored)
                    made += [fma(b, slope, weight, total) for slope, total in zip(slopes, carried[i], strict=True)]
                    product.add(b, slopes, load(b, beside[i], stored))
                product.leave(b, b.gep(sum_at, [loop.index]))
                loop.close(made)
                totals |= carried
            before = b.block
            with b.if_then(b.icmp_signed("!=", b.and_(mode, ir.Constant(I64, GATE)), ir.Constant(I64, 0))):
                gated = {i: _gated(b, totals[i], load(b, beside[i], stored)) for i in turn}
                then = b.block
            written = _either(b, totals, before, gated, then)
            for i in turn:
                store(b, written[i], places[i], stored)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, step_out, edges, stored, *[types.int64] * 10), generate


backpropagate: Any = intrinsic(prefer_literal=True)(_backpropagate)


def _prefetch(typing: Any, rows: Any, cols: Any, step_in: Any, source: Any, row_in: Any) -> Any:
    """Bring a tile of the source into the second cache."""
    shape = literals(rows, cols, step_in)
    if shape is None:
        return None
    height, width, stride = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, row_in = arguments[3:]
        for place in _tile(b, source, row_in, height, width, stride):
            prefetch_line(b, place)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, types.int64, types.int64), generate


prefetch: Any = intrinsic(prefer_literal=True)(_prefetch)


def _claim(typing: Any, rows: Any, cols: Any, step_in: Any, source: Any, row_in: Any) -> Any:
    """Make a tile of the target ready to be written."""
    shape = literals(rows, cols, step_in)
    if shape is None:
        return None
    height, width, stride = shape

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, row_in = arguments[3:]
        for place in _tile(b, source, row_in, height, width, stride):
            prefetch_line(b, place, True)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, types.int64, types.int64), generate


claim: Any = intrinsic(prefer_literal=True)(_claim)


def segments(rows: int, cols: int, edges: int) -> list[list[int]]:
    """For each segment the entries of the tile, row by row, that its taps reach without leaving the image."""
    if not edges:
        return [list(range(rows * cols))]
    found = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            first = 1 if down < 0 and edges & TOP else 0
            last = rows - 1 if down > 0 and edges & BOTTOM else rows
            left = 1 if right < 0 and edges & LEFT else 0
            far = cols - 1 if right > 0 and edges & RIGHT else cols
            found.append([r * cols + c for r in range(first, last) for c in range(left, far)])
    return found


def turns(rows: int, cols: int, halves: int) -> list[range]:
    """The entries of a tile that are computed together: all that fit into 16 registers, whole rows."""
    at_once = max(1, _MOST // (cols * halves)) * cols
    return [range(first, min(first + at_once, rows * cols)) for first in range(0, rows * cols, at_once)]


def _take_job(typing: Any, counter: Any) -> Any:
    """The next number of a counter that all threads share; ``counter``: address of an int64."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.atomic_rmw("add", b.inttoptr(arguments[0], I64.as_pointer()), ir.Constant(I64, 1), "monotonic")

    return types.int64(types.int64), generate


take_job: Any = intrinsic(_take_job)


def _bounds(b: Any, starts: Any, number: int) -> tuple[Any, Any]:
    """Where segment ``number`` begins and ends."""
    at = b.inttoptr(starts, I64.as_pointer())
    return b.load(b.gep(at, [ir.Constant(I64, number)])), b.load(b.gep(at, [ir.Constant(I64, number + 1)]))


def _loaded_or_zero(b: Any, places: list[Any], turn: range, stored: Any, is_loaded: Any) -> Pixels:
    """The vectors of the pixels of a turn."""
    before = b.block
    with b.if_then(b.icmp_signed("!=", is_loaded, ir.Constant(I64, 0))):
        loaded, then = {i: load(b, places[i], stored) for i in turn}, b.block
    return _either(b, {i: [ZERO] * len(pixel) for i, pixel in loaded.items()}, before, loaded, then)


def _either(b: Any, pixels: Pixels, before: Any, others: Pixels, then: Any) -> Pixels:
    """The vectors of the one of two blocks that led here."""
    chosen: Pixels = {}
    for i, pixel in pixels.items():
        chosen[i] = [b.phi(FLOATS) for _ in pixel]
        for phi, x, other in zip(chosen[i], pixel, others[i], strict=True):
            phi.add_incoming(x, before)
            phi.add_incoming(other, then)
    return chosen


class Product:
    """Σ x·y over vectors and lanes, in two accumulators: one would wait for its own last product."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._count = 0

    def add(self, b: Any, xs: list[Any], ys: list[Any]) -> None:
        for x, y in zip(xs, ys, strict=True):
            if self._count < _ACCUMULATORS:
                self._parts.append(fma(b, x, y, ZERO))
            else:
                which = self._count % _ACCUMULATORS
                self._parts[which] = fma(b, x, y, self._parts[which])
            self._count += 1

    def leave(self, b: Any, place: Any) -> None:
        """Add it onto a float32."""
        total = self._parts[0] if len(self._parts) == 1 else b.fadd(*self._parts)
        b.store(b.fadd(b.load(place), horizontal_sum(b, total)), place)


def _gated(b: Any, xs: list[Any], ys: list[Any]) -> list[Any]:
    """x where y > 0 or NaN, else 0."""
    return [b.select(b.fcmp_unordered(">", y, ZERO), x, ZERO) for x, y in zip(xs, ys, strict=True)]


def _vectors(pixels: Pixels, here: list[int]) -> list[Any]:
    return [x for i in here for x in pixels[i]]


def _pixels(vectors: list[Any], here: list[int]) -> Pixels:
    """The other way round."""
    each = len(vectors) // max(1, len(here))
    return {i: vectors[each * n : each * (n + 1)] for n, i in enumerate(here)}


def _tile(b: Any, base: Any, row: Any, height: int, width: int, step: int) -> list[Any]:
    """The addresses of the vectors of a tile, row by row."""
    places = []
    for r in range(height):
        base = b.add(base, row) if r else base
        pointer = b.inttoptr(base, FLOATS.as_pointer())
        places += [b.gep(pointer, [ir.Constant(I64, c * step)]) for c in range(width)]
    return places
