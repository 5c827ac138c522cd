"""Curves against the epochs: score, ‖θ‖₁ and non-zero weights, a line for each λ or method; the band is ± a standard deviation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ..figure_style import PAGE, canvas, plain_axes, save
from ..results.stored_run import StoredRun
from .many_lines import legend_above, line_style, method_style
from .selection import NoRunsError, Numbers, curves, deviation, lam, runs_by, runs_of_method, score_of

#: How a line looks, and the runs behind it.
Line = tuple[dict[str, Any], list[StoredRun]]
#: Per cent of a line's points that may be below the axis.
_DIPS = 10
#: Markers stand a tenth of the epochs apart.
_MARKS = 10


def by_lam(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """LinBreg under several λ (bungert2021 section 4.2)."""
    found = runs_by(runs, study, "linbreg", ("lam_linear", "lam_conv", "target_sparsity"), lam)
    lines = [(line_style(i) | {"label": f"λ = {value:g}"}, group) for i, (value, group) in enumerate(found.items())]
    return _four_panels(lines, study, path)


def by_method(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Optimizers beside each other (bungert2021 section 4.3)."""
    methods = ("sgd", "proxsgd", "linbreg", "linbreg-momentum", "adabreg")
    return _four_panels(_of_methods(runs, study, methods), study, path)


def against_epochs_and_flops(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Validation score against epochs, the same against FLOPs, and sparsity (lunk2026 Figure 5); bands would hide lines."""
    methods = ("sgd", "linbreg", "ml-linbreg", "adabreg", "rigl", "prune", "granet")
    lines = _with_runs(_of_methods(runs, study, methods), study)
    score, label, scale = score_of(study)
    with canvas(PAGE, 3.1) as figure:
        left, middle, right = figure.subplots(1, 3)
        for number, (style, group) in enumerate(lines):
            values = curves(group, f"validation_{score}", scale)
            dense = np.array([run.result["flops_dense"] for run in group])[:, None]
            flops = 100 * np.nan_to_num(curves(group, "flops")) / dense
            _line(left, np.arange(values.shape[1]), values, style, number, band=False)
            _line(middle, flops.mean(0), values, style, number, band=False)
            _line(right, np.arange(values.shape[1]), curves(group, "weights", 100), style, number)
        for axes, x, y in (
            (left, "epoch", f"validation {label}"),
            (middle, "FLOPs so far (% of dense training)", f"validation {label}"),
            (right, "epoch", "non-zero weights (%)"),
        ):
            plain_axes(axes)
            axes.set_xlabel(x)
            axes.set_ylabel(y)
        _logarithmic(right, top=130)
        _near_the_top(left, middle)
        legend_above(figure, 7)
        return save(figure, path)


def _four_panels(found: Sequence[Line], study: str, path: Path) -> tuple[Path, ...]:
    lines = _with_runs(found, study)
    score, label, scale = score_of(study)
    shown = (
        (score, f"training {label}", scale), (f"validation_{score}", f"validation {label}", scale),
        ("norm_1", r"$\|\theta\|_1$ of the weights", 1.0), ("weights", "non-zero weights (%)", 100.0),
    )  # fmt: skip
    with canvas(PAGE, 4.4) as figure:
        panels = figure.subplots(2, 2, sharex=True)
        for axes, (name, y, factor) in zip(panels.flat, shown, strict=True):
            plain_axes(axes)
            axes.set_ylabel(y)
            for number, (style, group) in enumerate(lines):
                values = curves(group, name, factor)
                _line(axes, np.arange(values.shape[1]), values, style, number)
        for axes in panels[1]:
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[1, 0].set_ylim(bottom=0)
        _logarithmic(panels[1, 1], top=130)
        _near_the_top(*panels[0])
        legend_above(figure, 5)
        return save(figure, path)


def _of_methods(runs: Sequence[StoredRun], study: str, methods: Sequence[str]) -> list[Line]:
    return [(method_style(name), runs_of_method(runs, study, name)) for name in methods]


def _with_runs(found: Sequence[Line], study: str) -> list[Line]:
    lines = [(style, group) for style, group in found if group]
    if not lines:
        raise NoRunsError(f"no stored run of {study} fits")
    return lines


def _line(axes: Axes, x: NDArray[Any], values: Numbers, style: dict[str, Any], number: int, band: bool = True) -> None:
    with warnings.catch_warnings():
        # No run has a training score before the first step: the mean of nothing is NaN, and that is not drawn.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        mean = np.nanmean(values, axis=0)
    every = max(1, len(mean) // _MARKS)
    axes.plot(x, mean, markevery=(number % every, every), **style)
    if band and len(values) > 1:
        spread = deviation(values)
        axes.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.15, linewidth=0)


def _near_the_top(*panels: Axes) -> None:
    """The first epochs are far below the rest, where the methods differ: the axes begin below the lowest line's second half."""
    for axes in panels:
        finite = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
        halves = [np.nanpercentile(y[len(y) // 2 :], _DIPS) for y in finite if len(y)]
        low, high = min(halves), max(np.nanmax(y) for y in finite if len(y))
        room = max(0.3 * (high - low), 0.01 * abs(high))
        axes.set_ylim(low - room, high + 0.1 * room)


def _logarithmic(axes: Axes, top: float) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=top)
