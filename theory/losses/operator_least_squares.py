"""Least squares with an operator: the data term of Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..arrays import Array, Real, scalar, square_norm
from ..references import Euclidean, FermiDirac, Reference
from .operator_loss import OperatorLoss, no_constant


@final
@dataclass(frozen=True, eq=False)
class OperatorLeastSquares(OperatorLoss):
    """L(x) = (w/2)‖Ax − b‖², whose Hessian is wAᵀA ≼ w‖A‖²·I.

    reference    | L          | because
    -------------|------------|-------------------------------------------------------------------------------------
    `Euclidean`  | w‖A‖²      | ∇²φ = I
    `FermiDirac` | w‖A‖²/4    | φ″(t) = 1/t + 1/(1 − t) = 1/(t(1 − t)) ≥ 4 on (0, 1): ∇²φ ≽ 4I; equality at t = ½, so that the
                 |            | constant is the best one as far as `norm_bound` is ‖A‖
    `Shannon`    | none       | ∇²φ = diag(1/x) → 0 along the orthant, while the Hessian of L is constant
    `Burg`       | none       | likewise, ∇²φ = diag(1/x²)

    ``lipschitz`` is the bound of w‖A‖² that ``operator.norm_bound`` gives.
    """

    def _check(self) -> None:
        return

    def value_at(self, image: Array) -> Array:
        return square_norm(image - self._data_like(image)) * scalar(self.weight, image) / 2

    def slope_at(self, image: Array) -> Array:
        return (image - self._data_like(image)) * scalar(self.weight, image)

    @property
    def lipschitz(self) -> Real:
        return self.weight * self.operator.norm_bound**2

    def relative_smoothness(self, reference: Reference) -> float:
        if isinstance(reference, Euclidean):
            return float(self.lipschitz)
        if isinstance(reference, FermiDirac):
            return float(self.lipschitz) / 4
        raise no_constant(self, reference, "its Hessian vanishes at infinity, that of least squares does not")
