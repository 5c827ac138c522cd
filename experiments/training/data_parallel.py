"""Several processes that train one network: each takes its share of each batch, all take the same step.

    torchrun --nproc-per-node 2 --no-python mlbreg train cifar-resnet18

symbol | here                  | meaning
-------|-----------------------|---------------------------------------------------------------------------------
W      | ``size``              | processes, ranks 0 … W − 1; torchrun starts them
B      | ``batch_size``        | examples of a step, of all processes together; a multiple of W
n      |                       | examples of a batch: B, or fewer in the last one of an epoch

Each process draws the whole batch, so crops, flips and noise are those of one process, and keeps the examples from ⌊r n/W⌋ to
⌊(r + 1) n/W⌋. Gradients are summed over the ranks in one tensor of a fixed order, and not in the buckets of torch's
`DistributedDataParallel`, which are others in the first step after a start: so a resumed run has the bits of one that was not
stopped. Weights, dual variables and masks then agree, for every rank takes the same step from the same numbers; after each epoch
that is checked. Batch norm sees its rank's share, as everywhere; running statistics are averaged in each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, distributed, nn

from .configuration import Configuration, ConfigurationError
from .process_environment import started_by_torchrun


class RanksError(RuntimeError):
    """The processes do not compute the same network."""


class Share(NamedTuple):
    """The part of a batch that is a rank's; ``weight``: its loss counts with this factor, 1 where the rank is alone."""

    part: slice
    weight: float


@final
@dataclass(frozen=True)
class Ranks:
    """This process among ``size``; `ALONE` without others."""

    rank: int = 0
    size: int = 1

    def check(self, configuration: Configuration) -> None:
        """Raises a `ConfigurationError` where a batch has no equal shares."""
        if configuration.batch_size % self.size:
            raise ConfigurationError(
                f"batch_size must be a multiple of the number of processes, {self.size}, got {configuration.batch_size}"
            )

    def share(self, n: int) -> Share:
        """Of a batch of n examples. Where there are fewer than ranks, some compute one that counts for nothing."""
        begin, end = self.rank * n // self.size, (self.rank + 1) * n // self.size
        return Share(slice(begin, end), (end - begin) / n) if end > begin else Share(slice(0, 1), 0.0)

    def total(self, x: Tensor) -> Tensor:
        """The sum over the ranks."""
        if self.size > 1:
            x = x.clone()
            distributed.all_reduce(x)
        return x

    def any(self, answer: bool, device: torch.device) -> bool:
        """Whether one of them says so."""
        return answer if self.size == 1 else bool(self.total(torch.tensor(float(answer), device=device)))

    @torch.no_grad()
    def reduce(self, model: nn.Module) -> None:
        """Sum the gradients, average the running statistics."""
        if self.size == 1:
            return
        for p in model.parameters():
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        statistics = [b for b in model.buffers() if b.is_floating_point()]
        flat = torch.cat([*(g.reshape(-1) for g in gradients), *(b.reshape(-1) / self.size for b in statistics)])
        distributed.all_reduce(flat)
        places = (*gradients, *statistics)
        parts = flat.split([x.numel() for x in places])  # type: ignore[no-untyped-call]
        for place, found in zip(places, parts, strict=True):
            place.copy_(found.view(place.shape))

    def check_agreement(self, model: nn.Module) -> None:
        """Raises a `RanksError` on every rank where the weights of two of them differ."""
        if self.size == 1:
            return
        sums = torch.stack([p.detach().double().sum() for p in model.parameters()])
        least, most = sums.clone(), sums.clone()
        distributed.all_reduce(least, op=distributed.ReduceOp.MIN)
        distributed.all_reduce(most, op=distributed.ReduceOp.MAX)
        if not torch.equal(least, most):
            names = [name for name, _ in model.named_parameters()]
            first = names[int((least != most).nonzero()[0])]
            raise RanksError(f"the {self.size} processes must have equal weights, got others in {first}")

    def from_first(self, found: Any) -> Any:
        """What rank 0 has."""
        if self.size == 1:
            return found
        parts = [found]
        distributed.broadcast_object_list(parts)
        return parts[0]


ALONE = Ranks()


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The ranks that torchrun has started, connected by gloo on CPUs and by nccl on GPUs; `ALONE` without torchrun."""
    if not started_by_torchrun():
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
