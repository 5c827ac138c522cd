"""The numbers of a comparison as a table for the terminal."""

from __future__ import annotations

import statistics

from rich.table import Table
from rich.text import Text

from .study import Comparison


def comparison_table(comparison: Comparison) -> Table:
    """A row a method: objective reached, work units and seconds until then, both also as a share of BPGD's, and PSNR."""
    found = comparison.configuration
    single = comparison.outcomes[0]
    table = Table(
        title=f"{found.problem}, {found.side} × {found.side}, target: f after {found.iterations} iterations of BPGD",
        box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column("method", no_wrap=True)
    for heading in ("objective", "work units", "ratio", "seconds (min–max)", "ratio", "PSNR, dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in comparison.outcomes:
        work, seconds = float(outcome.work[outcome.end]), statistics.median(outcome.to_target)
        cells = [f"{outcome.values[outcome.end]:.6g}", f"{work:.1f}"]
        times = [f"{seconds:.2f} ({min(outcome.to_target):.2f}–{max(outcome.to_target):.2f})"]
        if outcome.reached is None:
            ratios = ["not reached", "not reached"]
        else:
            ratios = [
                f"{work / single.work[-1]:.2f}",
                f"{seconds / max(statistics.median(single.to_target), 1e-9):.2f}",
            ]
        style = "yellow" if outcome.reached is None else ""
        row = [outcome.title, *cells, ratios[0], *times, ratios[1], f"{outcome.signal_to_noise:.2f}"]
        table.add_row(*(Text(cell, style=style) for cell in row))
    return table


def notes(comparison: Comparison) -> str:
    """What the table's numbers mean, in a sentence or two, with what they leave out."""
    finest, coarser = comparison.set_up
    found = comparison.configuration
    return (
        f"A work unit is a gradient on the finest grid; one evaluation of L-BFGS-B, f with its gradient, is one. A method "
        f"that spent {found.iterations} units above the target has not reached it. Seconds: the algorithm alone, median of "
        f"{len(comparison.outcomes[0].to_target)}. Set-up is not in them: {finest:.2f} s for the finest grid, "
        f"{coarser:.2f} s for the coarser ones."
    )
