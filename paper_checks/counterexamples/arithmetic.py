"""The three formulas that the counterexamples share."""

from __future__ import annotations

from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def mean(values: list[F]) -> F:
    """The expectation of equally likely values."""
    return sum(values, F(0)) / len(values)


def half_square(theta: F) -> F:
    """½θ²: the loss of most counterexamples, and with J = 0, δ = 1 also the Bregman distance D(0, θ)."""
    return theta**2 / 2


def shrink(v: F) -> F:
    """Soft-thresholding by 1: prox of |·|, θ = sign(v)·max(|v| − 1, 0)."""
    if abs(v) <= 1:
        return F(0)
    return v - 1 if v > 0 else v + 1
