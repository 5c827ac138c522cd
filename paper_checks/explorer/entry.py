"""What the explorer says about one assumption for one pair of loss and regularizer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Holds: closed form or a proved reason. Searched: nothing found against it. Fails: there is a witness."""

    HOLDS = "holds"
    SEARCHED = "holds on search"
    FAILS = "fails"
    UNKNOWN = "unknown"


#: The assumptions by key, in the order of the table.
ASSUMPTIONS = {
    "lunk2026/1": "L ≤ its linear model + 𝖫 D^v(θ̃, θ)",
    "lunk2026/2": "(11) D(τ) ≥ ρ(τ) D(1) for τ ≤ 1/𝖫, (12) D(1) ≥ η (L − L*)",
    "bungert2021/1": "∇L is ℓ-Lipschitz",
    "bungert2021/2": "L is μ-strongly convex",
    "bungert2021/3": "L ≥ its linear model + ν D^v(θ̃, θ)",
    "bungert2021/3 at θ*": "the same for θ̃ = θ* alone, which is what the proof of theorem 3.8 uses",
}


@dataclass(frozen=True)
class Constant:
    """A constant: ``value`` is guaranteed, ``searched`` is how far a search came towards it from the other side.

    The best constant lies between the two; ``value`` None: no guarantee, only the search.
    """

    symbol: str
    value: float | None
    formula: str = ""
    searched: float | None = None

    @property
    def is_sharp(self) -> bool:
        """The search confirms the value to one percent."""
        if self.value is None or self.searched is None:
            return False
        return abs(self.searched - self.value) <= 0.01 * abs(self.value)


@dataclass(frozen=True)
class Witness:
    """Points against an assumption, in words and numbers; what is not needed is None."""

    words: str
    theta: tuple[float, ...] | None = None
    theta_tilde: tuple[float, ...] | None = None
    v: tuple[float, ...] | None = None
    tau: float | None = None


@dataclass(frozen=True)
class Entry:
    """One cell of the table."""

    assumption: str
    status: Status
    reason: str
    constants: tuple[Constant, ...] = ()
    witness: Witness | None = None


@dataclass(frozen=True)
class Exploration:
    """All assumptions for one loss, one regularizer and one δ."""

    loss: str
    regularizer: str
    delta: float
    entries: tuple[Entry, ...]

    def __getitem__(self, assumption: str) -> Entry:
        for entry in self.entries:
            if entry.assumption == assumption:
                return entry
        raise KeyError(f"assumption must be one of {list(ASSUMPTIONS)}, got {assumption!r}")

    def holds(self, assumption: str) -> bool:
        """Proved to hold."""
        return self[assumption].status is Status.HOLDS
