"""Rigorous upper bounds of ‖A‖ for nonnegative operators that are not stored.

For AᵀA ≥ 0 entrywise and any u > 0, λ_max(AᵀA) ≤ maxⱼ (AᵀAu)ⱼ/uⱼ (Collatz 1942, Wielandt 1950). u = 1 gives the bound
of Schur's test, at most ‖A‖₁‖A‖_∞; with u from power steps the bound decreases, towards λ_max where AᵀA is irreducible. Power
iteration alone bounds λ_max from *below*, which is of no use for a step size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .base import LinearOperator

_FLOOR = 1e-9  # u stays positive where columns are 0, or nearly: there every positive entry is as good


def nonnegative_norm_bound(operator: LinearOperator, power_steps: int = 20) -> float:
    """A number ≥ ‖A‖₂ for A ≥ 0: √ of the least of the bounds over the power steps, enlarged by their rounding.

    Costs ``power_steps`` + 1 products with AᵀA. All sums are of nonnegative terms, so that a product has a relative
    error of at most (m + d)·ε.
    """
    if not operator.nonnegative:
        raise ValueError("operator must be nonnegative for the bound of Collatz and Wielandt, got one that is not")
    if power_steps < 0:
        raise ValueError(f"power_steps must be ≥ 0, got {power_steps}")
    rows, columns = operator.shape
    u, bound = np.ones(columns), math.inf
    for _ in range(power_steps + 1):
        image = operator.adjoint(operator.apply(u))
        bound = min(bound, float(np.max(image / u)))
        largest = float(np.max(image))
        if largest == 0:
            return 0.0
        u = np.maximum(image / largest, _FLOOR)
    return math.sqrt(bound) * (1 + (rows + columns + 4) * float(np.finfo(np.float64).eps))
