"""The judge: claims as data, evidence of every kind, verdicts, the report. The command ``mlbreg verify`` is here."""

from .claim_record import Claim, Hypothesis, Mutant, StepSizeLimit, claim, given

__all__ = ["Claim", "Hypothesis", "Mutant", "StepSizeLimit", "claim", "given"]
