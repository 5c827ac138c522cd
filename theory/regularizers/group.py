"""The group norm ℓ1,2: whole groups are zero or not (bungert2021 (1.2), lunk2026 (8))."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import (
    Array,
    Real,
    check_number,
    constant,
    exact,
    is_exact,
    largest,
    namespace,
    norm,
    scalar,
    sqrt,
    square_norm,
    total,
)
from ..groups import Groups, Restriction
from .base import Regularizer, indicator, slack


@final
@dataclass(frozen=True)
class GroupL2(Regularizer):
    """J(θ) = λ Σ_g w_g ‖θ_g‖₂ with w_g = √n_g unless other weights ≥ 0 are given.

    In exact arithmetic a norm has to be rational only where it is not compared alone: a group that the prox sets to zero
    needs no root. `IrrationalError` says that an instance leaves the rationals.
    """

    lam: Real
    groups: Groups
    weights: tuple[Real, ...] | None = None

    def __init__(self, lam: Real, groups: Groups, weights: Sequence[Real] | None = None) -> None:
        check_number("lam", lam, at_least=0)
        if weights is not None and len(weights) != groups.count:
            raise ValueError(f"weights must have one entry for each of the {groups.count} groups, got {list(weights)}")
        for weight in weights or ():
            check_number("weights", weight, at_least=0)
        object.__setattr__(self, "lam", lam)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "weights", None if weights is None else tuple(weights))

    def _radii(self, like: Array) -> Array:
        """λ w_g for each group."""
        if self.weights is not None:
            weights = constant(self.weights, like)
        elif is_exact(like):
            weights = sqrt(exact(self.groups.sizes))
        else:
            weights = constant(np.sqrt(np.asarray(self.groups.sizes, dtype=np.float64)), like)
        return scalar(self.lam, like) * weights

    def value(self, theta: Array) -> Array:
        return total(self._radii(theta) * norm(self.groups.blocks(theta)))

    def prox(self, z: Array, step: Real) -> Array:
        check_number("step", step, above=0)
        return self._shrink(z, scalar(step, z) * self._radii(z), keep_inside=False)

    def _shrink(self, z: Array, radii: Array, *, keep_inside: bool) -> Array:
        """z − projection onto the balls of the given radii, or with ``keep_inside`` the projection itself."""
        blocks = self.groups.blocks(z)
        inside = self._inside(blocks, radii)
        xp = namespace(z)
        # A group inside its ball never needs its norm, which may be irrational: there the ratio is radius/radius.
        size = norm(xp.where(inside[..., None], 0 * blocks, blocks))
        ratio = (radii + 0 * size) / xp.where(inside, 0 * size + 1, size)
        factor = xp.where(inside, 0 * ratio + 1, ratio)
        return z * self.groups.spread(factor if keep_inside else 1 - factor)

    @staticmethod
    def _inside(blocks: Array, radii: Array) -> Array:
        if is_exact(blocks):
            return np.asarray(square_norm(blocks) <= radii * radii, dtype=bool)
        return norm(blocks) <= radii

    def conjugate(self, p: Array) -> Array:
        radii, blocks = self._radii(p), self.groups.blocks(p)
        inside = self._inside(blocks, radii + slack(radii))
        return indicator(namespace(p).all(inside, axis=-1), total(0 * p))

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        xp = namespace(theta, p)
        theta, p = theta + 0 * p, p + 0 * theta
        blocks = self.groups.blocks(theta)
        active = ~xp.all(blocks == 0, axis=-1)
        radii = self._radii(theta)
        # θ_g/‖θ_g‖ by way of the largest entry: the norm of a denormal block is badly rounded, radius/‖θ_g‖ overflows.
        extent = largest(blocks)
        scaled = theta / self.groups.spread(xp.where(active, extent, 0 * extent + 1))
        size = norm(self.groups.blocks(scaled))
        unit = scaled * self.groups.spread((radii + 0 * size) / xp.where(active, size, 0 * size + 1))
        moving = self.groups.spread(xp.where(active, 0 * size + 1, 0 * size)) != 0
        return xp.where(moving, unit, self._shrink(xp.where(moving, 0 * p, p), radii, keep_inside=True))

    def in_domain(self, theta: Array) -> Array:
        return total(0 * self.groups.spread(0 * self.groups.sums(theta))) == 0

    def separable_groups(self, dimension: int) -> Groups:
        if dimension != self.groups.dimension:
            raise ValueError(f"dimension must be {self.groups.dimension}, the size of the groups, got {dimension}")
        return self.groups

    def restrict(self, restriction: Restriction) -> GroupL2:
        self.separable_groups(restriction.dimension)
        chosen = restriction.indices.tolist()
        own = Restriction.to_coordinates(self.groups, chosen)
        weights: Any = None if self.weights is None else [self.weights[g] for g in own.selected]
        return GroupL2(self.lam, own.coarse_groups, weights)
