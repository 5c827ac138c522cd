"""Evidence by search: minimise the margin over the continuous parameters of the worst random instances.

A gradient-free evolution strategy, batched: each parent keeps its best child, the step length shrinks when few improve.
"""

from __future__ import annotations

import numpy as np

from .claim_record import Margin
from .evidence import AdversaryEvidence
from .instances import Given, Instance, float_margins, generator, perturb_batch, take
from .random_search import RandomSearch

PARENTS, CHILDREN = 8, 8


def minimise(
    given: Given, margin: Margin, start: RandomSearch, rounds: int, seed: int, path: tuple[str, ...]
) -> AdversaryEvidence | None:
    """Continue from the worst batches of ``start``; None where a claim has no continuous parameter or no instance."""
    if not start.worst or not any(family.batched for family in given.values()):
        return None
    evaluations, best = 0, start.smallest
    for index, (_, batch) in enumerate(start.worst):
        rng = generator(seed, *path, "adversary", index)
        values = _lowest(margin, batch)
        order = np.argsort(values)[:PARENTS]
        parents, lowest = take(given, batch, order), values[order]
        size = 0.3
        for _ in range(rounds):
            copies = take(given, parents, np.repeat(np.arange(len(lowest)), CHILDREN))
            children = perturb_batch(given, rng, copies, size)
            found = _lowest(margin, children).reshape(len(lowest), CHILDREN)
            evaluations += found.size
            choice = found.argmin(axis=1)
            better = found[np.arange(len(lowest)), choice] < lowest
            size = min(0.5, size * 1.5) if better.mean() > 0.3 else size * 0.7
            parents = _merge(given, parents, take(given, children, np.arange(len(lowest)) * CHILDREN + choice), better)
            lowest = np.where(better, found[np.arange(len(lowest)), choice], lowest)
            if size < 1e-7:
                break
        best = min(best, float(lowest.min()))
    return AdversaryEvidence(evaluations, start.smallest, best)


def _lowest(margin: Margin, batch: Instance) -> np.ndarray:
    values = np.stack(list(float_margins(margin, batch).values()))
    # An overflow on the way is no evidence: such a child is never chosen.
    return np.where(np.isfinite(values).all(axis=0), values.min(axis=0), np.inf)


def _merge(given: Given, old: Instance, new: Instance, better: np.ndarray) -> Instance:
    def choose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.where(better.reshape(-1, *[1] * (first.ndim - 1)), second, first)

    merged: Instance = {}
    for name, family in given.items():
        if not family.batched:
            merged[name] = old[name]
        elif isinstance(old[name], tuple):
            merged[name] = type(old[name])(*map(choose, old[name], new[name]))
        else:
            merged[name] = choose(old[name], new[name])
    return merged
