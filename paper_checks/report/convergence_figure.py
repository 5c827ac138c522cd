"""The solvers' progress on one toy problem, and the theorem's bound."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from .figure_style import Drawing, canvas, colour, plain_axes, save
from .wording import number, power

#: Colour role and dashes by solver; the dashes tell them apart without colour.
_LINES: dict[str, tuple[str, Any]] = {
    "LinBreg": ("blue", "-"),
    "LinBreg with momentum": ("purple", (0, (6, 2))),
    "AdaBreg": ("ochre", (0, (2, 1.5))),
    "ML LinBreg": ("green", (0, (7, 2, 1.5, 2))),
    "ProxGD": ("vermilion", (0, (4, 1.5))),
}
#: Values this far below the start are rounding.
_FLOOR = 1e-14


def draw(study: dict[str, Any], folder: Path, path: str) -> Drawing:
    """The figure of one study; logarithmic in the iteration where the bound decays like 1/k."""
    bound = np.asarray(study["bound"]["values"], dtype=float)
    loglog = not math.isfinite(bound[0])
    curves = [(run, np.asarray(run["values"], dtype=float)) for run in study["runs"] if run["values"]]
    starts = [float(value) for value in (bound[1], *(values[0] for _, values in curves)) if 0 < value < math.inf]
    top = max(starts, default=1.0)
    low = _FLOOR * top
    if loglog:
        low = 0.3 * min(float(v[(v > low) & (v < top)].min(initial=top)) for v in [bound, *(v for _, v in curves)])
    with canvas(5.2, 3.5) as figure:
        ax = figure.subplots()
        figure.subplots_adjust(left=0.125, right=0.97, top=0.93, bottom=0.3)
        plain_axes(ax)
        first = 1 if loglog else 0
        steps = np.arange(first, len(bound))
        handles = ax.plot(steps, bound[first:], color=colour("ink"), linestyle=(0, (1, 1.6)), linewidth=1.8, zorder=2)
        labels = ["bound (theorem)"]
        for run, values in curves:
            role, dashes = _LINES.get(run["solver"], ("muted", "-"))
            shown = np.where((values > low / 2) & (values < 1e3 * top), values, np.nan)
            steps = np.arange(first, len(values))
            handles += ax.plot(steps, shown[first:], color=colour(role), linestyle=dashes, linewidth=1.5, zorder=3)
            labels.append(run["solver"] + ("" if run["bounded"] else " *"))
        ax.set_ylim(low, 4 * top)
        ax.set_yscale("log")
        _decades(ax.yaxis, low, 4 * top)
        if loglog:
            ax.set_xscale("log")
            _decades(ax.xaxis, 1, len(bound))
        ax.set_xlim(first, len(bound) - 1)
        remark = " (* the bound is not a theorem about this solver)" if any("*" in label for label in labels) else ""
        ax.set_xlabel("full gradients k" + remark)
        ax.set_title(study["axis"], loc="left", fontsize=9.5, pad=5, color=colour("ink"))
        figure.legend(handles, labels, loc="lower center", ncols=3, frameon=False, fontsize=8.5, labelcolor=colour("ink"),
                      handlelength=2.6, columnspacing=1.2, borderaxespad=0.2)  # fmt: skip
        return save(figure, folder, path, f"{study['title']}. {_words(study)}")


def _decades(axis: Any, low: float, high: float) -> None:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    stride = max(1, (last - first) // 6 + 1) if last - first > 6 else 1
    exponents = range(first, last + 1, stride)
    axis.set_ticks([10.0**k for k in exponents], ["1" if k == 0 else "10" if k == 1 else power(k) for k in exponents])
    axis.set_ticks([], minor=True)


def _words(study: dict[str, Any]) -> str:
    parts = [f"{run['solver']} ends at {number(run['values'][-1])}" for run in study["runs"] if run["values"]]
    return "; ".join([*parts, f"the bound ends at {number(study['bound']['values'][-1])}"]) + "."
