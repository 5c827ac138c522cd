"""The recorded verdicts: one reviewed file that says what each claim's verdict was, when it was set and by what evidence."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from .verdicts import Verdict


@dataclass(frozen=True)
class Record:
    """One entry of ``recorded.toml``."""

    verdict: Verdict
    date: str
    evidence: str


def recorded() -> dict[str, Record]:
    """The reviewed verdicts by claim id."""
    with files(__package__).joinpath("recorded.toml").open("rb") as file:
        entries = tomllib.load(file)
    return {
        id: Record(Verdict(entry["verdict"]), str(entry["date"]), entry["evidence"]) for id, entry in entries.items()
    }
