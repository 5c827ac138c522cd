"""The comparison on one problem: BPGD sets the target, the others run towards it, all in one run, interleaved.

Repeat 0 runs BPGD, then each other method up to the cap, so that the curves go beyond the target; the repeats after it run
BPGD again and the others as far as the target. So each repeat times all methods one after the other, and a slow spell of the
machine hits them alike. Objective and work are the same in every repeat. Every run is stored when it ends; a study that
was stopped goes on with the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from ...theory.arrays import Array
from ...theory.imaging import IMAGING_PROBLEMS, ImagingProblem, poisson_deblurring, poisson_tomography
from .descent import Descent, signal_to_noise, single_level
from .methods import SINGLE_LEVEL, methods
from .stored_results import Store, environment


@final
@dataclass(frozen=True)
class Configuration:
    """What the numbers depend on, the machine aside. ``picture``: a digest of the pixels, not the name of a file."""

    problem: str
    side: int
    picture: str
    iterations: int
    seed: int
    background: float = 0.0


class Outcome(NamedTuple):
    """One method on one problem."""

    method: str
    title: str
    values: Array
    """f(xᵏ), in the run that went on to the cap."""
    work: Array
    seconds: Array
    reached: int | None
    """The first k at which f is at most the target."""
    to_target: tuple[float, ...]
    """For each repeat the seconds until then, or until the cap where it is not reached."""
    signal_to_noise: float
    """PSNR in dB of the image there."""
    image: Array
    """It, (d,)."""

    @property
    def end(self) -> int:
        """The k that the table is about."""
        return len(self.values) - 1 if self.reached is None else self.reached


class Comparison(NamedTuple):
    """All methods on one problem, BPGD first."""

    configuration: Configuration
    problem: ImagingProblem
    set_up: tuple[float, float]
    """Seconds for the operator and L of the finest grid, and of all coarser ones together."""
    outcomes: tuple[Outcome, ...]


def build(configuration: Configuration, truth: Array) -> tuple[ImagingProblem, tuple[float, float]]:
    """The problem with all that is made once, and the seconds for the finest grid and for the coarser ones."""
    begin = time.perf_counter()
    name, seed, background = configuration.problem, configuration.seed, configuration.background
    if name.startswith("poisson") and background > 0:
        recipe = poisson_deblurring if name == "poisson-deblurring" else poisson_tomography
        problem = recipe(truth, seed=seed, background=background)
    else:
        problem = IMAGING_PROBLEMS[name](truth, seed=seed)
    _warm(problem)
    finest = time.perf_counter() - begin
    below = problem.coarse()
    while below is not None:
        _warm(below[0])
        below = below[0].coarse()
    return problem, (finest, time.perf_counter() - begin - finest)


def compare(
    configuration: Configuration,
    truth: Array,
    folder: Path,
    repeats: int,
    *,
    fresh: bool,
    said: Callable[[str], None],
) -> Comparison:
    """Compare the methods, with what is stored in ``folder`` unless ``fresh``; ``said`` hears of each run."""
    problem, set_up = build(configuration, truth)
    machine = environment()
    found = methods(problem)

    def store(settings: str, target: float | None) -> Store:
        return Store(folder, {**asdict(configuration), "settings": settings, "target": target}, machine)

    single = _Runs(SINGLE_LEVEL, store("tau = 1/L", None), problem, fresh)
    others: dict[str, _Runs] = {}
    for repeat in range(repeats):
        single.once(repeat, said, partial(single_level, problem, configuration.iterations))
        target, cap = single.last_value, float(configuration.iterations)
        for method in found:
            if method.name not in others:
                others[method.name] = _Runs(method.name, store(method.settings, target), problem, fresh)
            others[method.name].once(repeat, said, partial(method.solve, problem, target, cap, repeat == 0))
    outcomes = [single.outcome("BPGD"), *(others[method.name].outcome(method.title) for method in found)]
    return Comparison(configuration, problem, set_up, tuple(outcomes))


class _Runs:
    """The repeats of one method, in memory and on disk."""

    def __init__(self, name: str, store: Store, problem: ImagingProblem, fresh: bool) -> None:
        self._name, self._store, self._problem = name, store, problem
        if fresh:
            store.forget(name)
        self._result = store.load(name)
        self._image: Array | None = None
        if self._result is not None:
            self._image = store.load_array(name, self._result["image"])
            if self._image is None or self._image.shape != (problem.dimension,):
                self._result = None

    @property
    def last_value(self) -> float:
        assert self._result is not None
        return float(self._result["objective"][-1])

    def once(self, repeat: int, said: Callable[[str], None], solve: Callable[[], Descent]) -> None:
        """Run the method, unless this repeat of it is stored."""
        if self._result is not None and len(self._result["seconds_to_target"]) > repeat:
            said(f"{self._name}, repeat {repeat + 1}: kept")
            return
        said(f"{self._name}, repeat {repeat + 1}")
        descent = solve()
        end = len(descent.values) - 1 if descent.reached is None else descent.reached
        if self._result is None:
            self._image = np.asarray(descent.x, dtype=np.float32)
            self._result = {
                "objective": descent.values,
                "work_units": descent.work,
                "seconds": descent.seconds,
                "reached": descent.reached,
                "psnr": signal_to_noise(descent.x, self._problem.truth),
                "image": self._store.save_array(self._name, self._image),
                "seconds_to_target": [],
            }
        elif descent.values[: end + 1] != self._result["objective"][: end + 1]:
            raise RuntimeError(
                f"{self._name} must find the same objectives in every repeat, and did not in {repeat + 1}"
            )
        self._result["seconds_to_target"] = [*self._result["seconds_to_target"], descent.seconds[end]]
        self._store.save(self._name, self._result)

    def outcome(self, title: str) -> Outcome:
        assert self._result is not None
        assert self._image is not None
        return Outcome(
            method=self._name,
            title=title,
            values=np.asarray(self._result["objective"]),
            work=np.asarray(self._result["work_units"]),
            seconds=np.asarray(self._result["seconds"]),
            reached=self._result["reached"],
            to_target=tuple(self._result["seconds_to_target"]),
            signal_to_noise=self._result["psnr"],
            image=self._image,
        )


def _warm(problem: ImagingProblem) -> None:
    """Whatever is made on first use."""
    _ = problem.smoothness
    problem.loss.gradient(problem.start)
