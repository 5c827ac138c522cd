"""Gaussian blur of an image, one axis after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import ndtr

from ..arrays import Array, IrrationalError, check_number, is_exact
from .base import CoarseOperator, GridOperator
from .grid_transfer import GridTransfer

_MODES = {"reflect": "reflect", "zero": "constant"}
_STANDARD_DEVIATIONS = 4.0  # the kernel ends here; a fraction of 6e-5 of the Gaussian lies beyond


@final
@dataclass(frozen=True)
class GaussianBlur(GridOperator):
    """A = K ⊗ K with a Gaussian K on an n×n grid of pixels over the unit square.

    ``n``: pixels per axis. ``width``: the standard deviation as a fraction of the image's width, so that every n
    discretises one and the same blur. ``boundary``: ``"reflect"`` (the image is mirrored at its edges, which repeat:
    d c b a | a b c d | d c b a) or ``"zero"`` (it is black outside).

    The kernel holds the integrals of the Gaussian over the pixels, cut at four standard deviations and scaled to sum 1;
    for a width far below a pixel it becomes the identity. It is symmetric, so that Kᵢⱼ = k(i − j) for a zero boundary and
    k(i − j) + k(i + j + 1) + … for a reflecting one are symmetric in i and j: A = Aᵀ. With reflection A1 = 1, so ‖A‖ = 1;
    with zeros A1 ≤ 1, and ‖A‖ ≤ √(‖A‖₁‖A‖_∞) ≤ 1.
    """

    n: int
    width: float
    boundary: str = "reflect"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be ≥ 1, got {self.n}")
        check_number("width", self.width, above=0)
        if self.boundary not in _MODES:
            raise ValueError(f"boundary must be one of {sorted(_MODES)}, got {self.boundary!r}")

    @property
    def side(self) -> int:
        return self.n

    @property
    def shape(self) -> tuple[int, int]:
        return self.n**2, self.n**2

    @property
    def nonnegative(self) -> bool:
        return True

    @property
    def norm_bound(self) -> float:
        return 1.0

    @cached_property
    def kernel(self) -> Array:
        """k(−r) … k(r), symmetric, > 0, with sum 1."""
        pixels = self.width * self.n
        radius = max(0, math.ceil(_STANDARD_DEVIATIONS * pixels - 0.5))
        # Of the right half alone, from the upper tail: the difference of two numbers close to 1 would lose digits.
        edges = np.arange(-0.5, radius + 1) / pixels
        half = ndtr(-edges[:-1]) - ndtr(-edges[1:])
        weights = np.concatenate([half[:0:-1], half])
        return weights / weights.sum()

    def coarse(self) -> CoarseOperator:
        """The blur on half the grid, of the same physical width; m_c = m/4 and c = 4, so the weight is 1."""
        data = GridTransfer.cell_centred(self.n)
        return CoarseOperator(GaussianBlur(self.n // 2, self.width, self.boundary), data, 1.0)

    def _apply(self, x: Array) -> Array:
        return self._separable(x, self.kernel, _MODES[self.boundary])

    def _adjoint(self, y: Array) -> Array:
        return self._separable(y, self.kernel, _MODES[self.boundary])

    def _adjoint_pattern(self, y: Array) -> Array:
        # A reflected window lies within the window that is cut off at the edge: both boundaries have this pattern.
        return self._separable(y, np.ones_like(self.kernel), "constant")

    def _separable(self, x: Array, weights: Array, mode: Any) -> Array:
        if is_exact(x):
            raise IrrationalError("the weights of a Gaussian are irrational: x must hold floats, got Fractions")
        image = np.asarray(x, dtype=np.float64).reshape(*x.shape[:-1], self.n, self.n)
        rows = correlate1d(image, weights, axis=-1, mode=mode)
        return correlate1d(rows, weights, axis=-2, mode=mode).reshape(x.shape)
