"""report.json: strict JSON that keeps to the documented schema."""

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks.evidence import ClaimEvidence, RunEvidence
from mlbreg.paper_checks.report import schema
from mlbreg.paper_checks.report.document import strict, text


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"), parse_constant=refuse)
    return loaded


def test_the_document_keeps_to_the_schema(report: dict[str, Any]) -> None:
    assert schema.violations(report) == []


def test_every_field_of_the_schema_is_documented() -> None:
    documentation = Path(__file__).parents[3] / "docs" / "report.md"
    assert documentation.read_text(encoding="utf-8").endswith(schema.tables())


def test_the_schema_names_only_objects_that_exist() -> None:
    for fields in schema.SCHEMA.values():
        for kind, meaning in fields.values():
            schema.violations(None, kind)
            assert meaning


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda report: report.pop("seed"), "report lacks seed"),
        (lambda report: report.update(colour="red"), "which Report does not know"),
        (lambda report: report.update(seed="3"), "report.seed must be of type integer, got '3'"),
        (lambda report: report.update(seed=True), "report.seed must be of type integer, got True"),
        (lambda report: report.update(claims=[]), "report.claims must be a map"),
        (lambda report: report.update(changed={}), "report.changed must be a list"),
        (lambda report: report.update(mutants=None), "report.mutants must be an object Tally"),
    ],
)
def test_a_departure_from_the_schema_is_named(folder: Path, change: Any, complaint: str) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    change(report)
    assert complaint in "\n".join(schema.violations(report))


def test_each_claim_has_what_the_issue_asks_for(report: dict[str, Any], run: RunEvidence) -> None:
    assert list(report["claims"]) == [claim.id for claim in run.claims]
    claim = report["claims"]["bungert2021/remark-3.1"]
    assert claim["verdict"] == "refuted"
    assert claim["recorded_verdict"] == "supported"
    assert claim["counterexample"]["values"]["tau"] == ["5/2"]
    assert claim["counterexample"]["command"] == claim["command"]
    assert claim["hypotheses"][0]["witness"]["command"] == claim["command"]
    assert (claim["mutants"]["killed"], claim["mutants"]["of"]) == (1, 2)
    assert [mutant["killed"] for mutant in claim["mutants"]["list"]] == [True, False]
    assert claim["tightness"]["critical"] == 2.0
    assert claim["seconds"] == 1.5


def test_the_whole_run_is_summed_up(report: dict[str, Any], run: RunEvidence) -> None:
    assert report["instances"] == 3 * 12_345
    assert report["instances_per_second"] == pytest.approx(3 * 12_345 / 4.5)
    assert report["mutants"] == {"killed": 3, "of": 7}
    assert report["verdicts"]["supported"] == 2
    assert sum(report["verdicts"].values()) == len(run.claims)
    assert report["complete"] is False
    assert {change["id"]: change["recorded"] for change in report["changed"]} == {
        "bungert2021/remark-3.1": "supported",
        "mine/hostile": None,
        "bungert2021/sec-4.2-ten-percent": "supported",
    }


def test_every_field_of_the_evidence_is_in_the_document(run: RunEvidence, report: dict[str, Any]) -> None:
    named_otherwise = {"id", "reproduce"}
    for claim in run.claims:
        assert set(claim.to_json()) - named_otherwise <= set(report["claims"][claim.id])
    assert isinstance(run.claims[0], ClaimEvidence)


def test_numbers_that_are_not_finite_become_words() -> None:
    values = {
        "a": math.nan,
        "b": [math.inf, -math.inf, np.float64("nan")],
        "c": np.int64(3),
        "d": Fraction(1, 2),
        "e": (True, None),
    }
    assert strict(values) == {"a": "nan", "b": ["inf", "-inf", "nan"], "c": 3, "d": "1/2", "e": [True, None]}
    assert strict(np.arange(2)) == [0, 1]


@pytest.mark.parametrize(
    "value", [{}, [], {"a": []}, [[1, 2.5], [True, None]], {"a": {"b": ["x", {"c": 'quote " and \\'}]}}, "x", None]
)
def test_the_layout_does_not_change_what_is_read(value: Any) -> None:
    assert json.loads(text(value)) == value
