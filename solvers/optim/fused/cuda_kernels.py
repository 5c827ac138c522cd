"""The kernels of `cuda`. A program reads its part and chunk, and of them a row of the table of addresses and one of numbers.

name               | meaning
-------------------|-------------------------------------------------------------------------
``table``          | (parts, 7): addresses of θ, g, v, m₁, m₂; entries, or groups; the size of a group
``numbers``        | (parts, 12): see `parts.Numbers`
``parts, chunks``  | of each program
``RULE``           | of `parts`
``SHRINKS``        | False where J = 0
``ALIGNED``        | whether all addresses are multiples of 16
``THETA, STATE``   | types of θ and g, and of the rest
"""

# triton reads the annotations of a kernel, and knows those of constants alone.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl

from .parts import ADABREG, LINBREG, MOMENTUM, PROXIMAL, Numbers

_LINBREG = tl.constexpr(LINBREG)
_MOMENTUM = tl.constexpr(MOMENTUM)
_ADABREG = tl.constexpr(ADABREG)
_PROXIMAL = tl.constexpr(PROXIMAL)
#: Columns of the table, and numbers of a part.
_COLUMNS = tl.constexpr(7)
_NUMBERS = tl.constexpr(len(Numbers._fields))


@triton.jit
def _tensor(row, column: tl.constexpr, kind: tl.constexpr, ALIGNED: tl.constexpr):
    """The tensor whose address stands in a column of a row of the table."""
    pointer = tl.load(row + column).to(tl.pointer_type(kind))
    return tl.multiple_of(pointer, 16) if ALIGNED else pointer


@triton.jit
def _read(place, inside):
    """The entries there, 0 outside; None: all are inside, which lets four of them come in one instruction."""
    if inside is None:
        return tl.load(place)
    else:
        return tl.load(place, mask=inside, other=0.0)


@triton.jit
def _moved(row, n, at, inside, RULE: tl.constexpr, ALIGNED: tl.constexpr, THETA: tl.constexpr, STATE: tl.constexpr):
    """v⁺ at some entries; it and the moments are written, with PROXIMAL nothing is."""
    theta = _read(_tensor(row, 0, THETA, ALIGNED) + at, inside).to(STATE)
    g = _read(_tensor(row, 1, THETA, ALIGNED) + at, inside).to(STATE)
    g = tl.load(n + 1) * g + tl.load(n + 2) * theta
    scale = tl.load(n + 7)
    if RULE == _PROXIMAL:
        v = theta - scale * g
    else:
        dual = _tensor(row, 2, STATE, ALIGNED) + at
        v = tl.load(n) * _read(dual, inside)
        if RULE == _LINBREG:
            v -= scale * g
        else:
            first = _tensor(row, 3, STATE, ALIGNED) + at
            m1 = tl.load(n + 3) * _read(first, inside) + tl.load(n + 4) * g
            tl.store(first, m1, mask=inside)
            if RULE == _MOMENTUM:
                v -= m1
            else:
                second = _tensor(row, 4, STATE, ALIGNED) + at
                m2 = tl.load(n + 5) * _read(second, inside) + tl.load(n + 6) * g * g
                tl.store(second, m2, mask=inside)
                v -= scale * m1 / (tl.sqrt(m2) / tl.load(n + 8) + tl.load(n + 9))
        tl.store(dual, v, mask=inside)
    return v


@triton.jit
def _step(
    row,
    n,
    at,
    inside,
    RULE: tl.constexpr,
    SHRINKS: tl.constexpr,
    ALIGNED: tl.constexpr,
    THETA: tl.constexpr,
    STATE: tl.constexpr,
):
    z = tl.load(n + 10) * _moved(row, n, at, inside, RULE, ALIGNED, THETA, STATE)
    if SHRINKS:
        threshold = tl.load(n + 11)
        z -= tl.minimum(tl.maximum(z, -threshold), threshold)
    tl.store(_tensor(row, 0, THETA, ALIGNED) + at, z.to(THETA), mask=inside)


@triton.jit
def update_entries(
    table,
    numbers,
    parts,
    chunks,
    RULE: tl.constexpr,
    SHRINKS: tl.constexpr,
    ALIGNED: tl.constexpr,
    THETA: tl.constexpr,
    STATE: tl.constexpr,
    TILE: tl.constexpr,
):
    """J = 0, or groups of one entry."""
    part = tl.load(parts + tl.program_id(0))
    row, n = table + part * _COLUMNS, numbers + part * _NUMBERS
    low = tl.load(chunks + tl.program_id(0)).to(tl.int64) * TILE
    at = low + tl.arange(0, TILE)
    if low + TILE <= tl.load(row + 5):
        _step(row, n, at, None, RULE, SHRINKS, ALIGNED, THETA, STATE)
    else:
        _step(row, n, at, at < tl.load(row + 5), RULE, SHRINKS, ALIGNED, THETA, STATE)


@triton.jit
def update_groups(
    table,
    numbers,
    parts,
    chunks,
    RULE: tl.constexpr,
    SHRINKS: tl.constexpr,  # noqa: ARG001 - both kernels are called alike
    ALIGNED: tl.constexpr,
    THETA: tl.constexpr,
    STATE: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Groups of more entries: ROWS of them, TILE entries of each at a time."""
    part = tl.load(parts + tl.program_id(0))
    row, n = table + part * _COLUMNS, numbers + part * _NUMBERS
    count, size = tl.load(row + 5), tl.load(row + 6)
    group = tl.load(chunks + tl.program_id(0)).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, TILE)
    first = group[:, None] * size + column[None, :]
    theta = _tensor(row, 0, THETA, ALIGNED)
    delta, threshold = tl.load(n + 10), tl.load(n + 11)
    square = tl.zeros([ROWS], STATE)
    for start in range(0, size, TILE):
        inside = (group[:, None] < count) & (start + column[None, :] < size)
        z = delta * _moved(row, n, first + start, inside, RULE, ALIGNED, THETA, STATE)
        square += tl.sum(tl.where(inside, z * z, 0.0), axis=1)
    norm = tl.sqrt(square)
    factor = tl.where(norm > threshold, delta * (1 - threshold / norm), 0.0)
    tl.debug_barrier()  # what was written is read by other threads, perhaps
    for start in range(0, size, TILE):
        inside = (group[:, None] < count) & (start + column[None, :] < size)
        if RULE == _PROXIMAL:
            v = _moved(row, n, first + start, inside, RULE, ALIGNED, THETA, STATE)
        else:
            v = tl.load(_tensor(row, 2, STATE, ALIGNED) + first + start, mask=inside, other=0.0)
        tl.store(theta + first + start, (factor[:, None] * v).to(THETA), mask=inside)
