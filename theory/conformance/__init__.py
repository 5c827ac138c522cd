"""Is it right? Every law that a regularizer, a loss or a reference must obey, tried on an object of yours.

>>> from mlbreg.theory.conformance import check_regularizer
>>> from mlbreg.theory.regularizers import L1
>>> check_regularizer(L1(0.1)).passed
True
"""

from .checks import Check
from .entry_points import check_loss, check_reference, check_regularizer, checks_of, parametrize_with_checks
from .report import CheckResult, Report

__all__ = [
    "Check",
    "CheckResult",
    "Report",
    "check_loss",
    "check_reference",
    "check_regularizer",
    "checks_of",
    "parametrize_with_checks",
]
