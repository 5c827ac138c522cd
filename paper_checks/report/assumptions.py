"""The section on assumptions as report.json has it: the explorer's table, and which theorems cover which experiments."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..explorer import ASSUMPTIONS, coverage, rows, table
from . import wording

#: A symbol beside each status, so that colour is never the only mark; the classes are those of the verdicts.
MARK = {"holds": "✓", "holds on search": "●", "fails": "✗", "unknown": "?"}
CLASS = {"holds": "proved", "holds on search": "supported", "fails": "refuted", "unknown": "undecided"}


@cache
def assumptions() -> dict[str, Any]:
    """What report.json has: the assumptions in words, a row for each pair of loss and regularizer, the coverage."""
    return {"statements": dict(ASSUMPTIONS), "table": rows(table()), "coverage": [dict(row) for row in coverage()]}


def constant(found: dict[str, Any]) -> str:
    """𝖫 = 2 where a value is guaranteed, η ≤ 0.5 where only a search has bounded it."""
    if found["value"] is not None:
        return f"{found['symbol']} = {wording.number(found['value'])}"
    return f"{found['symbol']} ≤ {wording.number(found['searched'])}"
