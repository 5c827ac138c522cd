"""Partitions of the coordinates into groups, and the restrictions that select whole groups (lunk2026, section 3).

symbol | here                       | meaning
-------|----------------------------|------------------------------------------------------------------
G      | `Groups`                   | a partition of the coordinates 0 … d−1; groups may be empty
R      | `Restriction.restrict`     | rows are unit vectors: keep the coordinates of the selected groups
P = Rᵀ | `Restriction.prolong`      | the same coordinates in ℝᵈ, zeros elsewhere
P· + (I − PR)θ | `Restriction.embed` | replace the selected coordinates of θ, keep the frozen ones

All of them are index maps; no matrix is ever formed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from .arrays import Array, check_vector, exact, int_list, is_exact, namespace, total


@dataclass(frozen=True)
class Groups:
    """A partition of the coordinates: ``labels[i]`` is the group of coordinate i, ``count`` the number of groups.

    Use `singletons`, `whole`, `of`, `of_sizes`, `rows`, `columns` or `kernels` rather than the labels themselves.
    """

    labels: tuple[int, ...]
    count: int

    def __post_init__(self) -> None:
        outside = [label for label in self.labels if not 0 <= label < self.count]
        if outside:
            raise ValueError(f"labels must be groups 0 … {self.count - 1}, got {outside[0]}")

    @staticmethod
    def singletons(dimension: int) -> Groups:
        """Every coordinate is a group of its own."""
        return Groups(tuple(range(dimension)), dimension)

    @staticmethod
    def whole(dimension: int) -> Groups:
        """One group with all coordinates."""
        return Groups((0,) * dimension, 1)

    @staticmethod
    def of(members: Iterable[Sequence[int]], dimension: int) -> Groups:
        """The partition with the given groups: each coordinate 0 … d−1 must be in exactly one of them."""
        lists = [int_list(group) for group in members]
        labels = [-1] * dimension
        for label, group in enumerate(lists):
            for coordinate in group:
                if not 0 <= coordinate < dimension:
                    raise ValueError(f"groups: coordinate {coordinate} is outside 0 … {dimension - 1} (group {label})")
                if labels[coordinate] >= 0:
                    raise ValueError(
                        f"groups must be disjoint: coordinate {coordinate} is in group {labels[coordinate]} "
                        f"and in group {label} of {lists}"
                    )
                labels[coordinate] = label
        gaps = [coordinate for coordinate, label in enumerate(labels) if label < 0]
        if gaps:
            raise ValueError(f"groups must cover 0 … {dimension - 1}: coordinates {gaps} are in no group of {lists}")
        return Groups(tuple(labels), len(lists))

    @staticmethod
    def of_sizes(sizes: Sequence[int]) -> Groups:
        """Consecutive groups with the given sizes; a size may be 0."""
        if any(size < 0 for size in sizes):
            raise ValueError(f"sizes must be ≥ 0, got {list(sizes)}")
        return Groups(tuple(label for label, size in enumerate(sizes) for _ in range(size)), len(sizes))

    @staticmethod
    def rows(shape: tuple[int, int]) -> Groups:
        """The rows of a matrix that is flattened in C order."""
        return Groups.of_sizes([shape[1]] * shape[0])

    @staticmethod
    def columns(shape: tuple[int, int]) -> Groups:
        """The columns of a matrix that is flattened in C order."""
        return Groups(tuple(range(shape[1])) * shape[0], shape[1])

    @staticmethod
    def kernels(shape: tuple[int, int, int, int]) -> Groups:
        """The kernels K_{ij} of a convolution weight (out, in, height, width) flattened in C order."""
        return Groups.of_sizes([prod(shape[2:])] * (shape[0] * shape[1]))

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.labels)

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The coordinates of each group, in increasing order."""
        lists: list[list[int]] = [[] for _ in range(self.count)]
        for coordinate, label in enumerate(self.labels):
            lists[label].append(coordinate)
        return tuple(map(tuple, lists))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """n_g for each group."""
        return tuple(len(group) for group in self.members)

    @cached_property
    def _gather(self) -> tuple[np.ndarray, np.ndarray]:
        """Members padded to a rectangle (groups, largest size), and the mask of the entries that are not padding."""
        width = max(self.sizes, default=0)
        index = np.zeros((self.count, width), dtype=np.int64)
        mask = np.zeros((self.count, width), dtype=np.int64)
        for label, group in enumerate(self.members):
            index[label, : len(group)] = group
            mask[label, : len(group)] = 1
        return index, mask

    def blocks(self, x: Array) -> Array:
        """x as zero-padded blocks, shape ``(..., d) → (..., groups, largest size)``."""
        check_vector("x", x, self.dimension)
        xp = namespace(x)
        index, mask = self._gather
        if index.size == 0:
            return xp.reshape(0 * x[..., :0], (*x.shape[:-1], *index.shape))
        taken = xp.reshape(_take(x, index.ravel()), (*x.shape[:-1], *index.shape))
        return xp.where(xp.asarray(mask, device=_device(x)) == 1, taken, 0 * taken)

    def sums(self, x: Array) -> Array:
        """Σ_{i in g} xᵢ for each group, shape ``(..., d) → (..., groups)``."""
        return total(self.blocks(x))

    def spread(self, values: Array) -> Array:
        """One value per group handed to all of its coordinates, shape ``(..., groups) → (..., d)``."""
        check_vector("values", values, self.count)
        return _take(values, np.asarray(self.labels, dtype=np.int64))

    def is_refined_by(self, finer: Groups) -> bool:
        """True when each group of ``finer`` lies inside one group of this partition."""
        return finer.dimension == self.dimension and all(
            len({self.labels[coordinate] for coordinate in group}) <= 1 for group in finer.members
        )


