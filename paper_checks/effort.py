"""How long to look: the three efforts and what each claim gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effort(StrEnum):
    """How long to look."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"


@dataclass(frozen=True)
class Budget:
    """How many problems, points per problem, exact instances and adversary rounds one claim gets.

    ``shrink``: whether the witnesses against hypotheses are shrunk, too; counterexamples to claims always are.
    """

    problems: int
    batch: int
    exact: int
    rounds: int
    curve: int
    shrink: bool = True


BUDGETS = {
    Effort.QUICK: Budget(problems=16, batch=64, exact=24, rounds=8, curve=10, shrink=False),
    Effort.STANDARD: Budget(problems=100, batch=128, exact=120, rounds=40, curve=30, shrink=True),
    Effort.THOROUGH: Budget(problems=5000, batch=128, exact=2000, rounds=300, curve=400, shrink=True),
}
