"""The refutations of bungert2021, section 3.2, once more by hand: plain rational arithmetic that knows nothing of the engine.

Unless something else is said: d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0), J = 0, δ = 1, so that D(θ*, θ) = θ²/2 and
θ⁺ = θ − τg; g = θ + ξ with ξ = ±1 equally likely. Each function returns right side − left side of the finite form that its
claim is judged in, which must be negative.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def _paths(theta: F, tau: list[F], noise: Callable[[F], F] = lambda _: F(1)) -> list[list[F]]:
    """For each k the θ_k of all 2ᵏ paths, g = θ ± noise(θ)."""
    levels = [[theta]]
    for step in tau:
        levels.append([point - step * (point + sign * noise(point)) for point in levels[-1] for sign in (1, -1)])
    return levels


def _mean(values: list[F]) -> F:
    return sum(values, F(0)) / len(values)


def _distances(levels: list[list[F]]) -> list[F]:
    return [_mean([theta * theta / 2 for theta in level]) for level in levels]


def thm_3_7() -> F:
    """(3.10): θ = θ* = 0, τ = 1 = μ/(ℓ²δ): d = 0, E d⁺ = ½."""
    before, after = _distances(_paths(F(0), [F(1)]))
    return before - after


def thm_3_7_convergence() -> F:
    """(E‖θ³ − θ*‖)² ≤ 2d₀/(μ Σ τ): θ⁰ = θ*, τ = 1, 1, 1."""
    levels = _paths(F(0), [F(1)] * 3)
    return 2 * _distances(levels)[0] / 3 - _mean([abs(theta) for theta in levels[-1]]) ** 2


def _smallest_null(tau: list[F]) -> F:
    """L(θ⁰) − L* − Σ ((d_{k+1} − (1 − τν)d_k)/τ)₊ from θ⁰ = θ*."""
    d = _distances(_paths(F(0), tau))
    return -sum((max(F(0), (d[k + 1] - (1 - step) * d[k]) / step) for k, step in enumerate(tau)), F(0))


def thm_3_8_3_12() -> F:
    """(3.12): θ⁰ = θ*, τ = 1, 1."""
    return _smallest_null([F(1), F(1)])


def _product(theta: F, tau: list[F], noise: Callable[[F], F]) -> F:
    """d₀ Π(1 − τ_lν) − d_k."""
    d = _distances(_paths(theta, tau, noise))
    right = d[0]
    for step in tau:
        right *= 1 - step
    return right - d[-1]


def thm_3_8_3_13() -> F:
    """(3.13) with g = θ ± θ², no noise at θ*: θ⁰ = 1, τ = 1, 1; d₂ ≤ (1 − τν)²d₀ = 0."""
    return _product(F(1), [F(1), F(1)], lambda theta: theta**2)


def thm_3_8_3_15() -> F:
    """(3.15): θ⁰ = θ*, τ = 1, 1; d₂ ≤ d₀ Π(1 − τ_lν) = 0."""
    return _product(F(0), [F(1), F(1)], lambda _: F(1))


def cor_3_9_harmonic() -> F:
    """τ_k = 1/k with exact gradients, L = θ²/20 (ν = 1/10), θ = 1 at k = 1: 3d₃ ≤ d₁."""
    theta, first = F(1), F(1, 2)
    for k in (1, 2):
        theta -= F(1, k) * theta / 10
    return first - 3 * theta**2 / 2


def cor_3_9_power() -> F:
    """τ_1 = 1^{−α} = 1, θ¹ = θ*: d₂ ≤ (1 − ν)d₁ = 0."""
    return _product(F(0), [F(1)], lambda _: F(1))


def proof_3_7_absorption() -> F:
    """θ = 1, g = θ, τ = 1 = μ/(ℓ²δ), c = ½: −D + τℓ²/(2c)(θ − θ⁺)² ≤ −D^{p⁺}_J = 0 with D = (θ − θ⁺)²/2, θ⁺ = 0."""
    return 0 - (-F(1, 2) + 1 / (2 * F(1, 2)))


def proof_3_7_plugged() -> F:
    """θ = θ*, τ = 1, c = μ = 1: E d⁺ − d = ½ against −E(θ⁺)²/2 + τℓ²/(2c)E(θ⁺)² + ((c − μ)/2)τE(θ⁺)² = −½ + ½ + 0."""
    square = _mean([theta**2 for theta in _paths(F(0), [F(1)])[1]])
    return (-square / 2 + square / 2 + 0) - square / 2


def proof_3_7_decrease() -> F:
    """θ = θ*, τ = 1: E d⁺ − d + ¼μτE(θ⁺)² ≤ 0."""
    square = _mean([theta**2 for theta in _paths(F(0), [F(1)])[1]])
    return 0 - (square / 2 + square / 4)


def proof_3_7_summed() -> F:
    """θ⁰ = θ*, τ = 1, 1: ¼μ Σ τ_k E(θ^{k+1})² ≤ d₀ = 0."""
    return 0 - sum((_mean([theta**2 for theta in level]) for level in _paths(F(0), [F(1)] * 2)[1:]), F(0)) / 4


def proof_3_8_null_sequence() -> F:
    """θ = θ*, τ = 1: a = (1/τ)E(θ − θ⁺)²/2 ≤ L(θ) − L* = 0."""
    return 0 - _mean([theta**2 / 2 for theta in _paths(F(0), [F(1)])[1]])


def proof_3_8_limsup() -> F:
    """L = θ₀²/20 + ½(θ₁ − 1)² (ν = 1/10), exact gradients, τ = 5 < 1/ν, θ = (0, 0): d₂ ≤ (1 − τν)²d₀."""
    x = F(0) - 1
    for _ in range(2):
        x -= 5 * x
    return F(1, 4) * F(1, 2) - x**2 / 2


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/thm-3.7": thm_3_7,
    "bungert2021/thm-3.7-convergence": thm_3_7_convergence,
    "bungert2021/thm-3.8-3.12": thm_3_8_3_12,
    "bungert2021/thm-3.8-3.13": thm_3_8_3_13,
    "bungert2021/thm-3.8-3.15": thm_3_8_3_15,
    "bungert2021/thm-3.8-3.16": thm_3_8_3_13,
    "bungert2021/cor-3.9-harmonic": cor_3_9_harmonic,
    "bungert2021/cor-3.9-power": cor_3_9_power,
    "bungert2021/proof-3.7-absorption": proof_3_7_absorption,
    "bungert2021/proof-3.7-plugged": proof_3_7_plugged,
    "bungert2021/proof-3.7-decrease": proof_3_7_decrease,
    "bungert2021/proof-3.7-summed": proof_3_7_summed,
    "bungert2021/proof-3.8-null-sequence": proof_3_8_null_sequence,
    "bungert2021/proof-3.8-limsup": proof_3_8_limsup,
}
