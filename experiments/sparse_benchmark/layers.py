"""Single layers of ResNet18 and linear ones: forward, gradient of the input, gradient of the weights, each on its own.

symbol      | meaning
------------|----------------------------------------------------------------------------------------------------------
useful      | 2 × the products of a non-zero weight and a pixel inside the image, of all images: for each of the three
ours        | in the blocked layout, without conversions; weights gathered anew in each call
dense, …    | torch's three kernels (``aten::convolution_backward`` with one output at a time)
sparseprop  | forward and both gradients at once (``gradients``), from and to torch's layout

GFLOP/s are the useful ones of all three over their time, for everyone: a dense kernel does more than these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...solvers.sparse_cpu import convolution, linear
from ...solvers.sparse_cpu.blocks import Grid, pack, zeros
from ...solvers.sparse_cpu.geometry import Geometry
from ...solvers.sparse_cpu.linear import LinearPlan
from ...solvers.sparse_cpu.plan import Plan
from . import sparseprop
from .turns import Parts, Step, summary, take_turns

Record = dict[str, Any]
LAYER_CONTENDERS = ("ours", "dense", "channels-last", "bf16-channels-last", "sparseprop")


@final
@dataclass(frozen=True)
class Layer:
    """A convolution with padding ⌊kernel/2⌋ on square images; ``size`` 0: a linear layer."""

    inputs: int
    outputs: int
    size: int = 0
    kernel: int = 1
    stride: int = 1

    @property
    def title(self) -> str:
        """For a table."""
        if not self.size:
            return f"linear {self.inputs} → {self.outputs}"
        strided = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}×{self.kernel} {self.inputs} → {self.outputs}, {self.size}×{self.size}{strided}"

    @property
    def out(self) -> int:
        """Pixels of a side of the output."""
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1 if self.size else 1

    def module(self) -> nn.Conv2d | nn.Linear:
        """torch's, without bias."""
        if not self.size:
            return nn.Linear(self.inputs, self.outputs, bias=False)
        return nn.Conv2d(self.inputs, self.outputs, self.kernel, self.stride, self.kernel // 2, bias=False)


LAYERS = (
    Layer(64, 64, 32, 3),
    Layer(128, 128, 16, 3),
    Layer(256, 256, 8, 3),
    Layer(512, 512, 4, 3),
    Layer(64, 128, 32, 3, 2),
    Layer(256, 512, 8, 3, 2),
    Layer(64, 128, 32, 1, 2),
    Layer(256, 512, 8, 1, 2),
    Layer(512, 10),
    Layer(512, 512),
    Layer(2048, 512),
    Layer(512, 2048),
)


@final
@dataclass(frozen=True, eq=False)
class Operands:
    """W, X and dY in torch's layout."""

    weight: Tensor
    x: Tensor
    dy: Tensor


def operands(layer: Layer, sparsity: float, batch: int, seed: int = 0) -> Operands:
    """Standard normal numbers; round((1 − sparsity) · #W) of the weights, at least one, are there."""
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(layer.module().weight.shape)
    weight = torch.randn(shape, generator=generator).flatten()
    kept = max(1, round((1 - sparsity) * weight.numel()))
    weight[torch.randperm(weight.numel(), generator=generator)[kept:]] = 0
    x_side, y_side = (layer.size,) * 2 if layer.size else (), (layer.out,) * 2 if layer.size else ()
    x = torch.randn(batch, layer.inputs, *x_side, generator=generator)
    return Operands(weight.reshape(shape), x, torch.randn(batch, layer.outputs, *y_side, generator=generator))


def useful_flops(layer: Layer, weight: Tensor, batch: int) -> int:
    """Of one of the three: 2 × products of a non-zero weight and a pixel inside the image."""
    if not layer.size:
        return 2 * batch * int(weight.count_nonzero())
    taps = torch.arange(layer.kernel)[:, None] + layer.stride * torch.arange(layer.out) - layer.kernel // 2
    inside = ((taps >= 0) & (taps < layer.size)).sum(dim=1)  # output rows that a tap reaches; columns are the same
    return 2 * batch * int(((weight != 0).sum(dim=(0, 1)) * inside[:, None] * inside).sum())


def measure_layer(layer: Layer, sparsity: float, batch: int, repeats: int, contenders: Sequence[str]) -> Record:
    """Times of all contenders, turn by turn, and of building our plan."""
    given = operands(layer, sparsity, batch)
    makers: dict[str, Callable[[], Step]] = {
        "dense": lambda: _dense(layer, given, None, None),
        "channels-last": lambda: _dense(layer, given, torch.channels_last, None),
        "bf16-channels-last": lambda: _dense(layer, given, torch.channels_last, torch.bfloat16),
        "sparseprop": lambda: _sparseprop(layer, given),
    }
    make_plan = _planner(layer, given)
    steps = {"ours": _ours(make_plan(), given)}
    absent = {}
    for name in contenders:
        if name == "sparseprop" and not sparseprop.is_installed():
            absent[name] = "not installed"
        elif name in makers and not (name == "channels-last" and not layer.size):  # rows have no such layout
            steps[name] = makers[name]()
    rounds = take_turns(steps, repeats)
    flops = useful_flops(layer, given.weight, batch)
    found = summary(rounds, "ours")
    for record in found.values():
        record["useful_gflops"] = 3 * flops / record["median_ms"]["total"] / 1e6
    return {
        "layer": layer.title,
        "sparsity": sparsity,
        "batch": batch,
        "non_zeros": int(given.weight.count_nonzero()),
        "useful_flops": flops,
        "plan_ms": 1e3 * median(_seconds(make_plan) for _ in range(max(3, repeats))),
        "absent": absent,
        "contenders": found,
    }


def _planner(layer: Layer, given: Operands) -> Callable[[], Plan | LinearPlan]:
    mask = given.weight != 0
    images = given.x.shape[0]
    if not layer.size:
        rows = Grid(images, layer.inputs, 1, 1), Grid(images, layer.outputs, 1, 1)
        return lambda: LinearPlan(mask, *rows)
    pair = (layer.kernel, layer.kernel), (layer.stride, layer.stride), (layer.kernel // 2, layer.kernel // 2)
    geometry = Geometry(*pair)
    of_x, of_dy = geometry.borders(layer.size, layer.size)
    x = Grid(images, layer.inputs, layer.size, layer.size, of_x)
    y = Grid(images, layer.outputs, layer.out, layer.out, of_dy)
    return lambda: Plan(mask, geometry, x, y)


def _ours(plan: Plan | LinearPlan, given: Operands) -> Step:
    def images(tensor: Tensor) -> Tensor:
        return tensor if tensor.dim() == 4 else tensor[:, :, None, None]

    x, dy = pack(images(given.x), zeros(plan.x)), pack(images(given.dy), zeros(plan.y))
    y, dx = zeros(plan.y), zeros(plan.x)
    weight = given.weight

    def step() -> Parts:
        if isinstance(plan, LinearPlan):
            return {
                "forward": _seconds(lambda: linear.forward(plan, weight, x, y)),
                "input_gradient": _seconds(lambda: linear.input_gradient(plan, weight, dy, dx)),
                "weight_gradient": _seconds(lambda: linear.weight_gradient(plan, x, dy)),
            }
        return {
            "forward": _seconds(lambda: convolution.forward(plan, weight, x, y)),
            "input_gradient": _seconds(lambda: convolution.input_gradient(plan, weight, dy, dx)),
            "weight_gradient": _seconds(lambda: convolution.weight_gradient(plan, x, dy)),
        }

    return step


def _dense(layer: Layer, given: Operands, layout: torch.memory_format | None, dtype: torch.dtype | None) -> Step:
    def made(tensor: Tensor) -> Tensor:
        tensor = tensor.to(dtype or torch.float32)
        return tensor.contiguous(memory_format=layout) if layout is not None and tensor.dim() == 4 else tensor

    x, dy, weight = made(given.x), made(given.dy), made(given.weight)

    def backward(*outputs: bool) -> Any:
        stride, padding = [layer.stride] * 2, [layer.kernel // 2] * 2
        return torch.ops.aten.convolution_backward(
            dy, x, weight, None, stride, padding, [1, 1], False, [0, 0], 1, list(outputs)
        )

    def of_linear() -> Parts:
        return {
            "forward": _seconds(lambda: functional.linear(x, weight)),
            "input_gradient": _seconds(lambda: dy @ weight),
            "weight_gradient": _seconds(lambda: dy.t() @ x),
        }

    def of_convolution() -> Parts:
        return {
            "forward": _seconds(lambda: functional.conv2d(x, weight, None, layer.stride, layer.kernel // 2)),
            "input_gradient": _seconds(lambda: backward(True, False, False)),
            "weight_gradient": _seconds(lambda: backward(False, True, False)),
        }

    return of_convolution if layer.size else of_linear


def _sparseprop(layer: Layer, given: Operands) -> Step:
    module = layer.module()
    with torch.no_grad():
        module.weight.copy_(given.weight)
    made = sparseprop.layer(module, tuple(given.x.shape))
    x = given.x.clone().requires_grad_()

    def step() -> Parts:
        x.grad = None
        made.zero_grad(set_to_none=True)
        start = time.perf_counter()
        y = made(x)
        between = time.perf_counter()
        y.backward(given.dy)
        return {"forward": between - start, "gradients": time.perf_counter() - between}

    return step


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
