"""Which claim is begun first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks.claim_record import Mutant
from mlbreg.paper_checks.executors.order import earlier_seconds, longest_first


def ids(claims: Any, seconds: dict[str, float]) -> str:
    return "".join(claim.id[-1] for claim in longest_first(claims, seconds))


def test_the_claims_that_took_longest_come_first(claim_of: Any) -> None:
    claims = [claim_of(id=f"mine/{name}") for name in "abc"]
    assert ids(claims, {"mine/a": 2.0, "mine/b": 30.0, "mine/c": 4.0}) == "bca"


def test_a_claim_of_unknown_duration_may_be_the_longest(claim_of: Any) -> None:
    claims = [claim_of(id=f"mine/{name}") for name in "abc"]
    assert ids(claims, {"mine/a": 2.0, "mine/b": 30.0}) == "cba"


def test_without_durations_the_claims_with_most_experiments_come_first(claim_of: Any) -> None:
    mutants = tuple(Mutant(f"bug {n}", margin=lambda **_: 0) for n in range(3))
    claims = [claim_of(id=f"mine/{name}", mutants=mutants[:count]) for name, count in (("a", 1), ("b", 0), ("c", 3))]
    assert ids(claims, {}) == "cab"


def test_equal_claims_keep_their_order(claim_of: Any) -> None:
    assert ids([claim_of(id=f"mine/{name}") for name in "bac"], {}) == "bac"


def test_durations_are_those_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"claims": {"mine/a": {"seconds": 2}, "mine/b": {"seconds": 0.5}}}')
    assert earlier_seconds(tmp_path / "report.json") == {"mine/a": 2.0, "mine/b": 0.5}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"claims": []}', '{"claims": {"a": {}}}', '{"claims": {"a": 1}}', "\udcff"]
)
def test_a_report_that_cannot_be_read_is_no_report(content: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(content.encode(errors="surrogateescape"))
    assert earlier_seconds(tmp_path / "report.json") == {}
    assert earlier_seconds(tmp_path / "none.json") == {}
