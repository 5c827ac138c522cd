"""Section 3.2 of bungert2021: convergence of the iterates and of their Bregman distance d_k = E D(θ*, θᵏ) = E(θᵏ)²/2."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square, mean


def _next(points: list[F], tau: F) -> list[F]:
    """All outcomes of the step θ⁺ = θ − τ(θ ± 1)."""
    return [theta - tau * (theta + xi) for theta in points for xi in (F(1), F(-1))]


def _next_growing(points: list[F], tau: F) -> list[F]:
    """All outcomes of the step θ⁺ = θ − τ(θ ± θ²): unbiased, and without noise at θ*."""
    return [theta - tau * (theta + sign * theta**2) for theta in points for sign in (1, -1)]


def _distance(points: list[F]) -> F:
    return mean([half_square(theta) for theta in points])


def thm_3_7() -> F:
    """(3.10), E D^{v⁺}(θ*, θ⁺) ≤ D^v(θ*, θ).

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 0, τ = 1 = μ/(ℓ²δ), g = θ ± 1.
    """
    start = [F(0)]
    return _distance(start) - _distance(_next(start, F(1)))


def thm_3_7_convergence() -> F:
    """(E|θ^K − θ*|)² ≤ 2d₀/(μ Σ τ_k), the finite form of (3.11).

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 0, K = 3, τ = 1, 1, 1, g = θ ± 1.
    """
    points = [F(0)]
    bound = 2 * _distance(points) / (1 + 1 + 1)
    for _ in range(3):
        points = _next(points, F(1))
    return bound - mean([abs(theta) for theta in points]) ** 2


def thm_3_8_3_12() -> F:
    """Σ a_k ≤ L(θ⁰) − L*, the finite form of (3.12), with the smallest a_k ≥ 0 in it.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 0, τ = 1, 1, g = θ ± 1.
    d_{k+1} ≤ (1 − τν)d_k + τa_k makes them a_k = max(d_{k+1} − (1 − τν)d_k, 0)/τ.
    """
    points, total, tau = [F(0)], F(0), F(1)
    for _ in range(2):
        after = _next(points, tau)
        total += max(_distance(after) - (1 - tau) * _distance(points), F(0)) / tau
        points = after
    return half_square(F(0)) - total


def thm_3_8_3_13() -> F:
    """d_k ≤ (1 − τν)ᵏd₀ + δτσ²/(2ν), the finite form of (3.13), with the variance σ² at θ*.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 1, k = 2, τ = 1, g = θ ± θ², so σ = 0.
    """
    start, tau = [F(1)], F(1)
    after = _next_growing(_next_growing(start, tau), tau)
    return (1 - tau) ** 2 * _distance(start) + 0 - _distance(after)


def thm_3_8_3_15() -> F:
    """d_k ≤ d₀ Π(1 − τ_lν), the finite form of (3.15).

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 0, k = 2, τ = 1, ½, g = θ ± 1.
    """
    start, first, second = [F(0)], F(1), F(1, 2)
    after = _next(_next(start, first), second)
    return (1 - first) * (1 - second) * _distance(start) - _distance(after)


def thm_3_8_3_16() -> F:
    """d_k ≤ d₀ Π(1 − τ_lν) + (δσ²/2) Σ τ_l² Π_{i > l}(1 − τ_iν), the finite form of (3.16), with the variance σ² at θ*.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ⁰ = v⁰ = 1, k = 2, τ = 1, ½, g = θ ± θ², so σ = 0.
    """
    start, first, second = [F(1)], F(1), F(1, 2)
    after = _next_growing(_next_growing(start, first), second)
    return (1 - first) * (1 - second) * _distance(start) + 0 - _distance(after)


def cor_3_9_harmonic() -> F:
    """3d₃ ≤ 1·d₁, the finite form of d_k = O(1/k) for τ_k = 1/k.

    d = 1, L = θ²/20 (ℓ = ν = 1/10, θ* = 0), J = 0, δ = 1, θ = v = 1 at k = 1, τ = 1, ½, g = ∇L(θ) = θ/10.
    """
    first = F(1)
    second = first - F(1) * first / 10
    third = second - F(1, 2) * second / 10
    return half_square(first) - 3 * half_square(third)


def cor_3_9_power() -> F:
    """d_{k+1} ≤ d_1 Π(1 − νl^{−α}), the finite form of the rate for τ_l = l^{−α}.

    d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, θ = v = 0 at k = 1, one step τ_1 = 1, whatever α, g = θ ± 1.
    """
    start, tau = [F(0)], F(1)
    return (1 - tau) * _distance(start) - _distance(_next(start, tau))


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/thm-3.7": thm_3_7,
    "bungert2021/thm-3.7-convergence": thm_3_7_convergence,
    "bungert2021/thm-3.8-3.12": thm_3_8_3_12,
    "bungert2021/thm-3.8-3.13": thm_3_8_3_13,
    "bungert2021/thm-3.8-3.15": thm_3_8_3_15,
    "bungert2021/thm-3.8-3.16": thm_3_8_3_16,
    "bungert2021/cor-3.9-harmonic": cor_3_9_harmonic,
    "bungert2021/cor-3.9-power": cor_3_9_power,
}
