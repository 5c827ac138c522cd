"""A counterexample in the report is a program: it prints the margin that the report shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.describe import number
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.report.snippet import snippet
from mlbreg.paper_checks.verdicts import Verdict

CLAIMS, _ = registry.load()
REFUTED = [
    id
    for id, record in recorded().items()
    if record.verdict is Verdict.REFUTED and id.split("/")[0] in ("bpgd", "mlbpgd")
]


@pytest.mark.parametrize("id", [*REFUTED, "lunk2026/assumption-2", "bungert2021/thm-3.2"])
def test_the_program_of_a_counterexample_finds_its_margin_again(id: str) -> None:
    found = judge(CLAIMS[id], Effort.QUICK).counterexample
    assert found is not None
    printed: list[Any] = []
    exec(snippet(id, found.python), {"__name__": "snippet", "print": printed.append})
    margins = printed[0][found.conclusion] if isinstance(printed[0], dict) else printed[0]
    assert number(np.min(margins)) == found.margin
