"""A claim about experiments as data: a table in ``bungert2021.toml`` or ``lunk2026.toml`` here, named by its id behind the slash.

entry          | meaning
---------------|------------------------------------------------------------------------------------------------------------
``title``      | a short name
``quote``      | what the paper says, in its words; of a table, its row
``place``      | where in the paper
``study``      | of runs that name none
``epochs``     | the budget of the paper: runs with fewer epochs do not count
``seeds``      | how many seeds each of the runs must have
``runs``       | by name: ``method``, and where they are needed ``study``, ``recipe`` (``paper`` if not given), ``settings``
               | that depart from the recipe, ``part`` of the result (``thresholded``), ``label`` in sentences
``requires``   | settings that the paper states, for all runs that have them; ``requires`` of one of the runs has the last word
``conditions`` | the acceptance rule, each one as `conditions` reads it; all of them must hold
``paper``      | the paper's numbers by ``runs.metric``, beside which ours are shown
``why``        | where the tolerances come from
``chosen``     | what the paper does not say, and what we took

Adding a claim is adding a table to a file. `mlbreg list` shows it, `mlbreg verify` judges it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, final

from .conditions import Condition, Term, parse, parse_quantity

PAPERS = ("bungert2021", "lunk2026")

_LABELS = {
    "sgd": "SGD",
    "adam": "Adam",
    "linbreg": "LinBreg",
    "linbreg-momentum": "LinBreg with β = 0.9",
    "adabreg": "AdaBreg",
    "ml-linbreg": "ML LinBreg",
    "proxsgd": "ProxGD",
    "lasso": "Lasso",
    "prune": "pruning",
    "rigl": "RigL",
}


@final
@dataclass(frozen=True)
class Runs:
    """Which stored runs are meant; see the table above. ``requires`` has those of the claim, too."""

    name: str
    label: str
    study: str
    method: str
    recipe: str = "paper"
    settings: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""

    def command(self, seed: int, more: str) -> str:
        """What makes the run with that seed, and in words for which other seeds it is wanted."""
        given = "".join(f" --set {name}={_plain(value)}" for name, value in self.settings.items())
        recipe = "" if self.recipe == "paper" else f" --recipe {self.recipe}"
        return f"mlbreg train {self.study} --method {self.method}{recipe} --seed {seed}{given}{more and f'  # {more}'}"


@final
@dataclass(frozen=True)
class EmpiricalClaim:
    """See the table above."""

    id: str
    title: str
    quote: str
    source: str
    epochs: int
    seeds: int
    runs: tuple[Runs, ...]
    conditions: tuple[Condition, ...]
    paper: tuple[tuple[Term, float], ...] = ()
    why: str = ""
    chosen: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What the runs are called in sentences, by their names."""
        return {runs.name: runs.label for runs in self.runs}

    @property
    def rule(self) -> str:
        """The acceptance rule in words: the same data that the judge reads."""
        seeds = f"at least {self.seeds} seeds" if self.seeds > 1 else "at least one seed"
        conditions = "; ".join(condition.words(self.labels) for condition in self.conditions)
        spread = ", each beyond Student's one-sided 95 % bound" if self.seeds > 1 else ""
        required = {name: value for runs in self.runs for name, value in runs.requires.items()}
        stated = f" with the paper's settings ({', '.join(required)})" if required else ""
        return (
            f"{conditions}: for means over {seeds} (percent and points){spread}, of runs of at least {self.epochs} epochs, as many "
            f"for all{stated}."
        )


@cache
def empirical_claims() -> dict[str, EmpiricalClaim]:
    """All claims by id, in the order of the papers."""
    found: dict[str, EmpiricalClaim] = {}
    for paper in PAPERS:
        text = files(__package__).joinpath(f"{paper}.toml").read_text("utf-8")
        found |= {claim.id: claim for claim in read_claims(text, paper)}
    return found


def read_claims(text: str, paper: str) -> list[EmpiricalClaim]:
    """The claims of a file's text. Raises a `ValueError` that names the claim and says what is wrong with it."""
    found = []
    for name, entries in tomllib.loads(text).items():
        try:
            found.append(_claim(f"{paper}/{name}", paper, dict(entries)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"claim {name!r} of {paper}: {type(error).__name__}: {error}") from error
    return found


def _claim(id: str, paper: str, entries: dict[str, Any]) -> EmpiricalClaim:
    study, required = entries.pop("study", ""), entries.pop("requires", {})
    runs = tuple(_runs(name, study, required, dict(own)) for name, own in entries.pop("runs").items())
    names = {own.name for own in runs}
    conditions = tuple(parse(text) for text in entries.pop("conditions"))
    paper_numbers = tuple(
        (parse_quantity(quantity), float(number)) for quantity, number in entries.pop("paper", {}).items()
    )
    terms = [term for condition in conditions for term in condition.margin] + [term for term, _ in paper_numbers]
    for term in terms:
        if term.runs and term.runs not in names:
            raise ValueError(f"runs must be one of {', '.join(sorted(names))}, got {term.runs!r}")
    if not conditions:
        raise ValueError("conditions must not be empty")
    return EmpiricalClaim(
        id=id,
        source=f"{paper}, {entries.pop('place')}",
        runs=runs,
        conditions=conditions,
        paper=paper_numbers,
        **entries,
    )


def _runs(name: str, study: str, required: Mapping[str, Any], own: dict[str, Any]) -> Runs:
    requires = {**required, **own.pop("requires", {})}
    label = own.pop("label", None) or _LABELS[own["method"]]
    return Runs(name=name, label=label, requires=requires, **{"study": study, **own})


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
