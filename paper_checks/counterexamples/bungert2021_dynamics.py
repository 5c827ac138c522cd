"""Section 2 of bungert2021: the flow with gradient memory, and the momentum iteration of section 3 beside that of section 2."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def eq_2_5() -> F:
    """(2.5), ṗ = −∫₀ᵗ e^{(s−t)/γ} ∇L(θ_s) ds, in (2.4), γp̈ + ṗ = −∇L.

    d = 1, L(θ) = θ, so ∇L = 1 along any path, for any J, and γ = 2. The memory is −∫₀ᵗ e^{(s−t)/γ} ds = −γ + γe^{−t/γ},
    so ṗ and p̈ are a + b·e^{−t/γ} with the (a, b) below.
    """
    gamma, gradient = F(2), F(1)
    slope = (-gamma * gradient, gamma * gradient)  # ṗ, which is 0 at t = 0
    curvature = (F(0), -slope[1] / gamma)  # p̈
    constant, fading = (gamma * curvature[i] + slope[i] for i in (0, 1))
    return -(abs(-gradient - constant) + abs(fading))


def eq_3_7_vs_2_14() -> F:
    """v¹ of (3.7), v⁺ = v − m, is v¹ of (2.14), v⁺ = v − m⁺; m⁺ = βm + (1 − β)τg in both.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 1, m = 0, τ = 1, β = ½, g = ∇L(θ) = 1.
    """
    v, m, beta, tau, g = F(1), F(0), F(1, 2), F(1), F(1)
    m_after = beta * m + (1 - beta) * tau * g
    printed, momentum = v - m, v - m_after
    return -abs(momentum - printed)


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/eq-2.5": eq_2_5,
    "bungert2021/eq-3.7-vs-2.14": eq_3_7_vs_2_14,
}
