"""Activations as tensors of autograd: in, out, to several readers. The layers are in `functions`.

A gradient has the grid of its activation: zero borders and spare lanes, so autograd may add two of them up. Gradients of
weights are dense tensors. Each function is differentiable once, and says so where a graph of its gradient is wanted.

class        | y
-------------|---------------------------------------------------------------------------
`Pack`       | images or rows into the layout
`Unpack`     | back again
`Share`      | the same activation for several readers, whose gradients are added up in one buffer
`Flatten`    | pixels become channels
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from . import elementwise
from .blocks import Blocked, Grid, pack, unpack
from .buffers import Buffers

Function: Any = torch.autograd.Function


def once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """torch's own `once_differentiable` raises nothing where the incoming gradient is a constant: terms would be lost."""

    @functools.wraps(backward)
    def checked(ctx: Any, *gradients: Any) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError("sparse layers can be differentiated once: create_graph must be False, got True")
        return backward(ctx, *gradients)

    return checked


def _packed(x: Tensor, buffers: Buffers, grid: Grid) -> Tensor:
    y = pack(x, buffers.take(grid))
    if grid.images % grid.lanes:  # where an infinite weight met a spare lane there is NaN left
        y.interior[-1, ..., grid.images % grid.lanes :] = 0
    return y.memory


@final
class Pack(Function):  # type: ignore[misc]
    """x: float32 of shape (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, buffers: Buffers, grid: Grid) -> Tensor:
        ctx.grid = grid
        return _packed(x.detach(), buffers, grid)

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        return unpack(Blocked(dy, ctx.grid)), None, None


@final
class Unpack(Function):  # type: ignore[misc]
    """Shape (N, C, H, W), contiguous."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, buffers: Buffers, grid: Grid) -> Tensor:
        ctx.grid, ctx.buffers = grid, buffers
        return unpack(Blocked(x.detach(), grid))

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        return _packed(dy, ctx.buffers, ctx.grid), None, None


@final
class Meeting:
    """Where readers of one activation meet in a backward pass: one leaves its gradient, the next may add onto it.

    A reader that has added gives no gradient of its own. Nobody else may see a gradient that is left here.
    """

    def __init__(self) -> None:
        self._left: tuple[int, Blocked] | None = None
        self.changes = 0
        """How often a reader was given what was left, to add onto it."""

    def leave(self, gradient: Blocked) -> None:
        """For the rest of this backward pass; the first one stays."""
        if self.left is None:
            self._left = torch._C._current_graph_task_id(), gradient

    @property
    def left(self) -> Blocked | None:
        """What was left in this backward pass: one may end before it comes to the activation, and another one begin."""
        if self._left is None or self._left[0] != torch._C._current_graph_task_id():
            return None
        return self._left[1]

    def take(self) -> Blocked | None:
        """`left`, to add onto it."""
        left = self.left
        self.changes += left is not None
        return left


class _Closed(NamedTuple):
    """A gradient that is gated, in one backward pass, for as long as nobody adds onto it."""

    task: int
    gradient: Tensor
    meeting: Meeting | None
    changes: int


@final
class Gate:
    """Between a ReLU and the convolutions that read its output y: who writes the gradient of y last can set it to 0 where y ≤ 0.

    The ReLU then has neither to read y nor to write what it makes of the gradient. Where things go another way nothing is lost:
    a gradient, or a part of it, may be gated twice.
    """

    def __init__(self) -> None:
        self._closed: _Closed | None = None

    def close(self, gradient: Blocked, meeting: Meeting | None, adds: bool, whole: bool) -> None:
        """All that a convolution has written is gated.

        ``adds``: onto what another reader had left; ``whole``: whether it writes all pixels.
        """
        changes = 0 if meeting is None else meeting.changes
        if not adds or whole or self._is(gradient.memory, changes - 1):
            self._closed = _Closed(torch._C._current_graph_task_id(), gradient.memory, meeting, changes)

    def is_closed(self, gradient: Tensor) -> bool:
        """Whether all of the gradient is gated; asked once."""
        closed = self._closed
        changes = 0 if closed is None or closed.meeting is None else closed.meeting.changes
        gated = self._is(gradient, changes)
        self._closed = None
        return gated

    def _is(self, gradient: Tensor, changes: int) -> bool:
        closed = self._closed
        return (
            closed is not None
            and closed.task == torch._C._current_graph_task_id()
            and closed.gradient.data_ptr() == gradient.data_ptr()
            and closed.changes == changes
        )


@final
class Share(Function):  # type: ignore[misc]
    """``readers`` times x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, buffers: Buffers, grid: Grid, readers: int) -> tuple[Tensor, ...]:
        ctx.grid, ctx.buffers = grid, buffers
        ctx.set_materialize_grads(False)
        return tuple(x.detach() for _ in range(readers))

    @staticmethod
    @once
    def backward(ctx: Any, *dys: Tensor | None) -> Any:
        there = [Blocked(dy, ctx.grid) for dy in dys if dy is not None]
        if len(there) < 2:
            return there[0].memory if there else None, None, None, None
        total = ctx.buffers.take(ctx.grid)
        elementwise.add(there[0], total, there[1])
        for dy in there[2:]:
            elementwise.add(total, total, dy)
        return total.memory, None, None, None


@final
class Flatten(Function):  # type: ignore[misc]
    """(N, C, H, W) → (N, C·H·W, 1, 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, buffers: Buffers, source: Grid, target: Grid) -> Tensor:
        ctx.buffers, ctx.source, ctx.target = buffers, source, target
        return _rearranged(Blocked(x.detach(), source), buffers.take(target)).memory

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        return _rearranged(Blocked(dy, ctx.target), ctx.buffers.take(ctx.source)).memory, None, None, None


def _rearranged(x: Blocked, y: Blocked) -> Blocked:
    y.interior.copy_(x.interior.reshape(y.interior.shape))
    return y
