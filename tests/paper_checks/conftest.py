"""Claims to judge, a registry that forgets what a test registers, and budgets small enough for a test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks import claim_record, command_line, families, judge, registry, report
from mlbreg.paper_checks.claim_record import Claim
from mlbreg.paper_checks.effort import Budget, Effort
from mlbreg.paper_checks.evidence import RunEvidence
from mlbreg.solvers import linbreg


def loss_descent(problem: Any, pair: Any, tau: Any) -> Any:
    """L(θ) − L(θ⁺) after one step of LinBreg: ≥ 0 for τ ≤ 2/𝖫 and not beyond."""
    after = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
    return problem.loss.value(pair.theta) - problem.loss.value(after.theta)


def make_claim(margin: Any = loss_descent, id: str = "mine/claim", **record: Any) -> Claim:
    """A claim that is not registered; about one step of LinBreg with τ ≤ 2/𝖫 where nothing else is said."""
    given = record.pop("given", None) or {
        "problem": families.problems(),
        "pair": families.primal_dual_pairs(),
        "tau": families.step_sizes(at_most=2),
    }
    return Claim(id=id, title="a claim", statement="0 \\le 1", source="a test", given=given, margin=margin, **record)


@pytest.fixture
def descent() -> Callable[..., Any]:
    """The margin L(θ) − L(θ⁺)."""
    return loss_descent


@pytest.fixture
def claim_of() -> Callable[..., Claim]:
    """Make a claim that is not registered: ``claim_of(margin, id=…, given=…, hypotheses=…, …)``."""
    return make_claim


@pytest.fixture
def clean_registry() -> Iterator[None]:
    """The claims of the papers are registered; whatever the test registers or loads beside them is forgotten."""
    registry.load()
    claims, modules = dict(claim_record._REGISTRY), set(sys.modules)
    yield
    claim_record._REGISTRY.clear()
    claim_record._REGISTRY.update(claims)
    for name in set(sys.modules) - modules:
        if name.startswith(("mlbreg_user_claims_", "claims_for_a_test")):
            del sys.modules[name]


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick effort is much quicker."""
    monkeypatch.setitem(
        judge.BUDGETS, Effort.QUICK, Budget(problems=6, batch=16, exact=40, witness=40, rounds=4, curve=4)
    )


@pytest.fixture
def plain_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report without figures, which takes no time to write."""

    def write(run: RunEvidence, folder: Path, jobs: int) -> None:
        del jobs
        (folder / "report.json").write_text("\n".join(f"{claim.id} {claim.verdict}" for claim in run.claims))
        (folder / "index.html").write_text("<!doctype html>")

    monkeypatch.setattr(report, "write", write)


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    exit_code: int
    out: str
    err: str


@pytest.fixture
def mlbreg(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    clean_registry: None,  # noqa: ARG001 - what it does is all that is wanted
) -> Iterator[Callable[..., Outcome]]:
    """The command ``mlbreg`` in this process, as wide as its longest line: ``mlbreg("verify", "lunk2026")``."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("COLUMNS", "1000")
    for name in ("_console", "_errors"):
        monkeypatch.setattr(getattr(command_line, name), "width", 1000)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mlbreg", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            command_line.main()
        captured = capsys.readouterr()
        return Outcome(stop.value.code if isinstance(stop.value.code, int) else 0, captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, handler)
