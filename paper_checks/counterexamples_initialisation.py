"""The refutations of the claims about initialisation once more, by hand, as in `counterexamples`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product


def init_variance() -> Fraction:
    """Widths 1–1–1, r = ½, W̃₂ = ±2 (variance 2/(n_out·r) = 4), any symmetric W̃₁, x = 1, δ₂ = g = 1: −|E δ₁² − E δ₂²|."""
    masked = [(Fraction(0), Fraction(1, 2)), (Fraction(2), Fraction(1, 4)), (Fraction(-2), Fraction(1, 4))]
    reached = sum((p * q * second**2 for (first, p), (second, q) in product(masked, masked) if first > 0), Fraction(0))
    return -abs(reached - 1)


def glorot() -> Fraction:
    """n_l = n_{l−1} = 1, α = 2/(1·1), W = ±√α, so E z² = αx², x = 1: −|E z² − x²|."""
    return -abs(Fraction(2, 1 * 1) - 1)


BY_ID: dict[str, Callable[[], Fraction]] = {
    "lunk2026/init-variance": init_variance,
    "bungert2021/eq-4.1-glorot": glorot,
}
