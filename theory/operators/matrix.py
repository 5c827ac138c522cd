"""An operator given by its entries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from scipy import sparse

from ..arrays import Array, check_finite
from .base import LinearOperator
from .sparse_product import multiply
from .spectrum import nonnegative_norm_bound


@final
@dataclass(frozen=True, eq=False)
class MatrixOperator(LinearOperator):
    """A from a dense or SciPy sparse matrix of floats, shape (m, d).

    ``norm_bound`` is the largest singular value, to rounding, of a matrix with negative entries (which is made dense
    for it), and the bound of Collatz and Wielandt for one without.
    """

    matrix: Any

    def __post_init__(self) -> None:
        # A copy: the facts about A are computed once, so nobody may change the numbers behind them.
        if not sparse.issparse(self.matrix) and np.ndim(self.matrix) != 2:
            raise ValueError(f"matrix must have shape (m, d), got {np.shape(self.matrix)}")
        stored = sparse.csr_array(self.matrix, dtype=np.float64, copy=True)
        stored.eliminate_zeros()
        if 0 in stored.shape:
            raise ValueError(f"matrix must have shape (m, d) with no empty axis, got {stored.shape}")
        check_finite("matrix", stored.data)
        object.__setattr__(self, "matrix", stored)

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.matrix.shape
        return int(rows), int(columns)

    @cached_property
    def nonnegative(self) -> bool:
        return bool(np.all(self.matrix.data >= 0))

    @cached_property
    def norm_bound(self) -> float:
        if self.nonnegative:
            return nonnegative_norm_bound(self)
        return float(np.linalg.norm(self.matrix.toarray(), 2))

    def _apply(self, x: Array) -> Array:
        return multiply(self.matrix, x)

    def _adjoint(self, y: Array) -> Array:
        return multiply(self.matrix.T, y)

    def _adjoint_pattern(self, y: Array) -> Array:
        return multiply(abs(self.matrix.sign()).T, y)
