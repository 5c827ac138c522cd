"""Where the laws of a loss are tried: points around its minimiser and around 0, near and far, and where descent leads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Array, to_float
from ..losses.base import Loss
from .array_laws import Call


@dataclass(frozen=True, eq=False)
class LossCase:
    """A loss, and reproducible points."""

    loss: Loss
    seed: int

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for each use, so that the laws do not depend on each other's order."""
        return np.random.default_rng([self.seed, *key])

    @cached_property
    def dimension(self) -> int:
        """d."""
        return self.loss.dimension

    def value(self, theta: Array) -> Array:
        """L(θ) in float64."""
        return to_float(self.loss.value(theta))

    def gradient(self, theta: Array) -> Array:
        """∇L(θ) in float64."""
        return to_float(self.loss.gradient(theta))

    @cached_property
    def lipschitz(self) -> float:
        """ℓ as a float."""
        return float(self.loss.lipschitz)

    @cached_property
    def centre(self) -> Array:
        """The minimiser where there is one, else 0."""
        minimizer = self.loss.minimizer()
        return np.zeros(self.dimension) if minimizer is None else to_float(minimizer)

    @cached_property
    def points(self) -> Array:
        """0, axes, dyadic points, and clouds around 0 and the centre at scales 1e-3 … 30: (n, d)."""
        d, rng = self.dimension, self.rng(1)
        normal = rng.standard_normal((8, d))
        around = [scale * rng.standard_normal((4, d)) for scale in (1e-3, 0.1, 1.0, 5.0, 30.0)]
        axes = np.eye(d)[rng.permutation(d)[:4]]
        shapes = [np.zeros((1, d)), axes, -2 * axes, np.ones((1, d)), normal, rng.integers(-8, 9, size=(4, d)) / 4]
        return np.concatenate([*shapes, self.centre + np.concatenate(around)])

    @cached_property
    def descended(self) -> Array:
        """The points after gradient descent that halves a step until it is good (Armijo): where L is small."""
        theta = self.points
        step = np.full(len(theta), 1.0 if not 0 < self.lipschitz < math.inf else 2 / self.lipschitz)
        for _ in range(60):
            value, gradient = self.value(theta), self.gradient(theta)
            moved = theta - step[:, None] * gradient
            good = self.value(moved) <= value - 0.25 * step * np.sum(gradient * gradient, axis=-1)
            theta, step = np.where(good[:, None], moved, theta), np.where(good, 1.5 * step, 0.4 * step)
        return theta

    def calls(self) -> Iterator[Call]:
        """Every method with arrays to call it on."""
        yield Call("value", self.loss.value, (self.points,))
        yield Call("gradient", self.loss.gradient, (self.points,))

    @cached_property
    def steepest(self) -> tuple[Array, Array, Array]:
        """Where the gradient changes fastest, as far as a local search finds it: θ, directions, and the rate there.

        The directions follow the power method on differences of gradients, the points a random search.
        """
        return _search_curvature(self, self.points, largest=True)

    @cached_property
    def flattest(self) -> tuple[Array, Array, Array]:
        """Where the second derivative ⟨d, ∇²L d⟩ is least: θ, directions, and the value there."""
        return _search_curvature(self, self.points, largest=False)


def _search_curvature(case: LossCase, start: Array, *, largest: bool) -> tuple[Array, Array, Array]:
    rng = case.rng(2 if largest else 3)
    theta, h = start.copy(), 1e-4
    direction = _unit(rng.standard_normal(theta.shape))
    # The power method on H finds the largest eigenvalue in modulus; on ℓ − H it finds the least one.
    shift = 0.0 if largest else (case.lipschitz if case.lipschitz < math.inf else 0.0)

    def product(at: Array, along: Array) -> Array:
        return (case.gradient(at + h * along) - case.gradient(at - h * along)) / (2 * h)

    def rate(at: Array, along: Array) -> Array:
        change = product(at, along)
        return np.linalg.norm(change, axis=-1) if largest else -np.sum(change * along, axis=-1)

    best = rate(theta, direction)
    radius = 0.3 * (1 + np.max(np.abs(theta), axis=-1))
    for turn in range(40):
        power = product(theta, direction) if largest else shift * direction - product(theta, direction)
        candidates = [(theta, _unit(power)), (theta, _unit(direction + 0.3 * rng.standard_normal(theta.shape)))]
        if turn % 2:
            candidates.append((theta + radius[:, None] * rng.standard_normal(theta.shape), direction))
        for at, along in candidates:
            found = rate(at, along)
            better = found > best
            theta, direction = np.where(better[:, None], at, theta), np.where(better[:, None], along, direction)
            best = np.where(better, found, best)
        radius = 0.85 * radius
    return theta, direction, best if largest else -best


def _unit(x: Array) -> Array:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.where(length > 0, x / np.where(length > 0, length, 1), np.eye(x.shape[-1])[0])
