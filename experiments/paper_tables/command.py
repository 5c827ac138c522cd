"""``mlbreg table``: a table of the papers, with our numbers from stored runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..results.library import stored_runs
from ..results.stored_run import StoredRunError
from .build import build
from .formats import comma_separated, console_table, footnotes, markdown
from .records import TABLES

USAGE = 2


class Format(StrEnum):
    """How a table is written."""

    CONSOLE = "console"
    MARKDOWN = "markdown"
    CSV = "csv"


def table(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=f"{', '.join(TABLES)}.")] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Runs of yours beside the reviewed ones: of a sweep, or stored."),
    ] = None,
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.CONSOLE,
    list_tables: Annotated[
        bool, typer.Option("--list", help="Say which tables there are, and how many lines have runs.")
    ] = False,
) -> None:
    """Build a table from stored runs, beside the papers' numbers. A cell without a run says so.

    Exit code 0: written; 2: wrong usage.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 160)
    try:
        found = stored_runs(runs or ())
    except StoredRunError as error:
        _fail(errors, f"--runs: {error}" if runs else str(error))
    if list_tables:
        overview = Table("table", "what", "lines with runs", box=None, pad_edge=False, header_style="bold")
        for one in TABLES.values():
            lines = build(one, found)
            overview.add_row(one.name, one.title, f"{sum(bool(line.runs) for line in lines)} of {len(lines)}")
        console.print(overview)
        return
    if name not in TABLES:
        _fail(errors, f"NAME must be one of {', '.join(TABLES)}, got {name!r}")
    chosen = TABLES[name]
    lines = build(chosen, found)
    if format is Format.CONSOLE:
        console.print(console_table(chosen, lines))
        for note in footnotes(chosen, lines):
            console.print(Text(note, style="dim"), soft_wrap=True)
        if any(not line.runs for line in lines) and chosen.seeds:
            console.print(f"For what was not run: mlbreg sweep {chosen.name}", style="dim", soft_wrap=True)
    else:
        text = markdown(chosen, lines) if format is Format.MARKDOWN else comma_separated(chosen, lines)
        typer.echo(text, nl=False)


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
