"""From a table's record and stored runs to its cells.

A run belongs to a row when its configuration is the row's, left aside the seed, the epochs, and how a machine computes it
(`COMPUTATION`). Runs of different lengths or computations are never averaged: each kind has a line of its own, the longest
first, so that what was trained equally long stands in one table. What differs from the row's own setting is said in a footnote,
as is the machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, final

from ..results.stored_run import StoredRun
from ..training.configuration import COMPUTATION, Configuration
from ..training.studies import configure
from .metrics import METRICS
from .records import Column, Row, TableRecord

NOT_RUN = "not run"
_USUAL: dict[str, Any] = {field.name: field.default for field in fields(Configuration) if field.name in COMPUTATION}


@final
@dataclass(frozen=True)
class Cell:
    """``paper``: mean and standard deviation or None; ``values``: ours, one a seed, scaled as they are shown."""

    column: Column
    paper: tuple[float, float | None] | None
    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """Ours."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over the seeds; None below two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def ours(self) -> str:
        """As text."""
        return NOT_RUN if self.mean is None else _text(self.mean, self.deviation, self.column.digits)

    def papers(self) -> str:
        """As text, empty where the paper has no number."""
        return "" if self.paper is None else _text(*self.paper, self.column.digits)


@final
@dataclass(frozen=True)
class Line:
    """A row under one recipe and its runs of one kind; ``remarks``: what differs from the row's setting."""

    row: Row
    recipe: str
    cells: tuple[Cell, ...]
    runs: tuple[StoredRun, ...]
    remarks: tuple[str, ...]


def build(table: TableRecord, runs: Sequence[StoredRun]) -> list[Line]:
    """The lines of the table, those without runs too."""
    return [line for row in table.rows for recipe in row.recipes for line in _lines(table, row, recipe, runs)]


def matching(wanted: Configuration, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs of this setting with the most epochs, one a seed, by their seeds."""
    return next(iter(_kinds(wanted, runs)), [])


def _kinds(wanted: Configuration, runs: Sequence[StoredRun]) -> list[list[StoredRun]]:
    """The runs of this setting, one a seed, by epochs and computation: the longest first, of those float32 first."""
    found: dict[tuple[Any, ...], dict[int, StoredRun]] = {}
    for run in runs:
        c = run.configuration
        if _setting(c) == _setting(wanted) and _computed_as(wanted, c):
            kind = (-c.epochs, c.precision != "float32", *c.computation().values())
            found.setdefault(kind, {})[c.seed] = run
    return [
        [by_seed[seed] for seed in sorted(by_seed)] for _, by_seed in sorted(found.items(), key=lambda item: item[0])
    ]


def _lines(table: TableRecord, row: Row, recipe: str, runs: Sequence[StoredRun]) -> list[Line]:
    wanted = configure(row.study, row.method, recipe, row.settings)
    made: list[Line] = []
    for found in _kinds(wanted, runs) or [[]]:
        papers = row.paper if recipe == row.recipes[0] and not made else {}
        cells = (Cell(column, papers.get(column.name), _values(column, row, found)) for column in table.columns)
        made.append(Line(row, recipe, tuple(cells), tuple(found), _remarks(wanted, found)))
    return made


def _values(column: Column, row: Row, runs: Sequence[StoredRun]) -> tuple[float, ...]:
    found = []
    for run in runs:
        result = {**run.result, "epochs": run.configuration.epochs}
        part = result.get(row.part, {}) if row.part else result
        value = METRICS[column.metric](result, part) if part else None
        if value is not None:
            found.append(column.scale * value)
    return tuple(found)


def _remarks(wanted: Configuration, runs: Sequence[StoredRun]) -> tuple[str, ...]:
    if not runs:
        return ()
    found = []
    if runs[0].configuration.epochs != wanted.epochs:
        found.append(f"{runs[0].configuration.epochs} epochs in the place of {wanted.epochs}")
    usual = wanted.computation()
    other = {name: value for name, value in runs[0].configuration.computation().items() if usual[name] != value}
    if other:
        found.append(", ".join(f"{name} {value}" for name, value in other.items()))
    machines = sorted({_machine(start) for run in runs for start in run.starts})
    return (*found, f"on {'; '.join(machines)}")


def _machine(start: dict[str, Any]) -> str:
    if start.get("device", "cpu") != "cpu":
        return str(start["device"])
    name = start.get("processor") or start.get("system", "an unknown machine")
    return f"CPU ({name}, threads: {start.get('threads', '?')})"


def _setting(configuration: Configuration) -> Configuration:
    return replace(configuration, seed=0, epochs=1, **_USUAL)


def _computed_as(wanted: Configuration, run: Configuration) -> bool:
    """Whether the run is computed as a row asks; one that asks for nothing takes any."""
    found = run.computation()
    return all(value in (_USUAL[name], found[name]) for name, value in wanted.computation().items())


def _text(mean: float, deviation: float | None, digits: int) -> str:
    return f"{mean:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")
