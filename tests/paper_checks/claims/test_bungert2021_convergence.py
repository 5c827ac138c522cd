"""Section 3.2 of bungert2021: the verdicts, the disproofs, the step-size limits."""

from __future__ import annotations

import pytest
from mlbreg.paper_checks import judge as judging
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims import bungert2021_convergence_of_iterates, bungert2021_rates
from mlbreg.paper_checks.judge import Budget, Effort, judge
from mlbreg.paper_checks.verdicts import Verdict

REFUTED = (
    "thm-3.7", "thm-3.7-convergence", "thm-3.8-3.12", "thm-3.8-3.13", "thm-3.8-3.15", "thm-3.8-3.16", "cor-3.9-harmonic",
    "cor-3.9-power", "proof-3.7-absorption", "proof-3.7-plugged", "proof-3.7-decrease", "proof-3.7-summed",
    "proof-3.8-null-sequence", "proof-3.8-limsup",
)  # fmt: skip
PROVED = (
    "thm-3.7-deterministic", "thm-3.7-sharpened", "thm-3.7-repaired", "thm-3.7-convergence-deterministic",
    "thm-3.7-convergence-repaired", "thm-3.8-3.12-repaired", "thm-3.8-3.13-repaired", "thm-3.8-3.15-deterministic",
    "thm-3.8-3.15-repaired", "thm-3.8-3.16-repaired", "cor-3.9-harmonic-deterministic", "cor-3.9-harmonic-repaired",
    "cor-3.9-power-deterministic", "cor-3.9-power-repaired", "proof-3.7-young", "proof-3.7-absorption-repaired",
    "proof-3.7-decrease-deterministic", "proof-3.7-decrease-repaired", "proof-3.8-item-1", "proof-3.8-positive-part",
    "proof-3.8-product",
)  # fmt: skip
LIMITS = {
    "thm-3.7-deterministic": 2.0,  # in units of μ/(ℓ²δ), attained where μ = ℓ
    "thm-3.7-sharpened": 2.0,
    "thm-3.7-repaired": 2.0,
    "thm-3.8-3.12-repaired": 1.0,
    "proof-3.7-absorption": 0.5,
    "proof-3.7-decrease-repaired": 1.0,
}
CLAIMS = registry.load()[0]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        *((name, Verdict.REFUTED) for name in REFUTED),
        *((name, Verdict.PROVED) for name in PROVED),
        ("thm-3.8-sparse", Verdict.ASSUMPTION_VOID),
    ],
)
def test_the_verdict_and_every_mutant_is_killed(name: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = 60 if verdict is Verdict.REFUTED else 8
    monkeypatch.setitem(judging.BUDGETS, Effort.QUICK, Budget(problems=15, batch=32, exact=exact, witness=exact, rounds=3, curve=8))
    evidence = judge(CLAIMS[f"bungert2021/{name}"], Effort.QUICK)
    assert evidence.verdict is verdict, evidence.reason
    assert [mutant.name for mutant in evidence.mutants if not mutant.killed] == []
    assert (evidence.counterexample is not None and evidence.counterexample.exact) == (verdict is Verdict.REFUTED)


@pytest.mark.parametrize("name", LIMITS)
def test_the_measured_step_size_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(judging.BUDGETS, Effort.QUICK, Budget(problems=2, batch=4, exact=2, witness=2, rounds=1, curve=20))
    tightness = judge(CLAIMS[f"bungert2021/{name}"], Effort.QUICK).tightness
    assert tightness is not None
    assert tightness.critical == pytest.approx(LIMITS[name], abs=1e-3)


@pytest.mark.parametrize("name", [name for name in REFUTED if CLAIMS[f"bungert2021/{name}"].disproof is not None])
def test_every_step_of_a_disproof_holds(name: str) -> None:
    disproof = CLAIMS[f"bungert2021/{name}"].disproof
    assert disproof is not None
    assert disproof().failing() == []


def test_every_statement_about_a_limit_that_is_refuted_has_a_disproof() -> None:
    limits = [
        name
        for name in REFUTED
        if any(sign in CLAIMS[f"bungert2021/{name}"].statement for sign in (r"\lim", "O", r"\to 0"))
    ]
    assert len(limits) >= 7
    assert all(CLAIMS[f"bungert2021/{name}"].disproof is not None for name in limits)


def test_with_noise_the_distance_in_norm_stays_at_its_plateau() -> None:
    (plateau,) = bungert2021_convergence_of_iterates._plateau()
    assert 0.45 < float(plateau.measured) < 0.55


def test_the_exponent_for_harmonic_steps_is_twice_nu() -> None:
    measured = [float(measurement.measured) for measurement in bungert2021_rates._harmonic_exponents()]
    assert measured == pytest.approx([0.2, 0.5, 1.0], abs=2e-3)
