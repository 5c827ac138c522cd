"""Evidence without rounding: instances in rational arithmetic, and the smallest counterexample that hypothesis can shrink to."""

from __future__ import annotations

from random import Random
from typing import Any

import hypothesis
from hypothesis.errors import NoSuchExample, Unsatisfiable

from ..theory.arrays import IrrationalError
from . import describe
from .claim_record import Margin
from .evidence import Counterexample, ExactEvidence
from .instances import Given, Instance, exact_instances, generator, margins, take

_SETTINGS: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(hypothesis.HealthCheck),
    "report_multiple_bugs": False,
}
_PHASES = (hypothesis.Phase.generate, hypothesis.Phase.shrink)


def exact_seed(seed: int, *path: str) -> int:
    """A seed for hypothesis that depends on the seed of the run and the path only."""
    return int(generator(seed, *path, "exact").integers(2**32))


def exact_search(
    given: Given, margin: Margin, examples: int, seed: int, *, only: frozenset[str] | None = None, shrink: bool = True
) -> tuple[ExactEvidence, Counterexample | None]:
    """Judge up to ``examples`` exact instances; the first violation is shrunk to a minimal counterexample.

    The simplest problems come first, then dimension 1, 2 and 3; a violation in a higher dimension sends the search back to
    the lower ones for longer. An instance that leaves the rationals is counted apart. Without ``shrink`` the first violation
    is taken as it is, which is much faster.
    """
    judged, irrational = 0, 0
    for level, share in ((0, 8), (1, 8), (2, 4), (3, 2)):
        evidence, found = _search(given, level, margin, max(examples // share, 1), seed, only, shrink)
        judged, irrational = judged + evidence.instances, irrational + evidence.irrational
        if found is None:
            continue
        for smaller in range(level if shrink else 0):
            evidence, better = _search(given, smaller, margin, examples // 2, seed + 1, only, shrink)
            judged, irrational = judged + evidence.instances, irrational + evidence.irrational
            if better is not None:
                return ExactEvidence(judged, irrational), better
        return ExactEvidence(judged, irrational), found
    return ExactEvidence(judged, irrational), None


def _search(
    given: Given, level: int, margin: Margin, examples: int, seed: int, only: frozenset[str] | None, shrink: bool
) -> tuple[ExactEvidence, Counterexample | None]:
    small: Given = {name: family.simplified(level) for name, family in given.items()}
    judged, irrational = 0, 0

    def violates(instance: Instance) -> bool:
        nonlocal judged, irrational
        try:
            found = margins(margin, instance)
        except IrrationalError:
            irrational += 1
            return False
        judged += 1
        return any((values < 0).any() for name, values in found.items() if only is None or name in only)

    try:
        instance = hypothesis.find(
            exact_instances(small),
            violates,
            settings=hypothesis.settings(max_examples=examples, phases=_PHASES[: 1 + shrink], **_SETTINGS),
            random=Random(seed + 1000 * level),
        )
    except (NoSuchExample, Unsatisfiable):
        return ExactEvidence(judged, irrational), None
    found = {name: v for name, v in margins(margin, instance).items() if only is None or name in only}
    name = min(found, key=lambda conclusion: found[conclusion][0])
    return ExactEvidence(judged, irrational), counterexample(instance, name, found[name][0], is_exact=True)


def float_counterexample(given: Given, margin: Margin, batch: Instance) -> Counterexample:
    """The worst instance of a floating-point batch, for want of an exact one."""
    found = margins(margin, batch)
    name = min(found, key=lambda conclusion: float(found[conclusion].min()))
    position = int(found[name].argmin())
    return counterexample(take(given, batch, [position]), name, found[name][position], is_exact=False)


def counterexample(instance: Instance, conclusion: str, margin: Any, *, is_exact: bool) -> Counterexample:
    """The record of a violating instance."""
    return Counterexample(
        conclusion=conclusion,
        margin=describe.number(margin),
        margin_value=float(margin),
        words=describe.words(instance),
        values={name: describe.data(value) for name, value in instance.items()},
        python=", ".join(f"{name}={describe.code(value)}" for name, value in instance.items()),
        exact=is_exact,
    )
