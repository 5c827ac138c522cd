"""The look of the experiments' figures: two widths, colours by role, every file as PDF, SVG or PNG from one drawing.

A figure is as wide as a column (`COLUMN`) or as a page (`PAGE`) of a paper, in inches, and is printed at that width: its smallest
text is 7 points. The colours are those of Okabe and Ito (2008), which all common colour blindnesses tell apart, darkened
where a thin line on white needs it; lines that share an axis also differ in their dashes and markers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLUMN, PAGE = 3.4, 7.0

#: Colours by role.
COLOURS = {
    "ink": "#1b1f24",
    "muted": "#5a646e",
    "rule": "#d0d5d9",
    "black": "#000000",
    "blue": "#0072b2",
    "sky": "#3b9fd1",
    "green": "#00805f",
    "vermilion": "#d55e00",
    "purple": "#b0578d",
    "ochre": "#b07c00",
    "umber": "#6b3a1f",
}
#: Sequences of lines take these in turn.
LINES: tuple[tuple[str, Any, str], ...] = (
    ("black", "-", "o"),
    ("blue", "-", "s"),
    ("vermilion", (0, (5, 1.5)), "^"),
    ("green", (0, (3, 1, 1, 1)), "D"),
    ("purple", (0, (1, 1)), "v"),
    ("sky", (0, (6, 1, 1, 1, 1, 1)), "P"),
    ("ochre", (0, (2, 2)), "X"),
    ("umber", (0, (8, 1.5, 2, 1.5)), "*"),
)
_DPI = 300
_SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "svg.hashsalt": "mlbreg",
    "pdf.fonttype": 42,
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of ``width`` × ``height`` inches in this style; it is drawn and saved within the context."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def plain_axes(axes: Axes) -> None:
    """Two thin spines and a quiet grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=COLOURS["rule"], linewidth=0.5)
    axes.set_axisbelow(True)


def save(figure: Figure, path: Path, formats: Sequence[str] = ("pdf", "png")) -> tuple[Path, ...]:
    """Write ``path`` with each of the formats as its suffix; the same figure gives the same bytes, and no half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for format in formats:
        target = path.with_name(f"{path.name}.{format}")
        partial = target.with_name(f".{target.name}.partial")
        dates: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
        figure.savefig(partial, format=format, dpi=_DPI, metadata=dates.get(format, {}))
        partial.replace(target)
        written.append(target)
    return tuple(written)
