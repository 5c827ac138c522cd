"""The channels of every value in a network: which are the same, which are constant, which are kept.

symbol           | meaning
-----------------|---------------------------------------------------------------------------------------------------
channel          | one index of a value's channel axis; all channels of all values are numbered through
same             | two channels that must be kept or removed together (before and after an activation, two summands, …)
constant         | the same number at every position for every input
moving           | said of a constant: it depends on weights that change while the analysis is used; its number is NaN
needed           | multiplied by a non-zero weight of a kept channel, or seen by something that is not understood
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

Shape = tuple[int, ...]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True)
class Origin:
    """How constants come from those of other values: (C,) = compute([(C₁,), …]), differentiable in the weights it takes."""

    sources: tuple[Channels, ...]
    compute: Callable[[list[Tensor]], Tensor]


@final
@dataclass(frozen=True)
class Channels:
    """The channels of one value.

    attribute    | shape | meaning
    -------------|-------|------------------------------------------------------------
    ``axis``     |       | of the value
    ``numbers``  | (C,)  | of its channels, among those of all values
    ``known``    | (C,)  | whether the channel is constant
    ``constant`` | (C,)  | the constant where known, NaN if it is moving, else 0; float64
    ``origin``   |       | how to compute the constants anew; None where no channel is known
    """

    axis: int
    numbers: Index
    known: Mask
    constant: NDArray[np.float64]
    origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.numbers)


@final
@dataclass(frozen=True)
class Mixing:
    """A layer each of whose outputs sums over inputs: y_o = Σ_i Σ_k W_oik x_i(k) + b_o.

    attribute    | shape | meaning
    -------------|-------|----------------------------------------------------------------------------------------
    ``inputs``   |       | None when nothing is known of them: they all stay
    ``nonzero``  | (O,I) | whether W_oi has a non-zero entry
    ``foldable`` | (I,)  | constant inputs that a bias can stand for
    ``total``    | (O,F) | Σ_k W_oik for the F foldable inputs, float64
    """

    name: str
    inputs: Channels | None
    outputs: Channels
    nonzero: Mask
    foldable: Mask
    total: NDArray[np.float64]


@final
@dataclass
class ChannelTable:
    """Collects what the rules find out; `decide` then says which channels are kept. ``moving``: whether constants may move."""

    moving: bool = False
    size: int = 0
    values: list[Channels] = field(default_factory=list)
    same: list[tuple[Index, Index]] = field(default_factory=list)
    pinned: list[Index] = field(default_factory=list)
    mixings: list[Mixing] = field(default_factory=list)

    def new(self, axis: int, known: Mask, constant: NDArray[np.float64], origin: Origin | None = None) -> Channels:
        """Channels of a new value."""
        count = len(known)
        if not self.moving:
            # A constant that overflowed, or 0·∞, is none that a bias could stand for.
            known = known & np.isfinite(constant)
        numbers = np.arange(self.size, self.size + count)
        channels = Channels(axis, numbers, known, np.where(known, constant, 0.0), origin)
        self.size += count
        self.values.append(channels)
        return channels

    def unknown(self, axis: int, count: int) -> Channels:
        """Channels of a new value of which nothing is known; they stay."""
        channels = self.new(axis, np.zeros(count, dtype=bool), np.zeros(count))
        self.pin(channels)
        return channels

    def pin(self, channels: Channels) -> None:
        """These channels stay."""
        self.pinned.append(channels.numbers)

    def tie(self, first: Index, second: Index) -> None:
        """The channels first[i] and second[i] are kept or removed together."""
        self.same.append((first, second))

    def decide(self) -> Mask:
        """For each channel whether it is kept: the least set that holds what is pinned and what is needed.

        A kept output of a `Mixing` needs the inputs that it multiplies and that cannot go into its bias. The loop only
        ever adds channels, so it ends. A value that would lose all of its channels keeps one.
        """
        pairs = self.same or [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
        rows, columns = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
        graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(self.size, self.size))
        _, component = connected_components(graph, directed=False)
        keep = np.zeros(component.max(initial=-1) + 1, dtype=bool)
        for numbers in self.pinned:
            keep[component[numbers]] = True
        before = -1
        while before != keep.sum():
            before = keep.sum()
            for layer in self.mixings:
                if layer.inputs is None:
                    continue
                outputs = keep[component[layer.outputs.numbers]]
                needed = layer.nonzero[outputs].any(axis=0) & ~layer.foldable
                keep[component[layer.inputs.numbers[needed]]] = True
            if before == keep.sum():
                for value in self.values:
                    if len(value) and not keep[component[value.numbers]].any():
                        keep[component[value.numbers[0]]] = True
        return np.asarray(keep[component], dtype=bool)


def of_tensor(x: Tensor) -> NDArray[np.float64]:
    """A tensor as float64 numbers for the arithmetic with constants."""
    return np.asarray(x.detach().to(torch.float64).cpu().numpy())
