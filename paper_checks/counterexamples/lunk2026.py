"""Section 4 of lunk2026 and what it says, or suggests, about whole runs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square, mean, shrink


def assumption_2() -> F:
    """(12), D^{v(1)}(θ, θ(1)) ≥ η(L(θ) − L*), for η = 1.

    d = 1, L = ½(θ − 1)² (a PL loss, L* = 0), J = |θ|, δ = 1, θ = v = 0, where a run from zero starts.
    The left side is 0, so that every other η > 0 gives η times this margin.
    """
    theta, v, eta = F(0), F(0), F(1)
    moved = v - (theta - 1)  # v(1) = 1
    after = shrink(moved)  # θ(1) = 0
    value, value_after = abs(theta) + half_square(theta), abs(after) + half_square(after)
    distance = value - value_after - moved * (theta - after)
    return distance - eta * half_square(theta - 1)


def whole_procedure_mini_batches() -> F:
    """E L(θ⁺) ≤ L(θ) for one cycle with mini-batches of one.

    d = 1, L = ½(L₁ + L₂), L₁ = ½(θ − 1)², L₂ = ½(θ + 1)², J = 0, δ = 1, θ = v = 0, τ = 1 = 1/𝖫.
    R selects nothing, so the cycle is one fine step with ∇L₁ or ∇L₂, each with probability ½.
    """

    def loss(theta: F) -> F:
        return mean([half_square(theta - 1), half_square(theta + 1)])

    theta, tau = F(0), F(1)
    after = [theta - tau * (theta - center) for center in (F(1), F(-1))]
    return loss(theta) - mean([loss(point) for point in after])


def support_monotonicity_linbreg() -> F:
    """‖θ⁺‖₀ ≥ ‖θ‖₀.

    d = 1, L = ½θ², J = |θ|, δ = 1, θ = 1, v = 2 ∈ ∂J_δ(θ), τ = 1 = 1/ℓ, g = ∇L(θ) = 1, so v⁺ = 1 and θ⁺ = 0.
    """
    v, tau = F(2), F(1)
    theta = shrink(v)
    after = shrink(v - tau * theta)
    return F(int(after != 0) - int(theta != 0))


def valley(coarse_steps: int, cycles: int) -> tuple[F, F]:
    """Both sides of L(θᴷ) − L* ≤ D^{v⁰}(θ*, θ⁰)/(Kτ): (left, right) after a coarse phase in the first of K cycles.

    L = ½(x/3 − y − 4/3)² + ⅛(y + 1)², J = ‖·‖₁, δ = 1, θ⁰ = (1, 0), p⁰ = (1, −1), so v⁰ = (2, −1); θ* = (1, −1), L* = 0.
    The Hessian has trace 49/36 and determinant 1/36, so that 𝖫 = ℓ < 100/74: the step sizes τ = 74/100 and τ̂ = 37/100 are at most
    1/𝖫 and 1/(2𝖫). The coarse steps move x alone; y = 0 is frozen, as it is not in the support of θ⁰.
    """
    tau, coarse_tau = F(74, 100), F(37, 100)
    v, w = F(2), F(-1)  # the dual variables of x and y
    x, y = shrink(v), shrink(w)
    for _ in range(coarse_steps):
        v -= coarse_tau * (x / 3 - y - F(4, 3)) / 3
        x = shrink(v)
    for _ in range(cycles):  # the fine steps: one at the end of each cycle
        residual = x / 3 - y - F(4, 3)
        v, w = v - tau * residual / 3, w - tau * (-residual + (y + 1) / 4)
        x, y = shrink(v), shrink(w)
    gap = half_square(x / 3 - y - F(4, 3)) + half_square((y + 1) / 2)
    at_star, at_start = 1 + 1 + half_square(F(1)) + half_square(F(1)), 1 + half_square(F(1))  # J_δ(θ*), J_δ(θ⁰)
    distance = at_star - at_start - (2 * (F(1) - 1) + (-1) * (F(-1) - 0))  # − ⟨v⁰, θ* − θ⁰⟩
    return gap, distance / (cycles * tau)


def thm_4_1_sparse_sublinear() -> F:
    """L(θᴷ) − L* ≤ D^{v⁰}(θ*, θ⁰)/(Kτ) in the `valley`: K = 12, 60 coarse steps in the first cycle.

    72 steps give a fraction with hundreds of digits: the margin is rounded up to a millionth, towards the claim.
    """
    gap, bound = valley(60, 12)
    return F(-((gap - bound) * 10**6 // 1), 10**6)


BY_ID: dict[str, Callable[[], F]] = {
    "lunk2026/assumption-2": assumption_2,
    "lunk2026/thm-4.1-sparse-sublinear": thm_4_1_sparse_sublinear,
    "lunk2026/whole-procedure-mini-batches": whole_procedure_mini_batches,
    "lunk2026/support-monotonicity-linbreg": support_monotonicity_linbreg,
}
