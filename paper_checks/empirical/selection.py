"""Which stored runs stand behind a claim: those of `mlbreg table`'s rows, and only while they do what the paper says.

A run belongs to the claim when study, method and recipe are the claim's and it departs from the recipe in the claim's settings
alone, left aside seed, epochs, and how it was computed, unless that is what the claim compares. Of runs of several lengths the
longest are taken, and of those the ones in float32. What keeps them from counting is said.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, final

from .records import EmpiricalClaim, Runs
from .stored_runs import Run

#: How a machine computes a run, not what. Names of `mlbreg train`'s settings, and what it does without them.
_COMPUTATION = {"compute": "dense", "memory_format": "contiguous", "precision": "float32"}


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
    compared = {name for wanted in claim.runs for name in wanted.settings} & set(_COMPUTATION)
    return [_choose(claim, wanted, runs, set(_COMPUTATION) - compared) for wanted in claim.runs]


def unequal_budgets(chosen: Sequence[Chosen]) -> str:
    """In words, where sides that are compared were trained for different numbers of epochs; empty when they were not."""
    lengths = {side.epochs for side in chosen if side.runs}
    if len(lengths) < 2:
        return ""
    return f"budgets differ: {', '.join(f'{side.wanted.label} {side.epochs} epochs' for side in chosen if side.runs)}"


def _choose(claim: EmpiricalClaim, wanted: Runs, runs: Sequence[Run], aside: Set[str]) -> Chosen:
    same = [run for run in runs if _belongs(run, wanted, aside)]
    if not same:
        return Chosen(wanted, (), f"no runs of {wanted.label}")
    best = min(map(_kind, same))
    by_seed = {run.settings["seed"]: run for run in same if _kind(run) == best}
    found = tuple(by_seed[seed] for seed in sorted(by_seed))
    strange = _unlike_the_paper(found, wanted) or _unlike_each_other(found)
    if strange:
        return Chosen(wanted, found, f"{wanted.label}: {strange}", lasting=True)
    longest, precision = found[0].settings["epochs"], _computation(found[0])["precision"]
    if longest < claim.epochs:
        return Chosen(wanted, found, f"smaller budget: {wanted.label} has {longest} of {claim.epochs} epochs")
    if precision != _COMPUTATION["precision"]:
        return Chosen(wanted, found, f"{wanted.label} was computed in {precision}")
    if len(found) < claim.seeds:
        return Chosen(wanted, found, f"{wanted.label} has {len(found)} of {claim.seeds} seeds")
    return Chosen(wanted, found)


def _computation(run: Run) -> dict[str, Any]:
    return {name: run.settings.get(name, usual) for name, usual in _COMPUTATION.items()}


def _kind(run: Run) -> tuple[Any, ...]:
    """Of runs that are judged together; the first kind counts."""
    found = _computation(run)
    return -run.settings["epochs"], found["precision"] != _COMPUTATION["precision"], *found.values()


def _belongs(run: Run, wanted: Runs, aside: Set[str]) -> bool:
    asked = {"study": wanted.study, "method": wanted.method, "recipe": wanted.recipe}
    departures = {name: value for name, value in run.departures.items() if name not in aside}
    return all(run.settings.get(name) == value for name, value in asked.items()) and departures == dict(wanted.settings)


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
