"""The words of the judge. A verdict is an outcome of evidence and never an input."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What the evidence says about a claim; nothing is green by default."""

    PROVED = "proved"
    CERTIFIED = "certified"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    ASSUMPTION_VOID = "assumption void"
    UNDECIDED = "undecided"


#: One sentence on each verdict, for the report and the documentation.
MEANING: dict[Verdict, str] = {
    Verdict.PROVED: "the statement follows by steps that are verified symbolically or exactly, and no instance violates it",
    Verdict.CERTIFIED: "a dual certificate, verified exactly, covers the whole class, and no instance violates it",
    Verdict.SUPPORTED: "no instance violates it; there is no proof here",
    Verdict.REFUTED: "an exact counterexample violates it",
    Verdict.ASSUMPTION_VOID: "its hypotheses cannot hold; there is a witness",
    Verdict.UNDECIDED: "the evidence does not decide",
}
