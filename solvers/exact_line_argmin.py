"""Minimise F(x) = j(x) + (a/2)x² − bx exactly, from exact values of a convex piecewise linear j with rational breakpoints.

1. Halve a bracket of x* by comparing values of F; by convexity it never loses x*.
2. Beyond each end of the bracket find a piece on which j is linear: three collinear values of a convex function prove it.
   The chord bounds j from below inside the bracket.
3. In a bracket this narrow x* is the vertex of F, where both chords are one line; or the kink, where they meet; or the end of
   the domain of j: the simplest fraction between a point inside and one outside, which is the end when its denominator is
   below 2³⁰ or so.
4. The candidate is tested with exact values: j must agree with the chords there, and F must not be smaller on either side.

So a result is the argmin, up to the width of a bracket of 2⁻⁶⁴ of the step where the domain ends. `UnresolvedError` when j is not
piecewise linear near x* or the test fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

#: j: a Fraction, or ∞ outside the domain.
Function = Callable[[Fraction], Any]

_HALVINGS = 64


class UnresolvedError(ArithmeticError):
    """The exact argmin could not be found from values: J is not piecewise linear, or its domain ends at no simple fraction."""


def exact_line_argmin(j: Function, a: Fraction, b: Fraction, inside: Fraction) -> Fraction:
    """x*, starting from a point ``inside`` the domain of j."""

    def f(x: Fraction) -> Any:
        return j(x) + x * (a * x / 2 - b)

    low, middle, high = _bracket(f, inside, abs(b / a - inside) + 1)
    reach = high - low
    low, middle, high = _halve(f, low, middle, high)
    left, right = _chord(j, low, -reach), _chord(j, high, reach)
    candidate = _candidate(j, a, b, (low, middle, high), left, right)
    touching = min(abs(high - low), Fraction(1)) / 2**20
    if not low <= candidate <= high or any(f(candidate) > f(x) for x in (low, middle, high)):
        raise UnresolvedError(f"no exact argmin: the candidate {candidate} is not as good as the bracket around it")
    if any(f(candidate) > f(candidate + h) for h in (-touching, touching)):
        raise UnresolvedError(f"no exact argmin: the candidate {candidate} fails the test by values")
    return candidate


def _bracket(f: Function, middle: Fraction, reach: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    low, high = middle - reach, middle + reach
    while f(low) < f(middle):
        low, middle = low - 2 * (middle - low), low
    while f(high) < f(middle):
        high, middle = high + 2 * (high - middle), high
    return low, middle, high


def _halve(f: Function, low: Fraction, middle: Fraction, high: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    lowest = f(middle)
    for _ in range(_HALVINGS):
        before, after = (low + middle) / 2, (middle + high) / 2
        f_before, f_after = f(before), f(after)
        if f_before < lowest:
            middle, high, lowest = before, middle, f_before
        elif f_after < lowest:
            low, middle, lowest = middle, after, f_after
        else:
            low, high = before, after
    return low, middle, high


def _chord(j: Function, end: Fraction, reach: Fraction) -> tuple[Fraction, Fraction] | None:
    """(value, slope) at ``end`` of a linear piece of j beyond it, or None when j is ∞ there."""
    if j(end) == math.inf:
        return None
    for _ in range(_HALVINGS):
        values = [j(end), j(end + reach / 2), j(end + reach)]
        if math.inf not in values and values[0] + values[2] == 2 * values[1]:
            return values[0], (values[2] - values[0]) / reach
        reach = reach / 2
    raise UnresolvedError(f"no exact argmin: J is not piecewise linear near {float(end):.6g}")


def _candidate(
    j: Function,
    a: Fraction,
    b: Fraction,
    bracket: tuple[Fraction, Fraction, Fraction],
    left: tuple[Fraction, Fraction] | None,
    right: tuple[Fraction, Fraction] | None,
) -> Fraction:
    low, middle, high = bracket
    if left is None and right is None:
        return middle  # the domain is a point
    if left is None or right is None:
        return simplest_between(*_domain_end(j, middle, low if left is None else high))
    if left[1] == right[1]:
        return (b - left[1]) / a
    # value + slope·(x − end) is the same on both chords:
    kink = (right[0] - left[0] + left[1] * low - right[1] * high) / (left[1] - right[1])
    if j(kink) != left[0] + left[1] * (kink - low):
        raise UnresolvedError(
            f"no exact argmin: J bends more than once between {float(low):.17g} and {float(high):.17g}"
        )
    return kink


def _domain_end(j: Function, inside: Fraction, outside: Fraction) -> tuple[Fraction, Fraction]:
    """A narrow interval, in increasing order, at the end of the domain."""
    for _ in range(_HALVINGS):
        half = (inside + outside) / 2
        inside, outside = (half, outside) if j(half) != math.inf else (inside, half)
    return min(inside, outside), max(inside, outside)


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high]."""
    if low < 0 < high or low == 0 or high == 0:
        return Fraction(0)
    if high < 0:
        return -simplest_between(-high, -low)
    whole = math.ceil(low)
    if whole <= high:
        return Fraction(whole)
    floor = math.floor(low)
    return floor + 1 / simplest_between(1 / (high - floor), 1 / (low - floor))
