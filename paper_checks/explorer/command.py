"""``mlbreg assumptions``: the assumption explorer in the terminal."""

from __future__ import annotations

import json
import math
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .coverage import coverage
from .entry import ASSUMPTIONS, Entry, Exploration, Status
from .explore import UnknownNameError, table
from .rows import rows

_USAGE = 2
_STYLE = {Status.HOLDS: "green", Status.SEARCHED: "cyan", Status.FAILS: "red", Status.UNKNOWN: "yellow"}
_MARK = {Status.HOLDS: "✓", Status.SEARCHED: "~", Status.FAILS: "✗", Status.UNKNOWN: "?"}


def assumptions(
    loss: Annotated[str | None, typer.Option(help="A loss of the zoo; all by default.")] = None,
    regularizer: Annotated[str | None, typer.Option(help="A regularizer of the zoo; all by default.")] = None,
    delta: Annotated[float, typer.Option(help="δ > 0 of the elastic net.")] = 1.0,
    lam: Annotated[float, typer.Option(help="λ > 0 of the norms.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="The rows as JSON.")] = False,
) -> None:
    """Which assumptions of the papers hold for which loss and regularizer, with constants or with a witness.

    ✓ holds (proved), ~ holds on search, ✗ fails (witness), ? unknown. With both names, or --json, every reason is given.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    for option, value in (("--delta", delta), ("--lam", lam)):
        if not 0 < value < math.inf:
            _fail(f"{option} must be a finite number > 0, got {value:g}")
    try:
        found = table(loss, regularizer, delta, lam)
    except UnknownNameError as error:
        _fail(f"--{error}")
    if as_json:
        document = {"table": rows(found), "coverage": list(coverage())}
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    if loss and regularizer:
        for line in _details(found[0]):
            console.print(line, soft_wrap=True)
        return
    console.print(_overview(found))
    if not loss and not regularizer:
        console.print()
        console.print(_theorems())
    console.print("\nReasons and witnesses: mlbreg assumptions --loss NAME --regularizer NAME", soft_wrap=True)


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(_USAGE)


def _overview(found: tuple[Exploration, ...]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("loss", "regularizer", *(key.replace("2026", "").replace("2021", "") for key in ASSUMPTIONS)):
        grid.add_column(title, no_wrap=True)
    last = ""
    for exploration in found:
        cells = [Text(_cell(entry), style=_STYLE[entry.status]) for entry in exploration.entries]
        grid.add_row(exploration.loss if exploration.loss != last else "", exploration.regularizer, *cells)
        last = exploration.loss
    return grid


def _cell(entry: Entry) -> str:
    shown = []
    for constant in entry.constants:
        value, sign = (constant.value, "=") if constant.value is not None else (constant.searched, "≤")
        if value is not None:
            shown.append(
                f"{constant.symbol.removesuffix('/τ²')}{sign}{value:.3g}{'τ²' if 'τ' in constant.symbol else ''}"
            )
    return " ".join([_MARK[entry.status], *shown]).replace("(τ)", "")


def _details(exploration: Exploration) -> list[Text]:
    lines = [Text(f"{exploration.loss} × {exploration.regularizer}, δ = {exploration.delta:g}", style="bold")]
    for entry in exploration.entries:
        lines.append(Text.assemble("\n", (entry.assumption, "bold"), f"  {ASSUMPTIONS[entry.assumption]}"))
        lines.append(Text.assemble("  ", (str(entry.status), _STYLE[entry.status]), f": {entry.reason}"))
        for constant in entry.constants:
            value = "no guarantee" if constant.value is None else f"{constant.value:.6g}"
            note = f"  ({constant.formula})" if constant.formula else ""
            seen = (
                ""
                if constant.searched is None
                else f"; search {constant.searched:.6g}{', sharp' if constant.is_sharp else ''}"
            )
            lines.append(Text(f"  {constant.symbol} = {value}{note}{seen}"))
        if entry.witness is not None:
            lines.append(Text(f"  {entry.witness.words}"))
    return lines


def _theorems() -> Table:
    grid = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title="which theorems cover which experiments",
        title_justify="left",
    )
    for title in ("experiment", "covered by", "not covered by"):
        grid.add_column(title)
    for row in coverage():
        theorems = row["theorems"]
        covered = [theorem["theorem"] for theorem in theorems if theorem["covered"]]
        missing = [
            f"{theorem['theorem']} ({', '.join(theorem['missing'])})" for theorem in theorems if not theorem["covered"]
        ]
        grid.add_row(
            f"{row['experiment']} ({row['source']})",
            "none" if not covered else "all" if not missing else "; ".join(covered),
            "none" if not missing else "all" if not covered else "; ".join(missing),
        )
    return grid
