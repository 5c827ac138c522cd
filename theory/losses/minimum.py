"""Minimisers of convex losses that have no closed form: a trust-region solve, then Newton steps down to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from ..arrays import Array


class NotAttained(ArithmeticError):  # noqa: N818 - reads as the state of the infimum that it reports
    """The minimisation found no minimiser: the infimum is not attained, or not within reach of floating point."""


def convex_minimizer(
    value: Callable[..., Array],
    gradient: Callable[..., Array],
    hessian: Callable[..., Array],
    start: Array,
) -> Array:
    """A minimiser of a convex function of θ to rounding, from ``start`` of shape (d,); raises `NotAttained`.

    An infimum that is not attained shows in Newton steps which do not shrink: the gradient and the Hessian then tend to
    zero together, as for e⁻ˣ.
    """
    scale = float(np.linalg.norm(gradient(start)))
    if scale == 0:
        return start
    found = minimize(
        value,
        start,
        jac=gradient,
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-10 * scale, "maxiter": 500, "max_trust_radius": 1e12},
    )
    theta = np.asarray(found.x, dtype=np.float64)
    slope = gradient(theta)
    step = _newton_step(hessian(theta), slope)
    for _ in range(100):
        new = theta + step
        new_slope = gradient(new)
        if not np.linalg.norm(new_slope) < np.linalg.norm(slope):
            break
        theta, slope = new, new_slope
        step = _newton_step(hessian(theta), slope)
    if not np.linalg.norm(step) <= 1e-6 * (1 + np.linalg.norm(theta)):
        raise NotAttained(f"no minimiser found: at {theta!r} the Newton step has length {np.linalg.norm(step):.3g}")
    return theta


def _newton_step(hessian: Array, slope: Array) -> Array:
    return -np.linalg.lstsq(hessian, slope, rcond=1e-11)[0]


def difference_hessian(gradient: Callable[[Array], Array], theta: Array) -> Array:
    """∇²L(θ) by central differences of a gradient that takes batches, symmetrised; relative error about 1e-9."""
    width = 6e-6 * (1 + np.abs(theta))
    shifts = np.diag(width)
    rows = (gradient(theta + shifts) - gradient(theta - shifts)) / (2 * width[:, None])
    return (rows + rows.T) / 2
