"""A law bound to one object: run it, and whatever happens becomes a result."""

from __future__ import annotations

import math
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .findings import Findings, NotApplicable
from .report import CheckResult

#: A law tries its margins on a case (an object together with the points at which to look) and writes findings.
Law = Callable[[Any, Findings], None]


@dataclass(frozen=True)
class Check:
    """One law for one object. Call it in a test (it raises), or ask for its `result`."""

    subject: str
    law: Law
    case: Callable[[], Any]

    @property
    def name(self) -> str:
        """The law's name: a sentence with underscores."""
        return self.law.__name__

    @property
    def statement(self) -> str:
        """The law in words: the first line of its docstring."""
        return (self.law.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    def __str__(self) -> str:
        return f"{self.subject}-{self.name}"

    def result(self) -> CheckResult:
        """Run the law. An exception or a numerical warning from the object is a failure with its message, not a crash."""
        findings = Findings()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                self.law(self.case(), findings)
        except NotApplicable as reason:
            if findings.complaint is None:
                return CheckResult(self.name, True, f"not applicable: {reason}", math.nan)
        except Exception as error:  # a stranger's code runs here: anything it raises is a finding
            message = f"{type(error).__name__}: {error} ({_origin(error)})"
            return CheckResult(self.name, False, message, math.nan, findings.witness)
        if findings.complaint is not None:
            return CheckResult(self.name, False, findings.complaint, findings.worst, findings.witness)
        if not findings.tried:
            return CheckResult(self.name, False, "nothing could be tried: no point was found", math.nan)
        remarks = "".join(f"; {remark}" for remark in findings.remarks)
        message = f"{self.statement} (worst margin {findings.worst:.1e} of {findings.tried}{remarks})"
        return CheckResult(self.name, True, message, findings.worst, findings.witness)

    def __call__(self) -> None:
        """Raise an `AssertionError` with the result when the law does not hold."""
        result = self.result()
        if not result.passed:
            raise AssertionError(f"{self.subject}: {result}")


def checks_for(subject: object, laws: Sequence[Law], build_case: Callable[[], Any]) -> tuple[Check, ...]:
    """One check for each law; they share one case, which is built when the first of them runs."""
    built: list[Any] = []

    def case() -> Any:
        if not built:
            built.append(build_case())
        return built[0]

    return tuple(Check(label(subject), law, case) for law in laws)


def label(subject: object) -> str:
    """The object's repr, or its class where the repr is long or holds an address: a test id must be stable."""
    text = repr(subject)
    return text if len(text) <= 80 and " at 0x" not in text else type(subject).__name__


def _origin(error: Exception) -> str:
    """The innermost frame of the traceback that is not in this package."""
    here = Path(__file__).parent
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent != here]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"in {last.name}, {Path(last.filename).name} line {last.lineno}"
