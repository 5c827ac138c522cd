"""Remark 3.1 and lemma B.2 of bungert2021: formulas for Bregman distances."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square, mean


def remark_3_1() -> F:
    """D^p_J(θ*, θ) = Σ θ*_i(sign θ*_i − sign θ_i).

    d = 1, J = |θ|, θ* = 1, θ = 0, p = 1 ∈ ∂J(0) = [−1, 1].
    """
    star, theta, p = F(1), F(0), F(1)
    distance = abs(star) - abs(theta) - p * (star - theta)  # 1 − 0 − 1
    formula = star * (1 - 0)  # sign 1 = 1, sign 0 = 0
    return -abs(formula - distance)


def lemma_b_2() -> F:
    """(B.1) as printed, E D^{v⁺}(θ*, θ⁺) − D^v(θ*, θ) = −E D^v(θ⁺, θ) + τE⟨∇L(θ), θ* − θ⁺⟩.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ* = 0, θ = v = 0, τ = 1, g = θ ± 1.
    """
    theta, tau, gradient = F(0), F(1), F(0)
    after = [theta - tau * (gradient + xi) for xi in (F(1), F(-1))]
    change = mean([half_square(0 - point) for point in after]) - half_square(0 - theta)
    moved = mean([half_square(point - theta) for point in after])
    product = mean([gradient * (0 - point) for point in after])
    return -abs((-moved + tau * product) - change)


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/remark-3.1": remark_3_1,
    "bungert2021/lemma-B.2": lemma_b_2,
}
