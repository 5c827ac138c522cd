"""The stored certificates verify, fast and without a solver, and no wrong one does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from time import process_time

import pytest
from mlbreg.paper_checks import certificates
from mlbreg.paper_checks.certificates import Certificate, certified_limit, load, verify
from mlbreg.paper_checks.certificates.verification import raised

NAMES = certificates.names()
WANTED = {
    "lemma-A.2-descent",
    "lemma-A.2",
    "thm-3.2",
    "thm-3.2-decrease",
    "thm-3.7-contraction",
    *(f"{claim}-{n}" for claim in ("lemma-A.3-steps", "remark-A.4-steps", "cumulative") for n in (1, 2, 3)),
}
every_certificate = pytest.mark.parametrize("name", NAMES)


def wrong_multipliers(certificate: Certificate) -> list[Certificate]:
    uses = certificate.uses
    changed = [replace(use, multiplier=f"({use.multiplier})*101/100") for use in uses]
    return [replace(certificate, uses=(*uses[:i], use, *uses[i + 1 :])) for i, use in enumerate(changed)]


def wrong_squares(certificate: Certificate) -> list[Certificate]:
    squares = certificate.squares
    changed = [replace(term, coefficient=f"({term.coefficient})*99/100") for term in squares]
    return [replace(certificate, squares=(*squares[:i], term, *squares[i + 1 :])) for i, term in enumerate(changed)]


def without_a_term(certificate: Certificate) -> list[Certificate]:
    uses, squares = certificate.uses, certificate.squares
    return [replace(certificate, uses=(*uses[:i], *uses[i + 1 :])) for i in range(len(uses))] + [
        replace(certificate, squares=(*squares[:i], *squares[i + 1 :])) for i in range(len(squares))
    ]


def test_the_certificates_of_the_issue_are_all_there() -> None:
    assert set(NAMES) >= WANTED


@every_certificate
def test_it_verifies(name: str) -> None:
    evidence = verify(name)
    assert evidence.failing == ()
    assert evidence.verified
    assert len(evidence.steps) == 1 + len(load(name).uses) + len(load(name).squares)


@every_certificate
def test_a_multiplier_that_is_one_percent_off_is_noticed(name: str) -> None:
    assert not any(verify(wrong).verified for wrong in wrong_multipliers(load(name)) + wrong_squares(load(name)))


@every_certificate
def test_a_missing_term_is_noticed(name: str) -> None:
    assert not any(verify(wrong).verified for wrong in without_a_term(load(name)))


@every_certificate
def test_a_bound_raised_by_one_percent_is_not_certified(name: str) -> None:
    assert not verify(raised(load(name))).verified


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).limits])
def test_without_its_limit_a_sign_is_not_certain_but_the_identity_still_holds(name: str) -> None:
    evidence = verify(replace(load(name), limits=()))
    assert evidence.failing
    assert all("≥ 0" in step for step in evidence.failing)


@pytest.mark.parametrize(("of", "by"), [("L_rel", "2*L_rel"), ("ell", "2*ell"), ("nu", "2*nu")])
def test_a_better_constant_in_the_conclusion_alone_is_not_certified(of: str, by: str) -> None:
    conclusions = [load(name) for name in NAMES if of in load(name).gain + load(name).left]
    assert conclusions
    for known in conclusions:
        wrong = replace(known, gain=known.gain.replace(of, by), left=known.left.replace(of, by))
        assert not verify(wrong).verified


def test_a_step_along_the_wrong_sign_is_noticed() -> None:
    known = load("lemma-A.2-descent")
    (step,) = known.steps
    assert not verify(replace(known, steps=(replace(step, direction="-g(0)"),))).verified


def test_a_square_whose_coefficient_is_negative_is_noticed_although_the_identity_holds() -> None:
    known = load("thm-3.2-decrease")
    evidence = verify(replace(known, limits=tuple(replace(limit, at_most="3/(ell*delta)") for limit in known.limits)))
    assert [step.split(" of ")[0] for step in evidence.failing] == ["the coefficient (2 - ell*tau*delta)/(2*tau*delta)"]


def test_an_empty_conclusion_is_refused() -> None:
    with pytest.raises(certificates.CertificateError, match="both sides are the same"):
        verify(replace(load("thm-3.2"), left="L(0)", gain="0", right="L(0)", uses=()))


@pytest.mark.parametrize(
    ("name", "limit"),
    [("lemma-A.2-descent", 1.0), ("thm-3.2-decrease", 2.0), ("thm-3.7-contraction", 2.0), ("thm-3.2", float("inf"))],
)
def test_the_certified_limit_is_in_units_of_one_over_the_relative_smoothness(name: str, limit: float) -> None:
    assert certified_limit(name) == limit


def test_a_limit_in_another_unit_has_no_certified_number() -> None:
    with pytest.raises(certificates.CertificateError, match="tau/eta is not a multiple of 1/𝖫"):
        certified_limit("thm-4.1-cycle", parameter="rho")


def test_all_of_them_take_less_than_five_seconds() -> None:
    verify(NAMES[0])  # importing sympy does not count
    start = process_time()
    assert all(verify(name).verified for name in NAMES)
    assert process_time() - start < 5


def test_verification_imports_no_solver() -> None:
    code = (
        "import sys; from mlbreg.paper_checks import certificates as c; assert 'sympy' not in sys.modules\n"
        "c.verify('thm-3.2'); sys.exit(any(m in sys.modules for m in ('PEPit', 'cvxpy', 'clarabel')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
