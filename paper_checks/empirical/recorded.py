"""The reviewed verdicts of claims about experiments, each with the runs that it was set on: ``recorded.toml`` here.

A verdict follows from the runs, so it changes when runs are added, and that is no error: the report shows the new one and says that
nobody has reviewed it. Another verdict *from the same runs* is an error, for then a rule or the judge has changed. What is not run
has no record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, final

from .outcomes import Outcome

if TYPE_CHECKING:
    from .evidence import EmpiricalEvidence

HEADER = """\
# The reviewed verdicts of the claims about experiments. `python -m mlbreg.paper_checks.empirical.record` writes this file from the
# reviewed runs; read what it changed, and the report, before it is committed. `runs` is a digest: for the same runs another
# verdict is an error of `mlbreg verify`.
"""


@final
@dataclass(frozen=True)
class Record:
    """One entry of ``recorded.toml``."""

    verdict: Outcome
    date: str
    runs: str
    evidence: str


def recorded() -> dict[str, Record]:
    """The reviewed verdicts by claim id."""
    entries = tomllib.loads(files(__package__).joinpath("recorded.toml").read_text("utf-8"))
    return {
        id: Record(Outcome(entry["verdict"]), str(entry["date"]), entry["runs"], entry["evidence"])
        for id, entry in entries.items()
    }


def renewed(known: Mapping[str, Record], found: Sequence[EmpiricalEvidence], date: str) -> dict[str, Record]:
    """The records after a review on that date: an entry whose runs and verdict are the same keeps its date."""
    records = {}
    for evidence in found:
        old = known.get(evidence.id)
        if evidence.verdict is Outcome.NOT_RUN:
            continue
        same = old is not None and (old.runs, old.verdict) == (evidence.digest, evidence.verdict)
        stays = old if same else None
        records[evidence.id] = stays or Record(evidence.verdict, date, evidence.digest, evidence.reason)
    return records


def to_toml(records: Mapping[str, Record]) -> str:
    """The content of ``recorded.toml``."""
    entries = [
        f'["{id}"]\nverdict = "{record.verdict}"\ndate = {record.date}\nruns = "{record.runs}"\n'
        f"evidence = {_quoted(record.evidence)}\n"
        for id, record in records.items()
    ]
    return "\n".join([HEADER, *entries])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
