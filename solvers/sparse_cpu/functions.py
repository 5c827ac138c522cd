"""The layers as functions of autograd, on the flat memories of activations; see `autograd` for what holds of all.

class        | y
-------------|---------------------------------------------------------------------------
`Multiply`   | a sparse convolution or linear layer, with a bias
`Normalise`  | batch norm, with residual and ReLU
`Add`        | a (+ b), then ReLU or not
`Pool`       | largest or mean of windows

form      | the gradient of a weight
----------|------------------------------------------------------------------------------------------
`whole`   | all of it
`pattern` | 0 outside the pattern, a dense tensor
`sparse`  | a sparse COO tensor of the pattern; its indices are the same tensor in each step
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from . import backward, batch_norm, convolution, elementwise, linear, pooling
from .autograd import Function, Gate, Meeting, once
from .blocks import Blocked, Grid, unpack
from .buffers import Buffers
from .convolution import NonZeros
from .geometry import Geometry
from .linear import LinearPlan
from .patterns import spread
from .plan import Plan

Form = Literal["whole", "pattern", "sparse"]


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """A sparse layer: the plan of its non-zeros."""

    plan: Plan | LinearPlan
    buffers: Buffers

    @property
    def untouched(self) -> Any:
        """Names the writer of input gradients where some pixels of the input meet no tap; None where all do."""
        if isinstance(self.plan, LinearPlan):
            return None
        g = self.plan.geometry
        within = all(k >= s and d == 1 for k, s, d in zip(g.kernel, g.stride, g.dilation, strict=True))
        return None if within or g.stride == (1, 1) else g

    def forward(self, weight: Tensor, x: Blocked, y: Blocked) -> NonZeros | None:
        """The weights that it has gathered, for the backward pass."""
        if isinstance(self.plan, LinearPlan):
            linear.forward(self.plan, weight, x, y)
            return None
        gathered = convolution.non_zeros(self.plan, weight)
        convolution.forward(self.plan, gathered, x, y)
        return gathered

    def gradients(
        self,
        weight: Tensor,
        gathered: NonZeros | None,
        x: Blocked,
        dy: Blocked,
        meeting: Meeting | None,
        form: Form,
        wanted: tuple[bool, bool],
        gate: Gate | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Of the input and the weight, as ``wanted``; the first is None where it was added onto what another reader had left.

        The second has the shape of the weight. ``gathered``: of the forward pass.
        ``gate``: of what made x.
        """
        of_x, of_weight = wanted
        if isinstance(self.plan, LinearPlan) or not of_x:
            target, adds = (self.buffers.take(self.plan.x) if of_x else None), False
        else:
            target, adds = self._target(meeting)
        values = self._values(weight, gathered, x, dy, target, adds, of_weight and form != "whole", gate is not None)
        if gate is not None and target is not None and values is not None and isinstance(self.plan, Plan):
            gate.close(target, meeting, adds, self.plan.reaches_all)
        dx = None if target is None or adds else target.memory
        if not of_weight:
            return dx, None
        return dx, self._dense(weight, x, dy) if values is None else self._formed(values, weight, form)

    def _target(self, meeting: Meeting | None) -> tuple[Blocked, bool]:
        """Where the gradient of the input goes, and whether it is added there onto that of another reader."""
        left = None if meeting is None else meeting.take()
        if left is not None:
            return left, True
        target = self.buffers.take(self.plan.x, self.untouched if meeting is None else None)
        if meeting is not None:
            if self.untouched is not None:
                target.memory.zero_()
            meeting.leave(target)
        return target, False

    def _values(
        self,
        weight: Tensor,
        gathered: NonZeros | None,
        x: Blocked,
        dy: Blocked,
        target: Blocked | None,
        adds: bool,
        wanted: bool,
        gates: bool,
    ) -> Tensor | None:
        """Write the gradient of the input where there is a target; the gradients of the non-zeros where they are wanted.

        ``gates``: where both are written, the first one where x > 0 alone.
        """
        if isinstance(self.plan, LinearPlan):
            if target is not None:
                linear.input_gradient(self.plan, weight, dy, target)
            return linear.weight_gradient(self.plan, x, dy) if wanted else None
        known = weight if gathered is None else gathered
        if target is not None and wanted:
            return backward.gradients(self.plan, known, x, dy, target, adds, gates)
        if target is not None:
            convolution.input_gradient(self.plan, known, dy, target, adds)
        return convolution.weight_gradient(self.plan, x, dy) if wanted else None

    def _formed(self, values: Tensor, weight: Tensor, form: Form) -> Tensor:
        if form == "sparse":
            return torch.sparse_coo_tensor(
                self.plan.pattern.indices, values, weight.shape, is_coalesced=True, check_invariants=False
            )
        flat = self.buffers.take_flat(weight.numel())
        spread(values, self.plan.pattern.positions, flat)
        return flat.view(weight.shape)

    def _dense(self, weight: Tensor, x: Blocked, dy: Blocked) -> Tensor:
        wide, slopes = unpack(x), unpack(dy)
        if isinstance(self.plan, LinearPlan):
            return slopes.flatten(1).T @ wide.flatten(1)
        g = self.plan.geometry
        _, gradient, _ = torch.ops.aten.convolution_backward(
            slopes, wide, weight.detach(), None, g.stride, g.padding, g.dilation, False, (0, 0), 1, (False, True, False)
        )
        return gradient  # type: ignore[no-any-return]


