"""Bregman proximal gradient (BPGD, Bauschke, Bolte and Teboulle 2017) with a smooth reference.

    x⁺ = ∇φ*(∇φ(x) − τ∇f(x)) = argmin_u τ⟨∇f(x), u⟩ + D_φ(u, x)

symbol  | argument     | meaning                                              | shape
--------|--------------|------------------------------------------------------|--------------------------------
φ       | ``reference`` | `Euclidean`, `Shannon`, `FermiDirac`, `Burg`; C = int dom φ |
f, L    | ``problem``  | a `levels.Level`: f is L-smooth relative to φ        |
x       | ``x``        | in C                                                 | (..., d)
τ > 0   | ``tau``      | ≤ 1/L                                                | a number or an array of batch shape

For τ ≤ 1/L: f(x⁺) ≤ f(x) − (1/τ) D_φ(x, x⁺). With φ = ½‖·‖² it is gradient descent.

The iterates never leave C, rounding included: see `theory.references`. For φ = Burg the step exists only where
∇φ(x) − τ∇f(x) < 0, which relative smoothness alone does not give (f(x) = −x is 0-smooth); it does hold for the
Kullback–Leibler data term with τ ≤ 1/L, where rounding can still spoil it: with τ = 1/L and one entry of x by orders of
magnitude larger than the others, ∇φ(x) and τ∇f(x) cancel. `step` raises where it fails, `shortened_step` halves τ, and a
run takes the latter, but for studies of long steps.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from ..theory.arrays import Array, Real, check_finite, check_number, is_exact, scalar
from ..theory.references import Reference
from . import arguments
from .levels import Level
from .progress import Progress
from .step_sizes import StepSizes, schedule

#: 1/L is a rounded number: τ may exceed it by this share of it.
_ROUNDING = 1e-12
#: 2⁻¹⁰⁷⁴ is the smallest float: after that many halvings τ is 0.
_MOST_HALVINGS = 1074


class State(NamedTuple):
    """The iterate, and what led to it."""

    x: Array
    """xᵏ ∈ C, (..., d)."""
    k: int
    """Iterations so far."""
    work: np.ndarray
    """Work units so far, (...)."""


class Run(NamedTuple):
    """Where a run ended, from which it can go on, and how it went."""

    state: State
    progress: Progress


def init(problem: Level, x: Array) -> State:
    """The state before the first step, for x of shape (..., d) in C where f is finite; a `ValueError` otherwise."""
    return State(feasible(problem, x), 0, np.zeros(x.shape[:-1]))


def feasible(problem: Level, x: Array, name: str = "x") -> Array:
    """``x`` when it is an array (..., d) in the open domain C at which f is finite, else a `ValueError` that says why not."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        raise ValueError(f"{name} must be an array of shape (..., d), got {x!r}")
    check_finite(name, x)
    inside = np.asarray(problem.reference.in_domain(x), dtype=bool)
    if not inside.all():
        where = tuple(int(i) for i in np.argwhere(~inside)[0])
        raise ValueError(f"{name} must be in the interior of the domain of {problem.reference!r}, got {x[where]}")
    value = np.asarray(problem.loss.value(x))
    if value.shape != x.shape[:-1]:
        raise ValueError(f"the loss must have a value for each {name}, shape {x.shape[:-1]}, got shape {value.shape}")
    if not np.all(value - value == 0):
        raise ValueError(f"{name} must be a point at which the loss is finite, got loss {value}")
    return x


def step_limit(problem: Level, like: Array) -> Real:
    """1/L in the arithmetic of ``like``."""
    return 1 / scalar(check_number("smoothness", problem.smoothness, above=0), like)


def checked_gradient(value: Array, x: Array) -> Array:
    """∇f(x) when it is finite and of the shape of x."""
    if np.shape(value) != x.shape:
        raise ValueError(f"gradient must have the shape of x, {x.shape}, got {np.shape(value)}")
    return arguments.gradient(value, x)


def step(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    """x⁺ ∈ C. Raises where τ ≤ 0, ∇f(x) is not finite or of another shape, x is outside C, or the step does not exist."""
    after, inside = _mirror(reference, x, checked_gradient(gradient, x), arguments.step_size(tau, x))
    if not inside.all():
        where = tuple(int(i) for i in np.argwhere(~inside)[0])
        if not bool(np.all(reference.in_domain(x))):
            raise ValueError(f"x must be in the interior of the domain of {reference!r}, got a point outside")
        raise ValueError(
            f"the step must stay in the interior of the domain of {reference!r}: ∇φ(x) − τ∇f(x) is outside the domain "
            f"of φ*, or the step overflows, at index {where} with tau = {tau!r}; take a smaller tau"
        )
    return after


def shortened_step(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    """`step` with the largest of τ, τ/2, τ/4, … for which it exists, for each instance: a step with a smaller τ is as good."""
    gradient, own = checked_gradient(gradient, x), arguments.step_size(tau, x)
    after, inside = _mirror(reference, x, gradient, own)
    for _ in range(_MOST_HALVINGS):
        if inside.all():
            return after
        own = np.where(inside[..., None], own, own / 2)
        after, inside = _mirror(reference, x, gradient, own)
    raise ValueError(f"x must be in the interior of the domain of {reference!r}, got a point from which no step exists")


def run(
    problem: Level,
    start: State,
    iterations: int,
    step_sizes: StepSizes | None = None,
    *,
    allow_long_steps: bool = False,
) -> Run:
    """``iterations`` steps from ``start``, one work unit each.

    ``step_sizes``: a number, an array of batch shape or a schedule k → τᵏ; 1/L when left out. τ > 1/L is an error unless
    ``allow_long_steps``, which is meant for studies of what then goes wrong.
    """
    limit = step_limit(problem, start.x)
    tau_of = schedule(limit if step_sizes is None else step_sizes)
    method = step if allow_long_steps else shortened_step
    state, seconds = start, [0.0]
    values, work = [np.asarray(problem.loss.value(start.x))], [start.work]
    for _ in range(arguments.count("iterations", iterations)):
        tau = tau_of(state.k)
        if not allow_long_steps:
            check_limit(tau, limit)
        begin = time.perf_counter()
        after = method(problem.reference, state.x, problem.loss.gradient(state.x), tau)
        seconds.append(seconds[-1] + time.perf_counter() - begin)
        state = State(after, state.k + 1, state.work + 1)
        values.append(np.asarray(problem.loss.value(after)))
        work.append(state.work)
    return Run(state, Progress(np.stack(values), np.stack(work), np.asarray(seconds)))


def check_limit(tau: Any, limit: Real) -> None:
    """A `ValueError` where τ > 1/L, up to rounding."""
    exact_numbers = is_exact(tau) and is_exact(limit)
    most = limit if exact_numbers else float(limit) * (1 + _ROUNDING)
    if not bool(np.all(np.asarray(tau) <= most)):
        raise ValueError(
            f"tau must be at most 1/L = {limit} for a smooth loss relative to the reference, got {tau!r}; "
            "a longer step may raise the objective: set allow_long_steps to study that"
        )


def _mirror(reference: Reference, x: Array, gradient: Array, tau: Any) -> tuple[Array, np.ndarray]:
    """∇φ*(∇φ(x) − τg), and whether it is in C."""
    with np.errstate(over="ignore"):  # an overflow is found below
        after = reference.conjugate_gradient(reference.gradient(x) - tau * gradient)
    return after, np.asarray(reference.in_domain(after), dtype=bool) & _finite(after)


def _finite(x: Array) -> np.ndarray:
    return np.asarray(np.all(np.asarray(abs(x) < math.inf, dtype=bool), axis=-1))
