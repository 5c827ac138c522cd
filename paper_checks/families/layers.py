"""Families for the cost of training: small networks of convolutions and a linear layer, and masks of their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory.arrays import exact
from ...theory.costs import Layer
from .base import Drawn, Family


def _chain(channels: list[int], side: int, settings: list[tuple[int, int, int]], classes: int) -> tuple[Layer, ...]:
    """Convolutions (kernel, stride, padding) in a row, as far as the image allows, and a linear layer at the end."""
    layers: list[Layer] = []
    for inputs, outputs, (kernel, stride, padding) in zip(channels, channels[1:], settings, strict=False):
        if kernel > side + 2 * padding:
            break
        layers.append(Layer(inputs, outputs, kernel, side, side, stride, padding))
        side = layers[-1].output_size[0]
    features = (layers[-1].outputs if layers else channels[0]) * side * side
    return (*layers, Layer(features, classes))


@final
@dataclass(frozen=True)
class Networks(Family):
    """Up to ``depth`` convolutions and a linear layer."""

    depth: int = 2
    side: int = 5
    batched = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> tuple[Layer, ...]:
        depth = int(rng.integers(0, self.depth + 1))
        settings = [(int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(0, 2))) for _ in range(depth)]
        channels = [int(rng.integers(1, 4)) for _ in range(depth + 1)]
        return _chain(channels, int(rng.integers(1, self.side + 1)), settings, int(rng.integers(1, 4)))

    def simplified(self, level: int) -> Networks:
        """Level 0: a linear layer on one pixel; then one, and more, convolutions on larger images."""
        return replace(self, depth=min(self.depth, level), side=min(self.side, max(level, 1)))

    def strategy(self, drawn: Drawn) -> SearchStrategy[tuple[Layer, ...]]:
        return _networks(self)


@hs.composite
def _networks(draw: DrawFn, family: Networks) -> tuple[Layer, ...]:
    depth = draw(hs.integers(0, family.depth))
    settings = [(draw(hs.integers(1, 3)), draw(hs.integers(1, 2)), draw(hs.integers(0, 1))) for _ in range(depth)]
    channels = [draw(hs.integers(1, 2)) for _ in range(depth + 1)]
    return _chain(channels, draw(hs.integers(1, family.side)), settings, draw(hs.integers(1, 2)))


@final
@dataclass(frozen=True)
class Masks(Family):
    """Which weights of ``layers`` are non-zero, as 0 and 1, (count, 3, weights): at the restriction, during the coarse steps,
    at the fine step. Equal unless ``changing``; then the later ones are any subset of the first."""

    changing: bool = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Any:
        weights = sum(layer.weights for layer in drawn["layers"])
        first = rng.random((count, 1, weights)) < rng.random((count, 1, 1))
        stay = rng.random((count, 2, weights)) < rng.random((count, 1, 1)) if self.changing else np.ones((count, 2, 1))
        return np.concatenate([first, first * stay], axis=1).astype(np.float64)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Any]:
        weights = sum(layer.weights for layer in drawn["layers"])
        return hs.integers(0, 2**16).map(lambda seed: self._exact(seed, weights))

    def _exact(self, seed: int, weights: int) -> Any:
        # A mask of a hundred weights drawn bit by bit would take long to shrink; 0 stands for the full one.
        rng = np.random.default_rng(seed)
        first = rng.random(weights) < (rng.random() if seed else 2)
        stay = rng.random((2, weights)) < (rng.random() if seed else 0) if self.changing else np.ones((2, weights))
        return exact([np.concatenate([first[None], first * stay]).astype(int).tolist()])
