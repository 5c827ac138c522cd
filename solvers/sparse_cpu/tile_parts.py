"""What the vector code of `tiles` is made of: places and vectors of a tile, in which turns and segments it is computed.

A tile is rows × cols pixels; its entries are numbered row by row. `Pixels` are the vectors of some of them, one for each, or two
where pixels are stored as bfloat16.
"""

from __future__ import annotations

from typing import Any, final

from llvmlite import ir

from .vectors import FLOATS, I64, ZERO, fma, horizontal_sum, load

#: Sides of the image that a tile touches, added up.
TOP, BOTTOM, LEFT, RIGHT = 1, 2, 4, 8
#: Vectors of sums in registers.
_MOST = 16
_ACCUMULATORS = 2
Pixels = dict[int, list[Any]]
"""The vectors of entries of a tile."""


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


def bounds(b: Any, starts: Any, number: int) -> tuple[Any, Any]:
    """Where segment ``number`` begins and ends."""
    at = b.inttoptr(starts, I64.as_pointer())
    return b.load(b.gep(at, [ir.Constant(I64, number)])), b.load(b.gep(at, [ir.Constant(I64, number + 1)]))


def loaded_or_zero(b: Any, places: list[Any], turn: range, stored: Any, is_loaded: Any) -> Pixels:
    """The vectors of the pixels of a turn."""
    before = b.block
    with b.if_then(b.icmp_signed("!=", is_loaded, ir.Constant(I64, 0))):
        loaded, then = {i: load(b, places[i], stored) for i in turn}, b.block
    return either(b, {i: [ZERO] * len(pixel) for i, pixel in loaded.items()}, before, loaded, then)


def either(b: Any, pixels: Pixels, before: Any, others: Pixels, then: Any) -> Pixels:
    """The vectors of the one of two blocks that led here."""
    chosen: Pixels = {}
    for i, pixel in pixels.items():
        chosen[i] = [b.phi(FLOATS) for _ in pixel]
        for phi, x, other in zip(chosen[i], pixel, others[i], strict=True):
            phi.add_incoming(x, before)
            phi.add_incoming(other, then)
    return chosen


@final
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


def gated(b: Any, xs: list[Any], ys: list[Any]) -> list[Any]:
    """x where y > 0 or NaN, else 0."""
    return [b.select(b.fcmp_unordered(">", y, ZERO), x, ZERO) for x, y in zip(xs, ys, strict=True)]


def vectors_of(pixels: Pixels, here: list[int]) -> list[Any]:
    return [x for i in here for x in pixels[i]]


def pixels_of(vectors: list[Any], here: list[int]) -> Pixels:
    """The other way round."""
    each = len(vectors) // max(1, len(here))
    return {i: vectors[each * n : each * (n + 1)] for n, i in enumerate(here)}


def places_of(b: Any, base: Any, row: Any, height: int, width: int, step: int) -> list[Any]:
    """The addresses of the vectors of a tile, row by row."""
    places = []
    for r in range(height):
        base = b.add(base, row) if r else base
        pointer = b.inttoptr(base, FLOATS.as_pointer())
        places += [b.gep(pointer, [ir.Constant(I64, c * step)]) for c in range(width)]
    return places
