"""The Kullback–Leibler data terms of Poisson noise, in both directions.

Proofs below write z = Ax + β, aᵢ for the rows of A ≥ 0, and use Jensen's inequality for t ↦ t² with the weights
aᵢⱼxⱼ/⟨aᵢ, x⟩:  ⟨aᵢ, h⟩² ≤ ⟨aᵢ, x⟩ Σⱼ aᵢⱼ hⱼ²/xⱼ  for x > 0.                                                        (*)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy.special import kl_div

from ..arrays import Array, Real, check_number
from ..references import Burg, FermiDirac, Reference, Shannon
from .data import refuse_exact
from .operator_loss import OperatorLoss, no_constant


@dataclass(frozen=True, eq=False)
class _PoissonLoss(OperatorLoss):
    """A ≥ 0 without zero rows, b ≥ 0, a background β ≥ 0; the domain is Ax + β > 0, which contains x > 0."""

    background: float = 0.0

    def _check(self) -> None:
        check_number("background", self.background, at_least=0)
        if not self.operator.nonnegative:
            raise ValueError("operator must be nonnegative, got one with negative entries")
        bad = np.flatnonzero(self.data < 0)
        if bad.size:
            raise ValueError(f"data must be ≥ 0 for Poisson noise, got {self.data[bad[0]]} at index {bad[0]}")
        sums = self.operator.apply(np.ones(self.dimension))
        zero = np.flatnonzero(sums <= 0)
        if zero.size and self.background == 0:
            raise ValueError(f"operator must have no zero row without a background, row {zero[0]} is zero")

    def _predicted(self, image: Array) -> Array:
        """z = Ax + β."""
        return refuse_exact(type(self).__name__, image) + self.background

    @property
    def lipschitz(self) -> Real:
        return math.inf


@final
@dataclass(frozen=True, eq=False)
class KullbackLeibler(_PoissonLoss):
    """L(x) = w·D(b, Ax + β) = w Σᵢ bᵢ log(bᵢ/zᵢ) − bᵢ + zᵢ: minus the log-likelihood of b ~ Poisson(z), but for a constant.

    L is ∞ where a zᵢ is negative, or 0 with bᵢ > 0; the gradient wAᵀ(1 − b/z) is NaN where some zᵢ ≤ 0 makes it so.

    reference              | L                        | condition
    -----------------------|--------------------------|----------
    `Burg`                 | w maxⱼ Σ_{i: aᵢⱼ > 0} bᵢ | β ≥ 0
    `Shannon`, `FermiDirac`| w maxⱼ (Aᵀb)ⱼ/(4β)       | β > 0
    `Euclidean`            | none                     |

    The Hessian of L is h ↦ w Σᵢ bᵢ⟨aᵢ, h⟩²/zᵢ². *Burg*, ∇²φ = diag(1/x²): by (*) and ⟨aᵢ, x⟩ ≤ zᵢ it is at most
    w Σⱼ (hⱼ/xⱼ)² Σᵢ bᵢ (aᵢⱼxⱼ/zᵢ)(⟨aᵢ, x⟩/zᵢ) ≤ w Σⱼ (hⱼ/xⱼ)² Σ_{i: aᵢⱼ > 0} bᵢ. This is never more than the w‖b‖₁ of
    Bauschke, Bolte and Teboulle 2017 (section 5), `total_constant`, equal to it when one column is positive throughout,
    and far less for a local operator like a blur. It is the best constant: with h = eⱼ and xⱼ → ∞ the quotients aᵢⱼxⱼ/zᵢ
    of column j tend to 1.

    *Shannon*, ∇²φ = diag(1/x): by (*) the Hessian is at most w Σⱼ (hⱼ²/xⱼ) Σᵢ aᵢⱼ bᵢ⟨aᵢ, x⟩/zᵢ², and s/(s + β)² ≤ 1/(4β) for s ≥ 0.
    Without a background there is no constant: in one dimension L″ = wb/x² against 1/x. *Fermi–Dirac* has
    φ″ = 1/x + 1/(1 − x) ≥ 1/x, so that Shannon's constant serves.
    """

    def value_at(self, image: Array) -> Array:
        return self.weight * np.sum(kl_div(self.data, self._predicted(image)), axis=-1)

    def slope_at(self, image: Array) -> Array:
        z = self._predicted(image)
        # Where z = 0 the ratio is 0 for b = 0 (the derivative from within the domain) and NaN for b > 0, as outside.
        ratio = np.where(z > 0, self.data / np.where(z > 0, z, 1.0), np.where((z == 0) & (self.data == 0), 0.0, np.nan))
        return self.weight * (1 - ratio)

    @property
    def total_constant(self) -> float:
        """w‖b‖₁, the constant relative to Burg that Bauschke, Bolte and Teboulle 2017 give."""
        return float(self.weight * self.data.sum())

    @cached_property
    def burg_constant(self) -> float:
        """w maxⱼ Σ_{i: aᵢⱼ > 0} bᵢ, the best constant relative to Burg."""
        return float(self.weight * np.max(self.operator.adjoint_pattern(self.data)))

    def relative_smoothness(self, reference: Reference) -> float:
        if isinstance(reference, Burg):
            return self.burg_constant
        if isinstance(reference, Shannon | FermiDirac):
            if self.background == 0:
                raise no_constant(self, reference, "it needs a background > 0, got 0")
            return float(self.weight * np.max(self.operator.adjoint(self.data)) / (4 * self.background))
        raise no_constant(self, reference, "its Hessian is not bounded by a multiple of the reference's")


@final
@dataclass(frozen=True, eq=False)
class ReverseKullbackLeibler(_PoissonLoss):
    """L(x) = w·D(Ax + β, b) = w Σᵢ zᵢ log(zᵢ/bᵢ) − zᵢ + bᵢ, for data b > 0.

    L is ∞ where a zᵢ is negative; the gradient wAᵀlog(z/b) is −∞ or NaN where zᵢ ≤ 0.

    Relative to `Shannon` (and `FermiDirac`) the constant is w maxⱼ Σᵢ aᵢⱼ (Bauschke, Bolte and Teboulle 2017, section 5):
    the Hessian is h ↦ w Σᵢ ⟨aᵢ, h⟩²/zᵢ ≤ w Σᵢ Σⱼ aᵢⱼhⱼ²/xⱼ by (*) and ⟨aᵢ, x⟩ ≤ zᵢ. It is the best one for Shannon: with
    h = eⱼ and xⱼ → ∞ the quotient of both sides in column j tends to 1. There is none relative to `Burg` or `Euclidean`.
    """

    def _check(self) -> None:
        super()._check()
        zero = np.flatnonzero(self.data == 0)
        if zero.size:
            raise ValueError(f"data must be > 0, for D(Ax, b) is infinite otherwise, got 0 at index {zero[0]}")

    def value_at(self, image: Array) -> Array:
        return self.weight * np.sum(kl_div(self._predicted(image), self.data), axis=-1)

    def slope_at(self, image: Array) -> Array:
        z = self._predicted(image)
        logarithm = np.where(z > 0, np.log(np.where(z > 0, z, 1.0) / self.data), np.where(z == 0, -np.inf, np.nan))
        return self.weight * logarithm

    def relative_smoothness(self, reference: Reference) -> float:
        if isinstance(reference, Shannon | FermiDirac):
            return float(self.weight * np.max(self.operator.adjoint(np.ones(self.operator.shape[0]))))
        raise no_constant(self, reference, "its Hessian is not bounded by a multiple of the reference's")
