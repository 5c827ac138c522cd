"""Families for initialisation: finite distributions of weights, densities of masks, and small ReLU networks of sparse weights."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ...theory import sparse_initialisation, strategies
from ...theory.arrays import Array, constant, exact, total
from .base import Drawn, Family


@final
@dataclass(frozen=True)
class Chances(Family):
    """Probabilities of ``outcomes`` points, (..., K)."""

    outcomes: int = 3

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        return rng.dirichlet(np.ones(self.outcomes), size=count)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        parts = hs.lists(hs.integers(1, 3), min_size=self.outcomes, max_size=self.outcomes)
        return parts.map(lambda weights: exact([[Fraction(weight, sum(weights)) for weight in weights]]))


@final
@dataclass(frozen=True)
class WeightGroups(Family):
    """The points of a distribution with probabilities ``chances``: groups of ``size`` weights, (..., K, size), with mean zero
    when ``centered``."""

    size: int = 2
    centered: bool = True

    def _finish(self, values: Array, chances: Array) -> Array:
        return values - total(chances[..., None] * values, axis=-2)[..., None, :] if self.centered else values

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        shape = (count, drawn["chances"].shape[-1], self.size)
        return self._finish(rng.normal(size=shape) * 10 ** rng.uniform(-1, 1, size=(count, 1, 1)), drawn["chances"])

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        points, rational = drawn["chances"].shape[-1], strategies.rationals(2)
        point = hs.lists(rational, min_size=self.size, max_size=self.size)
        every = hs.lists(point, min_size=points, max_size=points)
        return every.map(lambda values: self._finish(exact([values]), drawn["chances"]))


@final
@dataclass(frozen=True)
class Positive(Family):
    """Positive numbers, at most ``largest``: densities r ∈ (0, 1], variances α."""

    largest: float = 1.0

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        return self.largest * np.where(rng.random(count) < 0.1, 1.0, 10 ** rng.uniform(-2, 0, size=count))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        shares = hs.sampled_from([Fraction(1, 2), Fraction(1), Fraction(1, 4), Fraction(1, 100)])
        return shares.map(lambda share: exact([share * Fraction(self.largest)]))

    def coordinates(self, value: Array, drawn: Drawn) -> Array:
        return np.log(value)[:, None]

    def with_coordinates(self, value: Array, coordinates: Array, drawn: Drawn) -> Array:
        return np.exp(coordinates[:, 0].clip(-5, np.log(self.largest)))


#: Widths n_0, …, n_L of the networks; all outcomes of all weights are listed, so they have at most five weights.
_WIDTHS = (
    (1, 1, 1),
    (1, 2, 1),
    (2, 1, 1),
    (1, 1, 2),
    (2, 1, 2),
    (1, 1, 1, 1),
    (1, 1, 2, 1),
    (1, 2, 1, 1),
    (2, 1, 1, 1),
)


@final
@dataclass(frozen=True)
class SparseNetwork:
    """Widths n_0, …, n_L and densities r_1, …, r_L from a scheme whose layers have kernels of some sides."""

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    scheme: str
    density: Any

    @property
    def depth(self) -> int:
        """L."""
        return len(self.widths) - 1

    @property
    def densities(self) -> list[Any]:
        """r_1, …, r_L."""
        shapes = [(n, m, k, k) for m, n, k in zip(self.widths, self.widths[1:], self.kernels, strict=False)]
        return sparse_initialisation.densities(shapes, self.density, self.scheme)

    @cached_property
    def codes(self) -> list[np.ndarray]:
        """Every outcome of all weights of each layer, (S, n_l, n_{l−1}): 0 masked, 1 positive, 2 negative."""
        sizes = [n * m for m, n in itertools.pairwise(self.widths)]
        every = np.asarray(list(itertools.product(range(3), repeat=sum(sizes))))
        parts = np.split(every, np.cumsum(sizes)[:-1], axis=1)
        return [part.reshape(-1, n, m) for part, (m, n) in zip(parts, itertools.pairwise(self.widths), strict=True)]


@final
@dataclass(frozen=True)
class SparseNetworks(Family):
    """Small networks with a mask scheme and a density of the whole network."""

    widths: tuple[tuple[int, ...], ...] = _WIDTHS
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> SparseNetwork:
        widths = self.widths[int(rng.integers(len(self.widths)))]
        kernels = tuple(int(k) for k in rng.choice([1, 3], size=len(widths)))
        return SparseNetwork(
            widths, kernels, str(rng.choice(sparse_initialisation.SCHEMES)), float(rng.choice([0.05, 0.3, 0.6, 1.0]))
        )

    def simplified(self, level: int) -> SparseNetworks:
        """Three weights at first; never more than four, because 3⁵ outcomes take long in rational arithmetic."""
        most = 3 if level < 2 else 4
        sizes = [(widths, sum(n * m for m, n in itertools.pairwise(widths))) for widths in self.widths]
        return SparseNetworks(tuple(widths for widths, size in sizes if size <= most))

    def strategy(self, drawn: Drawn) -> SearchStrategy[SparseNetwork]:
        return hs.builds(
            lambda widths, kernels, scheme, density: SparseNetwork(widths, kernels, scheme, density),
            hs.sampled_from(self.widths),
            hs.sampled_from([(1, 1, 1), (1, 3, 1), (3, 1, 1)]),
            hs.sampled_from(sparse_initialisation.SCHEMES),
            hs.sampled_from([Fraction(1, 2), Fraction(1), Fraction(1, 10)]),
        )


@final
@dataclass(frozen=True)
class TwoPoint(Family):
    """(a_l, b_l) for each layer of ``network``, (..., L, 2): W̃ is a with probability b/(a + b), else −b; a = b if symmetric."""

    symmetric: bool = True

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        values = 10 ** rng.uniform(-1, 1, size=(count, drawn["network"].depth, 2))
        return np.repeat(values[..., :1], 2, axis=-1) if self.symmetric else values

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        depth = drawn["network"].depth
        pair = hs.sampled_from([(1, 1), (2, 2)] if self.symmetric else [(1, 2), (2, 1), (1, 3)])
        return hs.lists(pair, min_size=depth, max_size=depth).map(lambda pairs: exact([pairs]))


@final
@dataclass(frozen=True)
class Signals(Family):
    """Inputs x of ``network`` or, with ``last``, gradients at its outputs: not zero, (..., n)."""

    last: bool = False

    def _width(self, drawn: Drawn) -> int:
        return int(drawn["network"].widths[-1 if self.last else 0])

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        return rng.normal(size=(count, self._width(drawn))) * 10 ** rng.uniform(-1, 1, size=(count, 1))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        width, entry = self._width(drawn), hs.sampled_from([1, 2, -1])
        return hs.lists(entry, min_size=width, max_size=width).map(lambda entries: exact([entries]))


def weights_and_chances(network: SparseNetwork, values: Array) -> tuple[list[Array], Array]:
    """The weights of each layer, (..., S, n_l, n_{l−1}), and the probability of each outcome, (..., S)."""
    weights, chances = [], values[..., 0, :1] * 0 + 1
    for index, (codes, density) in enumerate(zip(network.codes, network.densities, strict=True)):
        a, b = values[..., index, 0], values[..., index, 1]
        r = constant([density], values)[0] + 0 * a
        weights.append(np.stack([0 * a, a, -b], axis=-1)[..., codes])
        of_each = np.stack([1 - r, r * b / (a + b), r * a / (a + b)], axis=-1)[..., codes]
        chances = chances * np.prod(of_each, axis=(-2, -1))
    return weights, chances
