"""Who computes a step of a network: zero_grad, forward, loss, backward, in training mode, through autograd.

name                | what it is
--------------------|----------------------------------------------------------------------------------------------
``ours``            | `SparseNetwork`
``ours-bf16``       | the same with activations stored as bfloat16
``dense``           | torch, float32, NCHW, as it comes
``channels-last``   | torch, float32, weights and inputs in channels_last
``bf16``            | torch under autocast to bfloat16, NCHW
``bf16-channels-last`` | the same in channels_last
``compile``         | torch.compile of the model, float32; takes minutes and a C++ compiler in the first round
``masked``          | ``dense``, and the gradient of each weight times the mask of its non-zeros
``sparseprop``      | SparseProp (Nikdan et al. 2023) on ``dense``, where it is installed: see `sparseprop`

A contender lives as long as its network is measured: `Contender.load` gives it the weights of the next pattern.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...solvers.sparse_cpu.blocks import Storage
from ...solvers.sparse_cpu.network import SparseNetwork
from ..networks.catalogue import build
from . import sparseprop
from .batch import RandomBatch
from .patterns import State
from .turns import Parts


class NotAvailableError(Exception):
    """This contender cannot run here; the message says why."""


class Contender(Protocol):
    """Takes steps with the weights that it was given last."""

    @property
    def model(self) -> nn.Module:
        """Whose parameters have the gradients after a step."""

    def load(self, state: State) -> None:
        """Take these weights. Raises a `NotAvailableError`."""

    def step(self) -> Parts:
        """Seconds of ``forward`` (zero_grad and loss included) and ``backward``."""


@final
class Ours:
    """The sparse layers; ``load`` only forgets the patterns: the next step makes them."""

    def __init__(self, network: str, batch: RandomBatch, activations: Storage = "float32") -> None:
        self.model, self.batch = build(network, 0).train(), batch
        self.sparse = SparseNetwork(self.model, activations=activations)

    def load(self, state: State) -> None:
        self.model.load_state_dict(state)
        self.sparse.refresh()

    def step(self) -> Parts:
        return timed_step(self.model, lambda: self.sparse(self.batch.inputs), self.batch.labels)


@final
class Dense:
    """torch; the arguments are the lines of the table above."""

    def __init__(
        self,
        network: str,
        batch: RandomBatch,
        *,
        channels_last: bool = False,
        autocast: bool = False,
        compiled: bool = False,
        masked: bool = False,
    ) -> None:
        self.model, self.batch, self.autocast, self.masked = build(network, 0).train(), batch, autocast, masked
        if channels_last:
            layout = torch.channels_last
            # of a module, mypy does not know this overload of torch's
            self.model = self.model.to(memory_format=layout)  # type: ignore[call-overload]
            self.batch = RandomBatch(batch.inputs.contiguous(memory_format=layout), batch.labels)
        self.forward: Callable[[Tensor], Any] = torch.compile(self.model) if compiled else self.model
        self.masks: dict[nn.Parameter, Tensor] = {}

    def load(self, state: State) -> None:
        self.model.load_state_dict(state)
        if self.masked:
            self.masks = {p: (p.detach() != 0).float() for p in self.model.parameters() if p.dim() > 1}

    def step(self) -> Parts:
        def forward() -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.autocast):
                y: Tensor = self.forward(self.batch.inputs)
            return y

        return timed_step(self.model, forward, self.batch.labels, self._mask)

    def _mask(self) -> None:
        for parameter, mask in self.masks.items():
            assert parameter.grad is not None
            parameter.grad.mul_(mask)


@final
class SparseProp:
    """SparseProp's own choice: layers of more than 80 % zeros, where its kernels took less time than torch's in one trial."""

    def __init__(self, network: str, batch: RandomBatch) -> None:
        if not sparseprop.is_installed():
            raise NotAvailableError("not installed")
        self.network, self.batch = network, batch
        self.model: nn.Module = build(network, 0)
        self.swapped = 0

    def load(self, state: State) -> None:
        model = build(self.network, 0)
        model.load_state_dict(state)
        self.model = sparseprop.swap(model, tuple(self.batch.inputs.shape)).train()
        self.swapped = sparseprop.count(self.model)

    def step(self) -> Parts:
        return timed_step(self.model, lambda: self.model(self.batch.inputs), self.batch.labels)


def timed_step(
    model: nn.Module, forward: Callable[[], Tensor], labels: Tensor, after: Callable[[], None] | None = None
) -> Parts:
    """The seconds of a step; ``after`` belongs to its backward part."""
    start = time.perf_counter()
    model.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(forward().float(), labels)
    between = time.perf_counter()
    torch.autograd.backward(loss)
    if after is not None:
        after()
    return {"forward": between - start, "backward": time.perf_counter() - between}


Make = Callable[[str, RandomBatch], Contender]

CONTENDERS: dict[str, Make] = {
    "ours": Ours,
    "ours-bf16": lambda n, b: Ours(n, b, "bfloat16"),
    "dense": Dense,
    "channels-last": lambda n, b: Dense(n, b, channels_last=True),
    "bf16": lambda n, b: Dense(n, b, autocast=True),
    "bf16-channels-last": lambda n, b: Dense(n, b, autocast=True, channels_last=True),
    "compile": lambda n, b: Dense(n, b, compiled=True),
    "masked": lambda n, b: Dense(n, b, masked=True),
    "sparseprop": SparseProp,
}
#: Those that also run in a second process with malloc's thresholds set, under this prefix: see `tuned_malloc`.
TUNED = ("ours", "dense", "channels-last", "sparseprop")
PREFIX = "tuned-"
ALL = (*CONTENDERS, *(PREFIX + name for name in TUNED))
