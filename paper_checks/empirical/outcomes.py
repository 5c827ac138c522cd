"""The words for a claim about experiments.

They differ from those about mathematics: no number of runs proves anything, and no single run is a counterexample. *Undecided* is
here for honesty: three seeds often cannot tell on which side of a bound a mean lies, and then neither word is true.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What the stored runs say."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    NOT_RUN = "not run"


#: One sentence on each, for the report and the documentation.
MEANING: dict[Outcome, str] = {
    Outcome.SUPPORTED: "every condition of the rule holds for the means over seeds, beyond their spread",
    Outcome.REFUTED: "a condition of the rule fails for the means over seeds, beyond their spread",
    Outcome.UNDECIDED: "the seeds spread too much to tell on which side of a condition the mean lies",
    Outcome.NOT_RUN: "there are no runs that count: none, too few seeds, a smaller budget, or other settings than the paper's",
}
