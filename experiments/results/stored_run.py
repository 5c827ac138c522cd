"""A run as it is stored: JSON lines that a reviewer can read and compare.

line                                          | content
----------------------------------------------|--------------------------------------------------------------
``{"run": …, "configuration": {…}}``          | every setting
``{"run": …, "command": …, "starts": [{…}]}`` | the command that makes it again; date, versions, machine of each start
``{"run": …, "result": {…}}``                 | scores, sparsity in total and by layer, FLOPs, seconds, peak memory
``{"run": …, "curve": name, "values": […]}``  | one number an epoch, from the start (epoch 0) on; null where there is none
``{"run": …, "picture": {…}}``                | a row of ``pictures.jsonl``, see `training.pictures`; only where it was asked for

The lines of a run stand together in this order, curves by their names. Numbers have six significant digits, in curves five. A
run's name is that of its folder. Nothing here needs torch.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..training.configuration import Configuration, ConfigurationError
from ..training.configuration_file import read_settings, to_arguments
from ..training.studies import configure

_DIGITS, _CURVE_DIGITS = 6, 5
#: Follow from the others.
_NO_CURVES = ("epoch", "step", "flops_dense", "s_conv")
#: Long, and the same for every run of a network: docs/training.md has them.
_LEFT_OUT = ("flop_assumptions",)
#: Of a start: no paths, which say nothing on another machine.
_OF_A_START = (
    "started", "mlbreg", "python", "torch", "numpy", "source", "system", "processor", "processors", "threads", "device",
    "ranks", "first_step",
)  # fmt: skip


class StoredRunError(Exception):
    """A folder or a file that is no run."""


@final
@dataclass(frozen=True)
class StoredRun:
    """See the table above. ``curves``: by name, the same length each."""

    name: str
    configuration: Configuration
    command: str
    starts: tuple[dict[str, Any], ...]
    result: dict[str, Any]
    curves: dict[str, list[float | None]]
    pictures: tuple[dict[str, Any], ...] = ()

    def lines(self) -> list[str]:
        """The JSON lines, without their ends."""
        parts: list[dict[str, Any]] = [
            {"configuration": self.configuration.plain()},
            {"command": self.command, "starts": list(self.starts)},
            {"result": self.result},
            *({"curve": name, "values": self.curves[name]} for name in sorted(self.curves)),
            *({"picture": picture} for picture in self.pictures),
        ]
        return [json.dumps({"run": self.name, **part}, ensure_ascii=False, allow_nan=False) for part in parts]


def of_folder(folder: Path) -> StoredRun:
    """What the folder of a run that has ended holds. Raises a `StoredRunError`."""
    if not (folder / "config.toml").is_file():
        raise StoredRunError(f"{str(folder)!r} must be the folder of a run: it has no config.toml")
    if not (folder / "result.json").is_file():
        raise StoredRunError(f"{str(folder)!r} must be the folder of a run that has ended: it has no result.json")
    try:
        configuration = Configuration(**read_settings(folder / "config.toml"))
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        starts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        rows, timings = (_rows(folder / name) for name in ("metrics.jsonl", "timings.jsonl"))
        kept = {name: value for name, value in result.items() if name not in _LEFT_OUT}
        if timings:
            kept["peak_memory_bytes"] = timings[-1]["peak_memory_bytes"]
        return StoredRun(
            folder.resolve().name,
            configuration,
            command(configuration),
            tuple({name: start[name] for name in _OF_A_START if name in start} for start in starts),
            _rounded(kept, _DIGITS),
            _rounded(_curves([row for row in rows if row["kind"] in ("start", "epoch")]), _CURVE_DIGITS),
            tuple(_rows(folder / "pictures.jsonl")),
        )
    except (ConfigurationError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoredRunError(f"{str(folder)!r} must be the folder of a run, but {error!r}") from error


def of_lines(lines: Iterable[str], origin: str) -> list[StoredRun]:
    """The runs in the lines of a file. Raises a `StoredRunError` that names ``origin`` and the line."""
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            run = found.setdefault(row.pop("run"), {"curves": {}, "pictures": []})
            if "curve" in row:
                run["curves"][row["curve"]] = row["values"]
            elif "picture" in row:
                run["pictures"].append(row["picture"])
            else:
                run |= row
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoredRunError(f"line {number} of {origin} must be one of a stored run, got {line[:60]!r}") from error
    return [_assembled(name, parts, origin) for name, parts in found.items()]


def command(configuration: Configuration) -> str:
    """The command that makes a run with this configuration: what differs from its study stands behind ``--set``."""
    c = configuration
    named = ["mlbreg", "train", c.study, "--method", c.method, "--recipe", c.recipe, "--seed", str(c.seed)]
    return shlex.join([*named, *to_arguments(own_settings(c))])


def own_settings(configuration: Configuration) -> dict[str, Any]:
    """What has to be given beside study, method, recipe and seed."""
    found = configuration.plain()
    base = configure(configuration.study, configuration.method, configuration.recipe).plain()
    given = {name: value for name, value in found.items() if name != "seed" and base.get(name, None) != value}
    if "target_sparsity" in base and "target_sparsity" not in found:
        # A target goes away when a λ is given, even if it is the study's own.
        given.setdefault("lam_linear", found["lam_linear"])
    return dict(sorted(given.items()))


def _assembled(name: str, parts: dict[str, Any], origin: str) -> StoredRun:
    try:
        return StoredRun(
            name,
            Configuration(**parts["configuration"]),
            parts["command"],
            tuple(parts["starts"]),
            parts["result"],
            parts["curves"],
            tuple(parts["pictures"]),
        )
    except (KeyError, TypeError, ConfigurationError) as error:
        raise StoredRunError(f"run {name!r} in {origin} is not whole: {error!r}") from error


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def _curves(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """The plain numbers of the rows, each as a column; epoch and step follow from the place."""
    names = {name for row in rows for name, value in row.items() if isinstance(value, int | float)} - set(_NO_CURVES)
    return {name: [row.get(name) for row in rows] for name in names}


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {name: _rounded(part, digits) for name, part in value.items()}
    return [_rounded(part, digits) for part in value] if isinstance(value, list) else value
