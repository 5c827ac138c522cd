"""The solver, which knows nothing of the stored certificates' proofs, comes to the same bounds and multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import pytest
from mlbreg.paper_checks.certificates import load, names, search, worst_case
from mlbreg.paper_checks.certificates.worst_case import TOLERANCE, SolverError, trial_parameters

MISSING = [package for package in ("PEPit", "cvxpy", "clarabel") if find_spec(package) is None]
certificates = [
    pytest.mark.certificates,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra certificates is not installed: no {', '.join(MISSING)}"),
]


def with_solver(test: Callable[..., Any]) -> Callable[..., Any]:
    for mark in certificates:
        test = mark(test)
    return test


@with_solver
@pytest.mark.parametrize("name", names())
def test_the_inequality_holds_on_its_class_and_is_as_sharp_as_it_says(name: str) -> None:
    solved = search.solve(load(name))
    assert solved.verified
    assert abs(solved.worst) <= TOLERANCE
    assert solved.sharp is load(name).sharp
    assert solved.multiplier_difference < 1e-3
    # The stored limit is the critical step size, but for the certificate whose critical step size is an irrational number.
    critical = 3**0.5 if name == "thm-3.7-norm" else 1
    assert [value for _, value in solved.critical] == [
        pytest.approx(critical, abs=0.005) for limit in load(name).limits if limit.parameter == "tau"
    ]


@with_solver
def test_a_critical_value_beyond_the_reach_is_none() -> None:
    known = load("thm-3.2-decrease")
    (limit,) = known.limits
    assert search.critical(known, replace(limit, at_most="1/(16*ell*delta)")) is None


@with_solver
def test_a_false_inequality_has_a_positive_worst_case() -> None:
    known = load("lemma-A.2-descent")
    parameters = trial_parameters(known, tau=Fraction(3, 2))
    assert worst_case.worst_case(known, parameters) > 0.01


@with_solver
def test_without_one_inequality_the_multipliers_do_not_exist() -> None:
    known = load("thm-3.7-contraction")
    weaker = replace(known, uses=known.uses[1:])
    value, _ = worst_case.solver_multipliers(weaker, trial_parameters(known))
    assert value > 0.01


@with_solver
def test_the_command_prints_one_row_a_certificate(mlbreg: Callable[..., Any]) -> None:
    if not _registered():
        pytest.skip("the installed metadata is older than the command")
    outcome = mlbreg("certify", "thm-3.2", "thm-3.7-contraction")
    rows = outcome.out.splitlines()
    assert outcome.exit_code == 0
    assert [row.split()[:2] for row in rows[1:]] == [["thm-3.2", "yes"], ["thm-3.7-contraction", "yes"]]
    assert "τ ≤ 2/(ℓδ)" in rows[2]


def _registered() -> bool:
    from importlib.metadata import entry_points

    return "certify" in {entry.name for entry in entry_points(group="mlbreg.commands")}


def test_without_the_solver_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worst_case, "find_spec", lambda _: None)
    with pytest.raises(SolverError, match=r"PEPit, cvxpy, clarabel is missing: install the extra certificates"):
        search.solve(load("thm-3.2"))


def test_the_command_fails_with_the_name_of_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worst_case, "find_spec", lambda _: None)
    with pytest.raises(search.typer.Exit) as stop:
        search.certify(["thm-3.2"])
    assert stop.value.exit_code == 2
    assert "pip install 'mlbreg[certificates]'" in capsys.readouterr().err


def test_the_command_fails_with_the_known_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(search.typer.Exit):
        search.certify(["thm-9"])
    assert "no certificate is named 'thm-9'" in capsys.readouterr().err


def test_the_trial_is_at_the_limit_unless_it_says_otherwise() -> None:
    assert trial_parameters(load("thm-3.7-contraction")) == {"ell": 1, "delta": 1, "tau": 2}
    assert trial_parameters(load("thm-3.8-linear"))["nu"] == Fraction(1, 3)
    assert trial_parameters(load("thm-3.7-contraction"), delta=Fraction(2))["tau"] == 1
