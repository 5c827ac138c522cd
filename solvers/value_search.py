"""Minimise F(u) = J(u) + ‖u‖²/2δ − ⟨w, u⟩ from values of J alone, in floating point: one separable group at a time.

symbol  | argument  | shape
--------|-----------|---------------------------------------------------------------
θ       | ``theta`` | (instances, d), where the search starts
w       | ``w``     | (instances, d)
g       | ``members`` | the coordinates of a group

A group of one coordinate is minimised on its line by `line_argmin`. A larger one is searched along lines that fit the norms
there are: the direction of w, and the singular frames of w as a matrix of each shape with n_g entries. The result is probed
in coordinate, random and radial directions at three distances; where F is lower anywhere, a free search goes on along all of
these and along Newton directions from differences of values, until F does not fall any more.

A free search proves nothing at a kink of J, so there it must end at a point with slope 0: a smooth J_g is solved, to 1e-12
or so, and any other one that no line fits is refused with `UnresolvedError`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..theory.arrays import Array
from ..theory.elastic_net import ElasticNet
from .exact_line_argmin import UnresolvedError
from .line_argmin import line_argmin

_EPS = float(np.finfo(np.float64).eps)
_ROUNDS = 60
_PROBE_LENGTHS = (1e-1, 1e-3, 1e-5)
_NEWTON_LENGTHS = (1e-1, 1e-3)


class ValueSearch:
    """argmin_u J_δ(u) − ⟨w, u⟩ in one separable group at a time; the other coordinates rest at ``base``, inside the domain."""

    def __init__(self, net: ElasticNet, theta: Array, w: Array, base: Array) -> None:
        self.net = net
        self.delta = float(net.delta)
        self.theta, self.w, self.base = theta, w, base

    def coordinates(self, members: np.ndarray) -> Array:
        """The argmin in single coordinates, all of them at once: (instances, members)."""
        each = np.arange(len(members))

        def j(t: Array) -> Array:
            # (..., instances, members, d): in line m only coordinate members[m] moves.
            points = np.broadcast_to(self.base[:, None, :], (*t.shape, self.base.shape[-1])).copy()
            points[..., each, members] = start + t
            return self._values(points)

        start = self.theta[:, members]
        a = np.full(start.shape, 1 / self.delta)
        return start + line_argmin(j, a, self.w[:, members] - start / self.delta)

    def group(self, members: np.ndarray) -> Array:
        """The argmin in one group of several coordinates, (instances, n)."""
        theta, w = self.theta[:, members], self.w[:, members]
        origin = np.zeros_like(theta)
        centre = np.where(np.isfinite(self._group_values(members, origin))[:, None], origin, theta)
        best, lowest = theta, self._f(members, theta)
        for lines in _adapted_lines(w):
            u = centre
            for direction in lines:
                u = self._along(members, u, direction)
            best, lowest, _ = self._better(members, best, lowest, u)
        return self._refine(members, best, lowest)

    def _refine(self, members: np.ndarray, best: Array, lowest: Array) -> Array:
        """Probe in many directions; where F descends, search on along rays, coordinates, random lines and Newton's."""
        rng = np.random.default_rng(0)
        directions = _unit(np.concatenate([np.eye(len(members)), rng.normal(size=(len(members) + 2, len(members)))]))
        alive = searched = np.flatnonzero(self._descends(members, best, lowest, directions))
        for _ in range(_ROUNDS):
            if not alive.size:
                break
            part, start = self._instances(alive), best[alive]
            u = start
            for direction in (*np.eye(len(members)), *rng.normal(size=(2, len(members)))):
                u = part._along(members, u, np.broadcast_to(direction, u.shape))
            u = part._along(members, part._along(members, u, _unit(u)), _unit(u - start))
            for length in _NEWTON_LENGTHS:
                u = part._along(members, u, _unit(part._newton(members, u, length)))
            best[alive], lowest[alive], gain = part._better(members, start, lowest[alive], u)
            alive = alive[gain > part._noise(members, start)]
        self._instances(searched)._check_slope(members, best[searched])
        return best

    def _check_slope(self, members: np.ndarray, u: Array) -> None:
        """Refuse points of a free search where F is not smooth with slope 0: they may be stuck at a kink."""
        h = 1e-6 * self._size(members, u)
        moves = h[:, None] * np.eye(len(members))[:, None, :]
        here = self._f(members, u)
        ahead, behind = ((self._f(members, u + sign * moves) - here) / h for sign in (1, -1))
        # Slope s and curvature c give ±s + ch/2: where F is smooth both are small.
        worst = np.max(np.maximum(np.abs(ahead), np.abs(behind)) * self.delta / self._size(members, u), initial=0.0)
        if not worst <= 1e-4:
            raise UnresolvedError(
                f"the argmin over the group {members.tolist()} was not found from values: the search ended at a kink of J "
                "where no search direction leads down, and that proves nothing"
            )

    def _newton(self, members: np.ndarray, u: Array, length: float) -> Array:
        """−(∇²F)⁻¹∇F with J by differences over ``length`` times the size of the step, and ∇²J ⪰ 0 enforced."""
        n, h = len(members), length * self._size(members, u)[:, None]
        e = np.eye(n)
        ahead, behind = (self._group_values(members, u + sign * h * e[:, None, :]) for sign in (1, -1))
        both = self._group_values(members, u + h * (e[:, None] + e)[:, :, None, :])
        h = h[:, 0]
        slope = ((ahead - behind) / (2 * h)).T + u / self.delta - self.w[:, members]
        centre = self._group_values(members, u)
        curvature = np.moveaxis((both - ahead[:, None] - ahead[None] + centre) / h**2, -1, 0)
        sane = np.isfinite(slope).all(axis=-1) & np.isfinite(curvature).all(axis=(-2, -1))
        curvature = np.where(sane[:, None, None], curvature, 0.0)
        values, vectors = np.linalg.eigh((curvature + np.swapaxes(curvature, -1, -2)) / 2)
        along = np.einsum("inv,in->iv", vectors, np.where(sane[:, None], slope, 0.0))
        return -np.einsum("inv,iv->in", vectors, along / (np.maximum(values, 0) + 1 / self.delta))

    def _instances(self, rows: np.ndarray) -> ValueSearch:
        return ValueSearch(self.net, self.theta[rows], self.w[rows], self.base[rows])

    def _size(self, members: np.ndarray, u: Array) -> Array:
        """The scale of a group: how far its argmin may be from 0."""
        return np.linalg.norm(u, axis=-1) + self.delta * np.linalg.norm(self.w[:, members], axis=-1) + 1e-300

    def _descends(self, members: np.ndarray, u: Array, lowest: Array, directions: Array) -> np.ndarray:
        """Whether F falls below its lowest value at a probe along ± any direction, (instances,)."""
        lengths = np.asarray([sign * length for length in _PROBE_LENGTHS for sign in (-1, 1)])
        rays = np.concatenate([np.broadcast_to(directions[:, None, :], (len(directions), *u.shape)), _unit(u)[None]])
        moves = lengths[:, None, None, None] * self._size(members, u)[:, None] * rays
        below = self._f(members, u + moves) < lowest - self._noise(members, u)
        return np.asarray(below.any(axis=(0, 1)), dtype=bool)

    def _along(self, members: np.ndarray, u: Array, direction: Array) -> Array:
        def j(t: Array) -> Array:
            return self._group_values(members, u + t[..., None] * direction)

        b = ((self.w[:, members] - u / self.delta) * direction).sum(axis=-1)
        t = line_argmin(j, (direction * direction).sum(axis=-1) / self.delta, b)
        return u + t[:, None] * direction

    def _better(self, members: np.ndarray, best: Array, lowest: Array, u: Array) -> tuple[Array, Array, Array]:
        """The better of two points, its F, and by how much F fell."""
        f = self._f(members, u)
        better = f < lowest
        return np.where(better[:, None], u, best), np.where(better, f, lowest), np.where(better, lowest - f, 0.0)

    def _f(self, members: np.ndarray, u: Array) -> Array:
        """F, shape (..., instances, n) → (..., instances)."""
        return self._group_values(members, u) + (u * (u / (2 * self.delta) - self.w[:, members])).sum(axis=-1)

    def _noise(self, members: np.ndarray, u: Array) -> Array:
        """The size of the rounding of F at u."""
        terms = abs(u) * (abs(u) / self.delta + abs(self.w[:, members]))
        return 64 * _EPS * (np.abs(self._group_values(members, u)) + terms.sum(axis=-1))

    def _group_values(self, members: np.ndarray, u: Array) -> Array:
        points = np.broadcast_to(self.base, (*u.shape[:-1], self.base.shape[-1])).copy()
        points[..., members] = u
        return self._values(points)

    def _values(self, points: Array) -> Array:
        return np.where(self.net.regularizer.in_domain(points), self.net.regularizer.value(points), np.inf)


def _adapted_lines(w: Array) -> Iterator[list[Array]]:
    """Sets of orthonormal directions, each (instances, n): w itself, and its singular frames in every matrix shape."""
    n = w.shape[-1]
    yield [_unit(w)]
    for rows in range(2, n // 2 + 1):
        if n % rows == 0:
            left, _, right = np.linalg.svd(w.reshape(-1, rows, n // rows), full_matrices=False)
            yield [(left[:, :, r, None] * right[:, r, None, :]).reshape(w.shape) for r in range(left.shape[-1])]


def _unit(x: Array) -> Array:
    """x/‖x‖, and the first unit vector for x = 0."""
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.where(size > 0, x / np.where(size > 0, size, 1.0), np.eye(x.shape[-1])[0])
