"""Smooth references (mirror maps) for Bregman proximal gradient on a convex set.

symbol      | method                | meaning
------------|-----------------------|------------------------------------------------------------------------
φ           | `value`               | convex, of Legendre type; ∞ outside its domain
∇φ          | `gradient`            | the mirror map, interior of the domain → dual space
φ*          | `conjugate`           | φ*(p) = sup_x ⟨p, x⟩ − φ(x)
∇φ*         | `conjugate_gradient`  | the inverse of ∇φ: a step is x⁺ = ∇φ*(∇φ(x) − τ∇f(x))
int dom φ   | `in_domain`           | the *interior*, where ∇φ lives
D_φ(x, y)   | `divergence`          | φ(x) − φ(y) − ⟨∇φ(y), x − y⟩ ≥ 0

reference    | φ                              | interior   | D_φ(x, y)
-------------|--------------------------------|------------|---------------------------------------------------
`Euclidean`  | ½‖x‖²                          | ℝᵈ         | ½‖x − y‖²
`Shannon`    | Σ x log x − x                  | x > 0      | Σ x log(x/y) − x + y  (Kullback–Leibler)
`FermiDirac` | Σ x log x + (1 − x) log(1 − x) | 0 < x < 1  | Σ x log(x/y) + (1 − x) log((1 − x)/(1 − y))
`Burg`       | −Σ log x                       | x > 0      | Σ x/y − log(x/y) − 1  (Itakura–Saito)

See Bauschke, Bolte and Teboulle 2017 for the method and these φ. Everything acts along the last axis, on finite floats
of NumPy or torch, and on Fractions where the formula is rational (`Euclidean`, the gradients of `Burg`), else raises
`IrrationalError`. Outside the domain φ is ∞ and ∇φ is NaN (±∞ on the boundary); D_φ(x, y) is ∞ for x outside the
domain and NaN for y outside its interior. ∇φ* is rounded into the interior, so that a mirror step cannot leave it by
underflow; it is ∞ where it overflows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from .arrays import Array, IrrationalError, is_exact, namespace, total
from .losses.softplus import sigmoid, softplus


class Reference(ABC):
    """A Legendre function φ: separable here, so that all of it is elementwise and a sum over the last axis."""

    @abstractmethod
    def value(self, x: Array) -> Array:
        """φ(x), shape ``(..., d) → (...)``."""

    @abstractmethod
    def gradient(self, x: Array) -> Array:
        """∇φ(x), shape ``(..., d) → (..., d)``."""

    @abstractmethod
    def conjugate(self, p: Array) -> Array:
        """φ*(p), shape ``(..., d) → (...)``."""

    @abstractmethod
    def conjugate_gradient(self, p: Array) -> Array:
        """∇φ*(p) = (∇φ)⁻¹(p), shape ``(..., d) → (..., d)``; NaN outside the domain of φ*."""

    @abstractmethod
    def in_domain(self, x: Array) -> Array:
        """x ∈ int dom φ, shape ``(..., d) → (...)``."""

    @abstractmethod
    def divergence(self, x: Array, y: Array) -> Array:
        """D_φ(x, y) ≥ 0, shape ``(..., d), (..., d) → (...)``: accurate to rounding when x is close to y, too."""


@final
@dataclass(frozen=True)
class Euclidean(Reference):
    """φ = ½‖x‖²: the mirror map is the identity."""

    def value(self, x: Array) -> Array:
        return total(x * x / 2)

    def gradient(self, x: Array) -> Array:
        return x + 0

    def conjugate(self, p: Array) -> Array:
        return total(p * p / 2)

    def conjugate_gradient(self, p: Array) -> Array:
        return p + 0

    def in_domain(self, x: Array) -> Array:
        return total(0 * x) == 0

    def divergence(self, x: Array, y: Array) -> Array:
        return total((x - y) ** 2 / 2)


@final
@dataclass(frozen=True)
class Shannon(Reference):
    """φ = Σ x log x − x on x ≥ 0, with 0 log 0 = 0: ∇φ = log, φ* = Σ eᵖ, ∇φ* = exp."""

    def value(self, x: Array) -> Array:
        return total(_replace(_x_log_x(x) - x, x < 0, math.inf))

    def gradient(self, x: Array) -> Array:
        return _log(x)

    def conjugate(self, p: Array) -> Array:
        return total(_exp(p))

    def conjugate_gradient(self, p: Array) -> Array:
        return _at_least_smallest(_exp(p))

    def in_domain(self, x: Array) -> Array:
        return namespace(x).all((x > 0) & (x < math.inf), axis=-1)

    def divergence(self, x: Array, y: Array) -> Array:
        terms = _replace(_kullback_leibler(x, y, x - y), x + 0 * y < 0, math.inf)
        return total(_replace(terms, y + 0 * x <= 0, math.nan))


@final
@dataclass(frozen=True)
class FermiDirac(Reference):
    """φ = Σ x log x + (1 − x) log(1 − x) on [0, 1]ᵈ: ∇φ = log(x/(1 − x)), φ* = Σ log(1 + eᵖ), ∇φ* = 1/(1 + e⁻ᵖ)."""

    def value(self, x: Array) -> Array:
        return total(_replace(_x_log_x(x) + _x_log_x(1 - x), (x < 0) | (x > 1), math.inf))

    def gradient(self, x: Array) -> Array:
        return _log(x) - _log(1 - x)

    def conjugate(self, p: Array) -> Array:
        return total(softplus(_floats(p)))

    def conjugate_gradient(self, p: Array) -> Array:
        x = _at_least_smallest(sigmoid(_floats(p)))
        below_one = 1 - namespace(p).finfo(p.dtype).eps / 2
        return _replace(x, x > below_one, below_one)

    def in_domain(self, x: Array) -> Array:
        return namespace(x).all((x > 0) & (x < 1), axis=-1)

    def divergence(self, x: Array, y: Array) -> Array:
        # Both terms take the difference x − y itself: 1 − x and 1 − y have lost digits of it for small x and y.
        terms = _kullback_leibler(x, y, x - y) + _kullback_leibler(1 - x, 1 - y, y - x)
        terms = _replace(terms, (x + 0 * y < 0) | (x + 0 * y > 1), math.inf)
        return total(_replace(terms, (y + 0 * x <= 0) | (y + 0 * x >= 1), math.nan))


@final
@dataclass(frozen=True)
class Burg(Reference):
    """φ = −Σ log x on x > 0: ∇φ = −1/x, φ*(p) = −Σ (1 + log(−p)) on p < 0, ∇φ* = −1/p."""

    def value(self, x: Array) -> Array:
        return total(_replace(-_log(x), x < 0, math.inf))

    def gradient(self, x: Array) -> Array:
        return _replace(-_reciprocal(x), x < 0, math.nan)

    def conjugate(self, p: Array) -> Array:
        return total(_replace(-1 - _log(-p), p > 0, math.inf))

    def conjugate_gradient(self, p: Array) -> Array:
        return _replace(_reciprocal(-p), p > 0, math.nan)

    def in_domain(self, x: Array) -> Array:
        return namespace(x).all((x > 0) & (x < math.inf), axis=-1)

    def divergence(self, x: Array, y: Array) -> Array:
        terms = _replace(_itakura_saito(x, y), x + 0 * y <= 0, math.inf)
        return total(_replace(terms, y + 0 * x <= 0, math.nan))


# Elementwise pieces. Each moves the argument of a logarithm, an exponential or a quotient into its range *before* it is
# evaluated, so that no invalid or overflowing operation takes place in the branch that `where` does not choose.


def _floats(x: Array) -> Array:
    if is_exact(x):
        raise IrrationalError("logarithms and exponentials of rationals are irrational: give floats, got Fractions")
    return x


def _replace(values: Array, condition: Array, by: float) -> Array:
    return namespace(values).where(condition, namespace(values).full_like(values, by), values)


def _log(x: Array) -> Array:
    """log x; −∞ at 0 and NaN below."""
    logarithm = namespace(x).log(_replace(_floats(x), x <= 0, 1.0))
    return _replace(_replace(logarithm, x == 0, -math.inf), x < 0, math.nan)


def _x_log_x(x: Array) -> Array:
    return x * namespace(x).log(_replace(_floats(x), x <= 0, 1.0))


def _exp(p: Array) -> Array:
    """eᵖ; ∞ where it overflows."""
    xp = namespace(_floats(p))
    overflows = p > math.log(xp.finfo(p.dtype).max)
    return _replace(xp.exp(_replace(p, overflows, 0.0)), overflows, math.inf)


def _reciprocal(x: Array) -> Array:
    """1/x for x > 0; ∞ at 0 and where it overflows. Rational, so that it serves Fractions, too."""
    overflows = x <= (0 if is_exact(x) else 1 / namespace(x).finfo(x.dtype).max)
    return _replace(1 / _replace(x, overflows, 1.0), overflows, math.inf)


def _at_least_smallest(x: Array) -> Array:
    smallest = namespace(x).finfo(x.dtype).smallest_normal
    return _replace(x, x < smallest, smallest)


def _log_ratio(x: Array, y: Array) -> Array:
    """log(x/y) for positive entries, also where the quotient itself overflows."""
    xp = namespace(_floats(x), _floats(y))
    x, y = _replace(x, x <= 0, 1.0), _replace(y, y <= 0, 1.0)
    difference = xp.log(x) - xp.log(y)
    far = abs(difference) > 50
    return xp.where(far, difference, xp.log(xp.where(far, xp.ones_like(difference), x / _replace(y, far, 1.0))))


def _ratio(x: Array, y: Array, log_ratio: Array) -> Array:
    """x/y; ∞ where it overflows."""
    overflows = log_ratio > math.log(namespace(x).finfo(x.dtype).max) - 1
    return _replace(x / _replace(y + 0 * x, overflows | (y <= 0), math.inf), overflows, math.inf)


def _relative_difference(x: Array, y: Array, difference: Array) -> Array:
    """v = (x − y)/(x + y): then log(x/y) = 2 artanh v."""
    mean = x / 2 + y / 2
    return (difference / 2) / _replace(mean, mean <= 0, 1.0)


def _artanh_remainder(v: Array) -> Array:
    """artanh v − v = v³/3 + v⁵/5 + … for |v| ≤ 1/10, to rounding."""
    square = v * v
    result = 0 * v
    for j in range(9, 0, -1):
        result = (result + 1 / (2 * j + 1)) * square
    return result * v


def _kullback_leibler(x: Array, y: Array, difference: Array) -> Array:
    """x log(x/y) − (x − y) for x ≥ 0, y > 0, without cancellation where x is close to y (Loader 2000)."""
    v = _relative_difference(x, y, difference)
    close = abs(v) < 0.1
    small = _replace(v, ~close, 0.0)
    near = difference * small + 2 * x * _artanh_remainder(small)
    return namespace(v).where(close, near, x * _log_ratio(x, y) - difference)


def _itakura_saito(x: Array, y: Array) -> Array:
    """x/y − log(x/y) − 1 for x, y > 0, without cancellation where x is close to y."""
    v = _relative_difference(x, y, x - y)
    close = abs(v) < 0.1
    small = _replace(v, ~close, 0.0)
    near = 2 * (small * small / (1 - small) - _artanh_remainder(small))
    log_ratio = _log_ratio(x, y)
    return namespace(v).where(close, near, _ratio(x, y, log_ratio) - log_ratio - 1)
