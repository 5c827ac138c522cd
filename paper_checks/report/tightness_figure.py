"""The tightness curve: the smallest margin against the step size, with the paper's limit and the measured critical value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..random_search import TOLERANCE
from .figure_style import Drawing, canvas, colour, plain_axes, save
from .wording import number, power, tightness_line

#: Decades of the margin that are told apart on either side of zero.
_DECADES = 6


def draw(tightness: dict[str, Any], folder: Path, path: str) -> Drawing | None:
    """The figure, or None when the curve is empty."""
    shares = np.asarray([float(share) for share in tightness["shares"]])
    margins = np.asarray([float(margin) for margin in tightness["smallest_margins"]])
    known = np.isfinite(margins)
    if not known.any():
        return None
    shares, margins = shares[known], margins[known]
    scale = scale_of(np.abs(margins))
    smallest = scale / 10**_DECADES
    with canvas(5.2, 2.9) as figure:
        ax = figure.subplots()
        figure.subplots_adjust(left=0.135, right=0.985, top=0.9, bottom=0.17)
        plain_axes(ax)
        ax.set_yscale("symlog", linthresh=smallest, linscale=0.6)
        bottom, top = (2 * max(scale_of(side), 30 * smallest) for side in (-margins, margins))
        ax.set_ylim(-bottom, top)
        ax.set_xlim(0, float(tightness["searched_up_to"]) * 1.02)
        ax.axhspan(-bottom, 0, color=colour("vermilion"), alpha=0.07, linewidth=0)
        ax.axhline(0, color=colour("muted"), linewidth=0.8)
        ax.plot(shares, margins, color=colour("ink"), linewidth=1.3, zorder=3)
        holds = margins >= -TOLERANCE
        ax.plot(shares[holds], margins[holds], "o", color=colour("sky"), markersize=4, zorder=4)
        ax.plot(shares[~holds], margins[~holds], "X", color=colour("vermilion"), markersize=5.5, zorder=4)
        _limits(ax, tightness)
        exponents = range(round(math.log10(smallest)) + 2, round(math.log10(scale)) + 1, 2)
        ticks = [-(10.0**k) for k in reversed(exponents)] + [0.0] + [10.0**k for k in exponents]
        ticks = [tick for tick in ticks if -bottom <= tick <= top]
        ax.set_yticks(ticks, [_tick(tick) for tick in ticks])
        ax.set_xlabel(f"{_symbol(tightness['parameter'])} in units of {tightness['unit']}")
        ax.set_ylabel("smallest margin")
        return save(figure, folder, path, f"Smallest margin against the step size: {tightness_line(tightness)}.")


def scale_of(values: np.ndarray) -> float:
    """The power of ten above the largest value, at least the tolerance."""
    return float(10.0 ** math.ceil(math.log10(max(float(values.max()), TOLERANCE))))


def _limits(ax: Any, tightness: dict[str, Any]) -> None:
    paper, critical = float(tightness["paper_limit"]), tightness["critical"]
    ax.axvline(paper, color=colour("blue"), linestyle=(0, (5, 3)), linewidth=1.4, zorder=2)
    close = critical is not None and abs(float(critical) - paper) < 0.18 * float(tightness["searched_up_to"])
    left_of_it = close and float(critical) >= paper
    ax.annotate(f"stated {number(paper)}", (paper, 1), xycoords=ax.get_xaxis_transform(), xytext=(-4 if left_of_it else 4, 6),
                textcoords="offset points", ha="right" if left_of_it else "left", color=colour("blue"), fontsize=8.5)  # fmt: skip
    if tightness["certified"] is not None:
        certified = float(tightness["certified"])
        ax.axvspan(0, certified, ymax=0.03, color=colour("green"), linewidth=0, zorder=2)
        ax.annotate(f"certified to {number(certified)}", (certified, 0.03), xycoords=ax.get_xaxis_transform(), xytext=(-4, 2),
                    textcoords="offset points", ha="right", color=colour("green"), fontsize=8)  # fmt: skip
    if critical is None:
        return
    ax.axvline(float(critical), color=colour("vermilion"), linewidth=1.4, zorder=2)
    right_side = not close or left_of_it
    ax.annotate(f"critical {float(critical):.3g}", (float(critical), 1), xycoords=ax.get_xaxis_transform(),
                xytext=(4 if right_side else -4, 6), textcoords="offset points", ha="left" if right_side else "right",
                color=colour("vermilion"), fontsize=8.5)  # fmt: skip


def _tick(value: float) -> str:
    if value == 0:
        return "0"
    exponent = round(math.log10(abs(value)))
    return ("−" if value < 0 else "") + ("1" if exponent == 0 else "10" if exponent == 1 else power(exponent))


def _symbol(parameter: str) -> str:
    return {"tau": "τ", "coarse_tau": "τ̂", "bar": "τ̄"}.get(parameter, parameter)
