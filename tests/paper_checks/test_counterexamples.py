"""Each refutation stands on plain arithmetic that knows nothing of the engine."""

from __future__ import annotations

import ast
from fractions import Fraction
from importlib.resources import files

import pytest
from mlbreg.paper_checks import counterexamples, registry
from mlbreg.paper_checks.counterexamples import known, recheck
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.verdicts import Verdict

REFUTED = [id for id, record in recorded().items() if record.verdict is Verdict.REFUTED]
FILES = sorted(entry.name for entry in files(counterexamples).iterdir() if entry.name.endswith(".py"))


@pytest.mark.parametrize("id", sorted({*REFUTED, *known()}))
def test_a_refutation_has_a_negative_margin_in_plain_fractions(id: str) -> None:
    margin = recheck(id)
    assert isinstance(margin, Fraction)
    assert margin < 0


def test_each_counterexample_belongs_to_a_claim_and_not_to_one_that_holds() -> None:
    assert set(known()) <= set(registry.load()[0])
    assert {id for id in known() if id in recorded()} == set(REFUTED)


@pytest.mark.parametrize("name", FILES)
def test_the_files_import_nothing_but_fractions_and_each_other(name: str) -> None:
    tree = ast.parse(files(counterexamples).joinpath(name).read_text("utf-8"))
    outside = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level == 0:
            outside.add(str(node.module))
        else:
            siblings = {node.module} if node.module else {alias.name for alias in node.names}
            assert node.level == 1
            assert {f"{sibling}.py" for sibling in siblings} <= set(FILES)
    assert outside <= {"__future__", "collections.abc", "fractions"}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"__import__", "eval", "exec", "float"}


def test_a_claim_without_a_refutation_has_none() -> None:
    assert recheck("lunk2026/prop-3.1") is None
