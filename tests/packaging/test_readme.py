"""The snippets of the README are true."""

import re
from collections import Counter
from pathlib import Path

import pytest
from mlbreg.paper_checks import claim_record, registry
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.empirical.records import empirical_claims
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.verdicts import Verdict
from mlbreg.theory.conformance import check_regularizer

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CLAIMS, _ = registry.load()
CONJECTURE, REGULARIZER, THREE_LINES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_conjecture_is_refuted_by_the_counterexample_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_record, "_REGISTRY", dict(claim_record.registered()))
    file = tmp_path / "my_claims.py"
    file.write_text(CONJECTURE, encoding="utf-8")
    claims, own = registry.load((str(file),))
    evidence = judge(claims[next(iter(own))], Effort.STANDARD)
    assert evidence.verdict is Verdict.REFUTED
    assert evidence.counterexample is not None
    assert f"{evidence.counterexample.words}: margin {evidence.counterexample.margin} (exact)" in README


def test_the_number_of_verdicts_is_the_recorded_one() -> None:
    count = Counter(record.verdict for record in recorded().values())
    found = f"{count.total()} claims are judged: {count[Verdict.PROVED]} proved, {count[Verdict.REFUTED]} refuted"
    assert f"{found} by an exact counterexample, {count[Verdict.ASSUMPTION_VOID]} with an assumption" in README


def test_the_commands_name_claims_that_exist() -> None:
    for command in re.findall(r"`mlbreg (?:verify|show) ([^`]+)`", README):
        assert registry.select(CLAIMS, tuple(word for word in command.split() if "2026/" in word or "2021/" in word))


def test_the_regularizer_passes_every_check() -> None:
    namespace: dict[str, object] = {"__name__": "readme"}
    exec(REGULARIZER, namespace)
    ridge = namespace["Ridge"]
    assert callable(ridge)
    check_regularizer(ridge(lam=0.1)).raise_for_failures()


def test_the_three_lines_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    for line in THREE_LINES.splitlines():
        code = line.split("#", maxsplit=1)[0].strip()
        assert code in guide


def test_the_number_of_claims_about_experiments_is_that_of_their_records() -> None:
    assert f"`mlbreg verify` judges {len(empirical_claims())} claims about the papers' experiments" in README
