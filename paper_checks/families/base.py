"""What a claim quantifies over: the base class of all families."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

Drawn = Mapping[str, Any]

#: The adversary stays in [−LARGEST, LARGEST]: beyond it, overflow and cancellation are all that it would find.
LARGEST = 1e6


class Family(ABC):
    """A set of values with a random sampler and an exact strategy."""

    #: True when `sample` gives ``count`` values along the first axis, False when it gives one for the whole batch.
    batched: bool = True

    @abstractmethod
    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        """Floating-point values."""

    @abstractmethod
    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        """One exact value, with a leading batch axis of length 1 where the family is batched."""

    def simplified(self, level: int) -> Family:
        """The part of the family to be searched first for a small counterexample: level 0 is the simplest, 3 everything."""
        return self

    def coordinates(self, value: Any, drawn: Drawn) -> Any:
        """The continuous parameters of the values, (count, n): what the adversary moves. None where there are none."""
        return None

    def with_coordinates(self, value: Any, coordinates: Any, drawn: Drawn) -> Any:
        """The values with other continuous parameters, brought back into the family where they leave it."""
        return value

    def perturb(self, rng: Generator, value: Any, drawn: Drawn, size: float) -> Any:
        """Values near the given ones: every coordinate moves by about ``size`` relative to it, in half of them also absolutely."""
        x = self.coordinates(value, drawn)
        if x is None:
            return value
        absolutely = rng.random((len(x), 1)) < 0.5
        moved = x * (1 + size * rng.normal(size=x.shape)) + size * rng.normal(size=x.shape) * absolutely
        return self.with_coordinates(value, moved.clip(-LARGEST, LARGEST), drawn)
