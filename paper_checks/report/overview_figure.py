"""All claims at a glance: the smallest margin of each, and the step-size limits beside the measured critical values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .figure_style import VERDICT_COLOUR, VERDICT_MARKER, Drawing, canvas, colour, plain_axes, save
from .margin_figure import ROUNDING, TICK_LABELS, TICKS, position
from .wording import ORDER, number

_ROW = 0.27


def draw_margins(claims: dict[str, dict[str, Any]], folder: Path, path: str) -> Drawing | None:
    """The smallest margin of each claim, marked by its verdict; None when no claim has one."""
    known = {id_: claim for id_, claim in claims.items() if claim["smallest_margin"] is not None}
    if not known:
        return None
    with canvas(5.2, 1.0 + _ROW * len(known)) as figure:
        ax = _rows(figure, list(known))
        ax.axvspan(-ROUNDING, ROUNDING, color=colour("rule"), alpha=0.7, linewidth=0)
        ax.axvline(0, color=colour("muted"), linewidth=0.8)
        for row, claim in enumerate(known.values()):
            verdict = claim["verdict"]
            ax.plot(position(float(claim["smallest_margin"])), row, VERDICT_MARKER[verdict], markersize=6.5,
                    color=colour(VERDICT_COLOUR[verdict]), markeredgewidth=0)  # fmt: skip
        ax.set_xlim(-12.6, 12.6)
        ax.set_xticks(TICKS, TICK_LABELS)
        ax.set_xlabel("smallest margin (grey: rounding)")
        present = [word for word in ORDER if any(claim["verdict"] == word for claim in known.values())]
        handles = [
            ax.plot([], [], VERDICT_MARKER[word], color=colour(VERDICT_COLOUR[word]), markersize=6, markeredgewidth=0)[
                0
            ]
            for word in present
        ]
        figure.legend(handles, present, loc="upper right", ncols=6, frameon=False, fontsize=8, labelcolor=colour("ink"),
                      handletextpad=0.1, columnspacing=0.9, borderaxespad=0.1, bbox_to_anchor=(0.995, 1))  # fmt: skip
        words = ", ".join(f"{id_} {number(claim['smallest_margin'])}" for id_, claim in known.items())
        return save(figure, folder, path, f"Smallest margin by claim: {words}.")


def draw_limits(claims: dict[str, dict[str, Any]], folder: Path, path: str) -> Drawing | None:
    """The paper's step-size limit and the measured critical value of each claim that has one."""
    known = {id_: claim["tightness"] for id_, claim in claims.items() if claim["tightness"] is not None}
    if not known:
        return None
    largest = max(float(tightness["searched_up_to"]) for tightness in known.values())
    with canvas(5.2, 1.0 + _ROW * len(known)) as figure:
        ax = _rows(figure, list(known))
        for row, tightness in enumerate(known.values()):
            _limit(ax, row, tightness)
        ax.set_xlim(0, largest * 1.06)
        ax.set_xlabel("step size in units of 1/𝖫")
        handles = [
            ax.plot([], [], "D", color=colour("blue"), markersize=5.5, markerfacecolor="none", markeredgewidth=1.5)[0],
            ax.plot([], [], "X", color=colour("vermilion"), markersize=7, markeredgewidth=0)[0],
            ax.plot([], [], ">", color=colour("sky"), markersize=6, markeredgewidth=0)[0],
        ]
        figure.legend(handles, ["paper's limit", "first failure", "no failure up to here"], loc="upper right", ncols=3,
                      frameon=False, fontsize=8, labelcolor=colour("ink"), handletextpad=0.2, columnspacing=0.9,
                      borderaxespad=0.1, bbox_to_anchor=(0.995, 1))  # fmt: skip
        words = ", ".join(
            f"{id_}: paper {number(t['paper_limit'])}, measured {'none' if t['critical'] is None else number(t['critical'])}"
            for id_, t in known.items()
        )
        return save(figure, folder, path, f"Step-size limits in units of 1/𝖫: {words}.")


def _rows(figure: Any, names: list[str]) -> Any:
    """Axes with a row for each claim, its name beside it, the first on top."""
    height = float(figure.get_size_inches()[1])
    longest = max(len(name) for name in names)
    ax = figure.subplots()
    left = min(0.48, 0.03 + 0.0122 * longest)
    figure.subplots_adjust(left=left, right=0.985, top=1 - 0.32 / height, bottom=0.55 / height)
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    size = 8.5 if longest < 34 else 8.5 * 34 / longest
    ax.set_yticks(range(len(names)), names, fontsize=size, color=colour("ink"))
    ax.set_ylim(len(names) - 0.4, -0.6)
    for row in range(len(names)):
        ax.axhline(row, color=colour("rule"), linewidth=0.7, zorder=0)
    return ax


def _limit(ax: Any, row: int, tightness: dict[str, Any]) -> None:
    paper, critical = float(tightness["paper_limit"]), tightness["critical"]
    end = float(tightness["searched_up_to"]) if critical is None else float(critical)
    role = "sky" if critical is None or end >= paper else "vermilion"
    ax.plot([paper, end], [row, row], color=colour(role), linewidth=2.2, solid_capstyle="butt", zorder=2)
    if critical is None:
        ax.plot(end, row, ">", color=colour("sky"), markersize=6.5, markeredgewidth=0, zorder=3)
    else:
        ax.plot(end, row, "X", color=colour("vermilion"), markersize=7.5, markeredgewidth=0, zorder=3)
    ax.plot(
        paper, row, "D", color=colour("blue"), markersize=5.5, markerfacecolor="none", markeredgewidth=1.5, zorder=4
    )
