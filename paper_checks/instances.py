"""Drawing instances of a claim: batches in floating point, single ones in exact arithmetic; and evaluating margins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from .claim_record import Margin
from .families import Family

Given = Mapping[str, Family]
Instance = dict[str, Any]


def generator(seed: int, *path: str | int) -> Generator:
    """A random generator that depends on the seed and the path only, so the number of workers changes nothing."""
    return np.random.default_rng([seed, *(crc32(str(part).encode()) for part in path)])


def draw_batch(given: Given, rng: Generator, count: int) -> Instance:
    """One floating-point batch: ``count`` instances that share the families that are not batched."""
    drawn: Instance = {}
    for name, family in given.items():
        drawn[name] = family.sample(rng, count, drawn)
    return drawn


def perturb_batch(given: Given, rng: Generator, batch: Instance, size: float) -> Instance:
    """The batch with its continuous parameters moved a little."""
    moved: Instance = {}
    for name, family in given.items():
        moved[name] = family.perturb(rng, batch[name], moved, size) if family.batched else batch[name]
    return moved


def coordinates(given: Given, batch: Instance) -> np.ndarray | None:
    """The continuous parameters of all families side by side, (count, n); None where there are none."""
    found = [family.coordinates(batch[name], batch) for name, family in given.items() if family.batched]
    parts = [part for part in found if part is not None]
    return np.concatenate(parts, axis=1) if parts else None


def with_coordinates(given: Given, batch: Instance, x: np.ndarray) -> Instance:
    """The batch with its continuous parameters replaced by ``x``, brought back into the families where it leaves them."""
    moved, start = dict(batch), 0
    for name, family in given.items():
        own = family.coordinates(batch[name], batch) if family.batched else None
        if own is not None:
            moved[name] = family.with_coordinates(batch[name], x[:, start : start + own.shape[1]], moved)
            start += own.shape[1]
    return moved


def take(given: Given, batch: Instance, index: Any) -> Instance:
    """The instances of the batch at the positions ``index`` (a list or an array of positions)."""
    return {name: _take(batch[name], index) if family.batched else batch[name] for name, family in given.items()}


def _take(value: Any, index: Any) -> Any:
    if isinstance(value, tuple):
        return type(value)(*(part[index] for part in value))
    return value[index]


@hs.composite
def _instances(draw: DrawFn, given: Given) -> Instance:
    drawn: Instance = {}
    for name, family in given.items():
        drawn[name] = draw(family.strategy(drawn))
    return drawn


def exact_instances(given: Given) -> SearchStrategy[Instance]:
    """Exact instances with a batch axis of length 1."""
    return _instances(given)


def margins(margin: Margin, instance: Instance) -> dict[str, Any]:
    """The margins by conclusion; a claim with one conclusion has the name ``""``. Shape (batch,) each."""
    with np.errstate(all="ignore"):
        result = margin(**instance)
    named = result if isinstance(result, dict) else {"": result}
    return {name: np.atleast_1d(np.asarray(values)) for name, values in named.items()}


def float_margins(margin: Margin, batch: Instance) -> dict[str, np.ndarray]:
    """The margins of a floating-point batch, of size at most 1.

    The margins of `mlbreg.theory` are scaled by the size of their terms. For one that is not, say L(θ) − L(θ⁺), the largest
    of the batch tells how large its terms are: everything is divided by it, so that one tolerance fits rounding.
    """
    found = {name: values.astype(np.float64) for name, values in margins(margin, batch).items()}
    return {
        name: values / max(1.0, np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
        for name, values in found.items()
    }
