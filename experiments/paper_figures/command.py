"""``mlbreg figure``: a figure of the papers from stored runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..results.library import stored_runs
from ..results.stored_run import StoredRunError
from ..training.studies import STUDIES
from .catalogue import FIGURES
from .selection import NoRunsError

USAGE = 2


def figure(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=f"{', '.join(FIGURES)}.")] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Runs of yours beside the reviewed ones: of a sweep, or stored."),
    ] = None,
    study: Annotated[str | None, typer.Option(help="The same figure of another study.")] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the PDF and the PNG go.")] = Path("figures"),
    list_figures: Annotated[bool, typer.Option("--list", help="Say which figures there are.")] = False,
) -> None:
    """Draw a figure from stored runs, as PDF and PNG.

    Exit code 0: drawn; 2: wrong usage, or no stored run for it.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)
    if list_figures:
        overview = Table("figure", "what", "source", "study", "its runs", box=None, pad_edge=False, header_style="bold")
        for key, one in FIGURES.items():
            overview.add_row(key, one.title, one.source, one.study, f"mlbreg sweep {one.plan}")
        console.print(overview)
        return
    if name not in FIGURES:
        _fail(errors, f"NAME must be one of {', '.join(FIGURES)}, got {name!r}")
    chosen = FIGURES[name]
    if study is not None and study not in STUDIES:
        _fail(errors, f"--study must be one of {', '.join(STUDIES)}, got {study!r}")
    of = study or chosen.study
    # With its study in the name where that is not the figure's own: two figures must not take each other's place.
    stem = name.replace("/", "-") + ("" if of == chosen.study else f"-{of}")
    try:
        written = chosen.draw(stored_runs(runs or ()), of, out / stem)
    except StoredRunError as error:
        _fail(errors, f"--runs: {error}" if runs else str(error))
    except NoRunsError as error:
        hint = f"mlbreg sweep {chosen.plan}" if of == chosen.study else f"a sweep of {of}"
        _fail(errors, f"{error}; {hint} makes runs for it, --runs names their folder")
    except OSError as error:
        _fail(errors, f"--out must be a folder that can be written, got {str(out)!r}: {error}")
    console.print(f"{', '.join(str(path) for path in written)}", soft_wrap=True)


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
