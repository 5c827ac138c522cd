"""Where a regularizer has kinks, piece by piece: what decides whether a LinBreg step can move.

J = Σ pieces. A piece is *smooth* (J = 0 on it), a *norm* λ‖·‖ with its kink at 0, or *bounds* with kinks at the bounds:

symbol     | field             | meaning
-----------|-------------------|-----------------------------------------------------------------------
g          | ``indices``       | the coordinates of the piece
λ_g        | ``radius``        | ∂J_g(0) is the ball of this radius in the dual norm; 0 unless it is a norm
           | ``lower, upper``  | the interval of the coordinate; (−∞, ∞) unless it is a bound

J is *conic at* θ* when D^p_J(θ*, θ) = 0 for all θ and all p ∈ ∂J(θ). It is so iff θ* is 0 on each norm, and on each
interval with an end the only end: for a norm λ‖θ‖ = ⟨p, θ⟩, so D^p_J(0, θ) = 0; at an end the normal cone is ⟂ to 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Array, Real, norm, to_float
from .regularizers import L1, Box, GroupL2, Mixture, Nuclear, Regularizer, WeightedL1, Zero


@dataclass(frozen=True)
class Piece:
    """One summand of J that cannot be split further."""

    indices: tuple[int, ...]
    radius: Real = 0
    lower: Real = -math.inf
    upper: Real = math.inf
    matrix: tuple[int, int] | None = None

    @property
    def is_norm(self) -> bool:
        """λ‖·‖ with λ > 0."""
        return bool(self.radius > 0)

    @property
    def ends(self) -> tuple[Real, ...]:
        """The finite bounds."""
        return tuple(dict.fromkeys(end for end in (self.lower, self.upper) if abs(end) != math.inf))

    @property
    def is_smooth(self) -> bool:
        """J = 0 here."""
        return not self.is_norm and not self.ends

    def size(self, theta: Array) -> Array:
        """‖θ_g‖ in the norm of the piece divided by λ (nuclear: the sum of the singular values)."""
        block = theta[..., list(self.indices)]
        return norm(block) if self.matrix is None else _singular(block, self.matrix).sum(axis=-1)

    def dual_size(self, p: Array) -> Array:
        """‖p_g‖ in the dual norm: p_g ∈ ∂J_g(0) iff it is at most the radius."""
        block = p[..., list(self.indices)]
        return norm(block) if self.matrix is None else _singular(block, self.matrix)[..., 0]


def _singular(block: Array, shape: tuple[int, int]) -> Any:
    return np.linalg.svd(to_float(block).reshape(*block.shape[:-1], *shape), compute_uv=False)


def pieces(regularizer: Regularizer, dimension: int) -> tuple[Piece, ...]:
    """The pieces of a regularizer of this package on ℝᵈ; a `NotImplementedError` for another one."""
    if isinstance(regularizer, Zero):
        return tuple(Piece((i,)) for i in range(dimension))
    if isinstance(regularizer, L1):
        return tuple(Piece((i,), radius=regularizer.lam) for i in range(dimension))
    if isinstance(regularizer, WeightedL1):
        return tuple(Piece((i,), radius=weight) for i, weight in enumerate(regularizer.weights))
    if isinstance(regularizer, GroupL2):
        return _groups(regularizer)
    if isinstance(regularizer, Box):
        return _intervals(regularizer, dimension)
    if isinstance(regularizer, Nuclear):
        whole = tuple(range(dimension))
        matrix = regularizer.shape if min(regularizer.shape) > 1 else None
        return (Piece(whole, radius=regularizer.lam, matrix=matrix),)
    if isinstance(regularizer, Mixture):
        return tuple(
            Piece(tuple(members[i] for i in piece.indices), piece.radius, piece.lower, piece.upper, piece.matrix)
            for members, part in zip(regularizer.groups.members, regularizer.parts, strict=True)
            for piece in pieces(part, len(members))
        )
    raise NotImplementedError(f"the kinks of {type(regularizer).__name__} are not known")


def _groups(regularizer: GroupL2) -> tuple[Piece, ...]:
    sizes = regularizer.groups.sizes
    weights: Any = regularizer.weights
    if weights is None:
        weights = [math.isqrt(n) if math.isqrt(n) ** 2 == n else math.sqrt(n) for n in sizes]
    members = zip(regularizer.groups.members, weights, strict=True)
    return tuple(Piece(group, radius=regularizer.lam * weight) for group, weight in members if group)


def _intervals(regularizer: Box, dimension: int) -> tuple[Piece, ...]:
    def entries(bound: Any) -> list[Real]:
        return list(bound) if isinstance(bound, tuple) else [bound] * dimension

    both = zip(entries(regularizer.lower), entries(regularizer.upper), strict=True)
    return tuple(Piece((i,), lower=low, upper=high) for i, (low, high) in enumerate(both))


def is_conic_at(regularizer: Regularizer, star: Array) -> bool:
    """D^p_J(θ*, θ) = 0 for all θ and p ∈ ∂J(θ), with θ* = ``star`` of shape (d,); decided by the pieces."""
    return all(_conic(piece, star) for piece in pieces(regularizer, star.shape[-1]))


def _conic(piece: Piece, star: Array) -> bool:
    entries = [star[i] for i in piece.indices]
    if piece.is_norm:
        return all(entry == 0 for entry in entries)
    return not piece.ends or (len(piece.ends) == 1 and entries[0] == piece.ends[0])
