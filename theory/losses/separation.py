"""Which rows of a logistic problem can be separated, and the infimum that this leaves.

The rows bᵢ = yᵢaᵢ are separated by u when Bu ≥ 0; the loss of the rows with bᵢᵀu > 0 then tends to zero along u. One
direction does this for all the rows for which any does (sums of such u are such u). The others have a minimiser: the
infimum of the whole sum is their minimum, and it is attained iff there are no rows of the first kind.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from ..arrays import Array
from .minimum import NotAttained, convex_minimizer
from .softplus import sigmoid, softplus


def separable_rows(signed: Array) -> Array:
    """The rows bᵢ with bᵢᵀu > 0 for some u with Bu ≥ 0, shape ``(N, d) → (N,)`` of booleans, by a linear program."""
    rows, dimension = signed.shape
    lengths = np.linalg.norm(signed, axis=1, keepdims=True)
    scaled = signed / np.where(lengths > 0, lengths, 1)
    # max Σ s with scaled·u ≥ s and 0 ≤ s ≤ 1: at the optimum s is the indicator, because u may be scaled.
    found = linprog(
        np.concatenate([np.zeros(dimension), -np.ones(rows)]),
        A_ub=np.concatenate([-scaled, np.eye(rows)], axis=1),
        b_ub=np.zeros(rows),
        bounds=[(None, None)] * dimension + [(0, 1)] * rows,
        method="highs",
    )
    if found.x is None:
        raise NotAttained(f"the linear program that looks for a separating direction failed: {found.message}")
    return np.asarray(found.x[dimension:] > 0.5)


def logistic_minimizer(signed: Array, ridge: float) -> tuple[Array, Array | None]:
    """For Σᵢ log(1 + exp(−bᵢᵀθ)) + (ridge/2)‖θ‖²: a θ whose attained rows give the infimum, and those rows.

    The second entry is None when θ is a minimiser of the whole; otherwise it marks the rows that stay when the
    separable ones are left out, and θ minimises their sum.
    """
    basis = _row_space(signed)
    inside = signed @ basis
    if ridge > 0:
        return basis @ _solve(inside, ridge), None
    try:
        found = _solve(inside, 0.0)
        if _proves_minimum(inside, found):
            return basis @ found, None
    except NotAttained:
        pass
    separable = separable_rows(inside)
    if not separable.any():
        return basis @ _solve(inside, 0.0), None
    left = signed[~separable]
    basis = _row_space(left)
    return basis @ _solve(left @ basis, 0.0), ~separable


def _row_space(matrix: Array) -> Array:
    """An orthonormal basis of the span of the rows, shape (d, rank): there the Hessian is positive definite."""
    _, singular, right = np.linalg.svd(matrix.reshape(-1, matrix.shape[1]), full_matrices=False)
    tolerance = max(matrix.shape) * np.finfo(np.float64).eps * singular.max(initial=0)
    return right[singular > tolerance].T


def _slope(signed: Array, theta: Array, ridge: float) -> Array:
    return ridge * theta - sigmoid(-(signed @ theta)) @ signed


def _hessian(signed: Array, theta: Array, ridge: float) -> Array:
    t = signed @ theta
    return (signed.T * (sigmoid(t) * sigmoid(-t))) @ signed + ridge * np.eye(signed.shape[1])


def _solve(signed: Array, ridge: float) -> Array:
    start = np.zeros(signed.shape[1])
    if start.size == 0:
        return start
    return convex_minimizer(
        lambda theta: float(softplus(-(signed @ theta)).sum() + ridge / 2 * theta @ theta),
        lambda theta: _slope(signed, theta, ridge),
        lambda theta: _hessian(signed, theta, ridge),
        start,
    )


def _proves_minimum(signed: Array, theta: Array) -> bool:
    """Newton decrement ≤ √λ_min/(2R), R = max‖bᵢ‖: there is a minimiser (Bach 2010, proposition 2)."""
    slope, hessian = _slope(signed, theta, 0.0), _hessian(signed, theta, 0.0)
    if theta.size == 0:
        return True
    least = float(np.linalg.eigvalsh(hessian)[0])
    if not least > 0:
        return False
    decrement = float(np.sqrt(max(slope @ np.linalg.solve(hessian, slope), 0.0)))
    return decrement <= 0.25 * float(np.sqrt(least)) / float(np.linalg.norm(signed, axis=1).max())
