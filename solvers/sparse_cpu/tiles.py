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

from .tile_parts import (
    Product,
    bounds,
    either,
    gated,
    loaded_or_zero,
    pixels_of,
    places_of,
    segments,
    turns,
    vectors_of,
)
from .vectors import F32, I32, I64, Loop, fma, halves, literals, load, prefetch_line, splat, store

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
        places = places_of(b, out, row_out, height, width, stride_out)
        for turn in turns(height, width, halves(stored)):
            totals = loaded_or_zero(b, places, turn, stored, add)
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *bounds(b, starts, number), vectors_of(totals, here))
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                weight = splat(b, b.load(b.gep(value_at, [loop.index])))
                pixels = places_of(b, b.add(source, offset), row_in, height, width, stride_in)
                carried, made = pixels_of(loop.carried, here), []
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
        places = places_of(b, grad, row_grad, height, width, stride_grad)
        for turn in turns(height, width, halves(stored)):
            gradients = {i: load(b, places[i], stored) for i in turn}
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *bounds(b, starts, number), [])
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                pixels = places_of(b, b.add(source, offset), row_in, height, width, stride_in)
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
        places = places_of(b, out, row_out, height, width, stride_out)
        # These stay in the first cache: registers are for the tile of the output.
        beside = places_of(b, near, row_out, height, width, stride_out)
        for turn in turns(height, width, halves(stored)):
            totals = loaded_or_zero(b, places, turn, stored, b.and_(mode, ir.Constant(I64, ADD)))
            for number, segment in enumerate(segments(height, width, sides)):
                here = [i for i in segment if i in turn]
                loop = Loop(b, *bounds(b, starts, number), vectors_of(totals, here))
                offset = b.zext(b.load(b.gep(offset_at, [loop.index])), I64)
                weight = splat(b, b.load(b.gep(value_at, [loop.index])))
                pixels = places_of(b, b.add(source, offset), row_in, height, width, stride_in)
                carried, made, product = pixels_of(loop.carried, here), [], Product()
                for i in here:
                    slopes = load(b, pixels[i], stored)
                    made += [fma(b, slope, weight, total) for slope, total in zip(slopes, carried[i], strict=True)]
                    product.add(b, slopes, load(b, beside[i], stored))
                product.leave(b, b.gep(sum_at, [loop.index]))
                loop.close(made)
                totals |= carried
            before = b.block
            with b.if_then(b.icmp_signed("!=", b.and_(mode, ir.Constant(I64, GATE)), ir.Constant(I64, 0))):
                closed = {i: gated(b, totals[i], load(b, beside[i], stored)) for i in turn}
                then = b.block
            written = either(b, totals, before, closed, then)
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
        for place in places_of(b, source, row_in, height, width, stride):
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
        for place in places_of(b, source, row_in, height, width, stride):
            prefetch_line(b, place, True)
        return context.get_dummy_value()

    return types.void(rows, cols, step_in, types.int64, types.int64), generate


claim: Any = intrinsic(prefer_literal=True)(_claim)


def _take_job(typing: Any, counter: Any) -> Any:
    """The next number of a counter that all threads share; ``counter``: address of an int64."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.atomic_rmw("add", b.inttoptr(arguments[0], I64.as_pointer()), ir.Constant(I64, 1), "monotonic")

    return types.int64(types.int64), generate


take_job: Any = intrinsic(_take_job)
