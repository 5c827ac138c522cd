"""Where the laws of a reference φ are tried: points of the interior of its domain, gradients there, and points outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Array, to_float
from ..references import Reference
from .array_laws import Call


@dataclass(frozen=True)
class ReferenceCase:
    """A reference, the dimension in which to look, and reproducible points."""

    reference: Reference
    dimension: int
    seed: int

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for each use, so that the laws do not depend on each other's order."""
        return np.random.default_rng([self.seed, *key])

    def value(self, x: Array) -> Array:
        """φ(x) in float64."""
        return to_float(self.reference.value(x))

    def gradient(self, x: Array) -> Array:
        """∇φ(x) in float64."""
        return to_float(self.reference.gradient(x))

    @cached_property
    def candidates(self) -> Array:
        """Points of every sign and many scales, whether in the domain or not: (n, d)."""
        d, rng = self.dimension, self.rng(1)
        normal, uniform = rng.standard_normal((12, d)), rng.random((16, d))
        small = np.concatenate(
            [1e-3 * uniform[:4], 0.02 * uniform[4:8], uniform, 1 - 1e-3 * uniform[:2], 0.5 + 0 * uniform[:1]]
        )
        large = np.concatenate([1 + 3 * uniform[:6], 40 * uniform[:4]])
        special = [np.zeros((1, d)), np.ones((1, d)), -np.ones((1, d)), np.eye(d), 1 - np.eye(d), -np.eye(d)]
        return np.concatenate([small, large, normal, 5 * normal, -small, -large, *special])

    @cached_property
    def interior(self) -> Array:
        """The candidates that are in the interior of the domain by `in_domain`: (n, d), n ≥ 9."""
        inside = self.candidates[np.asarray(self.reference.in_domain(self.candidates), dtype=bool)]
        if len(inside) < 9:
            raise ValueError(
                f"in_domain accepts {len(inside)} of {len(self.candidates)} points at scales 1e-3 … 100: too few to try"
            )
        return inside

    @cached_property
    def outside(self) -> Array:
        """The candidates that are not in the interior; there may be none."""
        return self.candidates[~np.asarray(self.reference.in_domain(self.candidates), dtype=bool)]

    @cached_property
    def duals(self) -> Array:
        """Gradients at points of the interior, and those of nearby points: (n, d)."""
        return self.gradient(self.interior)

    def calls(self) -> Iterator[Call]:
        """Every method with arrays to call it on."""
        phi, x = self.reference, self.interior
        shuffled = x[self.rng(2).permutation(len(x))]
        yield Call("value", phi.value, (x,))
        yield Call("gradient", phi.gradient, (x,))
        yield Call("conjugate", phi.conjugate, (self.duals,))
        yield Call("conjugate_gradient", phi.conjugate_gradient, (self.duals,))
        yield Call("divergence", phi.divergence, (x, shuffled))
        yield Call("in_domain", phi.in_domain, (self.candidates,), boolean=True)
