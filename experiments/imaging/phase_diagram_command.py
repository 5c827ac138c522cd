"""``mlbreg phase-diagram``: for which sparsity and undersampling LinBreg recovers a sparse vector."""

from __future__ import annotations

import math
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .phase_diagram import Diagram, Success, half_rate, success
from .phase_diagram_figure import draw_phase_diagram
from .recovery_transition import support_weight, weak_transition
from .sparse_recovery import Setting

USAGE, INTERRUPTED = 2, 130


def phase_diagram(
    dimension: Annotated[int, typer.Option(help="d, the length of the sparse vector.")] = 200,
    trials: Annotated[int, typer.Option(help="Trials in a cell.")] = 20,
    grid: Annotated[int, typer.Option(help="Cells per axis.")] = 20,
    alpha: Annotated[float, typer.Option(help="λδ of LinBreg; its limit is that of ℓ1 as this grows.")] = Setting.alpha,
    seed: Annotated[int, typer.Option(help="The same seed gives the same diagram.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of results and figure.")] = Path("phase-diagram"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute anew what is stored there.")] = False,
) -> None:
    """Compressed sensing with LinBreg: success over undersampling and sparsity, beside the transition of ℓ1.

    Success is a relative error of at most 1e-2. Results are stored as they arrive: after an interrupt the same command goes on.
    Exit code 0: done; 2: wrong usage; 130: interrupted.
    """
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    for option, value, least in (("--dimension", dimension, 2), ("--trials", trials, 1), ("--seed", seed, 0)):
        if value < least:
            _fail(errors, f"{option} must be an integer ≥ {least}, got {value}")
    if not 1 <= grid <= dimension // 2:
        _fail(errors, f"--grid must be in 1 … {dimension // 2}, half the dimension, got {grid}")
    if not 0 < alpha < math.inf:
        _fail(errors, f"--alpha must be a finite number > 0, got {alpha:g}")

    def said(text: str) -> None:
        errors.print(f"  {text}", style="dim", soft_wrap=True)

    try:
        found = success(Diagram(dimension, trials, grid, seed, Setting(alpha)), out / "results", fresh=fresh, said=said)
        figures = draw_phase_diagram(found, out / "phase-diagram")
    except OSError as error:
        _fail(errors, f"--out must be a folder that can be written, got {str(out)!r}: {error}")
    except KeyboardInterrupt:
        errors.print("interrupted: the same command goes on with what is not done.", style="yellow", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(_table(found))
    console.print(
        f"{found.rate.size * trials:,} trials, LinBreg from 0 with λ = 1, δ₀ = {alpha:g}, τ𝖫 = {Setting.step:g}; "
        f"{found.converged:.1%} met ‖Ax − b‖ ≤ {Setting.tolerance / 10:g}‖b‖ within {Setting.most_steps:,} steps.",
        style="dim",
    )
    console.print(f"Figure: {', '.join(str(path) for path in figures)}", soft_wrap=True)


def _table(found: Success) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("δ = m/d", "m", "ρ at half the trials", "ℓ1 (Donoho–Tanner)", "LinBreg's limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    diagram = found.diagram
    weight = support_weight(diagram.setting.alpha, 1, 2)
    for m, half in zip(diagram.measurements, half_rate(found), strict=True):
        delta = m / diagram.dimension
        predicted = (f"{weak_transition(delta):.3f}", f"{weak_transition(delta, weight):.3f}")
        table.add_row(f"{delta:.3f}", str(m), "" if half is None else f"{half:.3f}", *predicted)
    return table


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
