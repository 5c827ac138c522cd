"""``mlbreg imaging``: multilevel against single-level Bregman proximal gradient on imaging problems."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ...theory.imaging import IMAGING_PROBLEMS
from .comparison_table import comparison_table, notes
from .memory import available, estimate
from .objective_figure import draw_objective
from .pictures import PictureError, picture
from .reconstruction_figure import draw_reconstructions
from .study import Configuration, compare

USAGE, INTERRUPTED = 2, 130
#: Two grids, of which the coarser has the 8 pixels per axis below which the catalogue does not go.
SMALLEST_SIDE = 16


def imaging(
    problems: Annotated[
        list[str] | None, typer.Argument(metavar="[PROBLEM]…", help=f"{', '.join(IMAGING_PROBLEMS)}; all by default.")
    ] = None,
    side: Annotated[int, typer.Option(help="Pixels per axis.")] = 512,
    image: Annotated[str, typer.Option(metavar="IMAGE", help="phantom, portrait or the path of an image.")] = "phantom",
    iterations: Annotated[int, typer.Option(help="Of BPGD: its last objective is the target of the others.")] = 200,
    repeats: Annotated[int, typer.Option(help="How often each method is timed.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    background: Annotated[
        float,
        typer.Option(help="β of the Poisson problems, as intensity; above 0 Shannon's reference takes part, too."),
    ] = 0.0,
    out: Annotated[Path, typer.Option(help="Folder of results and figures.")] = Path("imaging"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute anew what is stored there.")] = False,
) -> None:
    """Compare multilevel BPGD with BPGD, a two-level method and L-BFGS-B, in work units and in seconds.

    Results are stored as they arrive: after an interrupt the same command goes on. Exit code 0: done; 2: wrong usage, or a
    problem that does not fit into memory; 130: interrupted.
    """
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    chosen = tuple(dict.fromkeys(problems or IMAGING_PROBLEMS))
    for problem in chosen:
        if problem not in IMAGING_PROBLEMS:
            _fail(errors, f"PROBLEM must be one of {', '.join(IMAGING_PROBLEMS)}, got {problem!r}")
    if side < SMALLEST_SIDE or side % 2:
        _fail(
            errors,
            f"--side must be even and ≥ {SMALLEST_SIDE}, for two grids with 8 pixels per axis or more, got {side}",
        )
    for option, value, least in (("--iterations", iterations, 1), ("--repeats", repeats, 1), ("--seed", seed, 0)):
        if value < least:
            _fail(errors, f"{option} must be an integer ≥ {least}, got {value}")
    if not 0 <= background < math.inf:
        _fail(errors, f"--background must be a finite number ≥ 0, got {background:g}")
    _check_memory(errors, chosen, side)
    try:
        truth = picture(image, side)
    except PictureError as error:
        _fail(errors, f"--image {error}")
    pixels = hashlib.sha256(truth.tobytes()).hexdigest()[:12]

    def said(text: str) -> None:
        errors.print(f"  {text}", style="dim", soft_wrap=True)

    try:
        for problem in chosen:
            errors.print(f"{problem}, {side} × {side}")
            own = background if problem.startswith("poisson") else 0.0
            configuration = Configuration(problem, side, pixels, iterations, seed, own)
            found = compare(configuration, truth, out / problem, repeats, fresh=fresh, said=said)
            figures = [
                *draw_reconstructions(found, out / f"{problem}-reconstructions"),
                *draw_objective(found, out / f"{problem}-objective"),
            ]
            console.print(comparison_table(found))
            console.print(notes(found), style="dim")
            console.print(f"Figures: {', '.join(str(path) for path in figures)}\n", soft_wrap=True)
    except OSError as error:
        _fail(errors, f"--out must be a folder that can be written, got {str(out)!r}: {error}")
    except KeyboardInterrupt:
        errors.print("interrupted: the same command goes on with what is not done.", style="yellow", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _check_memory(errors: Console, problems: tuple[str, ...], side: int) -> None:
    at_hand = available()
    for problem in problems:
        needed = estimate(problem, side)
        if at_hand is not None and needed > at_hand:
            _fail(
                errors,
                f"--side {side}: {problem} needs about {needed / 2**30:.1f} GiB of memory, "
                f"and {at_hand / 2**30:.1f} GiB are available; take a smaller side",
            )


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
