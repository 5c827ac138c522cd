"""Which stored runs stand behind a claim: those of `mlbreg table`'s rows, and only while they do what the paper says.

A run belongs to the claim when study, method and recipe are the claim's and it departs from the recipe in the claim's settings
alone, seed and epochs left aside. Of runs of several lengths the longest are taken. What keeps them from counting is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from .records import EmpiricalClaim, Runs
from .stored_runs import Run


@final
@dataclass(frozen=True)
class Chosen:
    """The runs behind one side of a claim, one a seed; ``obstacle``: why they do not count, empty when they do.

    ``lasting``: more seeds and more epochs would not help, the runs are not the paper's.
    """

    wanted: Runs
    runs: tuple[Run, ...]
    obstacle: str = ""
    lasting: bool = False

    @property
    def epochs(self) -> int:
        """As many for each of them; 0 without runs."""
        return int(self.runs[0].settings["epochs"]) if self.runs else 0


def choose(claim: EmpiricalClaim, runs: Sequence[Run]) -> list[Chosen]:
    """The runs behind each side of the claim."""
    return [_choose(claim, wanted, runs) for wanted in claim.runs]


def unequal_budgets(chosen: Sequence[Chosen]) -> str:
    """In words, where sides that are compared were trained for different numbers of epochs; empty when they were not."""
    lengths = {side.epochs for side in chosen if side.runs}
    if len(lengths) < 2:
        return ""
    return f"budgets differ: {', '.join(f'{side.wanted.label} {side.epochs} epochs' for side in chosen if side.runs)}"


def _choose(claim: EmpiricalClaim, wanted: Runs, runs: Sequence[Run]) -> Chosen:
    same = [run for run in runs if _belongs(run, wanted)]
    if not same:
        return Chosen(wanted, (), f"no runs of {wanted.label}")
    longest = max(run.settings["epochs"] for run in same)
    by_seed = {run.settings["seed"]: run for run in same if run.settings["epochs"] == longest}
    found = tuple(by_seed[seed] for seed in sorted(by_seed))
    strange = _unlike_the_paper(found, wanted) or _unlike_each_other(found)
    if strange:
        return Chosen(wanted, found, f"{wanted.label}: {strange}", lasting=True)
    if longest < claim.epochs:
        return Chosen(wanted, found, f"smaller budget: {wanted.label} has {longest} of {claim.epochs} epochs")
    if len(found) < claim.seeds:
        return Chosen(wanted, found, f"{wanted.label} has {len(found)} of {claim.seeds} seeds")
    return Chosen(wanted, found)


def _belongs(run: Run, wanted: Runs) -> bool:
    asked = {"study": wanted.study, "method": wanted.method, "recipe": wanted.recipe}
    return all(run.settings.get(name) == value for name, value in asked.items()) and run.departures == dict(
        wanted.settings
    )


def _unlike_the_paper(runs: Sequence[Run], wanted: Runs) -> str:
    for name, stated in wanted.requires.items():
        other = next((run for run in runs if run.settings.get(name) != stated), None)
        if other is not None:
            return f"{name} is {_told(other.settings.get(name))}, the paper has {_told(stated)}"
    return ""


def _unlike_each_other(runs: Sequence[Run]) -> str:
    """The recipe may have changed between two runs that are stored under one name."""
    first = {**runs[0].settings, "seed": 0}
    for run in runs[1:]:
        other = {**run.settings, "seed": 0}
        names = sorted(name for name in first.keys() | other.keys() if first.get(name) != other.get(name))
        if names:
            return f"the stored runs differ in {', '.join(names)}"
    return ""


def _told(value: Any) -> str:
    return "not set" if value is None else str(value)
