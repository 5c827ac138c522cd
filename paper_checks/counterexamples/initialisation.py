"""Sparse initialisation: the variances of lunk2026, appendix D, and of bungert2021, section 4.1."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def init_variance() -> F:
    """E δ₁² = E δ₂² in the backward pass.

    Widths 1–1–1, ReLU, r = ½, x = δ₂ = 1, W̃ = ±2 with probability ½ each, so Var W̃ = (1/r)(2/n_out) = 4. A masked
    weight is 0, with probability 1 − r. z₁ = W₁x, and δ₁ = W₂δ₂ where z₁ > 0, else 0.
    """
    r, x, delta_2 = F(1, 2), F(1), F(1)
    weights = [(F(0), 1 - r), (F(2), r / 2), (F(-2), r / 2)]  # value, probability
    before = delta_2**2
    after = F(0)
    for first, p in weights:
        for second, q in weights:
            delta_1 = second * delta_2 if first * x > 0 else F(0)
            after += p * q * delta_1**2
    return -abs(before - after)


def glorot() -> F:
    """Var z = Var x for a linear layer z = Wx with Var W = 2/(n_l·n_{l−1}).

    n_l = n_{l−1} = 1, E W = 0, E x² = 1, so E z² = n_{l−1}·Var W·E x².
    """
    n_out, n_in, energy = F(1), F(1), F(1)
    after = n_in * (2 / (n_out * n_in)) * energy
    return -abs(energy - after)


BY_ID: dict[str, Callable[[], F]] = {
    "lunk2026/init-variance": init_variance,
    "bungert2021/eq-4.1-glorot": glorot,
}
