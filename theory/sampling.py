"""Random problems and batches of points in floating point: the fast counterpart of `mlbreg.theory.strategies`.

One problem is drawn at a time; points, pairs, step sizes and noise come as a batch of shape (count, …). The draws favour
what breaks claims: zero groups, subgradients on the boundary of their set, widely different scales, small dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.random import Generator

from .arrays import Array
from .elastic_net import ElasticNet, PrimalDual
from .groups import Groups, Restriction
from .losses import FiniteSum, Huber, LeastSquares, LogCosh, Logistic, Loss, Quadratic, Quartic, SineQuadratic
from .problems import Problem
from .regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, Regularizer, WeightedL1, Zero


def _data(rng: Generator, dimension: int, *, tall: bool | None = None) -> tuple[Array, Array]:
    rows = int(rng.integers(1, 2 * dimension + 2))
    if tall is not None:
        rows = dimension + int(rng.integers(0, 3)) if tall else int(rng.integers(1, dimension + 1))
    return rng.normal(size=(rows, dimension)) * _scale(rng), rng.normal(size=rows) * _scale(rng)


def _scale(rng: Generator, decades: float = 1.0) -> float:
    return float(10 ** rng.uniform(-decades, decades))


def _logistic(rng: Generator, dimension: int) -> Loss:
    matrix, _ = _data(rng, dimension, tall=True)
    labels = np.where(rng.random(len(matrix)) < 0.5, -1.0, 1.0)
    return Logistic(matrix, labels, ridge=0.1 * _scale(rng))


def _sine(rng: Generator, dimension: int) -> Loss:
    matrix, target = _data(rng, dimension, tall=False)
    return SineQuadratic(matrix, target)


#: Loss kinds by name; those of `SMOOTH` have a Lipschitz gradient.
LOSSES: Mapping[str, Callable[[Generator, int], Loss]] = {
    "quadratic": lambda rng, d: Quadratic(
        np.abs(rng.normal(size=d)) * (rng.random(d) < 0.8) * _scale(rng), rng.normal(size=d)
    ),
    "least_squares": lambda rng, d: LeastSquares(*_data(rng, d)),
    "finite_sum": lambda rng, d: FiniteSum.least_squares(*_data(rng, d)),
    "logistic": _logistic,
    "huber": lambda rng, d: Huber(*_data(rng, d), _scale(rng)),
    "log_cosh": lambda rng, d: LogCosh(*_data(rng, d)),
    "sine_quadratic": _sine,
    "quartic": lambda rng, d: Quartic(np.abs(rng.normal(size=d)) + 0.1),
}
SMOOTH = tuple(kind for kind in LOSSES if kind != "quartic")

#: Regularizer kinds by name.
REGULARIZERS = ("zero", "l1", "weighted_l1", "group_l2", "box", "nonnegative", "nuclear", "mixture")


def groups(rng: Generator, dimension: int) -> Groups:
    """Any partition of 0 … d−1."""
    labels = rng.integers(0, int(rng.integers(1, dimension + 1)), size=dimension)
    _, dense = np.unique(labels, return_inverse=True)
    return Groups(tuple(int(label) for label in dense), int(dense.max()) + 1)


def restriction(rng: Generator, partition: Groups) -> Restriction:
    """Any selection of whole groups, the empty and the full one included."""
    keep = rng.random(partition.count) < rng.choice([0.0, 0.3, 0.5, 0.8, 1.0], p=[0.05, 0.3, 0.3, 0.3, 0.05])
    return Restriction(partition, tuple(int(g) for g in np.flatnonzero(keep)))


def regularizer(rng: Generator, partition: Groups, kinds: Collection[str] = REGULARIZERS) -> Regularizer:
    """A regularizer that is separable over the groups, of one of the given kinds."""
    kind = rng.choice(list(kinds))
    lam = 0.5 * _scale(rng)
    if kind == "l1":
        return L1(lam)
    if kind == "weighted_l1":
        return WeightedL1(
            list(lam * np.abs(rng.normal(size=partition.dimension)) * (rng.random(partition.dimension) < 0.9))
        )
    if kind == "group_l2":
        return GroupL2(lam, partition)
    if kind == "box":
        return Box(-lam, float(rng.uniform(0, 2)))
    if kind == "nonnegative":
        return NonNegative()
    if kind == "nuclear" and partition.count == 1:
        rows = int(rng.choice([r for r in range(1, partition.dimension + 1) if partition.dimension % r == 0]))
        return Nuclear(lam, (rows, partition.dimension // rows))
    if kind in ("mixture", "nuclear"):
        return Mixture(partition, [_part(rng, size, nuclear=kind == "nuclear") for size in partition.sizes])
    if kind == "zero":
        return Zero()
    raise ValueError(f"kinds must be some of {list(REGULARIZERS)}, got {str(kind)!r}")


def _part(rng: Generator, size: int, *, nuclear: bool) -> Regularizer:
    kinds = ["nuclear"] if nuclear else ["zero", "l1", "group_l2", "box", "nonnegative"]
    return regularizer(rng, Groups.whole(size), kinds)


def problem(
    rng: Generator,
    loss_kinds: Collection[str] = SMOOTH,
    regularizer_kinds: Collection[str] = REGULARIZERS,
    max_dimension: int = 6,
) -> Problem:
    """A whole problem with d between 1 and ``max_dimension``."""
    unknown = [kind for kind in loss_kinds if kind not in LOSSES]
    if unknown or not loss_kinds:
        raise ValueError(f"loss_kinds must be some of {list(LOSSES)}, got {list(loss_kinds)}")
    dimension = int(rng.integers(1, max_dimension + 1))
    partition = groups(rng, dimension)
    loss = LOSSES[str(rng.choice(list(loss_kinds)))](rng, dimension)
    return Problem(loss, regularizer(rng, partition, regularizer_kinds), _scale(rng), partition)


def points(rng: Generator, count: int, regularizer: Regularizer, dimension: int) -> Array:
    """θ ∈ dom J, shape (count, d); whole groups are zero in about half of the instances, matrices have low rank in some."""
    partition = regularizer.separable_groups(dimension)
    theta = rng.normal(size=(count, dimension)) * 10 ** rng.uniform(-1.5, 1.5, size=(count, 1))
    zero = rng.random((count, partition.count)) < rng.choice([0.0, 0.3, 0.7], size=(count, 1))
    theta = np.where(partition.spread(zero), 0.0, theta)
    shrunk = regularizer.prox(theta, _scale(rng))
    keep = regularizer.in_domain(theta) & (rng.random(count) < 0.7)
    return np.where(keep[:, None], theta, shrunk)


def primal_dual_pairs(rng: Generator, count: int, net: ElasticNet, dimension: int) -> PrimalDual:
    """(θ, v), both (count, d), with v anywhere in ∂J_δ(θ): inside the set and on its boundary."""
    theta = points(rng, count, net.regularizer, dimension)
    direction = rng.normal(size=(count, dimension)) * 10 ** rng.uniform(-2, 2, size=(count, 1))
    return net.pair(theta, direction)


def step_sizes(rng: Generator, count: int, limit: float, at_most: float = 1.0) -> Array:
    """τ ∈ (0, at_most·limit], shape (count,); the end point itself in a fifth of the instances."""
    share = np.where(rng.random(count) < 0.5, rng.random(count), 10 ** rng.uniform(-3, 0, size=count))
    share = np.where(rng.random(count) < 0.2, 1.0, np.clip(share, 1e-6, 1.0))
    return share * at_most * limit


def noise(rng: Generator, count: int, dimension: int, outcomes: int = 2) -> Array:
    """Equally likely noise vectors with mean zero, shape (count, outcomes, d)."""
    raw = rng.normal(size=(count, outcomes, dimension)) * 10 ** rng.uniform(-1.5, 1.0, size=(count, 1, 1))
    return raw - raw.mean(axis=1, keepdims=True)
