"""A table as data: a TOML file in this folder, ``bungert2021-table-1.toml`` for ``bungert2021/table-1``.

entry         | meaning
--------------|----------------------------------------------------------------------------------------------
``title``, ``source`` | what it shows, and where the papers' numbers stand
``study``     | of rows that name none
``recipes``   | a row has a line for each of them, unless it has ``recipes`` of its own; ``["paper"]`` if not given
``seeds``     | of the plan that `mlbreg sweep` makes of the table
``notes``     | sentences below the table
``[[columns]]`` | ``name``, ``label``, ``metric`` of `metrics`, ``scale`` and ``digits`` of the numbers shown
``[[rows]]``  | ``label``, ``method``, ``study``, ``settings`` beside the study's: together the query for runs; ``part``: the
              | result within the result, ``thresholded``; ``paper``: by column a number, or mean and standard deviation, beside
              | the line of the first recipe;
              | ``source``: of this row's numbers, where it is not the table's

Adding a table is adding a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from .metrics import METRICS

_PAPERS = ("bungert2021", "lunk2026")


@final
@dataclass(frozen=True)
class Column:
    """See the table above."""

    name: str
    label: str
    metric: str
    scale: float = 1.0
    digits: int = 1


@final
@dataclass(frozen=True)
class Row:
    """See the table above; ``paper`` has a mean and None or a standard deviation."""

    label: str
    study: str
    method: str
    settings: Mapping[str, Any]
    part: str
    paper: Mapping[str, tuple[float, float | None]]
    source: str
    recipes: tuple[str, ...]


@final
@dataclass(frozen=True)
class TableRecord:
    """See the table above."""

    name: str
    title: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())


def grids_of(table: TableRecord) -> list[dict[str, Any]]:
    """The grids of the plan that has every run of the table."""
    return [
        {
            "study": row.study, "method": row.method, "recipe": list(row.recipes), **row.settings, "seed": list(table.seeds),
        }
        for row in table.rows
    ]  # fmt: skip


def read_table(path: Path) -> TableRecord:
    """The table of a file. Raises a `ValueError` that says what is wrong with it."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        columns = tuple(Column(**column) for column in found.pop("columns"))
        own = {"study": found.pop("study", None), "recipes": found.pop("recipes", ["paper"])}
        rows = found.pop("rows")
        table = TableRecord(
            _name(path.stem), found.pop("title"), found.pop("source"), columns,
            tuple(_row({**own, **row}) for row in rows), tuple(found.pop("seeds", ())), tuple(found.pop("notes", ())),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no table: {error!r}") from error
    names = {column.name for column in columns}
    if found:
        raise ValueError(f"{path.name} must have the entries of a table, got {', '.join(found)}")
    for column in columns:
        if column.metric not in METRICS:
            raise ValueError(f"metric in {path.name} must be one of {', '.join(METRICS)}, got {column.metric!r}")
    for row in table.rows:
        if not set(row.paper) <= names:
            raise ValueError(f"paper of {row.label!r} in {path.name} must have columns among {names}, got {row.paper}")
    return table


def _row(found: dict[str, Any]) -> Row:
    paper = {
        name: (float(value[0]), float(value[1])) if isinstance(value, list) else (float(value), None)
        for name, value in found.pop("paper", {}).items()
    }
    recipes = tuple(found.pop("recipes"))
    return Row(
        settings=found.pop("settings", {}), part=found.pop("part", ""), source=found.pop("source", ""), paper=paper,
        recipes=recipes, **found,
    )  # fmt: skip


def _name(stem: str) -> str:
    paper, _, rest = stem.partition("-")
    return f"{paper}/{rest}" if paper in _PAPERS else stem


#: All tables by name.
TABLES: dict[str, TableRecord] = {
    table.name: table for table in map(read_table, sorted(Path(__file__).parent.glob("*.toml")))
}
