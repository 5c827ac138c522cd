"""What a conformance run says: one result for each law, and the report that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CheckResult:
    """How one law fared on one object.

    field     | meaning
    ----------|---------------------------------------------------------------------------------------------
    `name`    | the law, e.g. ``prox_minimises_its_objective``
    `passed`  | no margin fell below its tolerance, and nothing was raised
    `message` | a sentence: the law that holds, or what went wrong
    `worst`   | the smallest margin seen, relative to the size of its terms; NaN when there is none
    `witness` | where it was seen: name → vector or number
    """

    name: str
    passed: bool
    message: str
    worst: float
    witness: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{'ok    ' if self.passed else 'FAILED'} {self.name}: {self.message}"]
        if not self.passed:
            lines += [f"         {name} = {_readable(value)}" for name, value in self.witness.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The results for one object; iterable, and readable as text."""

    subject: str
    results: tuple[CheckResult, ...]

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, name: str) -> CheckResult:
        """The result of the law with this name."""
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(f"name must be one of {[result.name for result in self.results]}, got {name!r}")

    @property
    def passed(self) -> bool:
        """True when every law holds; an empty report proves nothing and has not passed."""
        return bool(self.results) and not self.failures

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results that did not pass."""
        return tuple(result for result in self.results if not result.passed)

    def __str__(self) -> str:
        verdict = "conforms" if self.passed else f"fails {len(self.failures)} of {len(self.results)} checks"
        return "\n".join([f"{self.subject} {verdict}", *(f"  {result}" for result in self.results)])

    def raise_for_failures(self) -> None:
        """Raise an `AssertionError` that lists what failed; do nothing when all passed."""
        if not self.passed:
            shown = Report(self.subject, self.failures)
            raise AssertionError(str(shown) if self.failures else f"{self.subject}: no check was run")


def _readable(value: Any) -> str:
    text = repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 300 else text[:300] + " …"
