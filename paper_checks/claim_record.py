"""A claim is data: what it says, what it assumes, what it quantifies over, its margin, and what its check must kill.

    @claim("mine/long-steps", statement=r"\\mathcal L(\\theta^+) \\le \\mathcal L(\\theta)", source="a conjecture")
    @given(problem=families.problems(), pair=families.primal_dual_pairs(), tau=families.step_sizes(at_most=3))
    def long_steps(problem, pair, tau):
        after = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
        return problem.loss(pair.theta) - problem.loss(after.theta)      # the margin: >= 0 iff the claim holds

The margin function gets arrays with a leading batch axis, in floating point or as exact Fractions, and returns one
margin per instance or, for a claim with several conclusions, a dict of them. It may raise `IrrationalError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .families import Family
from .proof import Proof

Margin = Callable[..., Any]


@dataclass(frozen=True)
class Hypothesis:
    """A named hypothesis, and how to drop it.

    ``without`` replaces families of the claim by wider ones that leave the hypothesis; ``margin`` replaces the margin
    where the objects of the statement themselves change. Both empty: the hypothesis cannot be dropped, ``why`` says why.
    """

    name: str
    statement: str
    without: Mapping[str, Family] = field(default_factory=dict)
    margin: Margin | None = None
    why: str = ""

    @property
    def droppable(self) -> bool:
        """True when there is an experiment without the hypothesis."""
        return bool(self.without) or self.margin is not None


@dataclass(frozen=True)
class Mutant:
    """A planted bug that the check must notice: a patch of the code under test, or a wrong statement.

    ``patch`` is (owner, attribute, replacement), put in place while the check runs; ``margin`` is the margin of a wrong
    statement. Exactly one of them is given.
    """

    name: str
    patch: tuple[Any, str, Any] | None = None
    margin: Margin | None = None

    def __post_init__(self) -> None:
        if (self.patch is None) == (self.margin is None):
            raise ValueError(f"mutant {self.name!r} must have either a patch or a margin")


@dataclass(frozen=True)
class StepSizeLimit:
    """A step-size limit to measure: the family ``parameter`` in its unit, the paper's ``limit``, one ``conclusion``."""

    parameter: str = "tau"
    limit: float = 1.0
    up_to: float = 3.0
    conclusion: str = ""


@dataclass(frozen=True)
class Measurement:
    """One number beside the paper's, in words: what, the paper's value ("" where there is none), ours, and how it came about."""

    quantity: str
    paper: str
    measured: str
    how: str


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement with everything the engine needs to judge it."""

    id: str
    title: str
    statement: str
    source: str
    given: Mapping[str, Family]
    margin: Margin
    hypotheses: tuple[Hypothesis, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    proof: Callable[[], Proof] | None = None
    disproof: Callable[[], Proof] | None = None
    void: Margin | None = None
    certified: bool = False
    step_size_limit: StepSizeLimit | None = None
    measurements: Callable[[], tuple[Measurement, ...]] | None = None
    reconstructed: bool = False
    note: str = ""

    @property
    def paper(self) -> str:
        """The part of the id before the slash."""
        return self.id.split("/", 1)[0]


@dataclass(frozen=True)
class _Quantified:
    """A margin function together with the families that its arguments range over."""

    margin: Margin
    families: Mapping[str, Family]


_REGISTRY: dict[str, Claim] = {}


def given(**families: Family) -> Callable[[Margin], _Quantified]:
    """State what the arguments of the margin function range over, in the order in which they are drawn."""
    for name, family in families.items():
        if not isinstance(family, Family):
            raise TypeError(f"given: {name} must be a Family (see mlbreg.paper_checks.families), got {family!r}")
    return lambda margin: _Quantified(margin, families)


def claim(
    id: str,
    *,
    statement: str,
    source: str,
    title: str = "",
    hypotheses: tuple[Hypothesis, ...] = (),
    mutants: tuple[Mutant, ...] = (),
    proof: Callable[[], Proof] | None = None,
    disproof: Callable[[], Proof] | None = None,
    void: Margin | None = None,
    certified: bool = False,
    step_size_limit: StepSizeLimit | None = None,
    measurements: Callable[[], tuple[Measurement, ...]] | None = None,
    reconstructed: bool = False,
) -> Callable[[_Quantified], Claim]:
    """Register a claim; the docstring of the margin function is its note in the report.

    ``statement`` is LaTeX without dollar signs. The id is ``paper/name``. Registering the same id twice is an error.

    proof         steps that together give the claim
    disproof      for a statement about a limit ("there is a constant C with …"): the margin states it with one explicit C,
                  and these steps show that no other C helps; without them a violated margin leaves the claim undecided
    void          a margin, ≥ 0 where a witness shows that the hypotheses cannot hold for the problem that was drawn
    certified     the stored certificates about this claim cover the whole statement (they name the claim, not the other way)
    measurements  numbers to show beside the paper's
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", id):
        raise ValueError(f"a claim id must read paper/name with letters, digits, '.', '_' and '-', got {id!r}")

    def register(quantified: _Quantified) -> Claim:
        if not isinstance(quantified, _Quantified):
            raise TypeError(f"claim {id!r}: put @claim(...) above @given(...), got {quantified!r}")
        if id in _REGISTRY:
            raise ValueError(f"claim {id!r} is registered twice")
        record = Claim(
            id=id,
            title=title or id.split("/", 1)[1],
            statement=statement,
            source=source,
            given=quantified.families,
            margin=quantified.margin,
            hypotheses=hypotheses,
            mutants=mutants,
            proof=proof,
            disproof=disproof,
            void=void,
            certified=certified,
            step_size_limit=step_size_limit,
            measurements=measurements,
            reconstructed=reconstructed,
            note=" ".join((quantified.margin.__doc__ or "").split()),
        )
        _REGISTRY[id] = record
        return record

    return register


def restore(claims: Mapping[str, Claim]) -> None:
    """Make these the registered claims: the way back after a module that failed half way."""
    _REGISTRY.clear()
    _REGISTRY.update(claims)


def registered() -> dict[str, Claim]:
    """The claims registered so far, by id."""
    return dict(_REGISTRY)
