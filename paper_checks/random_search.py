"""Evidence by chance: margins over batches of random instances, and the worst batches for the adversary."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .claim_record import Margin
from .evidence import ConclusionEvidence
from .instances import Given, Instance, draw_batch, float_margins, generator

#: A margin is scaled by the size of its terms, so rounding moves it by a few 1e-16, amplified by cancellation.
TOLERANCE = 1e-9

#: Histogram of log10|margin|: 12 decades below zero, 12 above, two bins per decade; |margin| < 1e-12 is in the middle.
HISTOGRAM_EDGES = np.concatenate([np.linspace(-12, 0, 25), np.linspace(0, 12, 25)[1:]])


@dataclass(frozen=True)
class RandomSearch:
    """Margins by conclusion, and the batches in which a margin was smallest."""

    margins: dict[str, np.ndarray]
    worst: list[tuple[float, Instance]] = field(default_factory=list)

    @property
    def instances(self) -> int:
        """How many instances were judged."""
        return max((len(values) for values in self.margins.values()), default=0)

    @property
    def smallest(self) -> float:
        """The smallest margin over all conclusions; −∞ when a margin is not a number."""
        return smallest(self.margins)

    @property
    def violated(self) -> bool:
        """True when a margin lies below zero by more than rounding explains."""
        return is_violation(self.smallest)


def smallest(margins: dict[str, np.ndarray]) -> float:
    """The smallest margin over all conclusions; −∞ when a margin is not a number."""
    values = [np.min(values) for values in margins.values() if values.size]
    lowest = float(min(values, default=np.inf))
    return -np.inf if np.isnan(values).any() else lowest


def is_violation(margin: float) -> bool:
    """Below zero by more than rounding explains."""
    return margin < -TOLERANCE


def random_search(
    given: Given,
    margin: Margin,
    problems: int,
    batch: int,
    seed: int,
    path: tuple[str, ...],
    *,
    keep_worst: int = 0,
    stop_at_violation: bool = False,
    only: frozenset[str] | None = None,
) -> RandomSearch:
    """Judge ``problems`` × ``batch`` instances; ``only`` limits the conclusions that are looked at."""
    collected: dict[str, list[np.ndarray]] = {}
    worst: list[tuple[float, Instance]] = []
    for index in range(problems):
        instance = draw_batch(given, generator(seed, *path, index), batch)
        found = {name: m for name, m in float_margins(margin, instance).items() if only is None or name in only}
        for name, values in found.items():
            collected.setdefault(name, []).append(values)
        lowest = smallest(found)
        if keep_worst:
            worst = sorted([*worst, (lowest, instance)], key=lambda entry: entry[0])[:keep_worst]
        if stop_at_violation and is_violation(lowest):
            break
    return RandomSearch({name: np.concatenate(parts) for name, parts in collected.items()}, worst)


def summary(name: str, values: np.ndarray) -> ConclusionEvidence:
    """The margins of one conclusion, condensed for the report."""
    finite = values[~np.isnan(values)]
    signed = np.sign(finite) * np.maximum(0, 12 + np.log10(np.maximum(np.abs(finite), 1e-300)))
    counts, _ = np.histogram(np.clip(signed, -12, 12), bins=HISTOGRAM_EDGES)
    return ConclusionEvidence(
        name=name,
        instances=len(values),
        smallest_margin=float(np.min(finite, initial=np.inf)),
        median_margin=float(np.median(finite)) if len(finite) else float("nan"),
        equality_share=float(np.mean(np.abs(finite) <= TOLERANCE)) if len(finite) else 0.0,
        histogram=[int(count) for count in counts],
        violations=int(np.sum(finite < -TOLERANCE)),
        not_a_number=int(np.sum(np.isnan(values))),
    )
