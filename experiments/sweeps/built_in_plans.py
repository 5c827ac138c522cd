"""The plans by name: the TOML files of this folder, and for each table the runs of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..paper_tables.records import TABLES, grids_of
from .plan import Plan, PlanError, make_plan, read_plan

_FOLDER = Path(__file__).parent


def plan_names() -> tuple[str, ...]:
    """All that `chosen_plan` knows."""
    return tuple(sorted({path.stem for path in _FOLDER.glob("*.toml")} | set(_tables())))


def chosen_plan(name: str, changes: Mapping[str, Any]) -> Plan:
    """A built-in plan, or that of a file. ``bungert2021/table-1`` is ``bungert2021-table-1``. Raises a `PlanError`."""
    known = name.replace("/", "-")
    own = _FOLDER / f"{known}.toml"
    if not name.endswith(".toml"):
        if known in _tables():
            table = TABLES[_tables()[known]]
            return make_plan(known, table.title, grids_of(table), changes)
        if own.is_file():
            return read_plan(own, changes)
        raise PlanError(f"PLAN must be a TOML file or one of {', '.join(plan_names())}, got {name!r}")
    return read_plan(Path(name), changes)


def _tables() -> dict[str, str]:
    return {name.replace("/", "-"): name for name, table in TABLES.items() if table.seeds}
