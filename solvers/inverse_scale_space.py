"""The inverse scale space flow: the limit τ → 0 of Bregman iterations and of LinBreg (bungert2021 (2.2), (2.10), (2.11)).

    (2.2)   ṗ = −∇L(θ),        p ∈ ∂J(θ)          the limit of Bregman iterations
    (2.10)  v̇ = −∇L(θ),        v ∈ ∂J_δ(θ)        the limit of LinBreg: θ = prox_{δJ}(δv), an ordinary equation for v
    (2.11)  γv̈ + v̇ = −∇L(θ),  v ∈ ∂J_δ(θ)        the limit of LinBreg with momentum

For L = ½‖θ − f‖², J = λ‖·‖₁ and a start at θ = 0, p = 0 the flows are solved coordinate by coordinate. Until |p| = tfᵢ reaches
λ, at tᵢ = λ/|fᵢ|, θᵢ stays 0. Then

    (2.2)   θᵢ jumps to fᵢ, because p may not leave [−λ, λ] and so ṗ = fᵢ − θᵢ must vanish;
    (2.10)  vᵢ = λ sign fᵢ + θᵢ/δ, so θ̇ᵢ = δ(fᵢ − θᵢ) and θᵢ(t) = fᵢ(1 − exp(−δ(t − tᵢ))): the jump is smeared over a time 1/δ.

symbol | argument           | shape
-------|--------------------|-----------------------------------------------
f      | ``f``              | (..., d)
λ > 0  | ``lam``            | a number
t      | ``times``          | (T,), increasing, ≥ 0
γ > 0  | ``gamma``          | a number
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from ..theory.arrays import Array, Real, check_number, constant, is_exact, scalar
from ..theory.elastic_net import PrimalDual
from ..theory.problems import Problem


class Flow(NamedTuple):
    """A flow at the times asked for."""

    times: Array
    """(T,)"""
    thetas: Array
    """(T, ..., d)"""
    vs: Array
    """(T, ..., d)"""


def closed_form(f: Array, lam: Real, times: Any) -> Array:
    """θ of (2.2) for L = ½‖θ − f‖², J = λ‖·‖₁ from θ = 0, p = 0: fᵢ where t > λ/|fᵢ| and else 0, shape (T, ..., d).

    At t = λ/|fᵢ| itself every value between 0 and fᵢ would do. Exact on Fractions.
    """
    time = _column(_times(times, f), f)
    return np.where(abs(f) * time > scalar(check_number("lam", lam, above=0), f), f + 0 * time, 0 * f + 0 * time)


def closed_form_elastic(f: Array, lam: Real, delta: Real, times: Any) -> Flow:
    """θ and v of (2.10) for L = ½‖θ − f‖², J = λ‖·‖₁ from θ = 0, v = 0. Floating point: exp is irrational."""
    if is_exact(f):
        raise TypeError("f must be in floating point, because exp(−δt) is irrational; `closed_form` is exact")
    lam, delta = float(check_number("lam", lam, above=0)), float(check_number("delta", delta, above=0))
    points = _times(times, f)
    time = _column(points, f)
    with np.errstate(divide="ignore"):
        since = np.maximum(time - lam / abs(f), 0.0)
    theta = f * -np.expm1(-delta * since)
    return Flow(points, theta, np.where(since > 0, lam * np.sign(f) + theta / delta, f * time))


def flow(problem: Problem, start: PrimalDual, times: Any, relative: float = 1e-9, absolute: float = 1e-11) -> Flow:
    """(2.10) from ``start`` at t = 0, by an explicit Runge–Kutta method of order 8 with the given tolerances.

    The right-hand side has kinks where θ reaches or leaves zero: the tolerances bound the local error there too, and the
    order is lost, not the accuracy. Floating point only.
    """
    return _solve(problem, start, times, None, relative, absolute)


def inertial_flow(
    problem: Problem, start: PrimalDual, times: Any, gamma: Real, relative: float = 1e-9, absolute: float = 1e-11
) -> Flow:
    """(2.11) from ``start`` at rest (v̇ = 0) at t = 0; otherwise as `flow`."""
    return _solve(problem, start, times, float(check_number("gamma", gamma, above=0)), relative, absolute)


def _solve(
    problem: Problem, start: PrimalDual, times: Any, gamma: float | None, relative: float, absolute: float
) -> Flow:
    if is_exact(start.v):
        raise TypeError("start must be in floating point: a flow has no exact arithmetic")
    points, shape, net = _times(times, start.v), start.v.shape, problem.elastic_net

    def force(v: Array) -> Array:
        return -problem.loss.gradient(net.mirror_map(v.reshape(shape))).ravel()

    def velocity(_: float, state: Array) -> Array:
        if gamma is None:
            return force(state)
        v, slope = np.split(state, 2)
        return np.concatenate([slope, (force(v) - slope) / gamma])

    v = start.v.ravel()
    state = v if gamma is None else np.concatenate([v, 0 * v])
    if points[-1] > 0:
        solution: Any = solve_ivp(
            velocity, (0.0, points[-1]), state, method="DOP853", t_eval=points, rtol=relative, atol=absolute
        )
        if not solution.success:
            raise ArithmeticError(f"the flow could not be followed to t = {points[-1]}: {solution.message}")
        states = solution.y.T
    else:
        states = np.repeat(state[None], len(points), axis=0)
    vs = states[:, : v.size].reshape(-1, *shape)
    return Flow(points, net.mirror_map(vs), vs)


def _times(times: Any, like: Array) -> Array:
    points = constant(times, like).reshape(-1)
    if points.size == 0 or not bool(np.all(points >= 0)) or not bool(np.all(points[1:] >= points[:-1])):
        raise ValueError(f"times must be increasing numbers ≥ 0, at least one, got {times!r}")
    return points


def _column(points: Array, like: Array) -> Array:
    return points.reshape(-1, *(1,) * like.ndim)
