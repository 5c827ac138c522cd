"""Each refutation stands on plain arithmetic that knows nothing of the engine."""

from __future__ import annotations

import ast
from fractions import Fraction
from importlib.resources import files

import pytest
from mlbreg.paper_checks.counterexamples import recheck
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.verdicts import Verdict

REFUTED = [id for id, record in recorded().items() if record.verdict is Verdict.REFUTED]


@pytest.mark.parametrize("id", REFUTED)
def test_a_recorded_refutation_has_a_negative_margin_in_plain_fractions(id: str) -> None:
    margin = recheck(id)
    assert isinstance(margin, Fraction)
    assert margin < 0


def test_the_file_imports_nothing_but_fractions() -> None:
    tree = ast.parse(files("mlbreg.paper_checks").joinpath("counterexamples.py").read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported | plain <= {"__future__", "collections.abc", "fractions"}


def test_a_claim_without_a_refutation_has_none() -> None:
    assert recheck("lunk2026/prop-3.1") is None