@final
class Multiply(Function):  # type: ignore[misc]
    """A `Layer`; ``form``: of the gradient of the weight.

    ``meeting``: of the readers of x, where there are several; ``gate``: of the ReLU that made x.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        layer: Layer,
        form: Form,
        meeting: Meeting | None,
        gate: Gate | None = None,
    ) -> Tensor:
        ctx.layer, ctx.form, ctx.meeting, ctx.gate = layer, form, meeting, gate
        ctx.save_for_backward(x, weight)
        y = layer.buffers.take(layer.plan.y)
        ctx.gathered = layer.forward(weight, Blocked(x.detach(), layer.plan.x), y)
        if bias is not None:
            elementwise.add(y, y, bias=bias)
        return y.memory

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        layer, (x, weight) = ctx.layer, ctx.saved_tensors
        slope, dbias = Blocked(dy, layer.plan.y), None
        dx, dweight = layer.gradients(
            weight, ctx.gathered, Blocked(x, layer.plan.x), slope, ctx.meeting, ctx.form, ctx.needs_input_grad[:2],
            ctx.gate,
        )  # fmt: skip
        if ctx.needs_input_grad[2]:
            dbias = torch.from_numpy(elementwise.channel_sums(slope)).float()
        return dx, dweight, dbias, None, None, None, None


@final
@dataclass(frozen=True, eq=False)
class Norm:
    """What a batch norm needs beside tensors: the grids of x, y and the residual, ``given`` statistics or those of the batch."""

    buffers: Buffers
    x: Grid
    y: Grid
    residual: Grid | None
    eps: float
    relu: bool
    given: batch_norm.Statistics | None
    update: Callable[[batch_norm.Statistics, int], None] | None
    """Called with the statistics of a batch and n."""


@final
class Normalise(Function):  # type: ignore[misc]
    """A `Norm`; ``meeting``: of the readers of the residual, where there are several; ``gate``: for the readers of y."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        residual: Tensor | None,
        norm: Norm,
        meeting: Meeting | None,
        gate: Gate | None = None,
    ) -> Tensor:
        y, source = norm.buffers.take(norm.y), Blocked(x.detach(), norm.x)
        beside = None if residual is None or norm.residual is None else Blocked(residual.detach(), norm.residual)
        used = batch_norm.normalise(source, y, norm.given, weight, bias, norm.eps, beside, norm.relu)
        if norm.update is not None:
            norm.update(used, batch_norm.count(source))
        ctx.norm, ctx.used, ctx.meeting, ctx.gate = norm, used, meeting, gate
        by_sign = norm.relu and residual is not None
        ctx.save_for_backward(x, weight, bias, y.memory if by_sign else None)
        return y.memory

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        norm, (x, weight, bias, y) = ctx.norm, ctx.saved_tensors
        slope, dx = Blocked(dy, norm.y), norm.buffers.take(norm.x)
        output = None if y is None else Blocked(y, norm.y)
        gated = ctx.gate is not None and ctx.gate.is_closed(dy)
        relu, dr = norm.relu and not gated, None
        if norm.residual is not None and (relu or norm.residual != norm.y):
            dr = norm.buffers.take(norm.residual)
            if not relu:
                elementwise.add(slope, dr)
        elif norm.residual is not None and gated:
            dr = slope  # nobody else sees what a convolution wrote
        sums = batch_norm.gradients(
            Blocked(x, norm.x), slope, dx, ctx.used, norm.given is None, weight, bias, norm.eps, relu,
            output if relu else None, dr if relu else None,
        )  # fmt: skip
        dweight = torch.from_numpy(sums.weight).float() if ctx.needs_input_grad[1] else None
        dbias = torch.from_numpy(sums.bias).float() if ctx.needs_input_grad[2] else None
        dresidual = None
        if norm.residual is not None:
            dresidual = dy if dr is None else dr.memory
            if dr is not None and ctx.meeting is not None:
                ctx.meeting.leave(dr)
        return dx.memory, dweight, dbias, dresidual, None, None, None


