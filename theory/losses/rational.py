"""Linear algebra over the rationals: rank factorization, minimum-norm least squares, definiteness.

Matrices are small object arrays of Fractions; every result is exact. Definiteness is decided over the integers by
fraction-free elimination (Bareiss 1968), which keeps every intermediate number a minor of the matrix.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np

from ..arrays import Array, exact


def reduced_row_echelon(matrix: Array) -> tuple[Array, list[int]]:
    """The reduced row echelon form without its zero rows, and the pivot columns."""
    rows = matrix.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        rank = len(pivots)
        row = next((i for i in range(rank, rows.shape[0]) if rows[i, column] != 0), None)
        if row is None:
            continue
        rows[[rank, row]] = rows[[row, rank]]
        rows[rank] = rows[rank] / rows[rank, column]
        for i in range(rows.shape[0]):
            if i != rank and rows[i, column] != 0:
                rows[i] = rows[i] - rows[i, column] * rows[rank]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def rank_factorization(matrix: Array) -> tuple[Array, Array]:
    """A = CF with C of full column rank and F of full row rank; both have rank(A) columns or rows."""
    F, pivots = reduced_row_echelon(matrix)
    return matrix[:, pivots], F


def solve(matrix: Array, right: Array) -> Array:
    """The solution of a nonsingular square system."""
    augmented, _ = reduced_row_echelon(np.concatenate([matrix, right[:, None]], axis=1))
    return augmented[:, -1]


def minimum_norm_solution(matrix: Array, target: Array) -> Array:
    """A⁺b = Fᵀ(FFᵀ)⁻¹(CᵀC)⁻¹Cᵀb: of the minimisers of ‖Aθ − b‖ the one of least norm."""
    C, F = rank_factorization(matrix)
    if C.shape[1] == 0:
        return exact([0] * matrix.shape[1])
    return F.T @ solve(F @ F.T, solve(C.T @ C, C.T @ target))


def semidefinite_rank(matrix: Array) -> int | None:
    """The rank of a symmetric positive semidefinite matrix, None for a symmetric matrix that is not semidefinite."""
    scale = common_denominator(matrix)
    rows = [[int(entry * scale) for entry in row] for row in matrix]
    left, rank, previous = list(range(len(rows))), 0, 1
    while left:
        if any(rows[i][i] < 0 for i in left):
            return None
        pivot = next((i for i in left if rows[i][i] > 0), None)
        if pivot is None:
            return None if any(rows[i][j] for i in left for j in left) else rank
        left.remove(pivot)
        top, head = rows[pivot], rows[pivot][pivot]
        for i in left:
            factor = rows[i][pivot]
            for j in left:
                rows[i][j] = (head * rows[i][j] - factor * top[j]) // previous
        previous = head
        rank += 1
    return rank


def identity(size: int) -> Array:
    """The identity matrix in Fractions."""
    return exact(np.eye(size, dtype=int).astype(object))


def common_denominator(matrix: Array) -> int:
    """The least common denominator of the entries."""
    return lcm(*(Fraction(entry).denominator for entry in matrix.flat))
