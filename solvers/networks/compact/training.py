"""Coarse phases of `MultilevelLinBreg` and `MultilevelAdaBreg` in a physically smaller dense network, on any device.

    for x, y in loader:
        with compact_compute(model, optimizer):
            loss = criterion(model(x), y)
            loss.backward()
        optimizer.step()

step             | forward, gradients of activations                           | gradients of weights
-----------------|-------------------------------------------------------------|----------------------------------------
coarse           | without the filters, rows and channels that are frozen at 0 | of the parts that are left, 0 elsewhere
first of a phase | the same, where `mlbreg.solvers.optim.phases` knows that it will be coarse       | the same
fine             | the model as it is                                          | all

For `GroupL2` with filters or rows as groups; single frozen weights make nothing smaller (`mlbreg.solvers.sparse_cpu` is for them).
The optimizer reads the same numbers as without this context, up to rounding: in a coarse step it does not look at the rest.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from ...optim.multilevel import MultilevelOptimizer
from ...optim.phases import coarse_masks
from .network import CoarseNetwork

_RUNNING: weakref.WeakKeyDictionary[MultilevelOptimizer, dict[int, CoarseNetwork]] = weakref.WeakKeyDictionary()


@contextmanager
def compact_compute(model: nn.Module, optimizer: MultilevelOptimizer) -> Iterator[CoarseNetwork]:
    """Inside, ``model(…)`` computes as the table above says; see `network` for what differs from the model as it is.

    Gradients that are read inside or after it, rather than by the optimizer, are 0 in coarse steps where weights were left out.
    Hooks on the model itself run as always; modules inside that have hooks are called with all their channels.
    Raises a `TypeError` for an optimizer that is not a multilevel one, a `RuntimeError` when the model is in here already.
    """
    if not isinstance(optimizer, MultilevelOptimizer):
        raise TypeError(f"optimizer must be MultilevelLinBreg or MultilevelAdaBreg, got {type(optimizer).__name__}")
    if isinstance(model.__dict__.get("forward"), CoarseNetwork):
        raise RuntimeError("compact_compute must not be used inside compact_compute of the same model")
    running = _RUNNING.setdefault(optimizer, {})
    network = running.get(id(model))
    if network is None or network.model is not model:
        network = running[id(model)] = CoarseNetwork(model)
    masks = coarse_masks(optimizer)
    if masks is not None and "forward" in model.__dict__:
        network.notice("its forward is not that of its class")
        masks = None
    if masks is None:
        yield network
        return
    network.select(masks)
    model.__dict__["forward"] = network
    try:
        yield network
    finally:
        del model.__dict__["forward"]
