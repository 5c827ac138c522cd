"""Stored runs as data: the JSON lines that ``mlbreg store`` writes, read without what wrote them.

The reviewed runs are found through the entry-point group ``mlbreg.stored_runs``: each entry names a package whose ``*.jsonl`` files
are runs. Where that package is not installed there are no runs, and every claim about experiments is *not run*.

line                                          | what is used of it
----------------------------------------------|------------------------------------------------------------
``{"run": …, "configuration": {…}}``          | every setting by name
``{"run": …, "command": …, "starts": […]}``   | the command; its ``--set`` say how the run departs from its recipe
``{"run": …, "result": {…}}``                 | the numbers at the end
``{"run": …, "curve": name, "values": […]}``  | one number an epoch, from epoch 0 on; null where there is none
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shlex
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, final

GROUP = "mlbreg.stored_runs"


class StoredRunsError(ValueError):
    """A place without stored runs, or a line that is none."""


@final
@dataclass(frozen=True)
class Run:
    """See the table above."""

    name: str
    settings: dict[str, Any]
    command: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, list[float | None]] = field(default_factory=dict)

    @property
    def departures(self) -> dict[str, Any]:
        """The settings that are not those of the run's study, method and recipe; a budget is no departure."""
        words = shlex.split(self.command)
        given = [word for flag, word in pairwise(words) if flag == "--set"]
        found = dict(map(_assignment, given))
        found.pop("epochs", None)
        return found


def reviewed() -> list[Run]:
    """The runs that installed packages offer."""
    found: dict[str, Run] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{entry.module}.".startswith(f"{error.name}."):
                continue  # the package of the runs is not installed, which is allowed
            raise
        for file in sorted(files(entry.module).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".jsonl"):
                found |= {run.name: run for run in of_lines(file.read_text("utf-8").splitlines(), file.name)}
    return [found[name] for name in sorted(found)]


def stored_runs(places: Sequence[Path] = ()) -> list[Run]:
    """The reviewed runs and those of ``places``, which come in the place of reviewed ones with the same name.

    A place is a file of JSON lines or a folder with such files. Raises a `StoredRunsError` for a place without any run.
    """
    found = {run.name: run for run in reviewed()}
    for place in places:
        listed = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
        try:
            runs = [run for file in listed for run in of_lines(file.read_text("utf-8").splitlines(), file.name)]
        except (OSError, UnicodeDecodeError) as error:
            raise StoredRunsError(f"{str(place)!r} cannot be read: {error}") from error
        if not runs:
            raise StoredRunsError(
                f"{str(place)!r} must be a file of stored runs or a folder with such files (mlbreg store writes them), got none"
            )
        found |= {run.name: run for run in runs}
    return [found[name] for name in sorted(found)]


def of_lines(lines: Iterable[str], origin: str) -> list[Run]:
    """The runs in the lines of a file. Raises a `StoredRunsError` that names ``origin`` and the line."""
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            run = found.setdefault(row["run"], {"curves": {}})
            if "curve" in row:
                run["curves"][row["curve"]] = row["values"]
            run |= {name: row[name] for name in ("configuration", "command", "result") if name in row}
        except (ValueError, KeyError, TypeError) as error:
            raise StoredRunsError(
                f"line {number} of {origin} must be one of a stored run, got {line[:60]!r}"
            ) from error
    for name, parts in found.items():
        missing = [part for part in ("configuration", "command", "result") if part not in parts]
        if missing:
            raise StoredRunsError(f"run {name!r} in {origin} is not whole: it has no {missing[0]}")
    return [
        Run(name, parts["configuration"], parts["command"], parts["result"], parts["curves"])
        for name, parts in found.items()
    ]


def digest(runs: Iterable[Run]) -> str:
    """A short digest of the runs that decide a verdict: the same runs with the same numbers have the same one."""
    told = sorted(json.dumps([run.name, run.settings, run.result, run.curves], sort_keys=True) for run in runs)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12] if told else ""


def _assignment(text: str) -> tuple[str, Any]:
    """``name=value`` with the value of a TOML file; text needs no quotation marks."""
    name, _, value = text.partition("=")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value
