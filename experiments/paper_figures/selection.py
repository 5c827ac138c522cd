"""Which stored runs a figure shows, and the mean and spread of their numbers over the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..paper_tables.build import matching
from ..results.stored_run import StoredRun
from ..training.configuration import COMPUTATION, Configuration
from ..training.studies import STUDIES, configure

Numbers = NDArray[np.float64]


@final
class NoRunsError(Exception):
    """Nothing is stored that the figure could show."""


def runs_of_method(
    runs: Sequence[StoredRun], study: str, method: str, recipe: str = "paper", settings: dict[str, Any] | None = None
) -> list[StoredRun]:
    """The runs of a method as its study has it, one a seed."""
    return matching(configure(study, method, recipe, settings or {}), runs)


def runs_by(
    runs: Sequence[StoredRun], study: str, method: str, free: tuple[str, ...], key: Callable[[Configuration], Any]
) -> dict[Any, list[StoredRun]]:
    """Runs that differ from the study in the settings ``free`` alone, by ``key`` in rising order, one a seed."""
    wanted = _fixed(configure(study, method), free)
    found: dict[Any, Configuration] = {}
    for run in runs:
        if _fixed(run.configuration, free) == wanted:
            found.setdefault(key(run.configuration), run.configuration)
    return {value: matching(found[value], runs) for value in sorted(found)}


def _fixed(configuration: Configuration, free: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: value
        for name, value in configuration.plain().items()
        if name not in ("seed", "epochs", *COMPUTATION, *free)
    }


def lam(configuration: Configuration) -> float:
    """The λ of the layers that the study regularises."""
    return configuration.lam_linear if configuration.linear != "none" else configuration.lam_conv


def results(runs: Sequence[StoredRun], name: str, scale: float = 1.0) -> Numbers:
    """A number of each run's result."""
    return np.array([scale * float(run.result[name]) for run in runs])


def curves(runs: Sequence[StoredRun], name: str, scale: float = 1.0) -> Numbers:
    """A curve of each run, (runs, epochs + 1); NaN where there is no number. All NaN where no run has it."""
    length = max(len(next(iter(run.curves.values()))) for run in runs)
    found = np.full((len(runs), length), np.nan)
    for row, run in zip(found, runs, strict=True):
        values = run.curves.get(name, [])
        row[: len(values)] = [np.nan if value is None else scale * value for value in values]
    return found


def deviation(values: Numbers) -> Numbers:
    """The sample standard deviation along the first axis; 0 of one run."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])


def score_of(study: str) -> tuple[str, str, float]:
    """Name of the score, label of its axis, and factor."""
    denoising = STUDIES[study].settings.get("objective") == "denoising"
    return ("psnr", "PSNR (dB)", 1.0) if denoising else ("accuracy", "accuracy (%)", 100.0)
