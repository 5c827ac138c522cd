"""Evidence by search: minimise the margin over the continuous parameters of the worst random instances.

Two stages, both batched, so that one call of the margin function judges many candidates:

1. evolution: each parent keeps its best child, the step length shrinks when few improve;
2. descent: gradients by central differences, and the best of several step lengths along each.

It starts where a margin is small and not zero: an instance with equality has nothing left to gain.
"""

from __future__ import annotations

import numpy as np

from .claim_record import Margin
from .evidence import AdversaryEvidence
from .families import LARGEST
from .instances import Given, Instance, coordinates, float_margins, generator, perturb_batch, take, with_coordinates
from .random_search import TOLERANCE, RandomSearch

PARENTS, CHILDREN = 8, 8
_DIFFERENCE = 1e-6
_STEP_LENGTHS = 10.0 ** np.arange(-7, 2)


def minimise(
    given: Given, margin: Margin, start: RandomSearch, rounds: int, seed: int, path: tuple[str, ...]
) -> AdversaryEvidence | None:
    """Continue from the worst batches of ``start``; None where a claim has no continuous parameter or no instance."""
    if not start.worst or not any(family.batched for family in given.values()):
        return None
    evaluations, by_evolution, by_gradient = 0, start.smallest, start.smallest
    gains: list[float] = []
    for index, (_, batch) in enumerate(start.worst):
        rng = generator(seed, *path, "adversary", index)
        values = _lowest(margin, batch)
        order = np.lexsort((values, abs(values) <= TOLERANCE))[:PARENTS]
        parents, first = take(given, batch, order), values[order]
        parents, lowest, spent = _evolve(given, margin, parents, first, rounds, rng)
        by_evolution, evaluations = min(by_evolution, float(lowest.min())), evaluations + spent
        lowest, spent = _descend(given, margin, parents, lowest, rounds // 6)
        by_gradient, evaluations = min(by_gradient, float(lowest.min())), evaluations + spent
        gains += _decades(first, lowest)
    return AdversaryEvidence(
        evaluations=evaluations,
        by_chance=start.smallest,
        by_evolution=by_evolution,
        by_search=min(by_evolution, by_gradient),
        decades=float(np.median(gains)) if gains else None,
    )


def _evolve(
    given: Given, margin: Margin, parents: Instance, lowest: np.ndarray, rounds: int, rng: np.random.Generator
) -> tuple[Instance, np.ndarray, int]:
    size, evaluations = 0.3, 0
    for _ in range(rounds):
        copies = take(given, parents, np.repeat(np.arange(len(lowest)), CHILDREN))
        children = perturb_batch(given, rng, copies, size)
        found = _lowest(margin, children).reshape(len(lowest), CHILDREN)
        evaluations += found.size
        choice = found.argmin(axis=1)
        best = found[np.arange(len(lowest)), choice]
        better = best < lowest
        size = min(0.5, size * 1.5) if better.mean() > 0.3 else size * 0.7
        parents = _merge(given, parents, take(given, children, np.arange(len(lowest)) * CHILDREN + choice), better)
        lowest = np.where(better, best, lowest)
        if size < 1e-7:
            break
    return parents, lowest, evaluations


def _descend(given: Given, margin: Margin, parents: Instance, lowest: np.ndarray, steps: int) -> tuple[np.ndarray, int]:
    x, evaluations = coordinates(given, parents), 0
    if x is None or not x.shape[1]:
        return lowest, 0
    count, n = x.shape
    for _ in range(steps):
        reach = _DIFFERENCE * (1 + abs(x))
        probes = x[:, None, None, :] + np.array([1, -1])[:, None, None] * np.eye(n) * reach[:, None, None, :]
        sides = _lowest(margin, _at(given, parents, probes)).reshape(count, 2, n)
        gradient = np.where(np.isfinite(sides).all(axis=1), (sides[:, 0] - sides[:, 1]) / (2 * reach), 0.0)
        direction = -gradient * (1 + abs(x)) ** 2
        direction /= np.maximum(np.linalg.norm(direction / (1 + abs(x)), axis=1, keepdims=True), 1e-300)
        candidates = x[:, None, :] + _STEP_LENGTHS[:, None] * direction[:, None, :]
        found = _lowest(margin, _at(given, parents, candidates)).reshape(count, -1)
        evaluations += sides.size + found.size
        choice = found.argmin(axis=1)
        best = found[np.arange(count), choice]
        better = best < lowest
        if not better.any():
            break
        x = np.where(better[:, None], candidates[np.arange(count), choice], x)
        lowest = np.where(better, best, lowest)
    return lowest, evaluations


def _at(given: Given, parents: Instance, x: np.ndarray) -> Instance:
    """The parents at the points ``x`` of shape (parents, …, n), as one batch."""
    count, n = len(x), x.shape[-1]
    points = x.reshape(-1, n).clip(-LARGEST, LARGEST)
    return with_coordinates(given, take(given, parents, np.repeat(np.arange(count), len(points) // count)), points)


def _decades(first: np.ndarray, last: np.ndarray) -> list[float]:
    """By how many powers of ten each margin came closer to zero, 12 at most; only where it was positive."""
    positive = (first > TOLERANCE) & np.isfinite(first)
    return [float(gain) for gain in np.log10(first[positive] / np.maximum(last[positive], 1e-12 * first[positive]))]


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
