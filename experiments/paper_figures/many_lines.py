"""Up to sixteen lines that are told apart without colours: those of `figure_style`, then the same with open markers.

A method has the same line in every figure.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ..figure_style import COLOURS, LINES

#: By method as the papers write it; the first eight, which meet most often, have colours of their own.
METHOD_LABELS = {
    "sgd": "SGD",
    "ml-linbreg": "ML LinBreg",
    "linbreg": "LinBreg",
    "linbreg-momentum": "LinBreg, momentum",
    "adabreg": "AdaBreg",
    "rigl": "RigL",
    "prune": "prune, fine-tune",
    "granet": "GraNet",
    "adam": "Adam",
    "proxsgd": "ProxGD",
    "set": "SET",
    "gradual-pruning": "gradual pruning",
    "static": "static",
    "lasso": "Lasso",
    "acdc": "AC/DC",
}


def line_style(number: int) -> dict[str, Any]:
    """Of the line with this number, for ``Axes.plot``."""
    colour, dashes, marker = LINES[number % len(LINES)]
    face = COLOURS[colour] if number < len(LINES) else "white"
    return {"color": COLOURS[colour], "linestyle": dashes, "marker": marker, "markerfacecolor": face}


def method_style(method: str) -> dict[str, Any]:
    """Of the method's line, with its label."""
    return {**line_style(tuple(METHOD_LABELS).index(method)), "label": METHOD_LABELS[method]}


def legend_above(figure: Figure, columns: int) -> None:
    """One legend for all panels: each label once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        list(found.values()), list(found), loc="outside upper center", ncols=min(columns, len(found)), handlelength=2.6,
        columnspacing=1.2,
    )  # fmt: skip
