"""All step-size constants at a glance: what the statement asks for, where it first fails, and what is certified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .figure_style import Drawing, canvas, colour, plain_axes, save
from .wording import number

_ROW = 0.27


def draw(claims: dict[str, dict[str, Any]], folder: Path, path: str) -> Drawing | None:
    """A row for each claim with a step size; None when there is none."""
    known = {id_: claim["tightness"] for id_, claim in claims.items() if claim["tightness"] is not None}
    if not known:
        return None
    largest = max(float(tightness["searched_up_to"]) for tightness in known.values())
    with canvas(8.6, 1.0 + _ROW * len(known)) as figure:
        ax = _rows(figure, [_label(id_, tightness) for id_, tightness in known.items()])
        for row, tightness in enumerate(known.values()):
            _limit(ax, row, tightness)
        ax.set_xlim(0, largest * 1.06)
        ax.set_xlabel("step size in units of 1/𝖫, or of the unit in brackets")
        handles = [
            ax.plot([], [], "D", color=colour("blue"), markersize=5.5, markerfacecolor="none", markeredgewidth=1.5)[0],
            ax.plot([], [], "X", color=colour("vermilion"), markersize=7, markeredgewidth=0)[0],
            ax.plot([], [], ">", color=colour("sky"), markersize=6, markeredgewidth=0)[0],
            ax.plot([], [], "|", color=colour("green"), markersize=9, markeredgewidth=2)[0],
        ]
        figure.legend(handles, ["asked for", "first failure", "no failure up to here", "certified"], loc="upper right", ncols=4,
                      frameon=False, fontsize=8, labelcolor=colour("ink"), handletextpad=0.2, columnspacing=0.9,
                      borderaxespad=0.1, bbox_to_anchor=(0.995, 1))  # fmt: skip
        words = ", ".join(_words(id_, tightness) for id_, tightness in known.items())
        return save(figure, folder, path, f"Step-size limits: {words}.")


def _label(id_: str, tightness: dict[str, Any]) -> str:
    return id_ if tightness["unit"] == "1/𝖫" else f"{id_} [{tightness['unit']}]"


def _words(id_: str, tightness: dict[str, Any]) -> str:
    critical = tightness["critical"]
    measured = "none" if critical is None else number(critical)
    return f"{_label(id_, tightness)}: asked for {number(tightness['paper_limit'])}, first failure {measured}"


def _rows(figure: Any, names: list[str]) -> Any:
    """Axes with a row for each claim, its name beside it, the first on top."""
    height = float(figure.get_size_inches()[1])
    longest = max(len(name) for name in names)
    ax = figure.subplots()
    left = min(0.48, 0.02 + 0.0078 * longest)
    figure.subplots_adjust(left=left, right=0.985, top=1 - 0.32 / height, bottom=0.55 / height)
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(range(len(names)), names, fontsize=8.5, color=colour("ink"))
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
    if tightness["certified"] is not None:
        ax.plot(
            float(tightness["certified"]), row, "|", color=colour("green"), markersize=11, markeredgewidth=2, zorder=5
        )
    ax.plot(
        paper, row, "D", color=colour("blue"), markersize=5.5, markerfacecolor="none", markeredgewidth=1.5, zorder=4
    )
