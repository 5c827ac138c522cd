"""A sum over groups, each with a regularizer of its own: one for each layer of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from ..arrays import Array, Real, check_vector, namespace
from ..groups import Groups, Restriction
from .base import Regularizer


@final
@dataclass(frozen=True)
class Mixture(Regularizer):
    """J(θ) = Σ_g J_g(θ_g): ``parts[g]`` acts on the coordinates of group g (lunk2026 (7))."""

    groups: Groups
    parts: tuple[Regularizer, ...]

    def __init__(self, groups: Groups, parts: Sequence[Regularizer]) -> None:
        if len(parts) != groups.count:
            raise ValueError(f"parts must have one regularizer for each of the {groups.count} groups, got {len(parts)}")
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "parts", tuple(parts))

    @cached_property
    def _pieces(self) -> tuple[tuple[Restriction, Regularizer], ...]:
        return tuple((Restriction(self.groups, (g,)), part) for g, part in enumerate(self.parts))

    def value(self, theta: Array) -> Array:
        check_vector("theta", theta, self.groups.dimension)
        return sum((part.value(piece.restrict(theta)) for piece, part in self._pieces), start=_zero(theta))

    def prox(self, z: Array, step: Real) -> Array:
        check_vector("z", z, self.groups.dimension)
        for piece, part in self._pieces:
            z = piece.embed(part.prox(piece.restrict(z), step), z)
        return z

    def conjugate(self, p: Array) -> Array:
        check_vector("p", p, self.groups.dimension)
        return sum((part.conjugate(piece.restrict(p)) for piece, part in self._pieces), start=_zero(p))

    def project_subdifferential(self, theta: Array, p: Array) -> Array:
        theta, p = theta + 0 * p, p + 0 * theta
        for piece, part in self._pieces:
            p = piece.embed(part.project_subdifferential(piece.restrict(theta), piece.restrict(p)), p)
        return p

    def in_domain(self, theta: Array) -> Array:
        inside = [part.in_domain(piece.restrict(theta)) for piece, part in self._pieces]
        xp = namespace(theta)
        return xp.all(xp.stack([xp.asarray(_zero(theta) == 0), *map(xp.asarray, inside)], axis=0), axis=0)

    def separable_groups(self, dimension: int) -> Groups:
        if dimension != self.groups.dimension:
            raise ValueError(f"dimension must be {self.groups.dimension}, the size of the groups, got {dimension}")
        finest: list[list[int]] = []
        for piece, part in self._pieces:
            inner = part.separable_groups(piece.coarse_dimension)
            finest += [piece.indices[list(group)].tolist() for group in inner.members]
        return Groups.of(finest, dimension)

    def restrict(self, restriction: Restriction) -> Mixture:
        """Each part keeps the selected coordinates of its group; a part complains if it cannot be split there."""
        self.separable_groups(restriction.dimension)
        rank = {fine: coarse for coarse, fine in enumerate(restriction.indices.tolist())}
        lists, parts = [], []
        for piece, part in self._pieces:
            inside = [position for position, i in enumerate(piece.indices.tolist()) if i in rank]
            lists.append([rank[int(piece.indices[position])] for position in inside])
            own = part.separable_groups(piece.coarse_dimension)
            parts.append(part.restrict(Restriction.to_coordinates(own, inside)))
        return Mixture(Groups.of(lists, restriction.coarse_dimension), parts)


def _zero(x: Array) -> Array:
    if isinstance(x, np.ndarray):
        return np.zeros(x.shape[:-1], dtype=x.dtype)
    return namespace(x).zeros(x.shape[:-1], dtype=x.dtype, device=x.device)
