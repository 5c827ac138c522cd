"""Batches out of memory: permutations, crops, flips and normalisation, all of them functions of (seed, epoch, number).

symbol | here                 | meaning
-------|----------------------|---------------------------------------------------------------------------
n      | ``len(examples)``    | examples
B      | ``batch_size``       | examples in a batch; the last one of an epoch may be smaller
       | `Position`           | where training is: epochs and batches that are done. That is the whole state

Nothing is drawn from a generator that lives on, so a run that goes on from a `Position` sees what an uninterrupted one would.
Random numbers are drawn on the CPU and are the same for every device. Images stay bytes on the training device until they are
in a batch: crop and flip move whole batches of bytes, by one gather, and the crop's border is black, as it is for crops of
images that are not normalised yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

import torch
from torch import Tensor

from .catalogue import DataSet, data_set, load

#: Streams of random numbers that must not meet.
_ORDER, _AUGMENTATION, NOISE = 1, 2, 3


@final
@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs (n, channels, height, width), uint8, and labels (n,), int64, on one device."""

    inputs: Tensor
    labels: Tensor
    of: DataSet

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Examples:
        """The same on another device."""
        return Examples(self.inputs.to(device), self.labels.to(device), self.of)

    def take(self, index: Tensor) -> Examples:
        """Those of an index."""
        index = index.to(self.labels.device)
        return Examples(self.inputs[index], self.labels[index], self.of)

    def normalised(self) -> Tensor:
        """Inputs as float32: divided by the largest value, less the mean, over the standard deviation."""
        mean, deviation = (
            torch.tensor(values, device=self.inputs.device).view(1, -1, 1, 1)
            for values in (self.of.mean, self.of.deviation)
        )
        return self.inputs.float().div_(self.of.largest).sub_(mean).div_(deviation)


class Position(NamedTuple):
    """Epochs and batches of the current epoch that are done."""

    epoch: int = 0
    batch: int = 0


class Batch(NamedTuple):
    """One batch, and the position after it."""

    inputs: Tensor
    labels: Tensor
    after: Position


def examples(name: str, split: str, data_dir: Path | None = None) -> Examples:
    """The ``training`` or ``test`` examples of a data set, in memory. Raises a `DataError`."""
    inputs, labels = load(name, split, data_dir)
    return Examples(torch.tensor(inputs), torch.tensor(labels), data_set(name))


def validation_split(found: Examples, share: float = 0.05, seed: int = 42) -> tuple[Examples, Examples]:
    """Training and validation examples: the last ⌊share·n⌋ of a permutation with that seed are for validation.

    This is what torch's ``random_split`` does with the generator of that seed, as the published notebooks of bungert2021 call it.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be in (0, 1), got {share!r}")
    held = int(share * len(found))
    if not held:
        raise ValueError(f"share must leave an example for validation, got {share!r} of {len(found)}")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    return found.take(order[: len(found) - held]), found.take(order[len(found) - held :])


def stream(seed: int, *path: int) -> torch.Generator:
    """A generator of its own for each path of numbers ≥ 0 below a seed."""
    mixed = seed
    for number in path:
        # splitmix64: neighbouring seeds and numbers must not give related streams.
        mixed = (mixed + 0x9E3779B97F4A7C15 * (number + 1)) % 2**64
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        mixed ^= mixed >> 31
    return torch.Generator().manual_seed(mixed % 2**63)


def batches_per_epoch(n: int, batch_size: int) -> int:
    """⌈n/B⌉."""
    return math.ceil(n / batch_size)


def epoch(found: Examples, batch_size: int, seed: int, start: Position, augmented: bool) -> Iterator[Batch]:
    """The batches of epoch ``start.epoch`` from ``start.batch`` on. Each example comes once an epoch."""
    order = torch.randperm(len(found), generator=stream(seed, _ORDER, start.epoch))
    last = batches_per_epoch(len(found), batch_size)
    for number in range(start.batch, last):
        part = found.take(order[number * batch_size : (number + 1) * batch_size])
        if augmented and found.of.padding:
            generator = stream(seed, _AUGMENTATION, start.epoch, number)
            part = Examples(crop_and_flip(part.inputs, found.of.padding, generator), part.labels, found.of)
        after = Position(start.epoch, number + 1) if number + 1 < last else Position(start.epoch + 1, 0)
        yield Batch(part.normalised(), part.labels, after)


def crop_and_flip(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Shift each image of (n, c, h, w) by up to ``padding`` pixels, zeros come in; mirror it with probability ½."""
    n, _, height, width = images.shape
    shift = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=generator).to(images.device)
    mirrored = torch.rand(n, 1, generator=generator).lt(0.5).to(images.device)
    rows = shift[0] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(n, width)
    columns = shift[1] + torch.where(mirrored, width - 1 - columns, columns)
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    each = torch.arange(n, device=images.device).view(-1, 1, 1)
    # The indexed axes come first: (n, h, w, c).
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
