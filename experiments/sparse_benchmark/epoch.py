"""Training as it is: an epoch of SGD, of ML LinBreg with masked dense gradients, and of ML LinBreg with sparse coarse phases.

contender             | forward and backward                     | optimizer
----------------------|------------------------------------------|---------------------------------------------------------
``sgd``               | torch, dense                             | torch's SGD with momentum 0.9
``masked``            | torch, dense                             | `MultilevelLinBreg`, which masks the gradients
``masked-channels-last`` | the same in channels_last             | the same
``ours``              | `sparse_compute`                         | the same

All see the same batches, ten steps each in turn; batches that are not full are left out. The last three begin with the same
weights, so their losses differ by rounding alone, which grows from step to step. ``time_saved`` is against the faster masked
one. ``plan_share`` is of the time of ours: what the first step of each phase takes beyond the median coarse step (masks, plans,
and all else that is made then).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from ...solvers.networks.rules import regularize
from ...solvers.networks.sparse_initialisation import sparse_init
from ...solvers.networks.sparsity import sparsity
from ...solvers.optim.multilevel import MultilevelLinBreg
from ...solvers.optim.regularizers import L1
from ...solvers.sparse_cpu.training import sparse_compute
from ..data.batches import Batch, Examples, Position, epoch, examples
from ..data.catalogue import data_set
from ..networks.catalogue import build
from .turns import Parts, total

Record = dict[str, Any]
_SPARSE = ("masked", "masked-channels-last", "ours")
EPOCH_CONTENDERS = ("sgd", *_SPARSE)
_IN_A_TURN = 10


@final
@dataclass(frozen=True)
class Training:
    """``steps``: None for one epoch. ``data``: ``cifar-10``, or ``random`` bytes of its shape; ``examples``: its first ones."""

    network: str = "resnet18"
    data: str = "cifar-10"
    steps: int | None = None
    examples: int | None = None
    batch: int = 128
    coarse_steps: int = 99
    initial_sparsity: float = 0.99
    lam: float = 0.01
    learning_rate: float = 0.1
    seed: int = 0


def load_examples(training: Training, data_dir: Path | None) -> Examples:
    """What is trained on. Raises a `DataError` where CIFAR-10 is not to be had."""
    if training.data == "cifar-10":
        found = examples("cifar-10", "training", data_dir)
        return found if training.examples is None else found.take(torch.arange(min(training.examples, len(found))))
    of = data_set("cifar-10")
    count = training.examples or training.batch * min(training.steps or 390, 390)
    generator = torch.Generator().manual_seed(training.seed)
    inputs = torch.randint(256, (count, *of.shape), dtype=torch.uint8, generator=generator)
    return Examples(inputs, torch.randint(of.classes, (count,), generator=generator), of)


def measure_epoch(training: Training, found: Examples, contenders: Sequence[str] = EPOCH_CONTENDERS) -> Record:
    """Train some of `EPOCH_CONTENDERS` side by side, ``ours`` among them."""
    steps = training.steps if training.steps is not None else len(found) // training.batch
    if steps < 1 or len(found) < training.batch:
        raise ValueError(
            f"a batch of {training.batch} must be in the {len(found)} examples, and steps ≥ 1, got {steps}"
        )
    for name in contenders:  # what is compiled and loaded once in a process is not the epoch's
        for batch in islice(_batches(found, training), 1):
            _Run(name, training).step(batch)
    runs = {name: _Run(name, training) for name in contenders}
    batches = islice(_batches(found, training), steps)
    while turn := list(islice(batches, _IN_A_TURN)):
        for run in runs.values():
            for batch in turn:
                run.step(batch)
    records = {name: run.record() for name, run in runs.items()}
    base = records["ours"]["seconds"]
    for record in records.values():
        record["times_slower"] = record["seconds"] / base
    others = [record for name, record in records.items() if name.startswith("masked")]
    ours = records["ours"]["losses"]
    return {
        "training": asdict(training),
        "steps": steps,
        "plan_share": runs["ours"].plan_share(),
        "time_saved": 1 - base / min(record["seconds"] for record in others) if others else None,
        "largest_difference_of_losses": max(
            (abs(a - b) / abs(a) for record in others for a, b in zip(record["losses"], ours, strict=True)),
            default=None,
        ),
        "contenders": records,
    }


def _batches(found: Examples, training: Training) -> Iterator[Batch]:
    position = Position()
    while True:
        for batch in epoch(found, training.batch, training.seed, position, augmented=training.data != "random"):
            if len(batch.labels) == training.batch:
                yield batch
        position = Position(position.epoch + 1)


@final
class _Run:
    """One contender: its model, its optimizer, and what its steps took."""

    def __init__(self, name: str, training: Training) -> None:
        self.name, self.training = name, training
        self.model = build(training.network, training.seed)
        self.multilevel: MultilevelLinBreg | None = None
        self.optimizer: torch.optim.Optimizer
        if name in _SPARSE:
            regularizer = L1(training.lam)
            groups = regularize(self.model, linear=regularizer, conv=regularizer, verbose=False)
            generator = torch.Generator().manual_seed(training.seed)
            sparse_init(groups, 1 - training.initial_sparsity, generator=generator)
            self.optimizer = self.multilevel = MultilevelLinBreg(
                groups, lr=training.learning_rate, coarse_steps=training.coarse_steps
            )
        else:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=training.learning_rate, momentum=0.9)
        if name.endswith("channels-last"):
            for parameter in self.model.parameters():  # in place: the optimizer holds them
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.model.train()
        self.parts: list[Parts] = []
        self.losses: list[float] = []
        self.positions: list[int] = []
        self.densities: list[float] = []

    def step(self, batch: Batch) -> None:
        """Take one, and note times, loss, position in the cycle and density."""
        inputs = batch.inputs
        if self.name.endswith("channels-last"):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        position = self.multilevel.param_groups[0]["position"] if self.multilevel is not None else 0
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with self._context():
            loss: Tensor = functional.cross_entropy(self.model(inputs), batch.labels)
            between = time.perf_counter()
            torch.autograd.backward(loss)
        after = time.perf_counter()
        self.optimizer.step()
        end = time.perf_counter()
        self.parts.append({"forward": between - start, "backward": after - between, "optimizer": end - after})
        self.losses.append(float(loss.detach()))
        self.positions.append(position)
        if position == 0 and self.multilevel is not None:
            share = sparsity(self.model).weights.share
            self.densities.append(1.0 if share is None else share)

    def _context(self) -> AbstractContextManager[object]:
        if self.name != "ours":
            return nullcontext()
        assert self.multilevel is not None
        return sparse_compute(self.model, self.multilevel, sparse_gradients=True)

    def record(self) -> Record:
        """Times and losses."""
        parts = {part: sum(one[part] for one in self.parts) for part in self.parts[0]}
        return {
            "seconds": sum(parts.values()),
            "parts": parts,
            "losses": self.losses,
            "step_seconds": [total(one) for one in self.parts],
            "positions": self.positions,
            "densities_at_restrictions": self.densities,
        }

    def plan_share(self) -> float | None:
        """See above; None where no coarse step follows the first one of a phase."""
        times = [total(one) for one in self.parts]
        coarse = [t for t, p in zip(times, self.positions, strict=True) if 0 < p < self.training.coarse_steps]
        first = [t for t, p in zip(times, self.positions, strict=True) if p == 0]
        return sum(t - median(coarse) for t in first) / sum(times) if coarse else None
