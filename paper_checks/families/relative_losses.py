"""Losses that are relatively smooth by construction, in floating point and in rational arithmetic.

loss                       | f(x)                              | L and μ relative to φ
---------------------------|-----------------------------------|--------------------------------------------------------
`ReferencePlusLinear`      | aφ(x) + ⟨c, x⟩ + r(x)             | a + L_r and a
`RationalKullbackLeibler`  | Σᵢ bᵢ log(bᵢ/zᵢ) − bᵢ + zᵢ        | maxⱼ Σ_{i: aᵢⱼ ≠ 0} bᵢ relative to Burg for A, b, β ≥ 0

with z = Ax + β. Everything acts along the last axis; leading axes are a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.special import kl_div

from ...theory.arrays import Array, IrrationalError, Real, constant, inner, is_exact, scalar
from ...theory.references import Reference


@final
@dataclass(frozen=True, eq=False)
class ReferencePlusLinear:
    """aφ + ⟨c, ·⟩ + r: ``weight`` a ≥ 0, ``slope`` c of shape (d,), ``rest`` r a loss or None. With a = 0 and no r it is linear."""

    reference: Reference
    weight: Real
    slope: Array
    rest: Any = None

    def value(self, x: Array) -> Array:
        found = inner(x, constant(self.slope, x))
        if self.weight:
            found = found + scalar(self.weight, x) * self.reference.value(x)
        return found if self.rest is None else found + self.rest.value(x)

    def gradient(self, x: Array) -> Array:
        found = 0 * x + constant(self.slope, x)
        if self.weight:
            found = found + scalar(self.weight, x) * self.reference.gradient(x)
        return found if self.rest is None else found + self.rest.gradient(x)

    def minimizer(self) -> Array | None:
        """∇φ*(−c/a), shape (d,); None with a rest or with a = 0, where there is none in C or it is not known."""
        if not self.weight or self.rest is not None:
            return None
        return self.reference.conjugate_gradient(-self.slope / self.weight)

    @property
    def infimum(self) -> Real:
        """inf f without a rest, a lower bound of it with one; −∞ for a linear f."""
        if not self.weight:
            return -math.inf
        pure = ReferencePlusLinear(self.reference, self.weight, self.slope)
        lowest = np.asarray(pure.value(pure.minimizer())).item()
        return lowest if self.rest is None else lowest + self.rest.infimum


@final
@dataclass(frozen=True, eq=False)
class RationalKullbackLeibler:
    """The Kullback–Leibler data term from its formula: ``matrix`` A (m, d), ``data`` b (m,), ``background`` β.

    Rational but for its value. Unlike the one of `theory.losses` it takes negative entries and backgrounds, for experiments
    without A ≥ 0 or β ≥ 0; f is defined where z > 0, and its gradient is NaN elsewhere.
    """

    matrix: Array
    data: Array
    background: Real = 0

    def predicted(self, x: Array) -> Array:
        """z = Ax + β, shape ``(..., d) → (..., m)``."""
        return x @ constant(self.matrix, x).T + scalar(self.background, x)

    def value(self, x: Array) -> Array:
        if is_exact(x):
            raise IrrationalError(
                "the Kullback–Leibler divergence of rationals is irrational: give floats, got Fractions"
            )
        return np.sum(kl_div(constant(self.data, x), self.predicted(x)), axis=-1)

    def gradient(self, x: Array) -> Array:
        z = self.predicted(x)
        ratio = constant(self.data, x) / np.where(z > 0, z, 1)
        return np.where(z > 0, 1 - ratio, math.nan) @ constant(self.matrix, x)

    @property
    def burg_constant(self) -> Real:
        """maxⱼ Σ_{i: aᵢⱼ ≠ 0} bᵢ."""
        sums: list[Real] = [sum(self.data[column != 0].tolist()) for column in self.matrix.T]
        return max(sums)
