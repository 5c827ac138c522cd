"""The snippets of the README are true."""

import re
from pathlib import Path

import pytest
from mlbreg.paper_checks import claim_record, registry
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.verdicts import Verdict
from mlbreg.theory.conformance import check_regularizer

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CONJECTURE, REGULARIZER = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


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


def test_the_regularizer_passes_every_check() -> None:
    namespace: dict[str, object] = {"__name__": "readme"}
    exec(REGULARIZER, namespace)
    ridge = namespace["Ridge"]
    assert callable(ridge)
    check_regularizer(ridge(lam=0.1)).raise_for_failures()
