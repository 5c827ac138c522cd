"""What a run returns: everything that is needed to evaluate any margin on it.

symbol  | attribute    | shape
--------|--------------|---------------
θᵏ      | `thetas`     | (K + 1, ..., d)
vᵏ ∈ ∂J_δ(θᵏ) | `vs`   | (K + 1, ..., d)
τᵏ      | `step_sizes` | (K, ...)
gᵏ      | `gradients`  | (K, ..., d), as the algorithm used them
L(θᵏ)   | `losses`     | (K + 1, ...)
        | `active`     | (K, ..., d), the coordinates that step k was allowed to move
        | `coarse`     | (K,), True where step k was one of the coarse level
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, final

import numpy as np

from ..theory.arrays import Array, constant, is_exact
from ..theory.elastic_net import PrimalDual
from ..theory.losses import Loss
from . import arguments
from .oracles import EXACT, Oracle
from .step_sizes import StepSizes, schedule


class State(Protocol):
    """Whatever an algorithm carries along: at least the pair (θ, v)."""

    @property
    def theta(self) -> Array:
        """θ, (..., d)."""

    @property
    def v(self) -> Array:
        """v ∈ ∂J_δ(θ), (..., d)."""


S = TypeVar("S", bound=State)


@final
@dataclass(frozen=True, eq=False)
class Trace:
    """K steps of an algorithm."""

    thetas: Array
    vs: Array
    step_sizes: Array
    gradients: Array
    losses: Array
    active: np.ndarray
    coarse: np.ndarray

    def __len__(self) -> int:
        """K."""
        return len(self.gradients)

    @property
    def pairs(self) -> PrimalDual:
        """(θᵏ, vᵏ), k = 0 … K."""
        return PrimalDual(self.thetas, self.vs)

    @property
    def before(self) -> PrimalDual:
        """(θᵏ, vᵏ), k = 0 … K−1: beside `step_sizes` and `gradients`."""
        return PrimalDual(self.thetas[:-1], self.vs[:-1])

    @property
    def after(self) -> PrimalDual:
        """(θᵏ⁺¹, vᵏ⁺¹), k = 0 … K−1."""
        return PrimalDual(self.thetas[1:], self.vs[1:])

    @property
    def final(self) -> PrimalDual:
        """(θᴷ, vᴷ)."""
        return PrimalDual(self.thetas[-1], self.vs[-1])

    @property
    def fine_steps(self) -> np.ndarray:
        """The indices k of the fine steps: in ML LinBreg θᵏ is then θ^{k+½} of Algorithm 1 and θᵏ⁺¹ the next iterate."""
        return np.flatnonzero(~self.coarse)

    @staticmethod
    def record(
        loss: Loss,
        states: Sequence[State],
        step_sizes: Sequence[Any],
        gradients: Sequence[Array],
        *,
        coarse: bool = False,
    ) -> Trace:
        """The trace of K + 1 states and the K steps between them."""
        thetas = np.stack([state.theta for state in states])
        vs = np.stack([state.v for state in states])
        steps, batch = len(gradients), thetas.shape[1:-1]
        taus = np.empty((steps, *batch), dtype=thetas.dtype)
        for k, tau in enumerate(step_sizes):
            taus[k] = constant(tau, thetas) if is_exact(thetas) else tau
        return Trace(
            thetas,
            vs,
            taus,
            np.stack(gradients) if steps else thetas[:0],
            loss.value(thetas),
            np.ones((steps, *thetas.shape[1:]), dtype=bool),
            np.full(steps, coarse),
        )

    @staticmethod
    def join(traces: Sequence[Trace]) -> Trace:
        """One trace of several, each of which starts where the one before it ended."""
        first, rest = traces[0], traces[1:]
        return Trace(
            np.concatenate([first.thetas, *(trace.thetas[1:] for trace in rest)]),
            np.concatenate([first.vs, *(trace.vs[1:] for trace in rest)]),
            np.concatenate([trace.step_sizes for trace in traces]),
            np.concatenate([trace.gradients for trace in traces]),
            np.concatenate([first.losses, *(trace.losses[1:] for trace in rest)]),
            np.concatenate([trace.active for trace in traces]),
            np.concatenate([trace.coarse for trace in traces]),
        )


def follow(
    loss: Loss,
    start: S,
    step: Callable[[S, Array, Any], S],
    step_sizes: StepSizes,
    iterations: int,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """Run an algorithm: in iteration k, ``step(state, g, tau)`` with g from the oracle at θᵏ and τᵏ from the schedule.

    ``start``: a state with θ and v of shape (..., d); ``iterations``: K ≥ 0.
    """
    tau_of = schedule(step_sizes)
    states, taus, gradients = [start], [], []
    for k in range(arguments.count("iterations", iterations)):
        taus.append(tau_of(k))
        gradients.append(oracle.sample(loss, states[-1].theta, rng))
        states.append(step(states[-1], gradients[-1], taus[-1]))
    return Trace.record(loss, states, taus, gradients)
