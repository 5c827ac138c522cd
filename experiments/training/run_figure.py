"""The curves of a run: score and share of non-zero weights, against the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..figure_style import COLOURS, LINES, PAGE, canvas, plain_axes, save
from .configuration import Configuration

Row = dict[str, Any]


def draw_curves(configuration: Configuration, rows: Sequence[Row], result: Row, path: Path) -> tuple[Path, ...]:
    """Write ``path`` as PDF and PNG from the rows of metrics; the star is the test set's score, at the end."""
    epochs = [row for row in rows if row["kind"] in ("start", "epoch")]
    x = [row.get("epoch", 0) for row in epochs]
    score, unit, scale = ("accuracy", "accuracy (%)", 100) if "test_accuracy" in result else ("psnr", "PSNR (dB)", 1)
    with canvas(PAGE, 2.5) as figure:
        left, right = figure.subplots(1, 2)
        for axes, label in ((left, unit), (right, "non-zero (%)")):
            plain_axes(axes)
            axes.set_xlabel("epoch")
            axes.set_ylabel(label)
            axes.set_xlim(0, max(1, configuration.epochs))
        for name, label, line in ((score, "training", 0), (f"validation_{score}", "validation", 1)):
            _line(left, x, [row.get(name) for row in epochs], scale, label, line)
        left.plot(
            [configuration.epochs], [scale * result[f"test_{score}"]], linestyle="none", marker="*", markersize=8,
            color=COLOURS["vermilion"], label="test", clip_on=False,
        )  # fmt: skip
        for line, (name, label) in enumerate(
            (("weights", "weights"), ("n_conv", "kernels of convolutions"), ("units", "units with a weight"))
        ):
            if name in epochs[0]:
                _line(right, x, [row[name] for row in epochs], 100, label, line)
        if configuration.target_sparsity is not None:
            right.axhline(
                100 * (1 - configuration.target_sparsity), color=COLOURS["muted"], linewidth=0.8,
                linestyle=(0, (1, 2)), label="target", zorder=1,
            )  # fmt: skip
        right.set_yscale("log")
        right.set_ylim(top=130)
        right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        right.yaxis.set_minor_formatter(NullFormatter())
        left.legend()
        right.legend()
        figure.suptitle(f"{configuration.study}, {configuration.method}, seed {configuration.seed}", fontsize=8)
        return save(figure, path)


def _line(axes: Axes, x: list[int], values: list[float | None], scale: float, label: str, line: int) -> None:
    colour, dashes, _ = LINES[line]
    # A logarithmic axis has no place for 0, nor a run's start for the training score.
    y = [float("nan") if not value else scale * value for value in values]
    axes.plot(x, y, color=COLOURS[colour], linestyle=dashes, label=label)
