"""A margin instead of a bool: signed, ≥ 0 iff the statement holds, scaled by the size of its terms.

A margin of −0.1 says "violated by a tenth of the terms involved"; |margin| ≤ 1 always. On Fractions it is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from .arrays import Array, largest, namespace


def at_most(lhs: Array, rhs: Array, *terms: Array) -> Array:
    """The margin of lhs ≤ rhs: (rhs − lhs) / (|lhs| + |rhs| + Σ|terms|).

    Give the terms of which the sides are made where these may cancel. An infinite rhs holds with margin 1, an infinite
    lhs alone fails with margin −1.
    """
    return _scaled(lhs, rhs, terms, is_equation=False)


def equal(lhs: Array, rhs: Array, *terms: Array) -> Array:
    """The margin of lhs = rhs: −|rhs − lhs| / (|lhs| + |rhs| + Σ|terms|). Two infinite sides are equal."""
    return _scaled(lhs, rhs, terms, is_equation=True)


def equal_vectors(lhs: Array, rhs: Array, *terms: Array) -> Array:
    """The margin of lhs = rhs for vectors: −max|rhs − lhs| / Σ max|terms|, shape ``(..., d)² → (...)``."""
    residual = largest(rhs - lhs)
    return equal(residual, 0 * residual, *(largest(term) for term in (lhs, rhs, *terms)))


def least(margins: Sequence[Array]) -> Array:
    """The smallest of several margins, elementwise; NaN where one of them is NaN."""
    return reduce(namespace(*margins).minimum, margins)


def _scaled(lhs: Array, rhs: Array, terms: tuple[Array, ...], *, is_equation: bool) -> Array:
    xp = namespace(lhs, rhs, *terms)
    left, right = lhs == math.inf, rhs == math.inf
    infinite = left | right
    left_side, right_side = xp.where(infinite, 0 * _finite(lhs), lhs), xp.where(infinite, 0 * _finite(rhs), rhs)
    difference = -abs(right_side - left_side) if is_equation else right_side - left_side
    scale = sum((abs(_finite(term)) for term in terms), start=abs(left_side) + abs(right_side))
    one = xp.ones_like(scale)
    margin = difference / xp.where(scale == 0, one, scale)
    fails = left & ~right if not is_equation else left ^ right
    return xp.where(infinite, xp.where(fails, -one, 0 * one if is_equation else one), margin)


def _finite(x: Array) -> Array:
    return namespace(x).where(x == math.inf, x == 0, x)
