"""The look of the experiments' figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mlbreg.experiments.figure_style import COLOURS, COLUMN, LINES, canvas, plain_axes, save


def draw(folder: Path, formats: tuple[str, ...]) -> tuple[Path, ...]:
    with canvas(COLUMN, 2) as figure:
        axes = figure.subplots()
        plain_axes(axes)
        axes.plot(np.arange(5.0), np.arange(5.0) ** 2, color=COLOURS["blue"])
        return save(figure, folder / "below" / "curve", formats)


def test_a_figure_is_written_in_each_format_and_nothing_else_is_left(tmp_path: Path) -> None:
    written = draw(tmp_path, ("pdf", "svg", "png"))
    assert [path.name for path in written] == ["curve.pdf", "curve.svg", "curve.png"]
    assert sorted(written) == sorted((tmp_path / "below").iterdir())
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.parametrize("format", ["pdf", "svg", "png"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, format: str) -> None:
    (first,), (second,) = draw(tmp_path / "a", (format,)), draw(tmp_path / "b", (format,))
    assert first.read_bytes() == second.read_bytes()


def lightness(colour: str) -> float:
    """Relative luminance of an sRGB colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_differ_in_colour_dashes_and_marker_and_stand_out_from_white() -> None:
    colours, dashes, markers = zip(*LINES, strict=True)
    assert len(set(colours)) == len(set(markers)) == len(LINES)
    assert len({str(dash) for dash in dashes[1:]}) == len(LINES) - 1
    # 3 to 1 is what WCAG 2.1 asks of graphics.
    assert all(1.05 / (lightness(COLOURS[colour]) + 0.05) >= 2.9 for colour in colours)
