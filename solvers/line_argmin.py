"""Minimise F(t) = j(t) + (a/2)t² − bt over t, from values of a convex j alone: many lines at once, in floating point.

symbol  | argument   | shape
--------|------------|------------------------------------------------------------------
j       | ``j``      | convex, ``(..., lines) → (..., lines)``, ∞ outside its domain, finite at t = 0
a > 0   | ``a``      | (lines,)
b       | ``b``      | (lines,)

Values of F near its minimum tell t* only to √ε. What is known of F does better: the quadratic part is given, and j is
usually linear or quadratic on both sides of t*. So:

1. bracket: double ±T until F does not descend any more, then bisect for the ends of the domain of j;
2. golden section, down to the width at which rounding in j begins to hide differences of F;
3. on each side of that bracket fit j by a parabola over the longest interval on which a fourth point agrees with it, and
   take the vertex of either side of F, the kink where the two fits of j meet, or the end of the domain.

Accuracy: about ε·|j|/(a·h), with h the length of the fits, so 1e-12 or better where j is piecewise linear or quadratic
with pieces of normal length, and √(ε|j|/a) in the worst case; a result that raises F above what step 2 found is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

_EPS = float(np.finfo(np.float64).eps)
_GOLDEN = (5**0.5 - 1) / 2
_PROBES = np.asarray([0.0, 0.25, 0.5, 1.0])
_LENGTHS = 4.0 ** -np.arange(14)


class _Side(NamedTuple):
    """j near one end of the bracket: j(end) + slope·s + (curvature/2)s², s = t − end; a wall where j is ∞ beyond it."""

    end: Floats
    value: Floats
    slope: Floats
    curvature: Floats
    length: Floats
    wall: NDArray[np.bool_]

    def at(self, t: Floats) -> tuple[Floats, Floats]:
        """The fit and its derivative at t."""
        s = t - self.end
        return self.value + s * (self.slope + self.curvature * s / 2), self.slope + self.curvature * s

    def vertex(self, a: Floats, b: Floats) -> Floats:
        """Where F has its minimum if the fit holds for all t."""
        return self.end - (self.slope + a * self.end - b) / (a + self.curvature)


def line_argmin(j: Function, a: Floats, b: Floats) -> Floats:
    """t* for each line, shape (lines,)."""
    low, high = _bracket(j, a, b)
    span = np.where(high > low, high - low, 1.0)
    low, high, noise = _golden_section(j, a, b, low, high)
    left, right = _fit(j, low, -span), _fit(j, high, span)
    t = np.clip(_meet(left, right, a, b), low, high)
    middle = (low + high) / 2
    return np.where(_rise(j, a, b, middle, t) <= noise, t, middle)


def _rise(j: Function, a: Floats, b: Floats, start: Floats, end: Floats) -> Floats:
    """F(end) − F(start), with rounding of the size of ε|j| only."""
    with np.errstate(invalid="ignore"):
        return j(end) - j(start) + (end - start) * (a * (start + end) / 2 - b)


def _bracket(j: Function, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """An interval inside the domain of j that contains t*."""
    zero = np.zeros_like(a)
    ends = []
    for sign in (-1.0, 1.0):
        t = sign * np.where(b == 0, 1.0, np.abs(b) / a)
        for _ in range(200):
            descends = _rise(j, a, b, t / 2, t) < 0
            if not descends.any():
                break
            t = np.where(descends, 2 * t, t)
        inside, outside = zero, t
        beyond = j(t) == np.inf
        for _ in range(80 if beyond.any() else 0):
            half = (inside + outside) / 2
            ok = j(half) < np.inf
            inside, outside = np.where(ok, half, inside), np.where(ok, outside, half)
        ends.append(np.where(beyond, inside, t))
    return ends[0], ends[1]


def _golden_section(j: Function, a: Floats, b: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """A narrow bracket, and the size of the rounding of F in it."""
    x, y = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    j_x, j_y = j(x), j(y)
    smallest = 1e-9 * (high - low)
    for _ in range(60):
        noise = _EPS * np.maximum(np.abs(j_x), np.abs(j_y))
        active = high - low > np.maximum(smallest, np.sqrt(2e4 * noise / a))
        if not active.any():
            break
        left = j_x - j_y + (x - y) * (a * (x + y) / 2 - b) <= 0
        shrink_high, shrink_low = active & left, active & ~left
        low, high = np.where(shrink_low, x, low), np.where(shrink_high, y, high)
        fresh = np.where(shrink_high, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        j_fresh = j(np.where(active, fresh, x))
        x, y, j_x, j_y = (
            np.where(shrink_high, fresh, np.where(shrink_low, y, x)),
            np.where(shrink_low, fresh, np.where(shrink_high, x, y)),
            np.where(shrink_high, j_fresh, np.where(shrink_low, j_y, j_x)),
            np.where(shrink_low, j_fresh, np.where(shrink_high, j_x, j_y)),
        )
    return low, high, 1e3 * _EPS * np.maximum(np.abs(j_x), np.abs(j_y)) + 1e-300


def _fit(j: Function, end: Floats, reach: Floats) -> _Side:
    """A parabola for j beyond ``end``, over the longest of several lengths (with the sign of ``reach``) that rounding allows."""
    lengths = _LENGTHS.reshape(-1, *(1,) * end.ndim) * reach
    probes = _PROBES.reshape(-1, 1, *(1,) * end.ndim)
    values = j(end + probes * lengths)
    with np.errstate(invalid="ignore"):
        slope = (-3 * values[0] + 4 * values[2] - values[3]) / lengths
        curvature = 4 * (values[0] - 2 * values[2] + values[3]) / lengths**2
        error = values[0] + lengths / 4 * (slope + curvature * lengths / 8) - values[1]
        rounding = 64 * _EPS * np.max(np.abs(values), axis=0)
        straight = np.abs(values[0] - 2 * values[2] + values[3]) <= rounding
        error = np.where(np.isfinite(error), np.abs(error), np.inf)
        # Where j is curved in another way no length fits to rounding: then one of the shortest has the smallest error.
        fits = (error < np.inf) & (error <= np.maximum(rounding, 4 * np.min(error, axis=0)))
    best = np.argmax(fits, axis=0)[None]
    chord = (values[3] - values[0]) / lengths
    slope, curvature = np.where(straight, chord, slope), np.where(straight, 0.0, curvature)
    length, slope, curvature = (np.take_along_axis(x, best, axis=0)[0] for x in (np.abs(lengths), slope, curvature))
    return _Side(end, values[0, 0], slope, curvature, length, ~np.isfinite(slope) | ~np.isfinite(curvature))


def _meet(left: _Side, right: _Side, a: Floats, b: Floats) -> Floats:
    """The minimiser of F where j is the left fit up to the kink and the right fit after it."""
    t_left = np.where(left.wall, left.end, left.vertex(a, b))
    t_right = np.where(right.wall, right.end, right.vertex(a, b))
    middle = (left.end + right.end) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        (value_left, slope_left), (value_right, slope_right) = left.at(middle), right.at(middle)
        jump = slope_right - slope_left
        size = np.maximum(np.abs(value_left), np.abs(value_right))
        rounding = 1e3 * _EPS * size * (1 / left.length + 1 / right.length)
        kink = np.where(jump > rounding, middle - (value_right - value_left) / jump, np.nan)
    smooth = np.where(left.length >= right.length, t_left, t_right)
    bent = np.where(t_left <= kink, t_left, np.where(t_right >= kink, t_right, kink))
    inner = np.where(np.isnan(kink), smooth, bent)
    walled = np.where(left.wall, np.maximum(left.end, t_right), np.minimum(right.end, t_left))
    # Between two walls this close, the middle is as good as anything.
    return np.where(left.wall & right.wall, middle, np.where(left.wall | right.wall, walled, inner))
