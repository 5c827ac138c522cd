"""What a linear operator is: A, its adjoint Aᵀ, and the few facts about A that constants of losses are made of.

symbol              | here               | meaning
--------------------|--------------------|--------------------------------------------------------------------
A: ℝᵈ → ℝᵐ          | `apply`            | acts along the last axis; leading axes are a batch
Aᵀ: ℝᵐ → ℝᵈ         | `adjoint`          | ⟨Ax, y⟩ = ⟨x, Aᵀy⟩
‖A‖                 | `norm_bound`       | an upper bound of the spectral norm; each class says how close
{i: aᵢⱼ ≠ 0}        | `adjoint_pattern`  | y ↦ Σ_{i: aᵢⱼ ≠ 0} yᵢ for each column j
aᵢⱼ ≥ 0             | `nonnegative`      | True when no entry is negative
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, final

from ..arrays import Array, check_vector
from .grid_transfer import GridTransfer


class LinearOperator(ABC):
    """A matrix of shape (m, d) that need not be stored. A final subclass gives the products and the facts."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(m, d)."""

    @property
    @abstractmethod
    def norm_bound(self) -> float:
        """A number ≥ ‖A‖₂."""

    @property
    @abstractmethod
    def nonnegative(self) -> bool:
        """True when all entries of A are ≥ 0."""

    @abstractmethod
    def _apply(self, x: Array) -> Array:
        """Ax for x of the right shape."""

    @abstractmethod
    def _adjoint(self, y: Array) -> Array:
        """Aᵀy for y of the right shape."""

    @abstractmethod
    def _adjoint_pattern(self, y: Array) -> Array:
        """The product with the transpose of the 0-1 matrix that has A's zeros."""

    @final
    def apply(self, x: Array) -> Array:
        """Ax, shape ``(..., d) → (..., m)``; a `ValueError` for another last axis."""
        return self._apply(check_vector("x", x, self.shape[1]))

    @final
    def adjoint(self, y: Array) -> Array:
        """Aᵀy, shape ``(..., m) → (..., d)``; a `ValueError` for another last axis."""
        return self._adjoint(check_vector("y", y, self.shape[0]))

    @final
    def adjoint_pattern(self, y: Array) -> Array:
        """Σ_{i: aᵢⱼ ≠ 0} yᵢ for each column j, shape ``(..., m) → (..., d)``."""
        return self._adjoint_pattern(check_vector("y", y, self.shape[0]))


class GridOperator(LinearOperator):
    """An operator on images: x is an n×n image in row-major order, a discretisation of one operator for every n."""

    @property
    @abstractmethod
    def side(self) -> int:
        """n; the operator acts on ℝᵈ with d = n²."""

    @abstractmethod
    def coarse(self) -> CoarseOperator:
        """The same physical operator on half the grid; a `ValueError` when n is odd."""


class CoarseOperator(NamedTuple):
    """A_c on half the grid, the restriction of the data to its rows, and the weight of the coarse data term.

    A data term is a sum over the m data points. ``weight`` w makes the coarse sum comparable with the fine one: with
    P = cRᵀ the corrected coarse model follows R∇f(Pξ) = (1/c)∇(f∘P)(ξ), so the coarse term shall be about f∘P/c, and
    as a coarse sum has m_c/m as many terms as the fine one, w = (m/m_c)/c.
    """

    operator: GridOperator
    data: GridTransfer
    weight: float
