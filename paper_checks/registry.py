"""Which claims there are: those of the papers, those of installed packages (entry points), and those of a user's file."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from .claim_record import Claim, registered, restore

Record = TypeVar("Record")


class UnknownClaimError(ValueError):
    """No claim has the id that was asked for."""


class ClaimsModuleError(ValueError):
    """A module of claims cannot be loaded."""


def load(modules: tuple[str, ...] = ()) -> tuple[dict[str, Claim], frozenset[str]]:
    """All claims by id, and the ids that came from ``modules`` (paths of files or dotted names).

    First the entry points of group ``mlbreg.claims`` are loaded, then the modules.
    """
    for entry in entry_points(group="mlbreg.claims"):
        try:
            entry.load()
        except Exception as error:
            raise ClaimsModuleError(
                f"the claims of the entry point {entry.name!r} ({entry.value}) fail to load: {type(error).__name__}: {error}"
            ) from error
    installed = set(registered())
    for module in modules:
        _load_module(module)
    known = registered()
    own = [id for id in known if id not in installed]
    return {id: known[id] for id in [*sorted(installed, key=_in_order), *own]}, frozenset(own)


def _in_order(id: str) -> tuple[str, list[tuple[int, int, str]], bool, str]:
    """The order of the papers: by paper, then by number (sections, then appendices), a proof's steps behind their theorem."""
    paper, name = id.split("/", 1)
    number = re.search(r"(?<![A-Za-z])(?:[A-Z]|\d+)(?:\.\d+)*", name)
    parts = number.group().split(".") if number else []
    places = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts] or [(2, 0, "")]
    return paper, places, name.startswith("proof"), name


def _load_module(module: str) -> None:
    """Load one module of claims; if it fails half way, the claims that it had registered are taken back."""
    before = registered()
    try:
        _import(module)
    except ClaimsModuleError:
        restore(before)
        raise


def _import(module: str) -> None:
    path = Path(module)
    if path.suffix != ".py":
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ClaimsModuleError(
                f"--claims must be a Python file or an importable module, got {module!r}: {type(error).__name__}: {error}"
            ) from error
        return
    if not path.is_file():
        raise ClaimsModuleError(f"--claims must be a Python file or an importable module; there is no file {module!r}")
    # Two files in different folders may have the same name.
    name = f"mlbreg_user_claims_{path.stem}_{crc32(str(path.resolve()).encode()):08x}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ClaimsModuleError(f"--claims: {module!r} cannot be loaded as Python")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:
        del sys.modules[name]
        raise ClaimsModuleError(f"--claims: {module} fails to load: {type(error).__name__}: {error}") from error


def select(claims: Mapping[str, Record], ids: tuple[str, ...]) -> list[Record]:
    """The claims with the given ids, in the registry's order; all of them when no id is given.

    An id may be a whole paper (``lunk2026``), or what the ids of several claims begin with (``bungert2021/cor-3.9``). An
    unknown id is an error that suggests the nearest ones.
    """
    wanted: set[str] = set()
    for name in ids:
        found = [name] if name in claims else [key for key in claims if key.startswith((f"{name}/", f"{name}-"))]
        if not found:
            import difflib

            near = difflib.get_close_matches(name, claims, n=3, cutoff=0.3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise UnknownClaimError(f"unknown claim id {name!r}{hint} (mlbreg list shows all {len(claims)})")
        wanted.update(found)
    return [claim for key, claim in claims.items() if not ids or key in wanted]
