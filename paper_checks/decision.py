"""The verdict as an outcome of evidence. The first line that applies decides:

assumption void  a witness shows, on every instance drawn, that the hypotheses cannot hold
refuted          an exact counterexample exists (for a statement about a limit: and the steps of the disproof hold)
undecided        floating point shows a violation that exact arithmetic did not confirm, or a step of some proof fails
proved           every step of the proof is verified and no instance violates the claim
certified        a stored dual certificate of the whole statement is verified and no instance violates the claim
supported        no instance violates the claim
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from .certificates import CertificateEvidence
from .describe import number
from .evidence import Counterexample, ProofEvidence, VoidEvidence
from .random_search import TOLERANCE, is_violation
from .verdicts import Verdict


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    ``smallest``: the smallest margin in floating point, −∞ when one is not a number. ``covered``: a certificate proves the
    whole statement, and not a part of it.
    """

    smallest: float
    instances: int
    counterexample: Counterexample | None = None
    rechecked: Fraction | None = None
    proof: ProofEvidence | None = None
    disproof: ProofEvidence | None = None
    void: VoidEvidence | None = None
    certificates: tuple[CertificateEvidence, ...] = ()
    covered: bool = False


def decide(found: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason for it."""
    if found.void is not None:
        return _void(found.void)
    if found.counterexample is not None:
        return _refuted(found, found.counterexample)
    if found.instances == 0:
        return Verdict.UNDECIDED, "no instance could be drawn"
    if found.smallest == -math.inf:
        return Verdict.UNDECIDED, "a margin is not a number on some instance"
    if is_violation(found.smallest):
        return (
            Verdict.UNDECIDED,
            f"floating point shows margin {number(found.smallest)}; no exact counterexample was found",
        )
    if found.proof is not None and found.proof.failing:
        return Verdict.UNDECIDED, f"a step of the proof does not hold: {found.proof.failing[0]}"
    broken = next((certificate for certificate in found.certificates if certificate.failing), None)
    if broken is not None:
        return Verdict.UNDECIDED, f"the certificate {broken.name} does not hold: {broken.failing[0]}"
    if found.proof is not None:
        return Verdict.PROVED, f"every step of the proof is verified symbolically; no margin below −{TOLERANCE:g}"
    if found.covered:
        names = ", ".join(certificate.name for certificate in found.certificates)
        return Verdict.CERTIFIED, f"verified exactly for the whole class: {names}; no margin below −{TOLERANCE:g}"
    return Verdict.SUPPORTED, f"smallest margin {number(found.smallest)}"


def _void(void: VoidEvidence) -> tuple[Verdict, str]:
    if void.instances + void.exact == 0:
        return Verdict.UNDECIDED, "no instance could be drawn"
    if is_violation(void.smallest_margin) or not void.witness:
        return Verdict.UNDECIDED, f"the witness against the hypotheses fails: margin {number(void.smallest_margin)}"
    count = f"{void.instances + void.exact:,} problems"
    return Verdict.ASSUMPTION_VOID, f"the hypotheses fail for each of {count}; the simplest: {void.witness}"


def _refuted(found: Evidence, counterexample: Counterexample) -> tuple[Verdict, str]:
    where = f" in {counterexample.conclusion}" if counterexample.conclusion else ""
    reason = f"margin {counterexample.margin} (exact){where}"
    if found.disproof is not None and found.disproof.failing:
        return Verdict.UNDECIDED, f"{reason}, but a step of the disproof does not hold: {found.disproof.failing[0]}"
    if found.rechecked is not None and found.rechecked >= 0:
        return Verdict.UNDECIDED, f"{reason}, but plain arithmetic gives {number(found.rechecked)}"
    if found.proof is not None and not found.proof.failing:
        reason += "; the proof stands, so statement and implementation disagree"
    return Verdict.REFUTED, reason
