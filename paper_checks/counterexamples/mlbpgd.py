"""The claims about multilevel Bregman proximal gradient that fail, by hand.

R = (½, ½), P = 2Rᵀ = (1, 1)ᵀ is full weighting of two cells; ξ⁰ = Ry; a coarse step goes along −∇ψ, ∇ψ(ξ⁰) = R∇f(y).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable

from .arithmetic import half_square


def critical_points_without_correction() -> F:
    """y + P(ξ¹ − ξ⁰) = y for ψ = f_c and ∇f(y) = 0.

    f = ½(x₂ − 1)², y = (0, 1), f_c(ξ) = ½f(ξ, ξ) = ¼(ξ − 1)², the Galerkin one; L_c = ½, τ̂ = 1 = 1/(2L_c).
    """
    start = F(1, 2)
    xi = start - F(1) * (start - 1) / 2
    return -abs(xi - start)


def two_wells_slope(t: F, steepness: int) -> F:
    """h'(t) of wells at 0 and 2 + 2/k of curvature 1, with a hump of curvature −k between 1 and 1 + 2/k."""
    end = 1 + F(2, steepness)
    if t <= 1:
        return t
    return 1 - steepness * (t - 1) if t <= end else t - end - 1


def past_a_hump(steps: int, steepness: int = 32) -> F:
    """−⟨∇f(y), ξᵐ − ξ⁰⟩ for R = P = id, f = ¼x₂, y = 0, f_c = h(ξ₁ + 1) + h(ξ₁ + ξ₂ + 1), τ̂ = ⅓ ≤ 1/L_c, L_c = (3 + √5)/2."""

    def gradient(x: F, y: F) -> tuple[F, F]:
        first, both = two_wells_slope(x + 1, steepness), two_wells_slope(x + y + 1, steepness)
        return first + both, both

    (a, b), x, y = gradient(F(0), F(0)), F(0), F(0)
    for _ in range(steps):
        p, q = gradient(x, y)
        x, y = x - (p - a) / 3, y - (q - b + F(1, 4)) / 3
    return -F(1, 4) * y


def non_convex_coarse() -> F:
    """⟨∇f(y), P(ξ⁴ − ξ⁰)⟩ ≤ 0 past a hump."""
    return past_a_hump(4)


def unit_step() -> F:
    """f(y + P(ξ¹ − ξ⁰)) ≤ f(y).

    d = 1, f = ½x², y = 1, R = P = 2, f_c = ½ξ², τ̂ = 1: ξ¹ − ξ⁰ = −2, so y + d = −3.
    """
    y = F(1)
    return half_square(y) - half_square(y - 2 * (2 * y))


def unit_step_stays_inside() -> F:
    """y + P(ξ¹ − ξ⁰) > 0, Burg: the smallest entry.

    f = x₂, f_c = 0, τ̂ = 1, y = (1, 4): ξ⁰ = 5/2, R∇f = ½, ξ¹ = 1/(2/5 + ½) = 10/9, so that both entries lose 25/18.
    """
    start = F(5, 2)
    xi = 1 / (1 / start + F(1, 2))
    return 1 + (xi - start)


def rate() -> F:
    """f(xᴷ) − f* ≤ ‖x⁰ − x*‖²/(2Kτ), K = 2, τ = 1.

    f = ½x₁² + x₂²/20, x⁰ = (1, 0), R = (−1, 3), P = Rᵀ, f_c = ½ξ²: d = −RᵀR∇f(x⁰) = (−1, 3), f(x⁰ + d) = 9/20, which Armijo's
    test with σ = 10⁻⁴ accepts as 9/20 ≤ ½ − σ. Then two fine steps, no correction in the second cycle.
    """
    x, y = F(1) - 1, F(3)
    for _ in range(2):
        x, y = x - x, y - y / 10
    return F(1, 4) - (half_square(x) + y * y / 20)


def dual_transfer_descends() -> F:
    """⟨∇f(y), ∇φ*(∇φ(y) + P(∇φ_c(ξ¹) − ∇φ_c(ξ⁰))) − y⟩ ≤ 0, Burg.

    f = −2x₁ + x₂, f_c = 0, τ̂ = ½, y = (1, 2): R∇f = −½, and both dual variables −1/yᵢ rise by ½·½: y + d = (4/3, 4).
    """
    rise = F(1, 4)
    moved = 1 / (1 - rise), 1 / (F(1, 2) - rise)
    return -(-2 * (moved[0] - 1) + (moved[1] - 2))


def criterion_range() -> F:
    """‖Rg‖² ≥ κ²‖g‖² for some g, κ = ¾: the largest quotient is ‖R‖² = ½, at g = (1, 1)."""
    return F(1, 2) - F(3, 4) ** 2


BY_ID: dict[str, Callable[[], F]] = {
    "mlbpgd/critical-points-without-correction": critical_points_without_correction,
    "mlbpgd/non-convex-coarse": non_convex_coarse,
    "mlbpgd/unit-step": unit_step,
    "mlbpgd/unit-step-stays-inside": unit_step_stays_inside,
    "mlbpgd/rate": rate,
    "mlbpgd/dual-transfer-descends": dual_transfer_descends,
    "mlbpgd/criterion-range": criterion_range,
}
