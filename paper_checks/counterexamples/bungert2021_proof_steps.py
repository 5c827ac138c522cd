"""Appendix B of bungert2021: the displayed steps in the proofs of theorems 3.7 and 3.8, with D(θ̃, θ) = (θ̃ − θ)²/2."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square, mean

NOISE = (F(1), F(-1))


def proof_3_7_absorption() -> F:
    """−D^{v⁺}(θ, θ⁺) + τ(ℓ²/2c)(θ − θ⁺)² ≤ −D^{p⁺}_J(θ, θ⁺), c = μ/2.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 1, τ = 1 = μ/(ℓ²δ), g = ∇L(θ) = 1, so θ⁺ = 0.
    """
    theta, tau, c, part = F(1), F(1), F(1, 2), F(0)
    moved = theta - (theta - tau * theta)
    left = -half_square(moved) + tau / (2 * c) * moved**2
    return -part - left


def proof_3_7_plugged() -> F:
    """d⁺ − d ≤ −E D^{v⁺}(θ, θ⁺) + τ(ℓ²/2c)E(θ − θ⁺)² + ((c − μ)/2)τE(θ* − θ⁺)².

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 0, τ = 1, c = 1, g = θ ± 1.
    """
    theta, tau, c, mu = F(0), F(1), F(1), F(1)
    after = [theta - tau * (theta + xi) for xi in NOISE]
    change = mean([half_square(point) for point in after]) - half_square(theta)
    moved = mean([(theta - point) ** 2 for point in after])
    far = mean([(0 - point) ** 2 for point in after])
    right = -moved / 2 + tau / (2 * c) * moved + (c - mu) / 2 * tau * far
    return right - change


def proof_3_7_decrease() -> F:
    """d⁺ − d + (μ/4)τE(θ* − θ⁺)² ≤ −E D^{p⁺}_J(θ, θ⁺).

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 0, τ = 1, g = θ ± 1.
    """
    theta, tau, mu, part = F(0), F(1), F(1), F(0)
    after = [theta - tau * (theta + xi) for xi in NOISE]
    change = mean([half_square(point) for point in after]) - half_square(theta)
    return -part - (change + mu / 4 * tau * mean([(0 - point) ** 2 for point in after]))


def proof_3_7_summed() -> F:
    """(μ/4) Σ τ_k E(θ* − θ^{k+1})² ≤ d₀, the finite form of the sum.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 0, τ = 1, 1, g = θ ± 1.
    """
    points, total, tau, mu = [F(0)], F(0), F(1), F(1)
    for _ in range(2):
        points = [theta - tau * (theta + xi) for theta in points for xi in NOISE]
        total += tau * mean([(0 - theta) ** 2 for theta in points])
    return half_square(F(0)) - mu / 4 * total


def proof_3_8_null_sequence() -> F:
    """a = (1/τ)E D^{v⁺}(θ, θ⁺) ≤ L(θ) − L*, the finite form of a_k → 0.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 0, τ = 1, g = θ ± 1.
    """
    theta, tau = F(0), F(1)
    after = [theta - tau * (theta + xi) for xi in NOISE]
    return half_square(theta) - mean([half_square(theta - point) for point in after]) / tau


def proof_3_8_limsup() -> F:
    """d_k ≤ (1 − τν)ᵏd₀, the finite form of lim sup d_k ≤ C for τ < 1/ν.

    Two dimensions, L = θ₁²/20 + ½θ₂² (ℓ = 1, μ = ν = 1/10, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = (0, 1), g = ∇L(θ), k = 2,
    τ = 5 < 1/ν = 10.
    """
    small, large, tau, nu = F(0), F(1), F(5), F(1, 10)
    start = half_square(small) + half_square(large)
    for _ in range(2):
        small, large = small - tau * small / 10, large - tau * large
    return (1 - tau * nu) ** 2 * start - (half_square(small) + half_square(large))


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/proof-3.7-absorption": proof_3_7_absorption,
    "bungert2021/proof-3.7-plugged": proof_3_7_plugged,
    "bungert2021/proof-3.7-decrease": proof_3_7_decrease,
    "bungert2021/proof-3.7-summed": proof_3_7_summed,
    "bungert2021/proof-3.8-null-sequence": proof_3_8_null_sequence,
    "bungert2021/proof-3.8-limsup": proof_3_8_limsup,
}
