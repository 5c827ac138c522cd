"""Test score against sparsity, a line for each method (lunk2026 Figures 1 and 3); bars are ± one standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from ..figure_style import COLOURS, PAGE, canvas, plain_axes, save
from ..results.stored_run import StoredRun
from ..training.configuration import METHODS
from .many_lines import METHOD_LABELS, legend_above, method_style
from .selection import NoRunsError, deviation, results, runs_by, runs_of_method, score_of

#: Points further than this below the best are not on the axis, which says whose they are.
_SHOWN = 25.0
#: The axis goes on by this factor on both sides.
_BEYOND = 1.15
#: Per decade, the first that gives three ticks.
_TICKS = ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0), (1.0, 1.2, 1.5, 2.0, 2.5, *map(float, range(3, 10))))


def draw(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """The axis has the share of non-zero weights, falling: 10, 5, 2, 1 % are sparsities of 90, 95, 98, 99 %."""
    score, label, scale = score_of(study)
    groups = {name: list(runs_by(runs, study, name, ("target_sparsity",), _target).values()) for name in METHODS}
    groups = {name: found for name, found in groups.items() if found and name not in ("sgd", "adam")}
    if not groups:
        raise NoRunsError(f"no stored run of {study} has a sparsity")
    with canvas(PAGE, 3.2) as figure:
        axes = figure.subplots()
        plain_axes(axes)
        shares: list[float] = []
        for name, found in groups.items():
            points = sorted(
                (float(results(group, "weights", 100).mean()), results(group, f"test_{score}", scale))
                for group in found
            )
            x = np.array([share for share, _ in points])
            shares += list(x)
            axes.errorbar(
                x, [values.mean() for _, values in points], yerr=[float(deviation(values)) for _, values in points],
                capsize=2, elinewidth=0.7, **method_style(name),
            )  # fmt: skip
        dense = runs_of_method(runs, study, "sgd")
        if dense:
            axes.axhline(
                float(results(dense, f"test_{score}", scale).mean()), color=COLOURS["muted"], linewidth=0.9,
                linestyle=(0, (1, 2)), label="SGD, dense",
            )  # fmt: skip
        best = max(
            values.mean() for found in groups.values() for values in (results(g, f"test_{score}", scale) for g in found)
        )
        below = [METHOD_LABELS[name] for name, found in groups.items() if _lowest(found, score, scale) < best - _SHOWN]
        if below:
            axes.set_ylim(bottom=best - _SHOWN)
            axes.annotate(
                f"partly below the axis: {', '.join(below)}", (0, 0), xycoords="axes fraction", xytext=(4, 4),
                textcoords="offset points", fontsize=7, color=COLOURS["muted"],
            )  # fmt: skip
        if score == "accuracy":
            axes.set_ylim(top=min(100.5, axes.get_ylim()[1]))
        axes.set_xscale("log")
        left, right = _BEYOND * max(shares), min(shares) / _BEYOND
        axes.set_xlim(left, right)
        axes.xaxis.set_major_locator(FixedLocator(_ticks(right, left)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("non-zero weights (%), sparser to the right")
        axes.set_ylabel(f"test {label}")
        legend_above(figure, 6)
        return save(figure, path)


def _ticks(low: float, high: float) -> list[float]:
    """Between the two."""
    found: list[float] = []
    for steps in _TICKS:
        found = [step * 10.0**decade for decade in range(-2, 3) for step in steps if low <= step * 10.0**decade <= high]
        if len(found) >= 3:
            break
    return found


def _lowest(found: Sequence[Sequence[StoredRun]], score: str, scale: float) -> float:
    return min(float(results(group, f"test_{score}", scale).mean()) for group in found)


def _target(configuration: object) -> float:
    target = getattr(configuration, "target_sparsity", None)
    return -1.0 if target is None else float(target)
