"""Ablations of ML LinBreg: λ (lunk2026 Figure 4), m (Figure 7), and the map of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from ..figure_style import COLOURS, PAGE, canvas, plain_axes, save
from ..results.stored_run import StoredRun
from .many_lines import legend_above, line_style
from .selection import NoRunsError, deviation, lam, results, runs_by, score_of

_FREE = ("lam_linear", "lam_conv", "coarse_steps", "target_sparsity")
_SHARES = (("weights", "non-zero weights (%)"), ("flops", "FLOPs (% of dense)"))

Grid = dict[tuple[float, int], list[StoredRun]]


def lam_ablation(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Against λ, a line for each m."""
    grid = _grid(runs, study)
    lines = {f"m = {m}": {x: grid[x, m] for x, other in grid if other == m} for m in sorted({m for _, m in grid})}
    return _panels(lines, study, path, "λ", logarithmic=True)


def m_ablation(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Against m, a line for each λ."""
    grid = _grid(runs, study)
    lines = {f"λ = {x:g}": {m: grid[x, m] for other, m in grid if other == x} for x in sorted({x for x, _ in grid})}
    return _panels(lines, study, path, "m (coarse steps for one fine step)", logarithmic=False)


def lam_m_map(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Three maps over (λ, m): score, non-zero weights, FLOPs; the means over the seeds are printed in the cells."""
    grid = _grid(runs, study)
    score, label, scale = score_of(study)
    lams, ms = sorted({x for x, _ in grid}), sorted({m for _, m in grid})
    with canvas(PAGE, 2.9) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (name, title) in zip(panels, ((f"test_{score}", f"test {label}"), *_SHARES), strict=True):
            values = np.full((len(ms), len(lams)), np.nan)
            for (x, m), group in grid.items():
                values[ms.index(m), lams.index(x)] = _of(group, name, scale).mean()
            image = axes.imshow(values, origin="lower", aspect="auto", cmap="cividis")
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            for (i, j), value in np.ndenumerate(values):
                if np.isfinite(value):
                    dark = value < (low + high) / 2
                    axes.text(
                        j, i, f"{value:.1f}", ha="center", va="center", fontsize=7,
                        color="white" if dark else COLOURS["black"],
                    )  # fmt: skip
            axes.set_xticks(range(len(lams)), [f"{x:g}" for x in lams])
            axes.set_yticks(range(len(ms)), [str(m) for m in ms])
            axes.set_xlabel("λ")
            axes.set_title(title)
            figure.colorbar(image, ax=axes, orientation="horizontal", aspect=30)
        panels[0].set_ylabel("m (coarse steps for one fine step)")
        return save(figure, path)


def _grid(runs: Sequence[StoredRun], study: str) -> Grid:
    found = runs_by(runs, study, "ml-linbreg", _FREE, lambda c: (lam(c), c.coarse_steps, c.target_sparsity is None))
    grid = {(value, m): group for (value, m, fixed), group in found.items() if fixed}
    if not grid:
        raise NoRunsError(f"no stored run of {study} has ml-linbreg with a λ of its own")
    return grid


def _panels(
    lines: Mapping[str, Mapping[Any, list[StoredRun]]], study: str, path: Path, x_label: str, logarithmic: bool
) -> tuple[Path, ...]:
    score, label, scale = score_of(study)
    with canvas(PAGE, 2.8) as figure:
        panels = figure.subplots(1, 3)
        for axes, (name, y_label) in zip(panels, ((f"test_{score}", f"test {label}"), *_SHARES), strict=True):
            plain_axes(axes)
            axes.set_xlabel(x_label)
            axes.set_ylabel(y_label)
            for number, (line, groups) in enumerate(lines.items()):
                values = [_of(groups[x], name, scale) for x in sorted(groups)]
                axes.errorbar(
                    sorted(groups), [v.mean() for v in values], yerr=[float(deviation(v)) for v in values], label=line,
                    capsize=2, elinewidth=0.7, **line_style(number),
                )  # fmt: skip
            _x_axis(axes, sorted({x for groups in lines.values() for x in groups}), logarithmic)
        legend_above(figure, 6)
        return save(figure, path)


def _x_axis(axes: Axes, values: list[float], logarithmic: bool) -> None:
    if logarithmic and values[0] > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks(values, [f"{value:g}" for value in values], rotation=45 if logarithmic else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _of(group: Sequence[StoredRun], name: str, scale: float) -> Any:
    if name == "flops":
        return 100 * results(group, "flops") / results(group, "flops_dense")
    return results(group, name, 100 if name == "weights" else scale)
