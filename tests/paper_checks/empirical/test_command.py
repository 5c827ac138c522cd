"""Claims about experiments in the command ``mlbreg``: verify, list, show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks.empirical import judge as judging
from mlbreg.paper_checks.empirical import stored_runs as reading
from mlbreg.paper_checks.empirical.outcomes import Outcome
from mlbreg.paper_checks.empirical.recorded import Record, recorded
from mlbreg.paper_checks.empirical.records import empirical_claims
from mlbreg.paper_checks.empirical.stored_runs import Run

pytestmark = pytest.mark.usefixtures("plain_report")

ROW = "bungert2021/table-1-linbreg"
Maker = Callable[..., Run]


@pytest.fixture
def a_row(run_of: Maker, lines_of: Callable[[Sequence[Run]], str], tmp_path: Path) -> Path:
    """A file with two made-up runs behind a row of Table 1, better than the paper's."""
    claim = empirical_claims()[ROW]
    result = {"n_total": 0.01, "test_accuracy": 0.95, "training_accuracy": 0.99}
    file = tmp_path / "fashion.jsonl"
    file.write_text(lines_of([run_of(claim.runs[0], seed, 100, result=result) for seed in (0, 1)]), encoding="utf-8")
    return file


def test_the_reviewed_runs_give_the_recorded_verdict(mlbreg: Any, tmp_path: Path) -> None:
    found = mlbreg("verify", "bungert2021/sec-4.3", "--out", tmp_path / "r")
    assert found.exit_code == 0
    id = "bungert2021/sec-4.3-ten-percent-adabreg"
    assert f"{id} {recorded()[id].verdict} 3 " in " ".join(found.out.split())
    assert "No verdict is recorded" not in found.out


def test_runs_of_ones_own_change_the_verdict_and_that_is_no_error(
    mlbreg: Any, tmp_path: Path, a_row: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "reviewed", list)  # none, whatever has been stored of this row
    found = mlbreg("verify", ROW, "--out", tmp_path / "r", "--runs", a_row)
    assert found.exit_code == 0
    assert "supported" in found.out
    assert f"No verdict is recorded for {ROW}." in found.out


def test_another_verdict_from_the_same_runs_is_exit_code_1(
    mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = "bungert2021/sec-4.3-ten-percent-adabreg"
    record = recorded()[id]
    other = Record(Outcome.SUPPORTED, record.date, record.runs, "")
    monkeypatch.setattr(judging, "recorded", lambda: {id: other})
    found = mlbreg("verify", id, "--out", tmp_path / "r")
    assert found.exit_code == 1
    assert f"changed: {id} was supported and is now {record.verdict}" in found.err


def test_runs_that_are_none_are_wrong_usage(mlbreg: Any, tmp_path: Path) -> None:
    found = mlbreg("verify", ROW, "--out", tmp_path / "r", "--runs", tmp_path)
    assert found.exit_code == 2
    assert "error: --runs: " in found.err


def test_list_has_them_beside_the_others(mlbreg: Any) -> None:
    printed = mlbreg("list").out
    assert all(id in printed for id in empirical_claims())
    assert "lunk2026/prop-3.1" in printed


def test_show_has_the_quotation_the_rule_and_the_numbers(mlbreg: Any) -> None:
    printed = mlbreg("show", "bungert2021/sec-4.2-ten-percent").out
    claim = empirical_claims()["bungert2021/sec-4.2-ten-percent"]
    assert claim.quote in printed
    assert claim.rule in printed
    assert "non-zero weights of LinBreg: 10." in printed
    assert "; paper: 10)" in printed
