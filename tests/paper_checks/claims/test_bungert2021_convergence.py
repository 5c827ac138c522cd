"""Section 3.2 of bungert2021: the verdicts, the disproofs, the step-size limits."""

from __future__ import annotations

import re

import pytest
from mlbreg.paper_checks import judge as judging
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims.bungert2021 import convergence_of_iterates, rates
from mlbreg.paper_checks.effort import Budget, Effort
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.verdicts import Verdict

LIMITS = {
    "thm-3.7-deterministic": 2.0,  # in units of μ/(ℓ²δ), attained where μ = ℓ
    "thm-3.7-sharpened": 2.0,
    "thm-3.7-repaired": 2.0,
    "thm-3.8-3.12-repaired": 1.0,
    "proof-3.7-absorption": 0.5,
    "proof-3.7-decrease-repaired": 1.0,
}
CLAIMS = registry.load()[0]


@pytest.mark.parametrize("name", LIMITS)
def test_the_measured_step_size_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        judging.BUDGETS, Effort.QUICK, Budget(problems=2, batch=4, exact=2, witness=2, rounds=1, curve=20)
    )
    tightness = judge(CLAIMS[f"bungert2021/{name}"], Effort.QUICK).tightness
    assert tightness is not None
    assert tightness.critical == pytest.approx(LIMITS[name], abs=1e-3)


@pytest.mark.parametrize("name", [claim.id.split("/")[1] for claim in CLAIMS.values() if claim.disproof])
def test_every_step_of_a_disproof_holds(name: str) -> None:
    disproof = CLAIMS[f"bungert2021/{name}"].disproof
    assert disproof is not None
    assert disproof().failing() == []


def test_every_statement_about_a_limit_that_is_refuted_has_a_disproof() -> None:
    refuted = [CLAIMS[id] for id, record in recorded().items() if record.verdict is Verdict.REFUTED]
    here = [claim for claim in refuted if re.search(r"(thm|proof)-3\.[78]|cor-3\.9", claim.id)]
    limits = [claim for claim in here if any(sign in claim.statement for sign in (r"\lim", "O", r"\to 0"))]
    assert len(limits) >= 7
    assert all(claim.disproof is not None for claim in limits)


def test_with_noise_the_distance_in_norm_stays_at_its_plateau() -> None:
    (plateau,) = convergence_of_iterates._plateau()
    assert 0.45 < float(plateau.measured) < 0.55


def test_the_exponent_for_harmonic_steps_is_twice_nu() -> None:
    measured = [float(measurement.measured) for measurement in rates._harmonic_exponents()]
    assert measured == pytest.approx([0.2, 0.5, 1.0], abs=2e-3)
