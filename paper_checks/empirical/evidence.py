"""What judging a claim about experiments produces; ``report.json`` has it as it is (docs/report.md)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, final

from .outcomes import Outcome


@final
@dataclass(frozen=True)
class Measured:
    """A number of the runs, over their seeds, beside the paper's. ``deviation``: sample standard deviation, None for one seed."""

    quantity: str
    paper: float | None
    mean: float
    deviation: float | None
    seeds: int


@final
@dataclass(frozen=True)
class ConditionEvidence:
    """One condition: in words, its margin (≥ 0 iff it holds), the margin's standard error, and what a decision needs."""

    condition: str
    margin: float
    error: float | None
    needed: float
    outcome: Outcome


@final
@dataclass(frozen=True)
class EmpiricalEvidence:
    """Everything about one claim.

    ``indicative``: what runs that do not count would say, None where there are none. ``missing``: commands for the runs that
    are not there. ``digest``: of the runs. ``recorded``: the reviewed verdict; ``recorded_on``: the digest of the runs it was
    set on.
    """

    id: str
    title: str
    quote: str
    source: str
    rule: str
    why: str
    chosen: str
    verdict: Outcome
    reason: str
    indicative: Outcome | None = None
    conditions: list[ConditionEvidence] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    digest: str = ""
    recorded: str | None = None
    recorded_on: str = ""
    command: str = ""

    @property
    def changed(self) -> bool:
        """The reviewed verdict was another one, and for the same runs: then the rule or the judge has changed."""
        return self.recorded is not None and self.recorded_on == self.digest and self.recorded != self.verdict

    @property
    def fresh(self) -> bool:
        """A verdict that nobody has reviewed: there is none on record, or it was set on other runs."""
        return self.verdict is not Outcome.NOT_RUN and (self.recorded is None or self.recorded_on != self.digest)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)
