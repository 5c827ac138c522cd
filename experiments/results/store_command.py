"""``mlbreg store``: keep what tables and figures need of finished runs, as text."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from .library import runs_at, write
from .stored_run import StoredRun, StoredRunError

USAGE = 2


def store(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="Folders of runs or of sweeps, or files of stored runs.")
    ],
    into: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A file for each study is made or added to here.")
    ] = Path("results"),
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Kernels and images, too: of networks that have some, 20 to 30 kB a run.")
    ] = False,
) -> None:
    """Store configuration, metrics, environment and result of runs that have ended, without their weights.

    The files are JSON lines in a fixed order: storing the same runs again changes no byte, and a run with a name that is
    stored already takes its place. `mlbreg table` and `mlbreg figure` read them with --runs. Exit code 0: done; 2: wrong usage.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    found: list[StoredRun] = []
    try:
        for place in runs:
            here = runs_at(place)
            if not here:
                _fail(errors, f"{str(place)!r} must have runs that have ended, got none")
            found += here
            unfinished = _unfinished(place)
            if unfinished:
                errors.print(
                    f"{place}: {unfinished} runs have not ended and are left out", style="yellow", soft_wrap=True
                )
        changed = write([run if pictures else replace(run, pictures=()) for run in found], into)
    except StoredRunError as error:
        _fail(errors, str(error))
    except OSError as error:
        _fail(errors, f"--into must be a folder that can be written, got {str(into)!r}: {error}")
    sizes = ", ".join(f"{path} ({path.stat().st_size / 1000:.0f} kB)" for path in changed)
    console.print(f"{len(found)} runs stored. Changed: {sizes or 'nothing'}", soft_wrap=True)


def _unfinished(place: Path) -> int:
    if not place.is_dir():
        return 0
    return sum(1 for config in place.glob("*/config.toml") if not (config.parent / "result.json").is_file())


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
