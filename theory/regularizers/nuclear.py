"""The nuclear norm of one matrix group: low rank instead of zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ..arrays import (
    Array,
    IrrationalError,
    Real,
    check_number,
    check_vector,
    is_exact,
    namespace,
    positive_part,
    scalar,
    total,
)
from ..groups import Groups, Restriction
from .base import Regularizer, indicator, slack


@final
@dataclass(frozen=True)
class Nuclear(Regularizer):
    """J(θ) = λ Σ σᵢ(Θ), Θ the matrix of the given shape that θ holds in C order.

    ∂J(Θ) = {λUVᵀ + W : UᵀW = 0, WV = 0, ‖W‖₂ ≤ λ} with the singular vectors U, V of the non-zero singular values;
    a singular value below 1e-10 (float32: 1e-5) of the largest counts as zero. Not rational: exact arrays raise `IrrationalError`.
    """

    lam: Real
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        check_number("lam", self.lam, at_least=0)
        if len(self.shape) != 2 or any(size < 1 for size in self.shape):
            raise ValueError(f"shape must be (rows, columns) with both ≥ 1, got {self.shape}")

    def _matrix(self, x: Array) -> Array:
        if is_exact(x):
            raise IrrationalError("singular values are irrational in general: the nuclear norm has no exact arithmetic")
        check_vector("x", x, self.shape[0] * self.shape[1])
        return namespace(x).reshape(x, (*x.shape[:-1], *self.shape))

    def _flat(self, matrix: Array) -> Array:
        return namespace(matrix).reshape(matrix, (*matrix.shape[:-2], self.shape[0] * self.shape[1]))

    def value(self, theta: Array) -> Array:
        return scalar(self.lam, theta) * total(namespace(theta).linalg.svdvals(self._matrix(theta)))

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        left, sigma, right = _svd(self._matrix(z))
        return self._flat((left * positive_part(sigma - scalar(step, z) * scalar(self.lam, z))[..., None, :]) @ right)

    def conjugate(self, p: Array) -> Array:
        largest = namespace(p).linalg.svdvals(self._matrix(p))[..., 0]
        lam = scalar(self.lam, p)
        return indicator(largest <= lam + slack(lam + 0 * largest), largest)

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        xp = namespace(theta, p)
        matrix, other = self._matrix(theta + 0 * p), self._matrix(p + 0 * theta)
        left, sigma, right = _svd(matrix)
        negligible = 1e-10 if xp.finfo(sigma.dtype).eps < 1e-10 else 1e-5
        active = xp.astype((sigma > negligible * sigma[..., :1]) & (sigma > 0), sigma.dtype)
        left_active, right_active = left * active[..., None, :], right * active[..., :, None]
        lam = scalar(self.lam, theta)
        inner_rows = left_active @ _transpose(left_active)
        inner_columns = _transpose(right_active) @ right_active
        rest = other - inner_rows @ other - other @ inner_columns + inner_rows @ other @ inner_columns
        rest_left, rest_sigma, rest_right = _svd(rest)
        clipped = xp.where(rest_sigma > lam, lam + 0 * rest_sigma, rest_sigma)
        ball = (rest_left * clipped[..., None, :]) @ rest_right
        # The SVD of the remainder returns arbitrary vectors where it is zero; project once more onto the complement.
        ball = ball - inner_rows @ ball - ball @ inner_columns + inner_rows @ ball @ inner_columns
        return self._flat(lam * left_active @ right_active + ball)

    def in_domain(self, theta: Array) -> Array:
        return total(0 * self._flat(self._matrix(theta))) == 0

    def separable_groups(self, dimension: int) -> Groups:
        if dimension != self.shape[0] * self.shape[1]:
            raise ValueError(f"dimension must be {self.shape[0]} × {self.shape[1]}, got {dimension}")
        return Groups.whole(dimension)

    def restrict(self, restriction: Restriction) -> Regularizer:
        from .separable import Zero

        self.separable_groups(restriction.dimension)
        if restriction.coarse_dimension == 0:
            return Zero()
        if restriction.coarse_dimension < restriction.dimension:
            raise ValueError(
                f"restriction splits the matrix group of shape {self.shape}: it selects {restriction.indices.tolist()}"
            )
        return self


def _svd(matrix: Array) -> tuple[Any, Any, Any]:
    left, sigma, right = namespace(matrix).linalg.svd(matrix, full_matrices=False)
    return left, sigma, right


def _transpose(matrix: Array) -> Array:
    return namespace(matrix).linalg.matrix_transpose(matrix)
