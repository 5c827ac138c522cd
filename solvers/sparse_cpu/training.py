"""Coarse phases of `MultilevelLinBreg` and `MultilevelAdaBreg` that compute with the selected weights alone.

    for x, y in loader:
        with sparse_compute(model, optimizer):
            loss = criterion(model(x), y)
            loss.backward()
        optimizer.step()

step               | forward, gradients of activations                                | gradients of weights
-------------------|------------------------------------------------------------------|------------------------------------
coarse             | sparse                                                           | of the selected entries
first of a phase   | sparse, where `mlbreg.solvers.optim.phases` knows that it will be coarse | the same
fine               | sparse with the plans there are, if they cover the weights; else dense | all

So the optimizer reads the same numbers as without this context, up to rounding: in a coarse step it does not look at the rest.
Where numba cannot be imported the model runs as it is, after one warning.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from ..optim.multilevel import MultilevelOptimizer
from ..optim.phases import begins_coarsely, support_masks

if TYPE_CHECKING:
    from .blocks import Storage
    from .network import SparseNetwork


@final
class _Phases:
    """The sparse network of one model, and for which phase of its optimizer the patterns were made."""

    def __init__(self, network: SparseNetwork) -> None:
        self.network = network
        self.has_patterns = False
        self.cycle = -1
        self.masks: dict[Tensor, Tensor] = {}

    def replace(self, network: SparseNetwork) -> None:
        """Go on with another network of the same model, and the patterns of this one."""
        network.restore(self.network.patterns)
        self.network = network

    def prepare(self, optimizer: MultilevelOptimizer) -> bool:
        """Make the network ready for the next step; whether it is to be used."""
        lead, network = optimizer.param_groups[0], self.network
        own = {theta for group in optimizer.param_groups for theta in group["params"]}
        # Somebody else's parameters may be moved outside the pattern.
        network.dense_gradients = frozenset(p for p in network.model.parameters() if p not in own)
        if optimizer.in_coarse_phase:
            self._follow(optimizer, lead["cycle"])
        elif begins_coarsely(optimizer):
            if self.cycle != lead["cycle"] or not self._is_support(optimizer):
                self._select(support_masks(optimizer), lead["cycle"])
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
        masks = support_masks(optimizer)
        return masks.keys() == self.masks.keys() and all(torch.equal(masks[p], self.masks[p]) for p in masks)

    def _select(self, masks: dict[Tensor, Tensor], cycle: int) -> None:
        inside = set(self.network.model.parameters())
        self.network.refresh({theta: mask for theta, mask in masks.items() if theta in inside})
        self.masks, self.cycle, self.has_patterns = masks, cycle, True


_RUNNING: weakref.WeakKeyDictionary[MultilevelOptimizer, dict[int, _Phases]] = weakref.WeakKeyDictionary()
_NOTICED: set[str] = set()


@contextmanager
def sparse_compute(
    model: nn.Module,
    optimizer: MultilevelOptimizer,
    break_even: float | None = None,
    sparse_gradients: bool = False,
    activations: Storage = "float32",
) -> Iterator[SparseNetwork | None]:
    """Inside, ``model(…)`` computes as the table above says; None is given where numba cannot be imported.

    ``break_even``, ``activations``: see `network`. In coarse steps a gradient that is read by anybody but the optimizer is 0
    outside the selection. With ``sparse_gradients`` it is a sparse COO tensor, which takes the memory of the selection alone;
    torch's own ``clip_grad_norm_`` refuses such gradients.

    Raises a `TypeError` for an optimizer that is not a multilevel one, a `ValueError` for settings that `network` does not
    have, a `RuntimeError` when the model is in here already.
    """
    if not isinstance(optimizer, MultilevelOptimizer):
        raise TypeError(f"optimizer must be MultilevelLinBreg or MultilevelAdaBreg, got {type(optimizer).__name__}")
    try:
        from .network import BREAK_EVEN, SparseNetwork
    except ImportError as error:
        _notice(f"the model runs dense: numba, which compiles the sparse kernels, cannot be imported ({error})")
        yield None
        return
    phases = _running(model, optimizer)
    break_even = BREAK_EVEN if break_even is None else break_even
    if phases is None:
        phases = _RUNNING[optimizer][id(model)] = _Phases(SparseNetwork(model, break_even, activations))
    elif (phases.network.break_even, phases.network.activations) != (break_even, activations):
        phases.replace(SparseNetwork(model, break_even, activations))
    network = phases.network
    network.sparse_gradients = sparse_gradients
    network.hide_from_compiler()
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


def kept_patterns(model: nn.Module, optimizer: MultilevelOptimizer) -> dict[str, Tensor]:
    """The bool masks, by the weights' names, with which a fine step computes; empty before the first coarse phase.

    With the states of model and optimizer it is all that a run in a later process needs to go on bit for bit.
    """
    phases = _running(model, optimizer)
    if phases is None or not phases.has_patterns:
        return {}
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[parameter]: mask for parameter, mask in phases.network.patterns.items()}


def restore_patterns(model: nn.Module, optimizer: MultilevelOptimizer, patterns: Mapping[str, Tensor]) -> None:
    """Go on with what `kept_patterns` gave; no numba, no patterns. Raises a `ValueError` for masks of another model."""
    own = dict(model.named_parameters())
    for name, mask in patterns.items():
        if name not in own or own[name].shape != mask.shape or mask.dtype != torch.bool:
            raise ValueError(
                f"patterns must hold bool masks for the weights of the model, got {name!r}: {mask.dtype} {tuple(mask.shape)}"
            )
    try:
        from .network import SparseNetwork
    except ImportError:
        return  # sparse_compute says so
    phases = _RUNNING.setdefault(optimizer, {})[id(model)] = _Phases(SparseNetwork(model))
    phases.network.restore({own[name]: mask for name, mask in patterns.items()})
    phases.has_patterns = bool(patterns)


def _running(model: nn.Module, optimizer: MultilevelOptimizer) -> _Phases | None:
    phases = _RUNNING.setdefault(optimizer, {}).get(id(model))
    return phases if phases is not None and phases.network.model is model else None


def _notice(message: str) -> None:
    if message not in _NOTICED:
        _NOTICED.add(message)
        warnings.warn(message, stacklevel=4)
