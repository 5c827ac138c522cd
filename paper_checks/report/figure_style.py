"""The look of the figures, and SVG files that follow the reader's light or dark theme.

A figure is drawn in the light theme's colours. Each colour in the file then gets a CSS variable behind it
(``fill: #1b1f24; fill: var(--ink)``), whose value depends on ``prefers-color-scheme``: a viewer that knows no variables
keeps the literal colour. Text is drawn as paths, so a figure looks the same on every machine and in every slide.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

#: Colours by role, for light and dark; told apart with every common colour blindness (after Okabe and Ito).
THEME = {
    "ink": ("#1b1f24", "#e4e7ea"),
    "muted": ("#5a646e", "#9ba5af"),
    "rule": ("#dfe3e6", "#2f363d"),
    "paper": ("#fdfdfb", "#14171a"),
    "blue": ("#0b5cad", "#79b8ff"),
    "sky": ("#1a7191", "#6ccff0"),
    "green": ("#00684f", "#4fd1b0"),
    "vermilion": ("#b5400f", "#ff9b69"),
    "purple": ("#91337a", "#ee9ad8"),
    "ochre": ("#6d5b00", "#dfc55b"),
}
_SETTINGS: Any = {
    "svg.hashsalt": "mlbreg",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.unicode_minus": True,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "path.simplify": True,
    "text.parse_math": False,  # a dollar sign in a claim is a dollar sign
}


@dataclass(frozen=True)
class Drawing:
    """A figure on disk: its path in the report's folder, its size in CSS pixels, and what it shows in words."""

    path: str
    width: int
    height: int
    words: str


def colour(role: str) -> str:
    """The light theme's colour of a role."""
    return THEME[role][0]


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of ``width`` × ``height`` hundred CSS pixels, in the report's style."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), dpi=100)
        figure.patch.set_visible(False)
        yield figure


def plain_axes(axes: Axes) -> None:
    """Two thin spines, quiet ticks, no background."""
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(colour("muted"))
    axes.tick_params(colors=colour("muted"), length=3, width=0.8, labelsize=8.5)
    axes.tick_params(which="minor", length=0)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(colour("ink"))


def save(figure: Figure, folder: Path, path: str, words: str) -> Drawing:
    """Write the figure as a themed SVG; the same figure gives the same bytes."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # a box is drawn in its place
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Type": None})
    width, height = (round(float(inches) * 100) for inches in figure.get_size_inches())
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(themed(buffer.getvalue(), width, height, words), encoding="utf-8")
    return Drawing(path, width, height, words)


def themed(svg: str, width: int, height: int, words: str) -> str:
    """Matplotlib's SVG with a title, without metadata, and with a CSS variable behind every colour of `THEME`."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    for role, (light, _) in THEME.items():
        body = re.sub(rf"(fill|stroke): {light}", rf"\1: {light}; \1: var(--{role})", body)
    viewbox = re.search(r'viewBox="[^"]*"', body)
    light_values = "".join(f"--{role}:{light};" for role, (light, _) in THEME.items())
    dark_values = "".join(f"--{role}:{dark};" for role, (_, dark) in THEME.items())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'width="{width}" height="{height}" {viewbox.group() if viewbox else ""} role="img">\n'
        f" <title>{escape(words)}</title>\n"
        f" <style>:root{{{light_values}}}@media (prefers-color-scheme: dark){{:root{{{dark_values}}}}}</style>\n"
    )
    return re.sub(r"<svg[^>]*>\n?", lambda _: head, body, count=1)
