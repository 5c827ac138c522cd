"""The selected entries of a parameter as compact copies, with which a coarse step of `multilevel` computes.

A selection takes whole groups, which all have the same size: its entries make a matrix with one group in each row, whatever
the layout. `SelectedEntries` gathers such a matrix from θ, v, the moments and the gradient, and writes it back in place;
nothing as large as the parameter is made. What is kept is one int64 for each group that lies in one piece, or for each entry.

what is read      | how
------------------|---------------------------------------------------------------------------------------------
a strided tensor  | at its offsets in memory, so any strides will do
a sparse gradient | its values as they stand, where its indices are the selected positions in their order; else each
                  | selected entry is looked up: entries that it lacks are 0, those outside the selection are ignored

The indices of a sparse gradient are compared once, and known again by where they lie in memory: a gradient that keeps its
tensor of indices must not have it written to while a phase lasts.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from .layouts import axes, group_size, split


class _Lookup(NamedTuple):
    """Where the values of a sparse gradient stand that are selected."""

    indices: Tensor
    order: Tensor | None
    """The place of each selected entry among the values; None: they are the values."""
    absent: Tensor | None
    """The selected entries that the gradient lacks; None: it has them all."""

    def is_for(self, indices: Tensor) -> bool:
        known = self.indices
        # It is held here, so nothing else can have come to lie there.
        return (known.data_ptr(), known.shape, known.stride()) == (indices.data_ptr(), indices.shape, indices.stride())


class _Places(NamedTuple):
    """Where the selection lies in the memory of a tensor: these ``rows`` of it, seen with this shape and these strides."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    rows: Tensor


@final
class SelectedEntries:
    """n groups of a parameter of this shape. ``groups`` has their numbers, in the C order of the axes that no group spans."""

    def __init__(self, shape: tuple[int, ...], layout: str, groups: Tensor) -> None:
        self.shape, self.layout, self.groups = shape, layout, groups
        self.size = group_size(layout, shape)
        self.matrix_shape = (len(groups), self.size)
        self._places: dict[tuple[int, ...], _Places] = {}
        self._lookup: _Lookup | None = None

    @classmethod
    def of(cls, mask: Tensor, layout: str) -> SelectedEntries | None:
        """The groups in a bool mask; None where it splits one."""
        view = split(layout, mask)
        spanned = axes(layout, view.dim())
        chosen = view.any(spanned) if spanned else view
        found = cls(tuple(mask.shape), layout, chosen.reshape(-1).nonzero().squeeze(1))
        return found if len(found.groups) * found.size == int(mask.count_nonzero()) else None

    @classmethod
    def none(cls, theta: Tensor, layout: str) -> SelectedEntries:
        """No group of θ."""
        return cls(tuple(theta.shape), layout, torch.zeros(0, dtype=torch.int64, device=theta.device))

    def gather(self, x: Tensor) -> Tensor:
        """The selected entries of x, of shape (n, size of a group): a new tensor, or the values of a sparse x as they stand."""
        if x.layout == torch.sparse_coo:
            return self._gather_sparse(x)
        places = self._places_in(x)
        return x.as_strided(places.shape, places.strides).index_select(0, places.rows).view(self.matrix_shape)

    def scatter_(self, x: Tensor, values: Tensor) -> None:
        """Write the selected entries of x, in place."""
        places = self._places_in(x)
        memory = x.as_strided(places.shape, places.strides)
        if memory.dim() == 1:
            memory.scatter_(0, places.rows, values.reshape(-1))  # much faster than index_copy_ for single entries
        else:
            memory.index_copy_(0, places.rows, values)

    def _places_in(self, x: Tensor) -> _Places:
        if x.stride() not in self._places:
            kept, spanned = _runs(self.layout, x)
            if len(kept) <= 1 and len(spanned) == 1 and spanned[0][1] == 1:  # groups in one piece, at equal distances
                count, step = kept[0] if kept else (1, self.size)
                self._places[x.stride()] = _Places((count, self.size), (step, 1), self.groups)
            else:
                last = sum((length - 1) * stride for length, stride in zip(x.shape, x.stride(), strict=True))
                extent = last + 1 if x.numel() else 0
                self._places[x.stride()] = _Places((extent,), (1,), self._offsets(kept, spanned))
        return self._places[x.stride()]

    @cached_property
    def _positions(self) -> Tensor:
        """Where the entries stand in the parameter flattened in C order."""
        return self._offsets(*_runs(self.layout, torch.empty(self.shape, device="meta")))

    def _offsets(self, kept: list[tuple[int, int]], spanned: list[tuple[int, int]]) -> Tensor:
        at = _offsets(self.groups, kept)
        if self.size == 1:
            return at
        inside = _offsets(torch.arange(self.size, device=at.device), spanned)
        return (at.unsqueeze(1) + inside).reshape(-1)

    def _gather_sparse(self, gradient: Tensor) -> Tensor:
        indices: Tensor = gradient._indices()
        values = gradient._values().reshape(-1)
        if not values.numel():
            return values.new_zeros(self.matrix_shape)
        if self._lookup is None or not self._lookup.is_for(indices):
            self._lookup = _look_up(indices, positions_of(gradient), self._positions)
        if self._lookup is None:
            # Entries that are there twice, or in disorder: a flag that says they are not is wrong, and not taken over.
            again: Any = torch.sparse_coo_tensor(indices, gradient._values(), self.shape, check_invariants=True)
            return self._gather_sparse(again.coalesce())
        if self._lookup.order is not None:
            values = values.index_select(0, self._lookup.order)
        if self._lookup.absent is not None:
            values = values.masked_fill_(self._lookup.absent, 0)
        return values.view(self.matrix_shape)


