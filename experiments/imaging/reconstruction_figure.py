"""Truth, data, and the reconstructions of the single-level and of the recommended multilevel method, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ...theory.operators import Radon
from ..figure_style import PAGE, canvas, save
from .methods import RECOMMENDED, SINGLE_LEVEL
from .study import Comparison, Outcome


def draw_reconstructions(comparison: Comparison, path: Path) -> tuple[Path, ...]:
    """Write ``path`` as PDF and PNG; the paths."""
    problem, iterations = comparison.problem, comparison.configuration.iterations
    by_name = {outcome.method: outcome for outcome in comparison.outcomes}
    single, multilevel = by_name[SINGLE_LEVEL], by_name[RECOMMENDED]
    with canvas(PAGE, 2.25) as figure:
        axes = figure.subplots(1, 4)
        _image(axes[0], problem.image(problem.truth), "truth")
        _data(axes[1], comparison)
        shown = _image(axes[2], problem.image(single.image), _title(f"BPGD, {iterations} iterations", single))
        work = float(multilevel.work[multilevel.end])
        _image(axes[3], problem.image(multilevel.image), _title(f"ML BPGD, {work:.0f} work units", multilevel))
        bar = figure.colorbar(shown, cax=axes[3].inset_axes((1.05, 0, 0.05, 1)))
        bar.set_label("intensity")
        return save(figure, path)


def _title(text: str, outcome: Outcome) -> str:
    missed = "" if outcome.reached is not None else "target missed, "
    return f"{text}\n{missed}PSNR {outcome.signal_to_noise:.1f} dB"


def _image(axes: Axes, image: Any, title: str) -> Any:
    shown = axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    axes.set_title(title)
    side = len(image)
    axes.set_xlabel("pixel")
    axes.set_xticks([0, side // 2, side - 1], ["1", str(side // 2 + 1), str(side)])
    axes.set_yticks([])
    return shown


def _data(axes: Axes, comparison: Comparison) -> None:
    problem = comparison.problem
    noise = comparison.configuration.problem.split("-")[0].capitalize()
    operator, data = problem.operator, problem.loss.data
    if not isinstance(operator, Radon):
        _image(axes, problem.image(data), f"data\n{noise} noise")
        return
    # An angle a column, from 0° on.
    sinogram = data.reshape(operator.angles, operator.n).T
    axes.imshow(sinogram, cmap="gray", aspect="auto", extent=(0, 180, 0, operator.n), interpolation="antialiased")
    axes.set_box_aspect(1)
    axes.set_title(f"data, {operator.angles} angles\n{noise} noise")
    axes.set_xlabel("angle (degrees)")
    axes.set_xticks([0, 90, 180])
    axes.set_yticks([])
    axes.set_ylabel("detector position")
