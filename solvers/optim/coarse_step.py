"""A coarse step of `multilevel` for the parameters of a group: the update moves the selected entries and nothing else.

It takes the update on compact copies of the selected entries and writes them back. Where the regularizer does not say how it
acts on them alone (`ParameterRegularizer.restricted`), and for a parameter that lies on several processes, the update is
taken on the whole parameter, and the rest is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from .base import Batch, takes_lists
from .distributed_tensors import is_distributed
from .gradients import gradient_for_update
from .regularizers import from_group
from .selected_entries import SelectedEntries

Update = Callable[[dict[str, Any], Batch], None]


class _Known(NamedTuple):
    """Where the entries lie that a mask selects, cut by a layout."""

    mask: Tensor | None
    layout: str
    entries: SelectedEntries | None


@final
class SelectionPlaces:
    """Where the selections of a phase lie, by parameter; found from ``selected`` in the state when they are asked for first."""

    def __init__(self) -> None:
        self._known: dict[Tensor, _Known] = {}

    def of(self, theta: Tensor, state: dict[str, Any], layout: str) -> SelectedEntries | None:
        """None where the groups of the selection are none of the layout, or lie on several processes."""
        if is_distributed(theta):
            return None
        mask = state.get("selected")
        known = self._known.get(theta)
        if known is None or known.mask is not mask or known.layout != layout:
            # A parameter without a mask came after the phase began: all of it is frozen.
            entries = SelectedEntries.none(theta, layout) if mask is None else SelectedEntries.of(mask, layout)
            known = self._known[theta] = _Known(mask, layout, entries)
        return known.entries


@final
class _CompactCopy:
    """The selected entries of θ, its gradient and its state: matrices with one group in each row."""

    def __init__(self, entries: SelectedEntries, theta: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        assert theta.grad is not None
        self.entries = entries
        self.moving = {name: value for name, value in state.items() if _moves(name, value, theta)}
        self.whole_theta = theta
        # The update reads θ for weight decay alone.
        self.theta = entries.gather(theta) if group["weight_decay"] else theta.new_zeros(entries.matrix_shape)
        self.gradient = gradient_for_update(self.theta, entries.gather(theta.grad), group)
        copies = {name: entries.gather(value) for name, value in self.moving.items()}
        self.state = {**{name: value for name, value in state.items() if name != "selected"}, **copies}

    def write_back(self) -> None:
        self.entries.scatter_(self.whole_theta, self.theta)
        for name, value in self.moving.items():
            self.entries.scatter_(value, self.state[name])


def step_selected(
    group: dict[str, Any], thetas: list[Tensor], states: list[dict[str, Any]], places: SelectionPlaces, update: Update
) -> list[Tensor]:
    """Step those of the parameters for which compact copies will do; returns the others."""
    restricted = from_group(group).restricted()
    if restricted is None:
        return thetas
    regularizer, layout = restricted
    copies, others = [], []
    for theta, state in zip(thetas, states, strict=True):
        entries = places.of(theta, state, layout)
        if entries is None:
            others.append(theta)
        else:
            copies.append(_CompactCopy(entries, theta, state, group))
    if copies:
        compact = [copy.theta for copy in copies]
        gradients = [copy.gradient for copy in copies]
        foreach = takes_lists(group, compact)
        update(group, Batch(compact, gradients, [copy.state for copy in copies], regularizer, foreach))
        for copy in copies:
            copy.write_back()
    return others


def step_whole(group: dict[str, Any], batch: Batch, update: Update) -> None:
    """Step the parameters of a batch, and put back what is not selected."""
    masks = [
        state.get("selected", torch.zeros_like(theta, dtype=torch.bool))
        for theta, state in zip(batch.thetas, batch.states, strict=True)
    ]
    moving = [
        [theta, *(value for name, value in state.items() if _moves(name, value, theta))]
        for theta, state in zip(batch.thetas, batch.states, strict=True)
    ]
    before = [[x.clone() for x in tensors] for tensors in moving]
    update(group, batch)
    for mask, tensors, olds in zip(masks, moving, before, strict=True):
        for x, old in zip(tensors, olds, strict=True):
            x.copy_(torch.where(mask, x, old))


def _moves(name: str, value: Any, theta: Tensor) -> bool:
    return name not in ("selected", "step") and isinstance(value, Tensor) and value.shape == theta.shape
