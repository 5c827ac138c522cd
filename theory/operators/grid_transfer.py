"""Transfers between the grids of a hierarchy: full weighting R and (bi)linear prolongation P = cRᵀ.

symbol | here            | meaning
-------|-----------------|--------------------------------------------------------------------------
R      | `restrict`      | fine → coarse; its rows are averages: R1 = 1, R ≥ 0
P      | `prolong`       | coarse → fine interpolation, P = cRᵀ (the variational property)
c      | `factor`        | 2 in one dimension, 4 in two: each coarse point stands for c fine ones

Two conventions, chosen by name:

* `cell_centred` (n even, so every n = 2ᵏ): the values belong to cells, as an image's do, and each coarse cell is a pair
  of fine ones (2×2 in two dimensions). P has the weights ¾, ¼ towards the nearest coarse centres; over the edge the
  grid is reflected. R averages with ⅛, ⅜, ⅜, ⅛. Here R1 = 1 *and* P1 = 1 exactly, so that both map (0, 1)ᵈ into (0, 1)
  and positive vectors to positive ones: no transfer leaves the domain of a reference. The imaging problems use it.
* `vertex_centred` (n odd, so every n = 2ᵏ − 1): the values belong to the interior vertices and the boundary has the
  value 0, as in Nash's MGOPT for boundary value problems. R averages with ¼, ½, ¼ and P has ½, 1, ½. R1 = 1; P1 is 1
  but for the vertices next to the boundary, where it is interpolated towards 0 (½ on an edge, ¼ in a corner). With
  P = cRᵀ both cannot be had there: P1 = 1 needs the weight 1 at the edge, which makes R1 = 5/4.

All weights are dyadic, so that Fractions stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from scipy import sparse

from ..arrays import Array, check_vector
from .sparse_product import multiply


@final
@dataclass(frozen=True, eq=False)
class GridTransfer:
    """R as a SciPy sparse array of shape (d_c, d), and c; P = cRᵀ is made from it.

    Use `cell_centred`, `vertex_centred` or `cell_centred_rows` rather than the matrix itself.
    """

    restriction: Any
    factor: int

    @staticmethod
    def cell_centred(n: int, axes: int = 2) -> GridTransfer:
        """n → n/2 points per axis, n even; 1 or 2 axes."""
        return GridTransfer(_power(_cell_centred_restriction(n), axes), 2**axes)

    @staticmethod
    def vertex_centred(n: int, axes: int = 2) -> GridTransfer:
        """n → (n − 1)/2 points per axis, n ≥ 3 odd; 1 or 2 axes."""
        return GridTransfer(_power(_vertex_centred_restriction(n), axes), 2**axes)

    @staticmethod
    def cell_centred_rows(count: int, n: int) -> GridTransfer:
        """``count`` rows of n cells each, every row on its own: the transfer of a sinogram with its angles kept."""
        if count < 1:
            raise ValueError(f"count must be ≥ 1, got {count}")
        return GridTransfer(sparse.kron(sparse.eye_array(count), _cell_centred_restriction(n), format="csr"), 2)

    @cached_property
    def prolongation(self) -> Any:
        """P = cRᵀ, a SciPy sparse array of shape (d, d_c)."""
        return (self.factor * self.restriction.T).tocsr()

    @property
    def shape(self) -> tuple[int, int]:
        """(d_c, d), the shape of R."""
        rows, columns = self.restriction.shape
        return int(rows), int(columns)

    def restrict(self, x: Array) -> Array:
        """Rx, shape ``(..., d) → (..., d_c)``."""
        return multiply(self.restriction, check_vector("x", x, self.shape[1]))

    def prolong(self, x: Array) -> Array:
        """Px, shape ``(..., d_c) → (..., d)``."""
        return multiply(self.prolongation, check_vector("x", x, self.shape[0]))


def _cell_centred_restriction(n: int) -> Any:
    if n < 2 or n % 2:
        raise ValueError(f"n must be even and ≥ 2 on a cell-centred grid, got {n}")
    fine = np.arange(n)
    near = fine // 2
    # The coarse cell on the other side of the fine cell; clipping reflects the grid, as duplicates are summed.
    far = np.clip(near + np.where(fine % 2, 1, -1), 0, n // 2 - 1)
    weights = np.concatenate([np.full(n, 3 / 8), np.full(n, 1 / 8)])
    return _assemble(weights, np.concatenate([near, far]), np.concatenate([fine, fine]), (n // 2, n))


def _vertex_centred_restriction(n: int) -> Any:
    if n < 3 or n % 2 == 0:
        raise ValueError(f"n must be odd and ≥ 3 on a vertex-centred grid, got {n}")
    coarse = np.arange(n // 2)
    weights = np.repeat([1 / 4, 1 / 2, 1 / 4], n // 2)
    columns = np.concatenate([2 * coarse, 2 * coarse + 1, 2 * coarse + 2])
    return _assemble(weights, np.tile(coarse, 3), columns, (n // 2, n))


def _assemble(weights: Array, rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    return sparse.coo_array((weights, (rows, columns)), shape=shape).tocsr()


def _power(restriction: Any, axes: int) -> Any:
    if axes == 1:
        return restriction
    if axes == 2:
        return sparse.kron(restriction, restriction, format="csr")
    raise ValueError(f"axes must be 1 or 2, got {axes}")
