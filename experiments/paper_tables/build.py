"""From a table's record and stored runs to its cells.

A run belongs to a line when its configuration is that of the row, seed and epochs left aside. Where there are runs of several
lengths the longest are taken: numbers of different lengths are never averaged. What differs from the row's own setting is said in a
footnote, as is the machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from ..results.stored_run import StoredRun
from ..training.configuration import Configuration
from ..training.studies import configure
from .metrics import METRICS
from .records import Column, Row, TableRecord

NOT_RUN = "not run"


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
    """A row under one recipe; ``runs`` are those behind it, ``remarks`` what differs from its setting."""

    row: Row
    recipe: str
    cells: tuple[Cell, ...]
    runs: tuple[StoredRun, ...]
    remarks: tuple[str, ...]


def build(table: TableRecord, runs: Sequence[StoredRun]) -> list[Line]:
    """The lines of the table, those without runs too."""
    return [_line(table, row, recipe, runs) for row in table.rows for recipe in row.recipes]


def matching(wanted: Configuration, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs of this setting with the most epochs, one a seed, by their seeds."""
    same = [run for run in runs if _setting(run.configuration) == _setting(wanted)]
    longest = max((run.configuration.epochs for run in same), default=0)
    by_seed = {run.configuration.seed: run for run in same if run.configuration.epochs == longest}
    return [by_seed[seed] for seed in sorted(by_seed)]


def _line(table: TableRecord, row: Row, recipe: str, runs: Sequence[StoredRun]) -> Line:
    wanted = configure(row.study, row.method, recipe, row.settings)
    found = matching(wanted, runs)
    cells = tuple(
        Cell(column, row.paper.get(column.name) if recipe == row.recipes[0] else None, _values(column, row, found))
        for column in table.columns
    )
    return Line(row, recipe, cells, tuple(found), _remarks(wanted, found))


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
    machines = sorted({_machine(start) for run in runs for start in run.starts})
    return (*found, f"on {'; '.join(machines)}")


def _machine(start: dict[str, Any]) -> str:
    if start.get("device", "cpu") != "cpu":
        return str(start["device"])
    name = start.get("processor") or start.get("system", "an unknown machine")
    return f"CPU ({name}, threads: {start.get('threads', '?')})"


def _setting(configuration: Configuration) -> Configuration:
    return replace(configuration, seed=0, epochs=1)


def _text(mean: float, deviation: float | None, digits: int) -> str:
    return f"{mean:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")
