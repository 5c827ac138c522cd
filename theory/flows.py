"""Exact pieces of the flows of bungert2021: the gradient memory (2.5), the l1 flows (2.2) and (2.10), and e^{−x} in rationals.

A gradient that is a polynomial in time, g(t) = Σ aⱼtʲ, is remembered as q(t) + c·e^{−t/γ} with a polynomial q. As 1 and
e^{−t/γ} are linearly independent over the polynomials, two such functions are equal iff their coefficients are, and these
are rational: statements about all t in exact arithmetic.

symbol | argument       | shape
-------|----------------|--------------------------------
a      | ``coefficients`` | (..., n + 1), a₀ first
γ > 0  | ``gamma``      | a number or an array of batch shape
f      | ``f``          | (..., d)
λ > 0  | ``lam``        | a number
δ > 0  | ``delta``      | a number
t ≥ 0  | ``time``       | an array of batch shape
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, Real, column, is_exact, namespace, positive_part, scalar


class Remembered(NamedTuple):
    """The function t ↦ Σ qⱼtʲ + c·e^{−t/γ}."""

    polynomial: Array
    """q, shape (..., n + 1)"""
    fading: Array
    """c, shape (...)"""

    def scaled(self, factor: Any) -> Remembered:
        """The function times a number or an array of batch shape."""
        return Remembered(column(factor) * self.polynomial, factor * self.fading)

    def derivative(self, gamma: Any) -> Remembered:
        """d/dt."""
        powers = np.arange(1, self.polynomial.shape[-1]).astype(self.polynomial.dtype)
        slope = namespace(self.polynomial).zeros_like(self.polynomial) + 0 * self.polynomial
        slope[..., :-1] = powers * self.polynomial[..., 1:]
        return Remembered(slope, -self.fading / gamma)

    def coefficients(self) -> Array:
        """(q, c) as one vector, shape (..., n + 2)."""
        return np.concatenate([self.polynomial, self.fading[..., None]], axis=-1)


def memory(coefficients: Array, gamma: Any) -> Remembered:
    """∫₀ᵗ e^{(s−t)/γ} g(s) ds, by parts: I₀ = γ − γe^{−t/γ} and Iⱼ = γtʲ − jγI_{j−1}."""
    fading = -gamma + 0 * coefficients[..., 0]
    monomial = 0 * coefficients
    monomial[..., 0] = monomial[..., 0] + gamma
    whole = Remembered(coefficients[..., :1] * monomial, coefficients[..., 0] * fading)
    for j in range(1, coefficients.shape[-1]):
        factor = gamma * scalar(j, coefficients)
        monomial, fading = -column(factor) * monomial, -factor * fading
        monomial[..., j] = monomial[..., j] + gamma
        weight = coefficients[..., j]
        whole = Remembered(whole.polynomial + column(weight) * monomial, whole.fading + weight * fading)
    return whole


def bregman_flow(f: Array, lam: Real, time: Any) -> tuple[Array, Array]:
    """(θ, p) of (2.2) for L = ½‖θ − f‖², J = λ‖·‖₁ from θ = 0, p = 0, at one time for each instance, shape (..., d).

    θᵢ = fᵢ for t > λ/|fᵢ| and else 0; pᵢ = tfᵢ until it reaches λ sign fᵢ. Exact on Fractions.
    """
    lam, moment = scalar(lam, f), column(time)
    xp, p = namespace(f), moment * f
    released = abs(p) > lam
    return xp.where(released, f, 0 * f), xp.where(released, lam * xp.sign(f), p)


def elastic_flow(f: Array, lam: Real, delta: Real, time: Any) -> tuple[tuple[Array, Array], Array]:
    """Bounds on θ and the time since the release of (2.10) for L = ½‖θ − f‖², J = λ‖·‖₁ from θ = 0, v = 0.

    θᵢ = fᵢ(1 − e^{−δs}) with s = max(t − λ/|fᵢ|, 0). Returns ((lower, upper), s); both bounds are θ itself in floating point,
    and on Fractions they enclose it within 1e-18·|fᵢ|.
    """
    lam, delta, moment = scalar(lam, f), scalar(delta, f), column(time)
    xp = namespace(f)
    size = xp.where(f == 0, 1 + 0 * f, abs(f))
    since = xp.where(f == 0, 0 * f, positive_part(moment - lam / size))
    low, high = exponential_bounds(delta * since)
    first, second = f * (1 - low), f * (1 - high)
    return (xp.where(first < second, first, second), xp.where(first < second, second, first)), since


def exponential_bounds(x: Array) -> tuple[Array, Array]:
    """(lower, upper) with lower ≤ e^{−x} ≤ upper for x ≥ 0: rationals on Fractions, twice the float value otherwise."""
    if not is_exact(x):
        value = np.exp(-x)
        return value, value
    low, high = 0 * x, 0 * x
    for position in np.ndindex(x.shape):
        low[position], high[position] = _rational_exponential(x[position])
    return low, high


def _rational_exponential(x: Fraction) -> tuple[Fraction, Fraction]:
    """Halve x until it is at most 1, sum the alternating series there, square back; rounded outwards to 60 bits each time."""
    halvings = 0
    while x > 1:
        x, halvings = x / 2, halvings + 1
    if x == 0:
        return Fraction(1), Fraction(1)
    term, low, high = Fraction(1), Fraction(0), Fraction(1)
    for n in range(1, 40, 2):
        term = term * x / n
        low = high - term
        term = term * x / (n + 1)
        high = low + term
    low, high = _round(low, up=False), _round(high, up=True)
    for _ in range(halvings):
        low, high = _round(low * low, up=False), _round(high * high, up=True)
    return max(low, Fraction(0)), min(high, Fraction(1))


def _round(x: Fraction, *, up: bool, bits: int = 80) -> Fraction:
    scaled = x * (1 << bits)
    return Fraction(
        -((-scaled.numerator) // scaled.denominator) if up else scaled.numerator // scaled.denominator, 1 << bits
    )
