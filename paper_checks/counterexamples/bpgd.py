"""What fails about Bregman proximal gradient, ∇φ(x⁺) = ∇φ(x) − τ∇f(x)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def kinked(x: F) -> tuple[F, F]:
    """φ(x) and φ′(x) of φ = ½x² for x ≤ 0, ¼x² for x ≥ 0."""
    return (x**2 / 4, x / 2) if x > 0 else (x**2 / 2, x)


def relative_convexity_gives_pl() -> F:
    """μτ(f(x) − f*) ≤ D(x, x⁺)/τ for f = φ − x, φ as above, μ = L = 1, τ = ½, x = −1.

    f′ = φ′ − 1, so x* = 2 and f* = −1; ∇φ(x⁺) = −1 − ½(−2) = 0, so x⁺ = 0.
    """
    x, plus, star, tau = F(-1), F(0), F(2), F(1, 2)
    value, slope = kinked(x)
    at_star, slope_star = kinked(star)
    at_plus, slope_plus = kinked(plus)
    assert slope_star - 1 == 0
    assert slope_plus == slope - tau * (slope - 1)
    gap = (value - x) - (at_star - star)
    distance = value - at_plus - slope_plus * (x - plus)
    return distance / tau - tau * gap


def step_exists() -> F:
    """∇φ(x) − τ∇f(x) < 0 for φ = −log x, ∇φ = −1/x, and f = −x, whose L is 0: x = 2, τ = 1. The margin of … ≤ 0."""
    x, tau = F(2), F(1)
    dual = -1 / x - tau * F(-1)
    return 0 - dual


BY_ID: dict[str, Callable[[], F]] = {
    "bpgd/relative-convexity-gives-pl": relative_convexity_gives_pl,
    "bpgd/step-exists": step_exists,
}
