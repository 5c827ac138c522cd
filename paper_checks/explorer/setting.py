"""One loss and one regularizer, with what all assumptions ask about them: pieces, domain, minimiser, sample pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...theory import sampling
from ...theory.arrays import to_float
from ...theory.elastic_net import ElasticNet, PrimalDual
from ...theory.kinks import Piece, pieces
from ...theory.losses import Loss, Quadratic
from ...theory.losses.linear_model import LinearModel
from ...theory.regularizers import Regularizer

#: Points per search; the same seed always, so that the table is the same always.
SAMPLES, SEED = 400, 20260203


@dataclass(frozen=True, eq=False)
class Setting:
    """min L with the regularizer J and δ > 0, in floating point."""

    loss: Loss
    regularizer: Regularizer
    delta: float

    @cached_property
    def net(self) -> ElasticNet:
        """J_δ."""
        return ElasticNet(self.regularizer, self.delta)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of J."""
        return pieces(self.regularizer, self.loss.dimension)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """dom J = [lower, upper], shapes (d,)."""
        lower, upper = np.full(self.loss.dimension, -np.inf), np.full(self.loss.dimension, np.inf)
        for piece in self.pieces:
            for i in piece.indices:
                lower[i], upper[i] = float(piece.lower), float(piece.upper)
        return lower, upper

    @cached_property
    def star(self) -> np.ndarray | None:
        """A minimiser of L on ℝᵈ."""
        found = self.loss.minimizer()
        return None if found is None else to_float(found)

    @cached_property
    def center(self) -> np.ndarray:
        """The minimiser, or 0 where there is none."""
        return np.zeros(self.loss.dimension) if self.star is None else self.star

    @property
    def smoothness(self) -> float:
        """ℓδ."""
        return float(self.loss.lipschitz) * self.delta

    @cached_property
    def pairs(self) -> PrimalDual:
        """Random pairs: around 0 and around the minimiser, at many scales."""
        rng = np.random.default_rng(SEED)
        dimension = self.loss.dimension
        plain = sampling.points(rng, SAMPLES // 2, self.regularizer, dimension)
        scale = 10 ** rng.uniform(-3, 2, size=(SAMPLES // 2, 1))
        near = self.center + scale * rng.normal(size=(SAMPLES // 2, dimension))
        theta = np.concatenate([plain, np.clip(near, *self.bounds)])
        p = rng.normal(size=theta.shape) * 10 ** rng.uniform(-2, 1, size=(len(theta), 1))
        return self.net.pair(theta, p)

    def gap(self, theta: np.ndarray) -> Any:
        """L(θ) − L*, 0 where it is not above rounding."""
        value, infimum = self.loss.value(theta), float(self.loss.infimum)
        above = value - infimum
        return np.where(above > 1e-10 * (np.abs(value) + abs(infimum)), above, 0.0)

    @cached_property
    def is_separable(self) -> bool:
        """L and J are both sums over single coordinates, as far as can be seen."""
        if any(len(piece.indices) > 1 for piece in self.pieces):
            return False
        if isinstance(self.loss, Quadratic):
            return True
        if not isinstance(self.loss, LinearModel):
            return False
        rows = to_float(getattr(self.loss, "matrix", np.ones((1, 2))))
        return bool((np.count_nonzero(rows, axis=1) <= 1).all() and (np.count_nonzero(rows, axis=0) <= 1).all())


def numbers(theta: Any) -> tuple[float, ...]:
    """Plain floats."""
    return tuple(float(entry) for entry in np.ravel(theta))


def words(theta: Any) -> str:
    """(1, −0.5, 0)."""
    entries = ", ".join(f"{float(entry):.4g}" for entry in np.ravel(theta))
    return (entries if np.size(theta) == 1 else f"({entries})").replace("-", "−")


def short(value: float) -> str:
    """0.0312, −3e−07."""
    return f"{value:.4g}".replace("-", "−")
