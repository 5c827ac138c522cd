"""``python -m mlbreg.paper_checks.empirical.record``: write ``recorded.toml`` anew from the reviewed runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from .judge import judge_all
from .recorded import recorded, renewed, to_toml
from .records import empirical_claims
from .stored_runs import reviewed


def record(file: Path, today: date) -> list[str]:
    """Write the file; the lines say what changed."""
    known = recorded()
    records = renewed(known, judge_all(list(empirical_claims().values()), reviewed()), today.isoformat())
    file.write_text(to_toml(records), encoding="utf-8", newline="\n")
    lines = [
        f"{id}: {known[id].verdict if id in known else 'no verdict'} → {records[id].verdict if id in records else 'no verdict'}"
        for id in dict.fromkeys([*known, *records])
        if known.get(id) != records.get(id)
    ]
    return lines or ["nothing changed"]


if __name__ == "__main__":
    print("\n".join(record(Path(__file__).with_name("recorded.toml"), date.today())))
