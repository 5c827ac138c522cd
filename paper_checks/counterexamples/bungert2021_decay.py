"""Section 3.1 and appendix A of bungert2021: decay of the loss."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square, mean, shrink

NOISE = (F(1), F(-1))


def thm_3_2() -> F:
    """(3.6), E L(θ⁺) + (1/τ)E D^sym + ((2 − ℓτδ)/(2τδ))E(θ⁺ − θ)² ≤ E L(θ).

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 0, τ = 1, g = θ ± 1.
    """
    theta, tau, symmetric = F(0), F(1), F(0)
    after = [theta - tau * (theta + xi) for xi in NOISE]
    square = mean([(point - theta) ** 2 for point in after])
    left = mean([half_square(point) for point in after]) + symmetric / tau + (2 - tau) / (2 * tau) * square
    return half_square(theta) - left


def proof_3_2_step_2() -> F:
    """τE⟨∇L(θ), θ⁺ − θ⟩ = −E D^sym − (1/δ)E(θ⁺ − θ)².

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 0, so ∇L(θ) = 0, τ = 1, g = θ ± 1.
    """
    theta, tau, symmetric = F(0), F(1), F(0)
    steps = [-tau * (theta + xi) for xi in NOISE]
    left = tau * mean([theta * step for step in steps])  # ∇L(θ) = θ
    right = -symmetric - mean([step**2 for step in steps])
    return -abs(right - left)


def _first_sum() -> F:
    """Σ (1/τᵏ)E D^sym for J = |θ|: D^sym = (p⁺ − p)(θ⁺ − θ) with p = v − θ."""
    total, states = F(0), [(F(0), F(0))]  # (θ, v), equally likely
    for tau in (F(1, 2), F(1)):
        terms, after = [], []
        for theta, v in states:
            for xi in NOISE:
                v_after = v - tau * (theta + xi)
                theta_after = shrink(v_after)
                terms.append(((v_after - theta_after) - (v - theta)) * (theta_after - theta))
                after.append((theta_after, v_after))
        total, states = total + mean(terms) / tau, after
    return total


def _second_sum() -> F:
    """Σ (1/τᵏ)E(θ^{k+1} − θᵏ)² for J = 0."""
    total, points = F(0), [F(0)]
    for tau in (F(1, 2), F(1)):
        steps = [(theta, -tau * (theta + xi)) for theta in points for xi in NOISE]
        total += mean([step**2 for _, step in steps]) / tau
        points = [theta + step for theta, step in steps]
    return total


def cor_3_3() -> F:
    """Σ (1/τ)E D^sym ≤ L(θ⁰) − L* and C Σ (1/τ)E(θ⁺ − θ)² ≤ L(θ⁰) − L*, C = (2 − τ̄δℓ)/(2δ).

    d = 1, L = ½θ² (ℓ = 1, L* = 0), δ = 1, θ⁰ = v⁰ = 0, two steps τ = ½, 1 with τ̄ = 1, g = θ ± 1 in each, so four paths;
    J = |θ| for the first sum, J = 0 for the second. Both are violated; returned is the smaller violation.
    """
    gap, constant = half_square(F(0)), (2 - F(1)) / 2
    return max(gap - _first_sum(), gap - constant * _second_sum())


def proof_3_3_step_2() -> F:
    """E L(θ⁺) ≤ E L(θ).

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 0, τ = 1 = τ̄ < 2/(δℓ), g = θ ± 1.
    """
    return half_square(F(0)) - mean([half_square(0 - xi) for xi in NOISE])


def proof_3_3_step_3() -> F:
    """Σ (1/τ)E D^sym + C Σ (1/τ)E(θ⁺ − θ)² ≤ L(θ⁰) − E L(θᴺ), C = (2 − τ̄δℓ)/(2δ).

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, N = 1, θ⁰ = v⁰ = 0, τ = τ̄ = 1, g = θ ± 1.
    """
    theta, tau, symmetric = F(0), F(1), F(0)
    after = [theta - tau * (theta + xi) for xi in NOISE]
    left = symmetric / tau + (2 - tau) / 2 * mean([(point - theta) ** 2 for point in after]) / tau
    return half_square(theta) - mean([half_square(point) for point in after]) - left


def _inertial_decay(before: list[tuple[F, F]], after: list[F], beta: F) -> F:
    """The margin of (3.8) for L = ½θ², J = 0, δ = τ = 1 and equally likely (θ, m) and θ⁺.

    (1 − β)E L(θ⁺) + E D^sym + ((2 − (1 − β))/2)E(θ⁺ − θ)² ≤ (1 − β)E L(θ) − βE⟨m, θ⁺ − θ⟩.
    """
    steps = [new - theta for (theta, _), new in zip(before, after, strict=True)]
    symmetric = F(0)
    square = (2 - (1 - beta)) / 2 * mean([step**2 for step in steps])
    left = (1 - beta) * mean([half_square(new) for new in after]) + symmetric + square
    pull = beta * mean([m * step for (_, m), step in zip(before, steps, strict=True)])
    return (1 - beta) * mean([half_square(theta) for theta, _ in before]) - pull - left


def thm_3_4() -> F:
    """(3.8) in the second step of (3.7), θ⁺ = θ − m, m⁺ = βm + (1 − β)τg.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ⁰ = v⁰ = m⁰ = 0, τ = 1, β = ½, g = θ ± 1. The first step does not move.
    """
    beta = F(1, 2)
    states = [(F(0), F(0))]
    states = [(theta - m, beta * m + (1 - beta) * (theta + xi)) for theta, m in states for xi in NOISE]
    return _inertial_decay(states, [theta - m for theta, m in states], beta)


def thm_3_4_printed_without_noise() -> F:
    """(3.8) in the third step of (3.7), θ⁺ = θ − m, m⁺ = βm + (1 − β)τg.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ⁰ = v⁰ = 1, m⁰ = 0, τ = 1, β = ½, g = ∇L(θ) = θ.
    """
    theta, m, beta = F(1), F(0), F(1, 2)
    for _ in range(2):
        theta, m = theta - m, beta * m + (1 - beta) * theta
    return _inertial_decay([(theta, m)], [theta - m], beta)


def thm_3_4_as_2_14() -> F:
    """(3.8) in one step of (2.14), θ⁺ = θ − m⁺, m⁺ = βm + (1 − β)τg.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = m = 0, τ = 1, β = ½, g = θ ± 1.
    """
    theta, m, beta = F(0), F(0), F(1, 2)
    after = [theta - (beta * m + (1 - beta) * (theta + xi)) for xi in NOISE]
    return _inertial_decay([(theta, m)] * 2, after, beta)


def remark_3_5() -> F:
    """v¹ of (3.7), v⁺ = v − m, with β = 0 is v¹ of (3.1), v⁺ = v − τg.

    d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 1, m = 0, τ = 1, g = ∇L(θ) = 1.
    """
    v, m, tau, g = F(1), F(0), F(1), F(1)
    return -abs((v - tau * g) - (v - m))


BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/thm-3.2": thm_3_2,
    "bungert2021/proof-3.2-step-2": proof_3_2_step_2,
    "bungert2021/cor-3.3": cor_3_3,
    "bungert2021/proof-3.3-step-2": proof_3_3_step_2,
    "bungert2021/proof-3.3-step-3": proof_3_3_step_3,
    "bungert2021/thm-3.4": thm_3_4,
    "bungert2021/thm-3.4-printed-without-noise": thm_3_4_printed_without_noise,
    "bungert2021/thm-3.4-as-2.14": thm_3_4_as_2_14,
    "bungert2021/remark-3.5": remark_3_5,
}
