"""A reviewed verdict belongs to the runs that it was set on; another one from the same runs is a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks.empirical import record as recording
from mlbreg.paper_checks.empirical.evidence import EmpiricalEvidence
from mlbreg.paper_checks.empirical.judge import beside_record, judge_all
from mlbreg.paper_checks.empirical.outcomes import Outcome
from mlbreg.paper_checks.empirical.recorded import Record, recorded, renewed, to_toml
from mlbreg.paper_checks.empirical.records import empirical_claims
from mlbreg.paper_checks.empirical.stored_runs import reviewed
from mlbreg.paper_checks.evidence import RunEvidence

FOUND = EmpiricalEvidence(
    id="mine/one", title="", quote="", source="", rule="", why="", chosen="", verdict=Outcome.REFUTED, reason='a "reason"',
    digest="1",
)  # fmt: skip


def changed(evidence: EmpiricalEvidence) -> list[Any]:
    return RunEvidence("quick", 0, "0", [], [], {}, 0.0, [evidence]).changed


def test_every_verdict_on_the_reviewed_runs_is_on_record() -> None:
    """After storing runs: read the report, then python -m mlbreg.paper_checks.empirical.record."""
    found = judge_all(list(empirical_claims().values()), reviewed())
    assert [evidence.id for evidence in found if evidence.fresh or evidence.changed] == []
    assert recorded().keys() == {evidence.id for evidence in found if evidence.verdict is not Outcome.NOT_RUN}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, [("mine/one", None, "refuted")]),
        (Record(Outcome.REFUTED, "2026-01-01", "1", ""), []),
        (Record(Outcome.SUPPORTED, "2026-01-01", "1", ""), [("mine/one", "supported", "refuted")]),
        (Record(Outcome.SUPPORTED, "2026-01-01", "other runs", ""), [("mine/one", None, "refuted")]),
    ],
)
def test_only_the_same_runs_can_contradict_a_record(record: Record | None, expected: list[Any]) -> None:
    assert changed(beside_record(FOUND, record)) == expected


def test_what_is_not_run_needs_no_record() -> None:
    nothing = replace(FOUND, verdict=Outcome.NOT_RUN, digest="")
    assert changed(nothing) == []
    assert changed(beside_record(nothing, Record(Outcome.SUPPORTED, "2026-01-01", "1", ""))) == []
    assert renewed({}, [nothing], "2026-02-02") == {}


def test_a_renewed_record_keeps_its_date_while_runs_and_verdict_stay() -> None:
    old = Record(Outcome.REFUTED, "2026-01-01", "1", "read then")
    assert renewed({"mine/one": old}, [FOUND], "2026-02-02") == {"mine/one": old}
    new = renewed({"mine/one": old}, [replace(FOUND, digest="2")], "2026-02-02")
    assert new == {"mine/one": Record(Outcome.REFUTED, "2026-02-02", "2", 'a "reason"')}


def test_the_file_is_written_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "recorded.toml"
    assert recording.record(file, date(2030, 1, 1)) == ["nothing changed"]
    assert file.read_text("utf-8") == to_toml(recorded())
    monkeypatch.setattr(recording, "reviewed", list)
    assert recording.record(file, date(2030, 1, 1)) == [
        f"{id}: {old.verdict} → no verdict" for id, old in recorded().items()
    ]
    assert "[" not in file.read_text("utf-8")
