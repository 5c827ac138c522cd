"""How long a step takes: ``python -m mlbreg.solvers.optim.benchmark [--device cuda] [--threads n] [--rounds n] [--compile]``.

The parameters are those of a ResNet18 in shape and number (11.2 million in 62 tensors). The optimizers take turns, one step
each in a round, so that another load on the machine meets all of them; medians over the rounds, ratios round by round. The
bound is 16 bytes a parameter (LinBreg reads g and v, writes v and θ) at the bandwidth of a copy, which takes its turn, too.
``check_finite`` reads g once more; it is off where a line says so.

On a GPU a time is the GPU's own: the steps wait in its queue until all of their launches are there, so that what Python takes
to launch them, which hides behind the backward pass of a training run, is a column of its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from .adabreg import AdaBreg
from .linbreg import LinBreg
from .regularizers import L1, GroupL2


def resnet18_shapes(classes: int = 10) -> list[tuple[int, ...]]:
    """Shapes of the parameters of a ResNet18 with a 3×3 stem: convolutions, batch norms, the last layer."""
    shapes: list[tuple[int, ...]] = [(64, 3, 3, 3), (64,), (64,)]
    width = 64
    for out in (64, 128, 256, 512):
        for block in range(2):
            into = width if block == 0 else out
            shapes += [(out, into, 3, 3), (out,), (out,), (out, out, 3, 3), (out,), (out,)]
            if into != out:
                shapes += [(out, into, 1, 1), (out,), (out,)]
        width = out
    return [*shapes, (classes, 512), (classes,)]


Make = Callable[[list[Tensor]], torch.optim.Optimizer]


def linbreg_loop(params: list[Tensor], lr: float = 0.1, lam: float = 1e-3) -> Callable[[], None]:
    """LinBreg as one would write it: a Python loop over the tensors."""
    duals = [p.detach().clone() for p in params]

    @torch.no_grad()
    def step() -> None:
        for p, v in zip(params, duals, strict=True):
            assert p.grad is not None
            v -= lr * p.grad
            p.copy_(torch.sign(v) * torch.clamp(v.abs() - lam, min=0))

    return step


def contenders() -> dict[str, Make]:
    """Name → constructor; the first letters say the family."""
    kernels = GroupL2(1e-3, "rows")
    return {
        "LinBreg plain": lambda p: LinBreg(p, regularizer=L1(1e-3), foreach=False),
        "LinBreg foreach": lambda p: LinBreg(p, regularizer=L1(1e-3), foreach=True),
        "LinBreg fused": lambda p: LinBreg(p, regularizer=L1(1e-3), fused=True),
        "LinBreg fused, check_finite=False": lambda p: LinBreg(p, regularizer=L1(1e-3), fused=True, check_finite=False),
        "LinBreg fused, rows, check_finite=False": lambda p: LinBreg(
            p, regularizer=kernels, fused=True, check_finite=False
        ),
        "AdaBreg plain": lambda p: AdaBreg(p, regularizer=L1(1e-3), foreach=False),
        "AdaBreg foreach": lambda p: AdaBreg(p, regularizer=L1(1e-3), foreach=True),
        "AdaBreg fused": lambda p: AdaBreg(p, regularizer=L1(1e-3), fused=True),
        "AdaBreg fused, check_finite=False": lambda p: AdaBreg(p, regularizer=L1(1e-3), fused=True, check_finite=False),
        "torch SGD foreach": lambda p: torch.optim.SGD(p, lr=0.1, foreach=True),
        "torch SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, fused=True),
        "torch Adam foreach": lambda p: torch.optim.Adam(p, foreach=True),
        "torch Adam fused": lambda p: torch.optim.Adam(p, fused=True),
    }


def _parameters(device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    params = []
    for shape in resnet18_shapes():
        p = torch.nn.Parameter((0.1 * torch.randn(shape, generator=generator)).to(device))
        p.grad = (0.01 * torch.randn(shape, generator=generator)).to(device)
        params.append(p)
    return list(params)


class Times(NamedTuple):
    """Seconds in each round."""

    steps: list[float]
    launches: list[float]
    """On a GPU: until Python goes on; else those of the steps."""


def measure(steps: dict[str, Callable[[], object]], rounds: int, device: str = "cpu") -> dict[str, Times]:
    """Each in each round, after one round that is not counted."""
    times = {name: Times([], []) for name in steps}
    take = _on_cpu if device == "cpu" else _on_gpu
    for number in range(rounds + 1):
        for name, step in steps.items():
            seconds, launch = take(step)
            if number:
                times[name].steps.append(seconds)
                times[name].launches.append(launch)
    return times


def _on_cpu(step: Callable[[], object]) -> tuple[float, float]:
    start = time.perf_counter()
    step()
    seconds = time.perf_counter() - start
    return seconds, seconds


def _on_gpu(step: Callable[[], object]) -> tuple[float, float]:
    event: Any = torch.cuda.Event
    sleep: Any = torch.cuda._sleep
    begin, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize()
    sleep(50_000_000)  # cycles, some 30 ms: longer than any launching
    begin.record()
    start = time.perf_counter()
    step()
    launch = time.perf_counter() - start
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3, launch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="measure torch.compile of LinBreg's step, too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    params = _parameters(arguments.device)  # shared: only the state is of each optimizer
    count = sum(p.numel() for p in params)
    source, target = torch.randn(count, device=arguments.device), torch.empty(count, device=arguments.device)
    loop = linbreg_loop(params)
    steps: dict[str, Callable[[], object]] = {
        "copy of 8 bytes a parameter": lambda: target.copy_(source),
        "LinBreg as a loop": loop,
    }
    steps |= {name: make(params).step for name, make in contenders().items()}
    if arguments.compile:
        optimizer = LinBreg(params, regularizer=L1(1e-3), foreach=True)
        steps["LinBreg foreach, torch.compile"] = torch.compile(lambda: optimizer.step())
    times = measure(steps, arguments.rounds, arguments.device)

    bounds = [2 * seconds for seconds in times["copy of 8 bytes a parameter"].steps]
    where = f"{arguments.threads} threads" if arguments.device == "cpu" else torch.cuda.get_device_name()
    table = Table(title=f"{count / 1e6:.1f} million parameters, {where}, {arguments.rounds} rounds")
    titles = ["step", "median ms", "× bound of LinBreg", "loop is × slower", "× torch Adam fused"]
    for title in [*titles, *(["launching ms"] if arguments.device == "cuda" else [])]:
        table.add_column(title, justify="left" if title == "step" else "right")
    for name, (seconds, launches) in times.items():
        row = [
            name,
            f"{1e3 * statistics.median(seconds):.3g}",
            f"{_ratio(seconds, bounds):.2f}",
            f"{_ratio(times['LinBreg as a loop'].steps, seconds):.2f}",
            f"{_ratio(seconds, times['torch Adam fused'].steps):.2f}",
        ]
        table.add_row(*row, *([f"{1e3 * statistics.median(launches):.3g}"] if arguments.device == "cuda" else []))
    Console().print(table)


def _ratio(ones: list[float], others: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


if __name__ == "__main__":
    main()
