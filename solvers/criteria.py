"""When to use the coarse level: pure functions with explicit memory (lunk2026, section 3).

criterion      | the coarse level is used in cycle k when
---------------|------------------------------------------------------------------------------------------------
`Always`       | always: with m coarse steps, one step in m + 1 is fine (step-wise switching, lunk2026 section 5)
`Never`        | never: LinBreg
`EveryKth`     | k = first, first + K, …; `epoch_wise` says which K and m make whole epochs
`GradientTest` | ‖R∇L(θᵏ)‖ ≥ κ‖∇L(θᵏ)‖ and ‖R∇L(θᵏ)‖ > ε, lunk2026 (10)
`Magma`        | ‖R∇L(θᵏ)‖ ≥ κ‖∇L(θᵏ)‖ and (‖θᵏ − θ_last‖ > η‖θ_last‖ or fewer than K_d fine steps since), MAGMA

θ_last is the θ at which the coarse level was last used; before the first time the second part of MAGMA's test holds. Every
cycle ends with a fine step, so in the cycle after a coarse one that count is 1: K_d ≤ 1 leaves the distance to decide.
Norms are compared by their squares, which keeps Fractions exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from ..theory.arrays import Array, Real, check_number, scalar, square_norm
from . import arguments


class View(NamedTuple):
    """What a criterion may look at."""

    k: int
    """The cycle."""
    theta: Array
    """θᵏ, (..., d)."""
    selected: np.ndarray | None
    """The coordinates that R would keep, bool (..., d); None where R does not select coordinates."""
    gradient: Array | None
    """∇L(θᵏ), (..., d), exact; None when `Criterion.needs_gradient` is False."""
    restricted: Array | None = None
    """R∇L(θᵏ), (..., d̂), where R does not select coordinates; otherwise `selected` and `gradient` give it."""


class Criterion(ABC):
    """A test with memory; ``decide`` changes nothing."""

    @property
    @abstractmethod
    def needs_gradient(self) -> bool:
        """True when `decide` looks at ∇L(θᵏ), which is then computed on the fine level."""

    @abstractmethod
    def init(self, theta: Array) -> Any:
        """The memory before the first cycle, for θ⁰ of shape (..., d)."""

    @abstractmethod
    def decide(self, memory: Any, view: View) -> tuple[np.ndarray, Any]:
        """Whether to use the coarse level, bool of shape (...), and the memory for the next cycle."""


def _everywhere(answer: bool, theta: Array) -> np.ndarray:
    return np.full(theta.shape[:-1], answer)


@final
@dataclass(frozen=True)
class Always(Criterion):
    """Every cycle."""

    needs_gradient = False

    def init(self, theta: Array) -> None:
        return None

    def decide(self, memory: None, view: View) -> tuple[np.ndarray, None]:
        return _everywhere(True, view.theta), None


@final
@dataclass(frozen=True)
class Never(Criterion):
    """No cycle: LinBreg."""

    needs_gradient = False

    def init(self, theta: Array) -> None:
        return None

    def decide(self, memory: None, view: View) -> tuple[np.ndarray, None]:
        return _everywhere(False, view.theta), None


@final
@dataclass(frozen=True)
class EveryKth(Criterion):
    """Cycles first, first + K, first + 2K, … with ``period`` K ≥ 1 and ``first`` ≥ 0."""

    period: int
    first: int = 0
    needs_gradient = False

    def __post_init__(self) -> None:
        arguments.count("period", self.period, at_least=1)
        arguments.count("first", self.first)

    def init(self, theta: Array) -> None:
        return None

    def decide(self, memory: None, view: View) -> tuple[np.ndarray, None]:
        since = view.k - self.first
        return _everywhere(since >= 0 and since % self.period == 0, view.theta), None


class EpochWise(NamedTuple):
    """The settings of `Multilevel` that switch levels at the end of epochs."""

    criterion: EveryKth
    coarse_steps: int


def epoch_wise(steps_per_epoch: int, coarse_epochs: int) -> EpochWise:
    """One epoch of fine steps, then ``coarse_epochs`` epochs of coarse steps, and so on (lunk2026 section 5).

    In the terms of Algorithm 1: m = coarse_epochs·steps_per_epoch coarse steps before every ``steps_per_epoch``-th fine step.
    """
    arguments.count("steps_per_epoch", steps_per_epoch, at_least=1)
    arguments.count("coarse_epochs", coarse_epochs)
    return EpochWise(EveryKth(steps_per_epoch, first=steps_per_epoch), coarse_epochs * steps_per_epoch)


@final
@dataclass(frozen=True)
class GradientTest(Criterion):
    """(10): ‖R∇L(θᵏ)‖ ≥ κ‖∇L(θᵏ)‖ and ‖R∇L(θᵏ)‖ > ε with κ ∈ (0, 1), ε > 0."""

    kappa: Real
    epsilon: Real
    needs_gradient = True

    def __post_init__(self) -> None:
        arguments.share("kappa", self.kappa)
        check_number("epsilon", self.epsilon, above=0)

    def init(self, theta: Array) -> None:
        return None

    def decide(self, memory: None, view: View) -> tuple[np.ndarray, None]:
        epsilon = scalar(self.epsilon, view.theta)
        restricted = _restricted_square(view)
        return _coherent(self.kappa, view) & np.asarray(restricted > epsilon * epsilon, dtype=bool), None


class MagmaMemory(NamedTuple):
    """Where and how long ago each instance used the coarse level."""

    last: Array
    """θ_last, (..., d)."""
    used: np.ndarray
    """Whether it was ever used, bool (...)."""
    fine_steps: np.ndarray
    """Fine steps since, (...)."""


@final
@dataclass(frozen=True)
class Magma(Criterion):
    """MAGMA's test with κ ∈ (0, 1), η ≥ 0 and ``fine_steps`` K_d ≥ 0."""

    kappa: Real
    eta: Real
    fine_steps: int
    needs_gradient = True

    def __post_init__(self) -> None:
        arguments.share("kappa", self.kappa)
        check_number("eta", self.eta, at_least=0)
        arguments.count("fine_steps", self.fine_steps)

    def init(self, theta: Array) -> MagmaMemory:
        return MagmaMemory(theta, _everywhere(False, theta), np.zeros(theta.shape[:-1], dtype=np.int64))

    def decide(self, memory: MagmaMemory, view: View) -> tuple[np.ndarray, MagmaMemory]:
        eta = scalar(self.eta, view.theta)
        far = square_norm(view.theta - memory.last) > eta * eta * square_norm(memory.last)
        soon = memory.fine_steps < self.fine_steps
        coarse = _coherent(self.kappa, view) & (np.asarray(far, dtype=bool) | soon | ~memory.used)
        # The cycle that this decision is for ends with one fine step.
        since = np.where(coarse, 1, memory.fine_steps + 1)
        return coarse, MagmaMemory(np.where(coarse[..., None], view.theta, memory.last), memory.used | coarse, since)


def _restricted_square(view: View) -> Array:
    if view.restricted is not None:
        return square_norm(view.restricted)
    if view.selected is None:
        raise ValueError("view must have restricted or selected, got None for both")
    return square_norm(np.where(view.selected, view.gradient, 0 * view.theta))


def _coherent(kappa: Real, view: View) -> np.ndarray:
    """‖R∇L‖ ≥ κ‖∇L‖."""
    kappa = scalar(kappa, view.theta)
    return np.asarray(_restricted_square(view) >= kappa * kappa * square_norm(view.gradient), dtype=bool)
