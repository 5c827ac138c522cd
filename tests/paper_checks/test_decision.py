"""The verdict: the first kind of evidence that decides, and nothing green by default."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from mlbreg.paper_checks.certificates import CertificateEvidence
from mlbreg.paper_checks.decision import Evidence, decide
from mlbreg.paper_checks.evidence import Counterexample, ProofEvidence, VoidEvidence
from mlbreg.paper_checks.verdicts import Verdict

CLEAN = Evidence(smallest=0.5, instances=10)
FOUND = Counterexample("", "−1", -1.0, "θ = 1", {}, "", exact=True)
STANDS, FAILS = ProofEvidence(["a"], [], "so."), ProofEvidence(["a"], ["a"], "so.")
CERTIFICATE = CertificateEvidence("c", "a/b", "x ≤ y", ("tau",), ("τ ≤ 1/𝖫",), ("identity", "sign"), ())
VOID = VoidEvidence(10, 5, 0.25, "d = 1")


def verdict(**changes: Any) -> Verdict:
    return decide(replace(CLEAN, **changes))[0]


def test_no_instance_no_verdict() -> None:
    assert decide(replace(CLEAN, smallest=math.inf, instances=0)) == (Verdict.UNDECIDED, "no instance could be drawn")


def test_a_violation_in_floating_point_alone_is_undecided() -> None:
    found, reason = decide(replace(CLEAN, smallest=-0.25))
    assert (found, reason) == (
        Verdict.UNDECIDED,
        "floating point shows margin −0.25; no exact counterexample was found",
    )
    assert verdict(smallest=-0.25, proof=STANDS, certificates=(CERTIFICATE,), covered=True) is Verdict.UNDECIDED
    assert verdict(smallest=-math.inf) is Verdict.UNDECIDED
    assert verdict(smallest=-1e-12) is Verdict.SUPPORTED  # rounding


def test_an_exact_counterexample_refutes_whatever_else_there_is() -> None:
    assert verdict(counterexample=FOUND) is Verdict.REFUTED
    assert verdict(counterexample=FOUND, certificates=(CERTIFICATE,), covered=True) is Verdict.REFUTED
    found, reason = decide(replace(CLEAN, counterexample=FOUND, proof=STANDS))
    assert found is Verdict.REFUTED
    assert "disagree" in reason


def test_a_statement_about_a_limit_is_refuted_by_a_disproof_that_stands() -> None:
    assert verdict(counterexample=FOUND, disproof=STANDS) is Verdict.REFUTED
    assert verdict(counterexample=FOUND, disproof=FAILS) is Verdict.UNDECIDED
    assert verdict(disproof=STANDS) is Verdict.SUPPORTED  # nothing was found to disprove


def test_plain_arithmetic_that_disagrees_leaves_a_refutation_undecided() -> None:
    assert verdict(counterexample=FOUND, rechecked=Fraction(-1)) is Verdict.REFUTED
    for value in (Fraction(0), Fraction(1)):
        assert verdict(counterexample=FOUND, rechecked=value) is Verdict.UNDECIDED


def test_a_proof_proves_and_a_certificate_certifies() -> None:
    assert verdict(proof=STANDS) is Verdict.PROVED
    assert verdict(proof=STANDS, certificates=(CERTIFICATE,), covered=True) is Verdict.PROVED
    assert verdict(certificates=(CERTIFICATE,), covered=True) is Verdict.CERTIFIED
    assert verdict() is Verdict.SUPPORTED


def test_a_certificate_of_a_part_does_not_certify_the_whole() -> None:
    assert verdict(certificates=(CERTIFICATE,)) is Verdict.SUPPORTED


def test_evidence_that_breaks_leaves_the_claim_undecided() -> None:
    broken = replace(CERTIFICATE, failing=("a multiplier is negative",))
    assert verdict(proof=FAILS) is Verdict.UNDECIDED
    assert verdict(certificates=(broken,), covered=True) is Verdict.UNDECIDED
    assert verdict(proof=STANDS, certificates=(broken,), covered=True) is Verdict.UNDECIDED


def test_a_witness_on_every_instance_makes_the_assumption_void() -> None:
    found, reason = decide(replace(CLEAN, void=VOID))
    assert found is Verdict.ASSUMPTION_VOID
    assert reason == "the hypotheses fail for each of 15 problems; the simplest: d = 1"
    assert verdict(void=VOID, counterexample=FOUND) is Verdict.ASSUMPTION_VOID


@pytest.mark.parametrize(
    "void",
    [replace(VOID, smallest_margin=-0.1), replace(VOID, witness=""), replace(VOID, instances=0, exact=0)],
    ids=["it fails somewhere", "no exact instance", "no instance"],
)
def test_a_witness_that_does_not_work_everywhere_decides_nothing(void: VoidEvidence) -> None:
    assert verdict(void=void) is Verdict.UNDECIDED
