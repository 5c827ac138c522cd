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

    ``witness``: exact instances to look at for a witness against one hypothesis. ``shrink``: whether these witnesses are
    shrunk, too, as counterexamples to claims always are.
    """

    problems: int
    batch: int
    exact: int
    witness: int
    rounds: int
    curve: int
    shrink: bool = True


BUDGETS = {
    Effort.QUICK: Budget(problems=12, batch=64, exact=16, witness=16, rounds=6, curve=8, shrink=False),
    Effort.STANDARD: Budget(problems=200, batch=128, exact=160, witness=240, rounds=60, curve=40, shrink=True),
    Effort.THOROUGH: Budget(problems=5000, batch=128, exact=2000, witness=4000, rounds=300, curve=400, shrink=True),
}
