"""How the margins of a claim are distributed: one row of bars per conclusion, on a signed logarithmic axis.

The histogram's axis is sign(m)·max(0, 12 + log₁₀|m|): 0 is a margin below 1e-12, ±12 a margin of size 1 or more.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import NullLocator

from ..random_search import HISTOGRAM_EDGES, TOLERANCE
from .figure_style import Drawing, canvas, colour, plain_axes, save
from .wording import count, number, power

_DECADES = 12
#: The part of the axis in which a margin is zero to rounding.
ROUNDING = _DECADES + math.log10(TOLERANCE)
TICKS = [-12, -8, -4, 0, 4, 8, 12]
TICK_LABELS = ["−1", f"−{power(-4)}", f"−{power(-8)}", "0", power(-8), power(-4), "1"]


def position(margin: float) -> float:
    """Where a margin lies on the axis."""
    if math.isnan(margin) or margin == 0:
        return 0.0
    size = _DECADES if math.isinf(margin) else max(0.0, _DECADES + math.log10(abs(margin)))
    return math.copysign(min(size, _DECADES), margin)


def shown(claim: dict[str, Any]) -> list[dict[str, Any]]:
    """The conclusions worth drawing: those with a margin that is not zero to rounding."""
    return [c for c in claim["conclusions"] if sum(c["histogram"]) and c["equality_share"] < 1]


def draw(claim: dict[str, Any], folder: Path, path: str) -> Drawing | None:
    """The figure, or None when every margin is zero to rounding or there is none."""
    rows = shown(claim)
    if not rows:
        return None
    height = 0.62 + 0.28 * (len(rows) == 1) + 1.05 * len(rows) if len(rows) > 1 else 2.6
    with canvas(5.2, height) as figure:
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.1, right=0.985, top=1 - 0.26 / height, bottom=0.55 / height, hspace=0.45)
        for ax, conclusion in zip(axes, rows, strict=True):
            _row(ax, conclusion)
            ax.tick_params(axis="x", labelbottom=ax is axes[-1])
        axes[-1].set_xlabel("margin (≥ 0: the conclusion holds)")
        return save(figure, folder, path, _words(rows))


def _row(ax: Any, conclusion: dict[str, Any]) -> None:
    plain_axes(ax)
    counts = np.asarray(conclusion["histogram"], dtype=float)
    left, right = HISTOGRAM_EDGES[:-1], HISTOGRAM_EDGES[1:]
    ax.axvspan(-ROUNDING, ROUNDING, color=colour("rule"), alpha=0.7, linewidth=0)
    ax.axvline(0, color=colour("muted"), linewidth=0.8)
    for role, chosen in (
        ("vermilion", right <= -ROUNDING),
        ("muted", (right > -ROUNDING) & (left < ROUNDING)),
        ("sky", left >= ROUNDING),
    ):
        kept = chosen & (counts > 0)
        ax.bar(left[kept], counts[kept], width=right[kept] - left[kept], align="edge", color=colour(role),
               edgecolor=colour("paper"), linewidth=0.5)  # fmt: skip
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(0.7, max(10.0, counts.max() * 1.6))
    ax.set_xlim(-12.3, 12.3)
    ax.set_xticks(TICKS, TICK_LABELS)
    ticks = [10**k for k in range(0, 9, 2) if 10**k <= counts.max() * 1.6] or [1]
    ax.set_yticks(ticks, [power(round(math.log10(t))) if t > 1 else "1" for t in ticks])
    name = conclusion["name"] or "instances"
    smallest = f"smallest {number(conclusion['smallest_margin'])}"
    # A title that is told its place need not be moved out of the way of others, which takes half of the drawing time.
    ax.set_title(name, loc="left", y=1.0, fontsize=9, pad=4, color=colour("ink"))
    ax.set_title(smallest, loc="right", y=1.0, fontsize=8.5, pad=4, color=colour("muted"))
    if not counts[right <= -ROUNDING].any():
        ax.text(-7.5, 0.5, "none below zero", transform=ax.get_xaxis_transform(), ha="center", va="center",
                color=colour("muted"), fontsize=8.5)  # fmt: skip


def _words(rows: list[dict[str, Any]]) -> str:
    parts = [
        f"{c['name'] + ': ' if c['name'] else ''}{count(c['instances'])} instances, smallest margin "
        f"{number(c['smallest_margin'])}, {count(c['violations'])} below zero"
        for c in rows
    ]
    return "Distribution of the margins. " + "; ".join(parts) + "."
