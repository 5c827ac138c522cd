"""The tiles of `tiles` for a kind, edges and steps known only when it runs: an intrinsic has literal shapes, each its own call.

number    | meaning
----------|----------------------------------------------------------------------------------------------------
``kind``  | of a tile: 0: 2 × 8, 1: 4 × 4, 2: 2 × 2, 3: 1 × 1 pixels, of all images of a block
``edges`` | as `cover.bordering` gives them: all four sides of an image of one tile, or the two of a corner; 0: none
``step``  | between its pixels, 1 or 2, where it is read or written
"""

from __future__ import annotations

from numba import njit

from .tiles import backpropagate, claim, contract, gather, prefetch


@njit(cache=True)
def gather_tile(  # type: ignore[no-untyped-def]
    kind, edges, step_in, step_out, stored, src, offsets, values, starts, row_in, dst, row_out, add
):
    if edges == 15:
        gather(4, 4, 1, 1, 15, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif edges == 5:
        gather(4, 4, 1, 1, 5, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif edges == 9:
        gather(4, 4, 1, 1, 9, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif edges == 6:
        gather(4, 4, 1, 1, 6, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif edges == 10:
        gather(4, 4, 1, 1, 10, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif kind == 3:
        gather(1, 1, 1, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif step_in == 2:
        if kind == 0:
            gather(2, 8, 2, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
        elif kind == 1:
            gather(4, 4, 2, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
        else:
            gather(2, 2, 2, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif step_out == 2:
        if kind == 0:
            gather(2, 8, 1, 2, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
        elif kind == 1:
            gather(4, 4, 1, 2, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
        else:
            gather(2, 2, 1, 2, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif kind == 0:
        gather(2, 8, 1, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    elif kind == 1:
        gather(4, 4, 1, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)
    else:
        gather(2, 2, 1, 1, 0, stored, src, offsets, values, starts, row_in, dst, row_out, add)


@njit(cache=True)
def contract_tile(kind, edges, step, stored, src, offsets, sums, starts, row_in, grad, row_grad):  # type: ignore[no-untyped-def]
    if edges == 15:
        contract(4, 4, 1, 1, 15, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif edges == 5:
        contract(4, 4, 1, 1, 5, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif edges == 9:
        contract(4, 4, 1, 1, 9, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif edges == 6:
        contract(4, 4, 1, 1, 6, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif edges == 10:
        contract(4, 4, 1, 1, 10, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif kind == 3:
        contract(1, 1, 1, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif step == 2:
        if kind == 0:
            contract(2, 8, 2, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
        elif kind == 1:
            contract(4, 4, 2, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
        else:
            contract(2, 2, 2, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif kind == 0:
        contract(2, 8, 1, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    elif kind == 1:
        contract(4, 4, 1, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)
    else:
        contract(2, 2, 1, 1, 0, stored, src, offsets, sums, starts, row_in, grad, row_grad)


@njit(cache=True)
def backpropagate_tile(  # type: ignore[no-untyped-def]
    kind, edges, step_out, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode
):
    if edges == 15:
        backpropagate(4, 4, 1, 1, 15, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif edges == 5:
        backpropagate(4, 4, 1, 1, 5, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif edges == 9:
        backpropagate(4, 4, 1, 1, 9, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif edges == 6:
        backpropagate(4, 4, 1, 1, 6, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif edges == 10:
        backpropagate(4, 4, 1, 1, 10, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif kind == 3:
        backpropagate(1, 1, 1, 1, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif step_out == 2:
        if kind == 0:
            backpropagate(2, 8, 1, 2, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
        elif kind == 1:
            backpropagate(4, 4, 1, 2, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
        else:
            backpropagate(2, 2, 1, 2, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif kind == 0:
        backpropagate(2, 8, 1, 1, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    elif kind == 1:
        backpropagate(4, 4, 1, 1, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)
    else:
        backpropagate(2, 2, 1, 1, 0, stored, src, offsets, values, sums, starts, row_in, near, dst, row_out, mode)


@njit(inline="always")
def prefetch_tile(kind, step_in, src, row_in):  # type: ignore[no-untyped-def]
    if kind == 0 and step_in == 1:
        prefetch(2, 8, 1, src, row_in)
    elif kind == 0 and step_in == 2:
        prefetch(2, 8, 2, src, row_in)
    elif kind == 1 and step_in == 1:
        prefetch(4, 4, 1, src, row_in)
    elif kind == 1 and step_in == 2:
        prefetch(4, 4, 2, src, row_in)


@njit(inline="always")
def claim_tile(kind, step_out, dst, row_out):  # type: ignore[no-untyped-def]
    if kind == 0 and step_out == 1:
        claim(2, 8, 1, dst, row_out)
    elif kind == 0 and step_out == 2:
        claim(2, 8, 2, dst, row_out)
    elif kind == 1 and step_out == 1:
        claim(4, 4, 1, dst, row_out)
    elif kind == 1 and step_out == 2:
        claim(4, 4, 2, dst, row_out)