def _look_up(indices: Tensor, there: Tensor, wanted: Tensor) -> _Lookup | None:
    """None where the positions that are there do not rise."""
    if torch.equal(there, wanted):
        return _Lookup(indices, None, None)
    if not bool((there[1:] > there[:-1]).all()):
        return None
    order = torch.searchsorted(there, wanted).clamp_(max=len(there) - 1)
    absent = there.index_select(0, order) != wanted
    return _Lookup(indices, order, absent if bool(absent.any()) else None)


def positions_of(gradient: Tensor) -> Tensor:
    """Where the values of a sparse tensor stand in the tensor flattened in C order; its last axes may be dense."""
    indices: Tensor = gradient._indices()
    at = indices.new_zeros(indices.shape[1])
    for length, index in zip(gradient.shape, indices, strict=False):
        at = at * length + index
    inside = math.prod(gradient.shape[gradient.sparse_dim() :])
    return (at.unsqueeze(1) * inside + torch.arange(inside, device=at.device)).reshape(-1) if inside != 1 else at


def _runs(layout: str, x: Tensor) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(length, stride) of the axes that no group spans, and of those that one does, each from the last one on.

    Axes that make one run in memory are one, and those of length 1 none.
    """
    view = split(layout, x)
    inside = axes(layout, view.dim())
    kept: list[tuple[int, int]] = []
    spanned: list[tuple[int, int]] = []
    for axis in reversed(range(view.dim())):
        length, stride = view.shape[axis], view.stride(axis)
        runs = spanned if axis in inside else kept
        if runs and stride == runs[-1][0] * runs[-1][1]:
            runs[-1] = (runs[-1][0] * length, runs[-1][1])
        elif length != 1:
            runs.append((length, stride))
    return kept, spanned


def _offsets(numbers: Tensor, runs: list[tuple[int, int]]) -> Tensor:
    """The offsets in memory of the entries with these numbers in C order."""
    if not runs or not len(numbers):
        return numbers
    total = None
    for length, stride in runs[:-1]:
        part = numbers % length * stride
        total = part if total is None else total.add_(part)
        numbers = numbers // length
    stride = runs[-1][1]
    numbers = numbers if stride == 1 else numbers * stride
    return numbers if total is None else total.add_(numbers)
