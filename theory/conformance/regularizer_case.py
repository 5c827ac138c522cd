"""Where the laws of a regularizer are tried: points, steps and dual vectors at the scale of J itself.

symbol | here             | meaning
-------|------------------|-------------------------------------------------------------------------------
ρ      | `slope`          | the typical |J(x) − J(c)| / ‖x − c‖: the size of subgradients; 1 for indicators
c      | `centre`         | a point of dom J
z      | `points`         | arguments of the prox
t      | `steps`          | step sizes; t = 1/ρ is where the prox of a point of size 1 has something to decide
u      | `solutions`      | prox_{tJ}(z) for all z and t
θ      | `inside`         | points of dom J: sparse ones, boundary points, points between them
q      | `duals`          | vectors of the size of subgradients
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from ..groups import Groups
from ..regularizers import Regularizer
from .array_laws import Call

_DIMENSIONS: tuple[int, ...] = (5, 4, 6, 3, 8, 7, 2, 1, *range(9, 65))


class Solutions(NamedTuple):
    """u = prox_{tJ}(z), row by row."""

    z: Array
    t: Array
    u: Array


@dataclass(frozen=True)
class RegularizerCase:
    """A regularizer, the dimension in which to look, and reproducible points."""

    regularizer: Regularizer
    dimension: int
    seed: int

    @staticmethod
    def build(regularizer: Regularizer, dimension: int | None, seed: int) -> RegularizerCase:
        """Find a dimension that the regularizer accepts, unless one is given."""
        return RegularizerCase(regularizer, _find_dimension(regularizer) if dimension is None else dimension, seed)

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for each use, so that the laws do not depend on each other's order."""
        return np.random.default_rng([self.seed, *key])

    @cached_property
    def groups(self) -> Groups:
        """The partition that the regularizer claims."""
        return self.regularizer.separable_groups(self.dimension)

    @cached_property
    def blocks(self) -> Groups:
        """The same, or single coordinates where the claim raises: points are drawn from it, laws never rely on it."""
        try:
            return self.groups
        except Exception:  # the laws of groups report it
            return Groups.singletons(self.dimension)

    def value(self, theta: Array) -> Array:
        """J(θ) in float64."""
        return np.asarray(self.regularizer.value(theta), dtype=np.float64)

    @cached_property
    def raw_points(self) -> Array:
        """Zero, axes, ties between coordinates, dyadic numbers, sparse vectors, all at several scales: (n, d)."""
        d, rng = self.dimension, self.rng(1)
        axes = np.eye(d)[rng.permutation(d)[:6]]
        normal = rng.standard_normal((6, d))
        sparse = normal * (rng.random((6, d)) < 0.5)
        chosen = rng.random((6, self.blocks.count)) < 0.6
        group_sparse = rng.standard_normal((6, d)) * self.blocks.spread(chosen.astype(np.float64))
        dyadic = rng.integers(-4, 5, size=(4, d)) / 4
        ties = np.stack([np.ones(d), -np.ones(d), np.where(np.arange(d) % 2, -0.5, 0.5)])
        return np.concatenate(
            [
                np.zeros((1, d)),
                axes,
                -axes[:2],
                ties,
                normal,
                sparse,
                group_sparse,
                dyadic,
                normal[:2] / 1e3,
                30 * sparse[:3],
            ]
        )

    @cached_property
    def centre(self) -> Array:
        """0 where J(0) is finite, else prox_J(0)."""
        zero = np.zeros(self.dimension)
        return zero if np.isfinite(self.value(zero)) else np.asarray(self.regularizer.prox(zero, 1.0), dtype=np.float64)

    @cached_property
    def slope(self) -> float:
        """ρ; 1 where J is 0 or ∞ at most points."""
        x = self.rng(2).standard_normal((64, self.dimension))
        rise = np.abs(self.value(self.centre + x) - self.value(self.centre)) / np.linalg.norm(x, axis=-1)
        rise = rise[np.isfinite(rise) & (rise > 0)]
        # Nine tenths of it: λ itself would put points at ties, where rounding decides. Ties have laws of their own.
        return 0.9 * float(np.median(rise)) if rise.size >= 8 else 1.0

    @cached_property
    def points(self) -> Array:
        """Arguments of the prox, around 0 and around a point of the domain."""
        moved = self.raw_points[: 12 if self.centre.any() else 0] + self.centre
        return np.concatenate([self.raw_points, moved])

    @cached_property
    def steps(self) -> tuple[float, ...]:
        """Step sizes around 1/ρ, and two that do not depend on J."""
        return tuple(sorted({0.5, 2.0, 0.25 / self.slope, 1 / self.slope}))

    @cached_property
    def solutions(self) -> Solutions:
        """prox_{tJ}(z) for every point and every step."""
        found = [np.asarray(self.regularizer.prox(self.points.copy(), t), dtype=np.float64) for t in self.steps]
        times = np.repeat(np.asarray(self.steps), len(self.points))
        return Solutions(np.tile(self.points, (len(self.steps), 1)), times, np.concatenate(found))

    @cached_property
    def inside(self) -> Array:
        """Points of dom J by the value: those points that are in it, images of the prox, and what lies between."""
        rng = self.rng(3)
        images = self.solutions.u[rng.permutation(len(self.solutions.u))[:24]]
        # Dyadic weights: a mixture of three points on the same bound is on this bound, not next to it.
        weights = np.asarray([[0.5, 0.25, 0.25]])
        mixed = np.einsum("nk,nkd->nd", weights + np.zeros((8, 1)), images[rng.integers(0, len(images), size=(8, 3))])
        candidates = np.concatenate([self.points, images, mixed])
        return candidates[np.isfinite(self.value(candidates))]

    @cached_property
    def boundary(self) -> Array:
        """The last points with a finite value on segments that leave the domain, by bisection; none when J is finite."""
        d, x = self.dimension, self.inside[:12, None, :]
        axes = np.eye(d)[:6]
        away = np.concatenate([4 * self.rng(5).standard_normal((12, d)), 1e3 * axes, -1e3 * axes])
        y = x + away * (1 + np.abs(x))
        x = 0 * y + x
        leaves = ~np.isfinite(self.value(y))
        x, y = x[leaves], y[leaves]
        low, high = np.zeros(len(x)), np.ones(len(x))
        for _ in range(60 if len(x) else 0):
            middle = (low + high) / 2
            finite = np.isfinite(self.value(x + middle[:, None] * (y - x)))
            low, high = np.where(finite, middle, low), np.where(finite, high, middle)
        return x + low[:, None] * (y - x)

    @cached_property
    def duals(self) -> Array:
        """Vectors of the size of subgradients: (n, d)."""
        return self.slope * np.concatenate([self.raw_points[:-3], 3 * self.raw_points[12:18]])

    def calls(self) -> Iterator[Call]:
        """Every method with arrays to call it on."""
        J, t = self.regularizer, 1 / self.slope
        theta = self.inside[self.rng(6).permutation(len(self.inside))[:12]]
        q = self.duals[self.rng(7).integers(0, len(self.duals), size=len(theta))]
        yield Call("value", J.value, (self.points,))
        yield Call("prox", lambda z: J.prox(z, t), (self.points,))
        yield Call("conjugate", J.conjugate, (self.duals,))
        yield Call("project_subdifferential", J.project_subdifferential, (theta, q))
        yield Call("subdifferential_distance", J.subdifferential_distance, (theta, q))
        yield Call("in_domain", J.in_domain, (self.points,), boolean=True)

    def around(self, z: Array, u: Array, key: int) -> Array:
        """Points near and far from each u, in the domain where it can be: (n, d), (n, d) → (n, m, d).

        Targets are z, 0, u with a coordinate or a group set to zero, moves along axes and random directions; from each
        target, a tenth and a thousandth of the way are taken too, so that some lie in a convex domain.
        """
        rng, d = self.rng(4, key), self.dimension
        base = u[:, None, :]
        axes = np.eye(d)[rng.permutation(d)[:8]]
        marks = [
            [0.0 if self.blocks.labels[i] == g else 1.0 for i in range(d)] for g in range(min(self.blocks.count, 8))
        ]
        reach = 1e-3 + np.max(np.abs(u) + np.abs(z), axis=-1)[:, None, None]
        directions = np.concatenate([axes, -axes, rng.standard_normal((10, d))])
        targets = np.concatenate(
            [
                z[:, None, :],
                0 * base,
                base * (1 - axes),
                base * np.asarray(marks).reshape(-1, d),
                base + reach * directions,
                np.broadcast_to(self.centre, base.shape),
            ],
            axis=1,
        )
        return np.concatenate([base + h * (targets - base) for h in (1.0, 0.1, 1e-3)], axis=1)


def _find_dimension(regularizer: Regularizer) -> int:
    """The first dimension in which the value can be computed, preferably one that `separable_groups` accepts too."""
    complaints = []
    for with_groups in (True, False):
        for d in _DIMENSIONS:
            try:
                if with_groups:
                    regularizer.separable_groups(d)
                regularizer.value(np.zeros(d))
            except Exception as error:  # a regularizer may refuse a dimension in any way
                complaints.append(f"{type(error).__name__}: {error}")
            else:
                return d
    tried = f"dimension: value(zeros(d)) works for no d in 1 … {max(_DIMENSIONS)}; give dimension=…"
    raise ValueError(f"{tried}; d = 5 raises {complaints[0]}")