@final
@dataclass(frozen=True, eq=False)
class Sum:
    """The grids of a, b and y; whether a ReLU follows."""

    buffers: Buffers
    a: Grid
    b: Grid | None
    y: Grid
    relu: bool


@final
class Add(Function):  # type: ignore[misc]
    """A `Sum`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor | None, total: Sum) -> Tensor:
        y = total.buffers.take(total.y)
        beside = None if b is None or total.b is None else Blocked(b.detach(), total.b)
        elementwise.add(Blocked(a.detach(), total.a), y, beside, relu=total.relu)
        ctx.total = total
        ctx.save_for_backward(y.memory if total.relu else None)
        return y.memory

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        total, (y,) = ctx.total, ctx.saved_tensors
        made: dict[Grid, Tensor] = {} if total.relu else {total.y: dy}
        for grid in (total.a, total.b):
            if grid is not None and grid not in made:
                target = total.buffers.take(grid)
                if y is None:
                    elementwise.add(Blocked(dy, total.y), target)
                else:
                    elementwise.relu_gradient(Blocked(y, total.y), Blocked(dy, total.y), target)
                made[grid] = target.memory
        return made[total.a], None if total.b is None else made[total.b], None


@final
@dataclass(frozen=True, eq=False)
class Pooling:
    """A window over a grid; ``largest`` or the mean."""

    buffers: Buffers
    x: Grid
    y: Grid
    window: Geometry
    largest: bool
    count_padding: bool = True


@final
class Pool(Function):  # type: ignore[misc]
    """A `Pooling`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: Pooling) -> Tensor:
        source, y = Blocked(x.detach(), pool.x), pool.buffers.take(pool.y)
        ctx.pool, ctx.winners = pool, None
        if pool.largest:
            ctx.winners = pooling.largest(source, y, pool.window)
        else:
            pooling.mean(source, y, pool.window, pool.count_padding)
        return y.memory

    @staticmethod
    @once
    def backward(ctx: Any, dy: Tensor) -> Any:
        pool = ctx.pool
        slope, dx = Blocked(dy, pool.y), pool.buffers.take(pool.x)
        if pool.largest:
            pooling.largest_gradient(ctx.winners, slope, dx, pool.window)
        else:
            pooling.mean_gradient(slope, dx, pool.window, pool.count_padding)
        return dx.memory, None
