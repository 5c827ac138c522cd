"""Contenders take turns in rounds, so that another load on the machine meets all of them.

A turn is two steps, and the second one counts: in training steps of one kind follow each other, and what another contender
has left in the caches is not there.

part     | seconds of
---------|---------------------------------------------------------------------------------------------------------
any name | a part of a step: ``forward``, ``backward``, …; ``total`` is their sum and is not given by the contender

A ratio is the median over rounds of quotients within a round. The first rounds are not counted: they compile, draw memory and
build plans. Each round begins with another contender, so that none always runs behind the same one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Parts = dict[str, float]
Step = Callable[[], Parts]
Rounds = dict[str, list[Parts]]


def take_turns(steps: Mapping[str, Step], rounds: int, warm_up: int = 1) -> Rounds:
    """The parts of each contender's steps, a list of ``rounds`` entries for each."""
    if rounds < 1 or warm_up < 0:
        raise ValueError(f"rounds must be ≥ 1 and warm_up ≥ 0, got {rounds} and {warm_up}")
    found: Rounds = {name: [] for name in steps}
    names = list(steps)
    for number in range(-warm_up, rounds):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            steps[name]()
            if number >= 0:
                found[name].append(steps[name]())
    return found


def total(parts: Parts) -> float:
    """Seconds of a whole step."""
    return sum(parts.values())


def median(rounds: Iterable[Parts], part: str = "total") -> float:
    """Seconds; ``part`` may be ``total``."""
    return statistics.median(total(one) if part == "total" else one[part] for one in rounds)


def ratio(ones: Iterable[Parts], others: Iterable[Parts]) -> float:
    """How many times as long the ones take as the others."""
    return statistics.median(total(one) / total(other) for one, other in zip(ones, others, strict=True))


def summary(found: Rounds, base: str) -> dict[str, Any]:
    """For each contender: medians of the parts in milliseconds, × ``base`` is faster (None without base), all rounds."""
    return {
        name: {
            "median_ms": {part: 1e3 * median(rounds, part) for part in (*rounds[0], "total")},
            "times_slower": ratio(rounds, found[base]) if base in found else None,
            "seconds": rounds,
        }
        for name, rounds in found.items()
    }
