"""When masks change and by how much: pure functions of the number t of the step, 1 for the first.

symbol | here           | meaning
-------|----------------|--------------------------------------------------------------------------
t      | ``now``        | number of the training step, from 1
ΔT     | ``every``      | steps between two changes
       | ``scope``      | ``"global"``: the smallest weights of all layers are pruned; ``"layer"``: of each layer
α      | ``fraction``   | share of the active weights that the first change would drop
T_end  | ``end``        | no change at or after this step
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from ...theory.arrays import check_number
from ..arguments import count, share


class Schedule(ABC):
    """Frozen dataclasses with plain fields: a checkpoint holds them."""

    @property
    def start_density(self) -> float | None:
        """Of the masks before the first step; None: that of the end."""
        return None

    @abstractmethod
    def due(self, now: int) -> bool:
        """Whether masks change in step t."""


@final
@dataclass(frozen=True)
class Never(Schedule):
    """The masks stay as they are."""

    def due(self, now: int) -> bool:
        return False


@final
@dataclass(frozen=True)
class DropFraction(Schedule):
    """f(t) = α/2 (1 + cos(π t/T_end)), or α, at the multiples of ΔT below T_end (Evci et al. 2020 (1) and algorithm 1)."""

    every: int
    fraction: float
    end: int
    anneal: str = "cosine"

    def __post_init__(self) -> None:
        count("every", self.every, at_least=1)
        share("fraction", self.fraction)
        count("end", self.end)
        if self.anneal not in ("cosine", "constant"):
            raise ValueError(f"anneal must be 'cosine' or 'constant', got {self.anneal!r}")

    def due(self, now: int) -> bool:
        return now % self.every == 0 and now < self.end

    def __call__(self, now: int) -> float:
        """f(t)."""
        if self.anneal == "constant":
            return self.fraction
        return cosine_decay(self.fraction, now, self.end)


@final
@dataclass(frozen=True)
class CubicPruning(Schedule):
    """s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(nΔt))³ at t = t₀, t₀ + Δt, …, t₀ + nΔt (Zhu & Gupta 2017 (1))."""

    begin: int
    every: int
    end: int
    scope: str = "global"

    def __post_init__(self) -> None:
        count("begin", self.begin, at_least=1)
        count("every", self.every, at_least=1)
        count("end", self.end, at_least=self.begin + 1)
        if (self.end - self.begin) % self.every:
            raise ValueError(
                f"end must be begin + a multiple of every, got begin = {self.begin}, every = {self.every}, end = {self.end}"
            )
        _check_scope(self.scope)

    @property
    def start_density(self) -> float:
        return 1.0

    def due(self, now: int) -> bool:
        return self.begin <= now <= self.end and (now - self.begin) % self.every == 0

    def remaining(self, now: int) -> float:
        """(1 − (t − t₀)/(nΔt))³, the share of the way from the first to the last density that is still to go."""
        return (1 - (min(max(now, self.begin), self.end) - self.begin) / (self.end - self.begin)) ** 3


@final
@dataclass(frozen=True)
class Once(Schedule):
    """After step ``at``."""

    at: int
    scope: str = "global"

    def __post_init__(self) -> None:
        count("at", self.at, at_least=1)
        _check_scope(self.scope)

    @property
    def start_density(self) -> float:
        return 1.0

    def due(self, now: int) -> bool:
        return now == self.at


@final
@dataclass(frozen=True)
class Phases(Schedule):
    """Dense; then compressed, decompressed, …, compressed for ``length`` steps each; one longer phase of either at the end.

    Peste et al. 2021: 10 epochs dense, 13 phases of 5, 10 decompressed, 15 compressed (ResNet50 on ImageNet, 100 epochs).
    """

    warmup: int
    length: int
    final_decompressed: int
    final_compressed: int
    total_steps: int
    scope: str = "global"

    def __post_init__(self) -> None:
        _check_scope(self.scope)
        for name in ("warmup", "length", "final_decompressed", "final_compressed", "total_steps"):
            count(name, getattr(self, name), at_least=1)
        middle = self.total_steps - self.warmup - self.final_decompressed - self.final_compressed
        if middle < self.length or middle % self.length or middle // self.length % 2 == 0:
            raise ValueError(
                "total_steps must be warmup + final_decompressed + final_compressed + an odd number of phases, got "
                f"{self.total_steps} = {self.warmup} + {self.final_decompressed} + {self.final_compressed} + "
                f"{middle} with length = {self.length}"
            )

    @property
    def start_density(self) -> float:
        return 1.0

    @property
    def switches(self) -> tuple[int, ...]:
        """The steps after which the masks change, the first and the last to compressed."""
        last = self.total_steps - self.final_compressed
        middle = range(self.warmup, last - self.final_decompressed + 1, self.length)
        return (*middle, last)

    def due(self, now: int) -> bool:
        return now in self.switches

    def compressed(self, now: int) -> bool:
        """Whether the weights are sparse after step t."""
        return sum(switch <= now for switch in self.switches) % 2 == 1


@final
@dataclass(frozen=True)
class PruneAndRegenerate(Schedule):
    """Cubic pruning from density ``initial``, and a share of the weights regenerated at t₀, t₀ + Δt, … < T (Liu et al. 2021)."""

    initial: float
    pruning: CubicPruning
    fraction: float
    total_steps: int

    def __post_init__(self) -> None:
        check_number("initial", self.initial, above=0)
        if self.initial > 1:
            raise ValueError(f"initial must be in (0, 1], got {self.initial!r}")
        share("fraction", self.fraction)
        count("total_steps", self.total_steps, at_least=self.pruning.end)

    @property
    def start_density(self) -> float:
        return self.initial

    def due(self, now: int) -> bool:
        return self.pruning.due(now) or self.regenerated(now) > 0

    def regenerated(self, now: int) -> float:
        """The share f(t) = r/2 (1 + cos(π t/T)) of its active weights that each layer regenerates, 0 where it does not."""
        begin, every = self.pruning.begin, self.pruning.every
        if now < begin or now >= self.total_steps or (now - begin) % every:
            return 0.0
        return cosine_decay(self.fraction, now, self.total_steps)


def cosine_decay(initial: float, now: int, end: int) -> float:
    """α/2 (1 + cos(π t/T)): α at t = 0, 0 at t = T."""
    return initial / 2 * (1 + math.cos(math.pi * now / end))


def _check_scope(scope: str) -> None:
    if scope not in ("global", "layer"):
        raise ValueError(f"scope must be 'global' or 'layer', got {scope!r}")
