"""log(1 + eᵗ) and its derivative 1/(1 + e⁻ᵗ), with full relative accuracy and no overflow."""

from __future__ import annotations

from ..arrays import Array, namespace, positive_part


def softplus(t: Array) -> Array:
    """log(1 + eᵗ), elementwise: max(t, 0) + log1p(e^−|t|)."""
    xp = namespace(t)
    return positive_part(t) + xp.log1p(xp.exp(-abs(t)))


def sigmoid(t: Array) -> Array:
    """1/(1 + e⁻ᵗ), elementwise; the exponential is taken of −|t| only."""
    xp = namespace(t)
    small = xp.exp(-abs(t))
    return xp.where(t >= 0, xp.ones_like(small), small) / (1 + small)
