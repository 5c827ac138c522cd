"""The phase diagram: the success rate in grey, the transition of ℓ1 and that of LinBreg's limit over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..figure_style import COLOURS, COLUMN, canvas, save
from .phase_diagram import Success
from .recovery_transition import support_weight, weak_transition


def draw_phase_diagram(success: Success, path: Path) -> tuple[Path, ...]:
    """Write ``path`` as PDF and PNG; the paths."""
    diagram = success.diagram
    deltas = np.linspace(0.005, 0.995, 199)
    weight = support_weight(diagram.setting.alpha, 1, 2)
    curves = (
        (1.0, "vermilion", "-", r"$\ell_1$ (Donoho–Tanner)"),
        (weight, "sky", (0, (4, 1.5)), rf"LinBreg's limit, $\lambda\delta_0 = {diagram.setting.alpha:g}$"),
    )
    with canvas(COLUMN, 2.75) as figure:
        axes = figure.subplots()
        shown = axes.imshow(
            success.rate, origin="lower", extent=(0, 1, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
        )
        for c, colour, dashes, label in curves:
            rho = [weak_transition(float(delta), c) for delta in deltas]
            axes.plot(deltas, rho, color=COLOURS[colour], linestyle=dashes, linewidth=1.8, label=label)
        axes.set_xlabel(r"undersampling $\delta = m/d$")
        axes.set_ylabel(r"sparsity $\rho = k/m$")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        legend = axes.legend(loc="upper left", frameon=True, facecolor="black", edgecolor="none", framealpha=0.55)
        for text in legend.get_texts():
            text.set_color("white")
        bar = figure.colorbar(shown, cax=axes.inset_axes((1.04, 0, 0.045, 1)))
        bar.set_label(f"success rate, {diagram.count} trials, $d = {diagram.dimension}$")
        return save(figure, path)
