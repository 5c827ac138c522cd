"""The section on assumptions: the explorer's table and the theorems' coverage as data for report.json, and as HTML."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from ..explorer import ASSUMPTIONS, coverage, rows, table
from . import wording
from .formulas import symbols

#: A symbol beside each status, so that colour is never the only mark; the classes are those of the verdicts.
MARK = {"holds": "✓", "holds on search": "●", "fails": "✗", "unknown": "?"}
_CLASS = {"holds": "proved", "holds on search": "supported", "fails": "refuted", "unknown": "undecided"}


@cache
def assumptions() -> dict[str, Any]:
    """What report.json has: the assumptions in words, a row for each pair of loss and regularizer, the coverage."""
    return {"statements": dict(ASSUMPTIONS), "table": rows(table()), "coverage": [dict(row) for row in coverage()]}


def section(found: dict[str, Any]) -> Markup:
    """The section of the page for the data of `assumptions`."""
    return Markup(_template().render(assumptions=found))


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"symbols": symbols, "number": wording.number, "sentence": wording.sentence}
    environment.globals |= {"mark": MARK, "status_class": _CLASS, "constant": constant}
    return environment.from_string(files(__package__).joinpath("assumptions.html.j2").read_text(encoding="utf-8"))


def constant(found: dict[str, Any]) -> str:
    """𝖫 = 2 where a value is guaranteed, η ≤ 0.5 where only a search has bounded it."""
    if found["value"] is not None:
        return f"{found['symbol']} = {wording.number(found['value'])}"
    return f"{found['symbol']} ≤ {wording.number(found['searched'])}"
