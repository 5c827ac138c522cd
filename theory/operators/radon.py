"""Parallel-beam tomography: exact line integrals over the pixels of an image, as a sparse matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, final

import numpy as np
from scipy import sparse

from ..arrays import Array, IrrationalError, is_exact
from .base import CoarseOperator, GridOperator
from .grid_transfer import GridTransfer
from .sparse_product import multiply
from .spectrum import nonnegative_norm_bound


@final
@dataclass(frozen=True)
class Radon(GridOperator):
    """aᵢⱼ = length of the part of ray i in pixel j, for an n×n image over the unit square (Siddon 1985's matrix).

    ``n``: pixels per axis. ``angles``: their number; the directions are kπ/angles, k = 0 … angles − 1. There are n parallel
    rays a direction, one pixel width apart, the middle of the detector at the middle of the image. Row (k, i) of A, in
    row-major order, is the ray {(u, v): u cos ϑ + v sin ϑ = (i + ½)/n − ½}, u to the right and v upwards. Lengths are in units of
    the image's width, so that every n discretises one and the same transform.

    Every ray meets the disc in the image (no row is zero), and every pixel is met at ϑ = 0 (no column is zero). The
    length of a ray in a square depends on its distance s from the centre alone: with a = |cos ϑ| ≥ b = |sin ϑ| (or the
    other way round) it is 1/a for s ≤ (a − b)/2, 0 for s ≥ (a + b)/2, and linear between. A pixel has rays at distances one
    pixel apart, and (a + b)/2 < 1: two rays at most. So the matrix is built without following a ray. By the symmetries of
    the square only the directions within 45 degrees are stored, a quarter of all when 4 divides ``angles``; the others see the
    image turned or mirrored.

    ``norm_bound`` is the bound of Collatz and Wielandt after 20 power steps.
    """

    n: int
    angles: int

    def __post_init__(self) -> None:
        for name, count in (("n", self.n), ("angles", self.angles)):
            if count < 1:
                raise ValueError(f"{name} must be ≥ 1, got {count}")

    @property
    def side(self) -> int:
        return self.n

    @property
    def shape(self) -> tuple[int, int]:
        return self.angles * self.n, self.n**2

    @property
    def nonnegative(self) -> bool:
        return True

    @cached_property
    def norm_bound(self) -> float:
        return nonnegative_norm_bound(self)

    @cached_property
    def _base(self) -> Any:
        """The rows of the directions of at most 45 degrees, as a SciPy CSR array of about 1.2 n² entries a direction."""
        folded, _, _ = _fold(self.angles)
        blocks = [_projection(self.n, math.pi * steps / (2 * self.angles)) for steps in folded]
        return sparse.vstack(blocks, format="csr")

    @cached_property
    def _base_transposed(self) -> Any:
        # Stored, for a product with rows gathers, and one with columns scatters: twice as slow.
        return self._base.T.tocsr()

    def coarse(self) -> CoarseOperator:
        """Half the grid and half the rays, all angles kept: m_c = m/2 and c = 4, so the weight is ½.

        Fewer angles would save work, but a coarse model with fewer angles has streaks which the fine one has not.
        """
        data = GridTransfer.cell_centred_rows(self.angles, self.n)
        return CoarseOperator(Radon(self.n // 2, self.angles), data, 0.5)

    def _apply(self, x: Array) -> Array:
        _refuse_exact("x", x)
        folded, base, symmetry = _fold(self.angles)
        image = x.reshape(*x.shape[:-1], self.n, self.n)
        images = np.stack([turn(image) for turn in _TO_BASE])
        rays = multiply(self._base, images.reshape(*images.shape[:-2], -1))
        rays = np.moveaxis(rays.reshape(*rays.shape[:-1], len(folded), self.n), -2, 1)
        return np.moveaxis(rays[symmetry, base], 0, -2).reshape(*x.shape[:-1], -1)

    def _adjoint(self, y: Array) -> Array:
        return self._back(self._base_transposed, y)

    def _adjoint_pattern(self, y: Array) -> Array:
        matrix = self._base_transposed
        ones = sparse.csr_array((np.ones_like(matrix.data), matrix.indices, matrix.indptr), matrix.shape)
        return self._back(ones, y)

    def _back(self, transposed: Any, y: Array) -> Array:
        _refuse_exact("y", y)
        folded, base, symmetry = _fold(self.angles)
        rays = np.zeros((len(_TO_BASE), len(folded), *y.shape[:-1], self.n))
        rays[symmetry, base] = np.moveaxis(y.reshape(*y.shape[:-1], self.angles, self.n), -2, 0)
        rays = np.moveaxis(rays, 1, -2)
        images = multiply(transposed, rays.reshape(*rays.shape[:-2], -1))
        images = images.reshape(*images.shape[:-1], self.n, self.n)
        return sum(turn(image) for turn, image in zip(_FROM_BASE, images, strict=True)).reshape(*y.shape[:-1], -1)


def _refuse_exact(name: str, x: Array) -> None:
    if is_exact(x):
        raise IrrationalError(f"lengths of rays are irrational: {name} must hold floats, got Fractions")


def _transposed(image: Array) -> Array:
    return np.swapaxes(image, -1, -2)


# A direction beyond 45 degrees sees of an image what one within sees of the image turned: u, v are as in `Radon`, and
# the functions give x(u, v), x(v, u), x(−v, u) and x(−u, v) for ϑ, π/2 − ϑ, π/2 + ϑ and π − ϑ. Then their inverses.
_TO_BASE: tuple[Callable[[Array], Array], ...] = (
    lambda image: image,
    lambda image: _transposed(image[..., ::-1, ::-1]),
    lambda image: _transposed(image[..., ::-1, :]),
    lambda image: image[..., ::-1],
)
_FROM_BASE: tuple[Callable[[Array], Array], ...] = (
    lambda image: image,
    lambda image: _transposed(image[..., ::-1, ::-1]),
    lambda image: _transposed(image)[..., ::-1, :],
    lambda image: image[..., ::-1],
)


@cache
def _fold(angles: int) -> tuple[list[int], Array, Array]:
    """The directions within 45 degrees in steps of π/(2·angles); for each direction, its place there and its symmetry."""
    steps = 2 * np.arange(angles)
    symmetry = np.select([2 * steps <= angles, steps <= angles, 2 * steps <= 3 * angles], [0, 1, 2], 3)
    within = np.choose(symmetry, [steps, angles - steps, steps - angles, 2 * angles - steps])
    folded, base = np.unique(within, return_inverse=True)
    return folded.tolist(), base, symmetry


def _projection(n: int, angle: float) -> Any:
    """The n rows of one direction."""
    cosine, sine = math.cos(angle), math.sin(angle)
    large, small = max(abs(cosine), abs(sine)), min(abs(cosine), abs(sine))
    centres = np.arange(n) - (n - 1) / 2
    # In units of pixels, the number of the ray through each centre; v is upwards, so the first row of the image is last.
    position = (centres[None, :] * cosine - centres[:, None] * sine).ravel() + (n - 1) / 2
    pixels = np.arange(n * n, dtype=np.int32)
    below = np.floor(position).astype(np.int32)
    rays = np.concatenate([below, below + 1])
    offset = position - below
    # Where b = 0 the trapezoid is a box; the floor of b keeps the slope finite, far below the rounding of the offsets.
    slope = 1 / max(small, 1e-12)
    outer = (large + small) / 2
    weights = np.minimum(np.concatenate([outer - offset, outer - 1 + offset]) * slope, 1) / (large * n)
    met = (weights > 0) & (rays >= 0) & (rays < n)
    entries = (weights[met], (rays[met], np.concatenate([pixels, pixels])[met]))
    return sparse.coo_array(entries, shape=(n, n * n)).tocsr()
