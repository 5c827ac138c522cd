"""The objective above the best one found, against work units and against seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..figure_style import COLOURS, LINES, PAGE, canvas, plain_axes, save
from .study import Comparison

#: The curves end this factor below the target's distance from the best objective: nearer to it they show where it lies only.
_BELOW_TARGET = 30.0


def draw_objective(comparison: Comparison, path: Path) -> tuple[Path, ...]:
    """Write ``path`` as PDF and PNG; the paths. A marker stands where a method reaches the target."""
    best = min(float(outcome.values.min()) for outcome in comparison.outcomes)
    single = comparison.outcomes[0]
    gap = float(single.values[-1]) - best
    top = max(float(outcome.values[0]) for outcome in comparison.outcomes) - best
    bottom = gap / _BELOW_TARGET if gap > 0 else _least_gap(comparison, best) / 2
    with canvas(PAGE, 2.7) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, against in zip(panels, ("work", "seconds"), strict=True):
            plain_axes(axes)
            for outcome, (colour, dashes, marker) in zip(comparison.outcomes, LINES, strict=False):
                cost = getattr(outcome, against)
                above = np.where(outcome.values > best, outcome.values - best, np.nan)
                axes.plot(cost, above, color=COLOURS[colour], linestyle=dashes, label=outcome.title)
                if outcome.reached is not None:
                    at = outcome.reached
                    axes.plot(cost[at], above[at], color=COLOURS[colour], marker=marker, markersize=5, clip_on=False)
            if gap > 0:
                axes.axhline(gap, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
            axes.set_yscale("log")
            axes.set_ylim(bottom, 2 * top)
            # As far as a curve is to be seen: one that is below the bottom needs no room beside it.
            shown = [float(getattr(o, against)[o.values - best >= bottom].max()) for o in comparison.outcomes]
            axes.set_xlim(0, 1.05 * max(shown))
        panels[0].set_xlabel("work (gradients on the finest grid)")
        panels[1].set_xlabel("time (s)")
        panels[0].set_ylabel(r"$f(x^k) - \min f$ found")
        if gap > 0:
            panels[1].annotate(
                f"BPGD after {comparison.configuration.iterations} iterations", (1, gap), xycoords=("axes fraction", "data"),
                xytext=(0, 2), textcoords="offset points", ha="right", va="bottom", fontsize=7, color=COLOURS["muted"],
            )  # fmt: skip
        handles, labels = panels[0].get_legend_handles_labels()
        columns = len(labels) if len(labels) <= 6 else (len(labels) + 1) // 2
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, handlelength=2.6, columnspacing=1.2)
        return save(figure, path)


def _least_gap(comparison: Comparison, best: float) -> float:
    """The smallest positive f(xᵏ) − best."""
    gaps = np.concatenate([outcome.values - best for outcome in comparison.outcomes])
    return float(np.min(gaps, where=gaps > 0, initial=np.inf)) if np.any(gaps > 0) else 1.0
