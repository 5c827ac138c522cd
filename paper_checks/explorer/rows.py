"""The table as plain data, for report.json and ``mlbreg assumptions --json``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .entry import Constant, Entry, Exploration


def rows(table: Iterable[Exploration]) -> list[dict[str, Any]]:
    """One row for each pair of loss and regularizer; only strings, numbers, lists, maps and None."""
    return [
        {
            "loss": found.loss,
            "regularizer": found.regularizer,
            "delta": found.delta,
            "entries": [_entry(entry) for entry in found.entries],
        }
        for found in table
    ]


def _entry(entry: Entry) -> dict[str, Any]:
    witness = entry.witness
    return {
        "assumption": entry.assumption,
        "status": str(entry.status),
        "reason": entry.reason,
        "constants": [_constant(constant) for constant in entry.constants],
        "witness": None if witness is None else {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(witness).items()
        },
    }  # fmt: skip


def _constant(constant: Constant) -> dict[str, Any]:
    return {
        "symbol": constant.symbol,
        "value": _finite(constant.value),
        "formula": constant.formula,
        "searched": _finite(constant.searched),
        "sharp": constant.is_sharp,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
