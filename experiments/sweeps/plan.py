"""A plan of runs: grids of settings in a TOML file.

    title = "λ and m"

    [[runs]]
    study = "digits"
    method = "ml-linbreg"
    lam = [0.01, 0.1]
    coarse_steps = [4, 9]
    seed = [0, 1, 2]

Each ``[[runs]]`` is a grid: every combination of its values is a run of `mlbreg train`. Names are those of a configuration, and
``lam``, which is λ of linear layers and convolutions alike. Two grids that meet in a run have it once. All is checked before
anything runs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, final

from ..results.stored_run import own_settings
from ..training.configuration import METHODS, Configuration, ConfigurationError
from ..training.studies import STUDIES, configure

_NAMES = tuple(field.name for field in fields(Configuration))
_DEFAULTS = {field.name: field.default for field in fields(Configuration)}
#: In the readable part of a run's name.
_LONGEST = 80


class PlanError(ValueError):
    """A plan that cannot be run; the message names the place."""


@final
@dataclass(frozen=True)
class PlannedRun:
    """A run and the name of its folder."""

    name: str
    configuration: Configuration


@final
@dataclass(frozen=True)
class Plan:
    """``name``: of the sweep's folder."""

    name: str
    title: str
    runs: tuple[PlannedRun, ...]


def read_plan(path: Path, changes: Mapping[str, Any]) -> Plan:
    """The plan of a file; ``changes`` take the place of values in every grid. Raises a `PlanError`."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"PLAN {str(path)!r} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"PLAN {str(path)!r} must be a TOML file, but {error}") from error
    unknown = sorted(set(found) - {"title", "runs"})
    if unknown:
        raise PlanError(f"PLAN {str(path)!r} must have title and [[runs]], got {', '.join(unknown)}")
    grids, title = found.get("runs"), found.get("title", path.stem)
    if not isinstance(title, str):
        raise PlanError(f"title in {str(path)!r} must be text, got {title!r}")
    if not isinstance(grids, list) or not grids or not all(isinstance(grid, dict) for grid in grids):
        raise PlanError(f"PLAN {str(path)!r} must have one [[runs]] or more, got {grids!r}")
    return make_plan(path.stem, title, grids, changes)


def make_plan(name: str, title: str, grids: Iterable[Mapping[str, Any]], changes: Mapping[str, Any]) -> Plan:
    """The runs of some grids in their order. Raises a `PlanError`."""
    runs: dict[str, PlannedRun] = {}
    for number, grid in enumerate(grids, 1):
        for settings in _combinations(_changed(grid, changes), f"[[runs]] {number}"):
            try:
                configuration = configure(
                    settings.pop("study", "digits"), settings.pop("method", "linbreg"), settings.pop("recipe", "paper"), settings
                )  # fmt: skip
            except (ConfigurationError, TypeError) as error:
                raise PlanError(f"[[runs]] {number} of {name}: {error}") from error
            run = PlannedRun(run_name(configuration), configuration)
            runs.setdefault(run.name, run)
    return Plan(name, title, tuple(runs.values()))


def run_name(configuration: Configuration) -> str:
    """Readable, and different for different configurations: the end is a digest of what is not a configuration's default.

    So a new setting whose default is what was done before changes no name.
    """
    c = configuration
    own = {name: value for name, value in own_settings(c).items() if name not in ("data", "network")}
    settings = "".join(f"-{name}={value}" for name, value in own.items())
    readable = re.sub(r"[^A-Za-z0-9.=_-]+", "", f"{c.study}-{c.method}-{c.recipe}{settings}")[:_LONGEST]
    decisive = {name: value for name, value in c.plain().items() if _DEFAULTS[name] != value}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    return f"{readable}-seed={c.seed}-{digest}"


def _changed(grid: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """One name for λ takes the place of all others."""
    lams = {"lam", "lam_linear", "lam_conv"}
    kept = {name: value for name, value in grid.items() if not (name in lams and lams & set(changes))}
    return {**kept, **changes}


def _spread(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without a name for two."""
    found = dict(settings)
    if "lam" in found:
        lam = found.pop("lam")
        found |= {"lam_linear": lam, "lam_conv": lam}
    return found


def _combinations(grid: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    choices: dict[str, list[Any]] = {}
    for name, value in grid.items():
        if name not in (*_NAMES, "lam"):
            raise PlanError(f"{where} must have names among lam, {', '.join(_NAMES)}, got {name!r}")
        choices[name] = value if isinstance(value, list) else [value]
        if not choices[name]:
            raise PlanError(f"{name} in {where} must have one value or more, got []")
        for one in choices[name]:
            if not isinstance(one, str | int | float | bool):
                raise PlanError(f"{name} in {where} must be a value or a list of values, got {one!r}")
    for name, known in (("study", tuple(STUDIES)), ("method", tuple(METHODS))):
        for one in choices.get(name, []):
            if one not in known:
                raise PlanError(f"{name} in {where} must be among {', '.join(known)}, got {one!r}")
    for values in itertools.product(*choices.values()):
        yield _spread(dict(zip(choices, values, strict=True)))