@dataclass(frozen=True)
class Restriction:
    """R and P = Rᵀ for a selection of whole groups; ``selected`` are group labels in increasing order."""

    groups: Groups
    selected: tuple[int, ...]

    def __post_init__(self) -> None:
        if list(self.selected) != sorted(set(self.selected)):
            raise ValueError(f"selected must be increasing without repetition, got {list(self.selected)}")
        outside = [label for label in self.selected if not 0 <= label < self.groups.count]
        if outside:
            raise ValueError(f"selected must be groups 0 … {self.groups.count - 1}, got {outside[0]}")

    @staticmethod
    def to_support(groups: Groups, theta: Array) -> Restriction:
        """The paper's choice: the groups with θ_g ≠ 0, for one θ of shape (d,)."""
        check_vector("theta", theta, groups.dimension)
        if theta.ndim != 1:
            raise ValueError(f"theta must be one vector (d,): each instance has its own support, got {theta.shape}")
        return Restriction(groups, tuple(sorted({groups.labels[i] for i in range(groups.dimension) if theta[i] != 0})))

    @staticmethod
    def to_coordinates(groups: Groups, coordinates: Iterable[int]) -> Restriction:
        """The restriction that keeps exactly these coordinates; they must make up whole groups."""
        chosen = set(int_list(coordinates))
        labels = {groups.labels[coordinate] for coordinate in chosen}
        for label in sorted(labels):
            missing = set(groups.members[label]) - chosen
            if missing:
                raise ValueError(
                    f"coordinates must be whole groups: group {label} = {list(groups.members[label])} is split, "
                    f"{sorted(missing)} is missing from {sorted(chosen)}"
                )
        return Restriction(groups, tuple(sorted(labels)))

    @cached_property
    def indices(self) -> np.ndarray:
        """The selected coordinates in increasing order: R picks them."""
        chosen = set(self.selected)
        return np.asarray([i for i, label in enumerate(self.groups.labels) if label in chosen], dtype=np.int64)

    @property
    def dimension(self) -> int:
        """d, of the fine level."""
        return self.groups.dimension

    @property
    def coarse_dimension(self) -> int:
        """d̂, of the coarse level."""
        return len(self.indices)

    @cached_property
    def coarse_groups(self) -> Groups:
        """The selected groups as a partition of the coarse coordinates."""
        rank = {label: position for position, label in enumerate(self.selected)}
        return Groups(tuple(rank[self.groups.labels[i]] for i in self.indices), len(self.selected))

    @property
    def complement(self) -> Restriction:
        """The restriction to the groups that this one does not select."""
        return Restriction(self.groups, tuple(g for g in range(self.groups.count) if g not in set(self.selected)))

    @cached_property
    def _embedding(self) -> np.ndarray:
        """Where each fine coordinate comes from in the concatenation (fine vector, coarse vector)."""
        source = np.arange(self.dimension, dtype=np.int64)
        source[self.indices] = self.dimension + np.arange(self.coarse_dimension)
        return source

    def restrict(self, x: Array) -> Array:
        """Rx, shape ``(..., d) → (..., d̂)``."""
        return _take(check_vector("x", x, self.dimension), self.indices)

    def prolong(self, coarse: Array) -> Array:
        """Px̂, shape ``(..., d̂) → (..., d)``."""
        check_vector("coarse", coarse, self.coarse_dimension)
        shape = (*coarse.shape[:-1], self.dimension)
        if is_exact(coarse):
            return self.embed(coarse, exact(np.zeros(shape)))
        return self.embed(coarse, namespace(coarse).zeros(shape, dtype=coarse.dtype, device=_device(coarse)))

    def embed(self, coarse: Array, fine: Array) -> Array:
        """Px̂ + (I − PR)x: the coarse vector in its coordinates, the fine one in the others."""
        check_vector("coarse", coarse, self.coarse_dimension)
        check_vector("fine", fine, self.dimension)
        xp = namespace(coarse, fine)
        batch = np.broadcast_shapes(tuple(coarse.shape[:-1]), tuple(fine.shape[:-1]))
        both = [xp.broadcast_to(part, (*batch, part.shape[-1])) for part in (fine, coarse)]
        return _take(xp.concat(both, axis=-1), self._embedding)


def _device(x: Array) -> object:
    return None if isinstance(x, np.ndarray) else x.device


def _take(x: Array, indices: np.ndarray) -> Array:
    if isinstance(x, np.ndarray):
        return x[..., indices]
    xp = namespace(x)
    return xp.take(x, xp.asarray(indices, device=x.device), axis=-1)
