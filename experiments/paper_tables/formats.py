"""A table's lines for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from .build import NOT_RUN, Line
from .records import TableRecord


def console_table(table: TableRecord, lines: Sequence[Line]) -> Table:
    """For a terminal; the paper's numbers are dim, and what was not run is yellow."""
    marks = _marks(lines)
    made = Table(
        title=f"{table.title} ({table.source})", box=None, pad_edge=False, header_style="bold", title_justify="left",
        title_style="bold",
    )  # fmt: skip
    for heading in _headings(table):
        made.add_column(heading, justify="left" if heading in ("method", "recipe") else "right", overflow="fold")
    for line in lines:
        cells = _cells(table, line, marks)
        made.add_row(*(Text(cell, style="yellow" if cell == NOT_RUN else "") for cell in cells))
    return made


def footnotes(table: TableRecord, lines: Sequence[Line]) -> list[str]:
    """What stands below the table, in its order."""
    sources = dict.fromkeys(line.row.source for line in lines if line.row.source)
    marked = [f"{mark}) {text}" for text, mark in _marks(lines).items()]
    means = ["± is the standard deviation over n seeds."] if any(len(line.runs) > 1 for line in lines) else []
    return [*marked, *means, *table.notes, *(f"Other numbers beside ours: {source}." for source in sources)]


def markdown(table: TableRecord, lines: Sequence[Line]) -> str:
    """With its footnotes as a list."""
    marks, headings = _marks(lines), _headings(table)
    rows = [headings, ["---" if heading in ("method", "recipe") else "---:" for heading in headings]]
    rows += [_cells(table, line, marks) for line in lines]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    notes = "\n".join(f"- {note}" for note in footnotes(table, lines))
    return f"**{table.title}** ({table.source})\n\n{body}\n" + (f"\n{notes}\n" if notes else "")


def comma_separated(table: TableRecord, lines: Sequence[Line]) -> str:
    """A line a row and recipe, numbers in full, no footnotes: epochs, machine and runs are columns."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    numbers = [f"{c.name}{part}" for c in table.columns for part in (" paper", " paper ±", " mean", " ±")]
    writer.writerow(["method", "recipe", *numbers, "n", "epochs", "remarks", "runs"])
    for line in lines:
        found: list[object] = []
        for cell in line.cells:
            found += [*(cell.paper or (None, None)), cell.mean, cell.deviation]
        epochs = line.runs[0].configuration.epochs if line.runs else NOT_RUN
        names = " ".join(run.name for run in line.runs)
        writer.writerow([line.row.label, line.recipe, *found, len(line.runs), epochs, "; ".join(line.remarks), names])
    return stream.getvalue()


def _headings(table: TableRecord) -> list[str]:
    found = ["method", "recipe"] if _has_recipes(table) else ["method"]
    for column in table.columns:
        found += [f"{column.label}: paper", "ours"] if _has_paper(table, column.name) else [column.label]
    return [*found, "n"]


def _cells(table: TableRecord, line: Line, marks: dict[str, str]) -> list[str]:
    found = [line.row.label, line.recipe] if _has_recipes(table) else [line.row.label]
    for cell in line.cells:
        found += [cell.papers(), cell.ours()] if _has_paper(table, cell.column.name) else [cell.ours()]
    remarks = " ".join(f"{marks[remark]})" for remark in line.remarks)
    return [*found, f"{len(line.runs)} {remarks}".strip() if line.runs else ""]


def _has_paper(table: TableRecord, column: str) -> bool:
    return any(column in row.paper for row in table.rows)


def _has_recipes(table: TableRecord) -> bool:
    return len({recipe for row in table.rows for recipe in row.recipes}) > 1


def _marks(lines: Sequence[Line]) -> dict[str, str]:
    """A letter for each remark, in the order in which they come."""
    remarks = dict.fromkeys(remark for line in lines for remark in line.remarks)
    names = [*string.ascii_lowercase, *(f"{a}{b}" for a in string.ascii_lowercase for b in string.ascii_lowercase)]
    return dict(zip(remarks, names, strict=False))
