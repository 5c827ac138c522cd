"""Coarse phases of `MultilevelLinBreg` and `MultilevelAdaBreg` that compute with the selected weights alone.

    for x, y in loader:
        with sparse_compute(model, optimizer):
            loss = criterion(model(x), y)
            loss.backward()
        optimizer.step()

step               | forward, gradients of activations                                | gradients of weights
-------------------|------------------------------------------------------------------|------------------------------------
coarse             | sparse                                                           | of the selected entries, 0 elsewhere
first of a phase   | sparse, where it is known beforehand that it will be coarse      | the same
fine               | sparse with the plans there are, if they cover the weights; else dense | all

Whether a cycle begins with a coarse step is known for the criteria `Always`, `EveryKth` and `Never`; the others look at the
whole gradient. What will be selected is known for the selection `support`; another one may not be asked twice. So the
optimizer reads the same numbers as without this context, up to rounding: in a coarse step it does not look at the rest.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from ..criteria import Always, EveryKth, Never, View
from ..optim.multilevel import MultilevelOptimizer, support
from ..optim.regularizers import from_group
from .network import BREAK_EVEN, SparseNetwork


@final
class _Phases:
    """The sparse network of one model, and for which phase of its optimizer the patterns were made."""

    def __init__(self, model: nn.Module, break_even: float) -> None:
        self.network = SparseNetwork(model, break_even)
        self.has_patterns = False
        self.cycle = -1
        self.masks: dict[Tensor, Tensor] = {}

    def prepare(self, optimizer: MultilevelOptimizer) -> bool:
        """Make the network ready for the next step; whether it is to be used."""
        lead, network = optimizer.param_groups[0], self.network
        own = {theta for group in optimizer.param_groups for theta in group["params"]}
        # Somebody else's parameters may be moved outside the pattern.
        network.dense_gradients = frozenset(p for p in network.model.parameters() if p not in own)
        if optimizer.in_coarse_phase:
            self._follow(optimizer, lead["cycle"])
        elif _begins_coarsely(optimizer):
            if self.cycle != lead["cycle"] or not self._is_support(optimizer):
                self._select(_support(optimizer), lead["cycle"])
        else:
            network.dense_gradients = True
            return self.has_patterns and network.is_covered()
        return True

    def _follow(self, optimizer: MultilevelOptimizer, cycle: int) -> None:
        """The patterns of the masks that the optimizer has chosen, which are those of the first step, or new."""
        masks = {theta: state["selected"] for theta, state in optimizer.state.items() if "selected" in state}
        known = self.cycle == cycle and masks.keys() == self.masks.keys()
        if known and all(masks[theta] is self.masks[theta] for theta in masks):
            return
        if known and all(torch.equal(masks[theta], self.masks[theta]) for theta in masks):
            self.masks = masks  # equal, and next time the same
            return
        self._select(masks, cycle)

    def _is_support(self, optimizer: MultilevelOptimizer) -> bool:
        masks = _support(optimizer)
        return masks.keys() == self.masks.keys() and all(torch.equal(masks[p], self.masks[p]) for p in masks)

    def _select(self, masks: dict[Tensor, Tensor], cycle: int) -> None:
        inside = set(self.network.model.parameters())
        self.network.refresh({theta: mask for theta, mask in masks.items() if theta in inside})
        self.masks, self.cycle, self.has_patterns = masks, cycle, True


def _begins_coarsely(optimizer: MultilevelOptimizer) -> bool:
    lead = optimizer.param_groups[0]
    if lead["position"] > 0 or lead["coarse_steps"] == 0 or optimizer.selection is not support:
        return False
    if not isinstance(optimizer.criterion, Always | EveryKth | Never):
        return False
    decision, _ = optimizer.criterion.decide(None, View(lead["cycle"], np.zeros(1), None, None))
    return bool(decision)


def _support(optimizer: MultilevelOptimizer) -> dict[Tensor, Tensor]:
    return {
        theta: from_group(group).support(theta.detach())
        for group in optimizer.param_groups
        for theta in group["params"]
    }


_RUNNING: weakref.WeakKeyDictionary[MultilevelOptimizer, dict[int, _Phases]] = weakref.WeakKeyDictionary()


@contextmanager
def sparse_compute(
    model: nn.Module, optimizer: MultilevelOptimizer, break_even: float = BREAK_EVEN
) -> Iterator[SparseNetwork]:
    """Inside, ``model(…)`` computes as the table above says. ``break_even``: see `network`.

    Gradients that are read inside or after it, rather than by the optimizer, are 0 outside the selection in coarse steps.
    Raises a `TypeError` for an optimizer that is not a multilevel one, a `RuntimeError` when the model is in here already.
    """
    if not isinstance(optimizer, MultilevelOptimizer):
        raise TypeError(f"optimizer must be MultilevelLinBreg or MultilevelAdaBreg, got {type(optimizer).__name__}")
    running = _RUNNING.setdefault(optimizer, {})
    phases = running.get(id(model))
    if phases is None or phases.network.model is not model or phases.network.break_even != break_even:
        phases = running[id(model)] = _Phases(model, break_even)
    network = phases.network
    if isinstance(model.__dict__.get("forward"), SparseNetwork):
        raise RuntimeError("sparse_compute must not be used inside sparse_compute of the same model")
    if not phases.prepare(optimizer) or "forward" in model.__dict__:
        yield network
        return
    model.__dict__["forward"] = network
    try:
        yield network
    finally:
        del model.__dict__["forward"]
