"""The order in which claims are begun: the longest first, so that no worker is left alone with it in the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..claim_record import Claim


def longest_first(claims: Sequence[Claim], seconds: Mapping[str, float]) -> list[Claim]:
    """Claims of unknown duration come first, those with the most experiments before the others; then by duration."""

    def length(claim: Claim) -> tuple[float, int]:
        experiments = len(claim.given) + len(claim.hypotheses) + len(claim.mutants)
        return seconds.get(claim.id, float("inf")), experiments

    return sorted(claims, key=length, reverse=True)


def earlier_seconds(report: Path) -> dict[str, float]:
    """Seconds by claim id from an earlier ``report.json``; empty where there is none that can be read."""
    try:
        claims = json.loads(report.read_text(encoding="utf-8"))["claims"]
        return {id: float(claim["seconds"]) for id, claim in claims.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
