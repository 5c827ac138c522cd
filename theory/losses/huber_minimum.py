"""The minimum of a sum of Huber functions by a Newton method that ends (Madsen and Nielsen 1990).

Where no residual crosses ±c, the function H(θ) = Σ ρ_c(aᵢᵀθ − bᵢ) is quadratic with Hessian Σ_{|zᵢ| ≤ c} aᵢaᵢᵀ. Each
step solves for the stationary points of the present piece and searches the line exactly: along it the slope is
piecewise linear and nondecreasing. A zero gradient proves the minimum, since H is convex.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..arrays import Array, Real, exact, is_exact, to_float
from .minimum import NotAttained
from .rational import minimum_norm_solution

_MOST_STEPS = 200


def huber_minimizer(matrix: Array, target: Array, threshold: Real) -> Array:
    """A minimiser of Σ ρ_c(aᵢᵀθ − bᵢ), shape (d,): exact for Fractions, else down to rounding."""
    if not is_exact(matrix):
        return _float_minimizer(matrix, target, threshold)
    rounded = _float_minimizer(to_float(matrix), to_float(target), float(threshold))
    start = exact([Fraction(round(entry * 2.0**20), 2**20) for entry in rounded.tolist()])
    for theta in _pieces_of(matrix, target, threshold, start):
        if not np.any(_gradient(matrix, target, threshold, theta)):
            return theta
    return exact_newton(matrix, target, threshold, start)


def exact_newton(matrix: Array, target: Array, threshold: Real, start: Array) -> Array:
    """A minimiser in Fractions from any start, shape (d,); raises `NotAttained` after 200 steps (never seen)."""
    theta = start
    for _ in range(_MOST_STEPS):
        slope = _gradient(matrix, target, threshold, theta)
        if not np.any(slope):
            return theta
        inner = matrix[abs(matrix @ theta - target) <= threshold]
        hessian = inner.T @ inner
        step = minimum_norm_solution(hessian, -slope)
        excess = hessian @ step + slope
        # A gradient outside the range of the Hessian points along a direction in which the piece is linear.
        theta = _search(matrix, target, threshold, theta, -excess if np.any(excess) else step)
    raise NotAttained(f"no exact minimum after {_MOST_STEPS} Newton steps; got to {theta!r}")


def _float_minimizer(matrix: Array, target: Array, threshold: float) -> Array:
    theta = np.linalg.lstsq(matrix, target, rcond=None)[0]
    slope = _gradient(matrix, target, threshold, theta)
    best, least = theta, float(np.linalg.norm(slope))
    size = threshold * float(np.abs(matrix).sum())
    stalled = 0
    while least > 1e-16 * size and stalled < 10:
        inner = matrix[np.abs(matrix @ theta - target) <= threshold]
        hessian = inner.T @ inner
        step = -np.linalg.lstsq(hessian, slope, rcond=1e-12)[0]
        excess = hessian @ step + slope
        linear = np.linalg.norm(excess) > 1e-9 * np.linalg.norm(slope)
        theta = _search(matrix, target, threshold, theta, -excess if linear else step)
        slope = _gradient(matrix, target, threshold, theta)
        stalled += 1
        if np.linalg.norm(slope) < least:
            best, least, stalled = theta, float(np.linalg.norm(slope)), 0
    if not least <= 1e-8 * size:
        raise NotAttained(f"no minimiser found: at {best!r} the gradient still has norm {least:.3g}")
    return best


def _pieces_of(matrix: Array, target: Array, threshold: Real, near: Array) -> list[Array]:
    """The stationary points of least norm of the pieces that a rounded minimiser may lie in: numbers of few digits."""
    residual = matrix @ near - target
    candidates = []
    for margin in (Fraction(-1, 10**4), Fraction(1, 10**4), Fraction(0)):
        inside = abs(residual) <= threshold * (1 + margin)
        inner, outer = matrix[inside], matrix[~inside]
        right = inner.T @ target[inside] - outer.T @ (threshold * np.sign(residual[~inside]))
        candidates.append(minimum_norm_solution(inner.T @ inner, right + exact([0] * matrix.shape[1])))
    return candidates


def _gradient(matrix: Array, target: Array, threshold: Real, theta: Array) -> Array:
    return matrix.T @ np.minimum(np.maximum(matrix @ theta - target, -threshold), threshold)


def _search(matrix: Array, target: Array, threshold: Real, theta: Array, direction: Array) -> Array:
    """The minimiser along a direction of descent, by the zero of the piecewise linear slope."""
    residual, rate = matrix @ theta - target, matrix @ direction
    moving = rate != 0
    ends = [(sign * threshold - residual[moving]) / rate[moving] for sign in (-1, 1)]
    times = sorted({time for time in np.concatenate(ends).tolist() if time > 0})
    before, slope_before = 0 * threshold, _line_slope(residual, rate, threshold, 0)
    for time in times:
        slope = _line_slope(residual, rate, threshold, time)
        if slope >= 0:
            fraction = slope_before / (slope_before - slope) if slope != slope_before else 1
            return theta + (before + (time - before) * fraction) * direction
        before, slope_before = time, slope
    return theta + before * direction


def _line_slope(residual: Array, rate: Array, threshold: Real, time: Real) -> Real:
    return rate @ np.minimum(np.maximum(residual + time * rate, -threshold), threshold)
