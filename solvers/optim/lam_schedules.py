"""Schedules of λ, as torch has them for the learning rate: λ(n) = λ(0) f(n) in step n.

shape            | f(n)
-----------------|---------------------------------------------------------------------------------
`Constant`       | ``factor``
`Linear`         | start + (end − start) x,              x = min(n/``steps``, 1)
`Cosine`         | end + (start − end)(1 + cos πx)/2
`Exponential`    | start (end/start)ˣ, both > 0
`Chain`          | one shape after another, each over a number of steps; the last one for ever
f · g            | ``f * g``: the product

Shapes are pure functions. `LamScheduler` applies one to the parameter groups of an optimizer; λ(0) is kept in
``group["initial_lam"]``, as torch keeps ``initial_lr``. A schedule and a `sparsity_control.SparsityController` for the same
groups would undo each other's work.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch.optim import Optimizer

from ...theory.arrays import check_number
from ..arguments import count


class Shape(ABC):
    """f: step ↦ factor ≥ 0."""

    @abstractmethod
    def __call__(self, n: int) -> float:
        """f(n) for n ≥ 0."""

    @final
    def __mul__(self, other: Shape) -> Shape:
        return Product(self, other)


@final
@dataclass(frozen=True)
class Product(Shape):
    """f · g."""

    first: Shape
    second: Shape

    def __call__(self, n: int) -> float:
        return self.first(n) * self.second(n)


@final
@dataclass(frozen=True)
class Constant(Shape):
    """One factor."""

    factor: float = 1.0

    def __post_init__(self) -> None:
        check_number("factor", self.factor, at_least=0)

    def __call__(self, n: int) -> float:
        return self.factor


@final
@dataclass(frozen=True)
class Linear(Shape):
    """A straight line; ``Linear(0, 1, n)`` warms up."""

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        _check_ends(self.start, self.end, self.steps)

    def __call__(self, n: int) -> float:
        x = min(n / self.steps, 1)
        return self.start * (1 - x) + self.end * x


@final
@dataclass(frozen=True)
class Cosine(Shape):
    """Half a wave of the cosine."""

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        _check_ends(self.start, self.end, self.steps)

    def __call__(self, n: int) -> float:
        x = min(n / self.steps, 1)
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * x)) / 2


@final
@dataclass(frozen=True)
class Exponential(Shape):
    """The same ratio in each step."""

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        _check_ends(self.start, self.end, self.steps)
        check_number("start", self.start, above=0)
        check_number("end", self.end, above=0)

    def __call__(self, n: int) -> float:
        x = min(n / self.steps, 1)
        return float(self.start ** (1 - x) * self.end**x)


@final
@dataclass(frozen=True)
class Chain(Shape):
    """``parts``: (shape, steps) in order, then ``last``. Each shape begins at its own step 0."""

    parts: tuple[tuple[Shape, int], ...]
    last: Shape

    def __init__(self, parts: Sequence[tuple[Shape, int]], last: Shape) -> None:
        for _, steps in parts:
            count("steps", steps, at_least=1)
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "last", last)

    def __call__(self, n: int) -> float:
        for shape, steps in self.parts:
            if n < steps:
                return shape(n)
            n -= steps
        return self.last(n)


@final
class LamScheduler:
    """Sets λ = λ(0) f(n): with n = 0 when it is made, one more at each `step`, to be called after ``optimizer.step()``.

    ``shape``: one for all parameter groups with a λ, or one for each, ``{0: Linear(0, 1, 100)}`` by number.
    """

    def __init__(self, optimizer: Optimizer, shape: Shape | Mapping[int, Shape]) -> None:
        with_lam = [number for number, group in enumerate(optimizer.param_groups) if "lam" in group]
        shapes = dict(shape) if isinstance(shape, Mapping) else dict.fromkeys(with_lam, shape)
        if not shapes or not set(shapes) <= set(with_lam):
            raise ValueError(f"shape must be for parameter groups with a λ, which are {with_lam}, got {sorted(shapes)}")
        self.optimizer, self.shapes, self.last_step = optimizer, shapes, 0
        for number in shapes:
            group = optimizer.param_groups[number]
            group.setdefault("initial_lam", group["lam"])
        self._apply()

    def step(self) -> None:
        """Go to the next step."""
        self.last_step += 1
        self._apply()

    def _apply(self) -> None:
        for number, shape in self.shapes.items():
            group = self.optimizer.param_groups[number]
            group["lam"] = check_number("lam", group["initial_lam"] * shape(self.last_step), at_least=0)

    def state_dict(self) -> dict[str, Any]:
        """Plain data; the shapes are settings, and λ(0) is in the state of the optimizer."""
        return {"last_step": self.last_step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`, and set λ. Load the optimizer's state first."""
        if set(state) != {"last_step"}:
            raise ValueError(f"state must have the entry 'last_step' alone, got {sorted(state)}")
        self.last_step = count("last_step", state["last_step"])
        self._apply()


def _check_ends(start: float, end: float, steps: int) -> None:
    check_number("start", start, at_least=0)
    check_number("end", end, at_least=0)
    count("steps", steps, at_least=1)
