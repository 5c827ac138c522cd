"""Products with a sparse matrix along the last axis, for batches of floats and, on small matrices, of Fractions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, exact, is_exact


def multiply(matrix: Any, x: Array) -> Array:
    """Mx along the last axis, shape ``(..., columns) → (..., rows)``, for a SciPy sparse array M.

    SciPy has no sparse products of objects: for Fractions M is made dense, its floats taken as the rationals they are.
    """
    if is_exact(x):
        return x @ exact(matrix.toarray()).T
    if x.ndim == 1:
        return matrix @ x
    rows = x.reshape(-1, x.shape[-1])
    return np.ascontiguousarray((matrix @ rows.T).T).reshape(*x.shape[:-1], matrix.shape[0])
