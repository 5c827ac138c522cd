"""One run of a method towards a target: objective, work and seconds after each iteration, and the image at the target.

Seconds are those of the algorithm alone: values that are computed for this record are neither timed nor counted
(see `solvers.progress`). What is built once for a problem is not in them either: operators, L, and the coarser grids.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from ...solvers import bregman_proximal_gradient, multilevel_bpgd
from ...solvers.levels import hierarchy
from ...solvers.multilevel_bpgd import MultilevelBPGD
from ...theory.arrays import Array
from ...theory.imaging import ImagingProblem


class Descent(NamedTuple):
    """How a run went."""

    values: list[float]
    """f(xᵏ), k = 0 … K."""
    work: list[float]
    """Work units until then."""
    seconds: list[float]
    """Seconds until then."""
    reached: int | None
    """The first k with f(xᵏ) ≤ target; None where there is none."""
    x: Array
    """xᵏ for k = ``reached``, else the last one; (d,)."""


class Recorder:
    """Collects a `Descent`."""

    def __init__(self, value: float, x: Array, target: float) -> None:
        self._values, self._work, self._seconds = [value], [0.0], [0.0]
        self._target = target
        self._x = x
        self._reached: int | None = 0 if value <= target else None

    def add(self, value: float, work: float, seconds: float, x: Array) -> bool:
        """The next iterate, with the work so far and the seconds that it took; whether the target is reached by now."""
        self._values.append(value)
        self._work.append(float(work))
        self._seconds.append(self._seconds[-1] + seconds)
        if self._reached is None:
            self._x = np.array(x)
            if value <= self._target:
                self._reached = len(self._values) - 1
        return self._reached is not None

    def descent(self) -> Descent:
        """All of it."""
        return Descent(self._values, self._work, self._seconds, self._reached, self._x)


def single_level(problem: ImagingProblem, iterations: int) -> Descent:
    """BPGD with τ = 1/L; its last value is the target of the others, so it is reached at the end."""
    start = bregman_proximal_gradient.init(problem, problem.start)
    run = bregman_proximal_gradient.run(problem, start, iterations)
    values = [float(value) for value in run.progress.values]
    work, seconds = [float(units) for units in run.progress.work], [float(moment) for moment in run.progress.seconds]
    return Descent(values, work, seconds, iterations, run.state.x)


def multilevel(problem: ImagingProblem, settings: MultilevelBPGD, target: float, cap: float, *, full: bool) -> Descent:
    """Cycles until f ≤ ``target``, or, with ``full``, on to the cap; at most as many as begin below ``cap`` work units."""
    levels = hierarchy(problem, settings.levels)
    state = multilevel_bpgd.init(levels, settings, problem.start)
    recorder = Recorder(float(problem.loss.value(state.x)), state.x, target)
    reached = False
    while float(state.work) < cap and (full or not reached):
        begin = time.perf_counter()
        state, _ = multilevel_bpgd.cycle(levels, settings, state)
        seconds = time.perf_counter() - begin
        reached = recorder.add(float(problem.loss.value(state.x)), float(state.work), seconds, state.x)
    return recorder.descent()


def signal_to_noise(x: Array, truth: Array) -> float:
    """PSNR in dB against a truth with values in [0, 1]: −10 log₁₀ of the mean squared error; 300 where they are equal."""
    return -10 * math.log10(max(float(np.mean((x - truth) ** 2)), 1e-30))
