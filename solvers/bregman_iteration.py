"""The Bregman iteration (bungert2021 (2.1)): implicit, it minimises the loss in every step.

    θ⁺ = argmin_u D^p_J(u, θ) + τL(u) = argmin_u τL(u) + J(u) − ⟨p, u⟩
    p⁺ = p − τ∇L(θ⁺) ∈ ∂J(θ⁺)

symbol  | here                | shape
--------|---------------------|-----------------------------------------------------------
(θ, v)  | ``pair``            | (..., d) each; p = v − θ/δ ∈ ∂J(θ) is the dual variable of (2.1)
τ > 0   | ``tau``             | a number or an array of batch shape; any size is allowed

States hold v = p + θ/δ, so that v ∈ ∂J_δ(θ) as in all other solvers.

The argmin has a closed form for `Quadratic` losses whose curvature h is the same within every group of J: there
θ⁺ = prox_{J/(τh)}(c + p/(τh)), exact on Fractions. Otherwise L must be convex with a Lipschitz gradient, and an accelerated
proximal gradient method with adaptive restart (O'Donoghue & Candès 2015) runs until dist(p − τ∇L(θ⁺), ∂J(θ⁺)) is certified
to be at most ``tolerance`` times the size of p, τ∇L and 1; it raises `NotSolvedError` when that takes too long (for example
when the argmin does not exist). Where the argmin is not unique, one of them is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..theory.arrays import Array, IrrationalError, Real, check_number, column, inner, is_exact, norm, scalar
from ..theory.elastic_net import PrimalDual
from ..theory.groups import Restriction
from ..theory.losses import Quadratic
from ..theory.problems import Problem
from . import arguments
from .proxgd import prox
from .step_sizes import StepSizes, schedule
from .trace import Trace


class NotSolvedError(ArithmeticError):
    """The argmin of a Bregman iteration was not found to the tolerance asked for."""


@final
@dataclass(frozen=True)
class InnerSolver:
    """When the inner iteration stops."""

    tolerance: Real = 1e-10
    max_iterations: int = 20_000

    def __post_init__(self) -> None:
        check_number("tolerance", self.tolerance, above=0)
        arguments.count("max_iterations", self.max_iterations, at_least=1)


INNER_SOLVER = InnerSolver()


def argmin(problem: Problem, pair: PrimalDual, tau: Any, inner_solver: InnerSolver = INNER_SOLVER) -> Array:
    """θ⁺, shape ``(..., d) → (..., d)``."""
    arguments.step_size(tau, pair.v)
    pieces = _pieces_of_equal_curvature(problem)
    if pieces is not None:
        return _closed_form(problem, pair, tau, pieces)
    if is_exact(pair.v):
        raise IrrationalError(
            f"loss {type(problem.loss).__name__} has no closed form of the argmin here; exact arithmetic needs a Quadratic "
            "with one curvature in each group of J"
        )
    return _accelerated(problem, pair, tau, inner_solver)


def step(problem: Problem, pair: PrimalDual, tau: Any, inner_solver: InnerSolver = INNER_SOLVER) -> PrimalDual:
    """(θ⁺, v⁺) with v⁺ = p − τ∇L(θ⁺) + θ⁺/δ."""
    net = problem.elastic_net
    theta = argmin(problem, pair, tau, inner_solver)
    p = net.p(pair) - arguments.step_size(tau, theta) * arguments.gradient(problem.loss.gradient(theta), theta)
    return PrimalDual(theta, p + theta / scalar(net.delta, theta))


def run(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    inner_solver: InnerSolver = INNER_SOLVER,
) -> Trace:
    """``iterations`` steps from ``start``; the gradients of the trace are ∇L(θᵏ⁺¹), those that moved p."""
    tau_of, states, taus = schedule(step_sizes), [start], []
    for k in range(arguments.count("iterations", iterations)):
        taus.append(tau_of(k))
        states.append(step(problem, states[-1], taus[-1], inner_solver))
    return Trace.record(problem.loss, states, taus, [problem.loss.gradient(state.theta) for state in states[1:]])


def _pieces_of_equal_curvature(problem: Problem) -> list[tuple[Real, Restriction]] | None:
    """(h, the coordinates with curvature h), or None where the loss is not quadratic or a group of J has several h."""
    if not isinstance(problem.loss, Quadratic):
        return None
    groups = problem.regularizer.separable_groups(problem.dimension)
    h = problem.loss.curvatures.tolist()
    if any(len({h[i] for i in members}) > 1 for members in groups.members):
        return None
    classes = {value: [i for i, own in enumerate(h) if own == value] for value in h}
    return [(value, Restriction.to_coordinates(groups, members)) for value, members in classes.items()]


def _closed_form(problem: Problem, pair: PrimalDual, tau: Any, pieces: list[tuple[Real, Restriction]]) -> Array:
    loss: Any = problem.loss
    theta, p = pair.theta, problem.elastic_net.p(pair)
    for curvature, piece in pieces:
        h = scalar(curvature, theta)
        if h == 0:
            continue  # p ∈ ∂J(θ) already makes θ a minimiser of J − ⟨p, ·⟩
        # −∇L(0) = h c, in the arithmetic of θ
        weight = arguments.step_size(tau, theta) * h
        z = piece.restrict(-loss.gradient(0 * theta)) / h + piece.restrict(p) / weight
        steps = (1 / weight)[..., 0] if np.ndim(tau) else 1 / weight
        theta = piece.embed(prox(problem.regularizer.restrict(piece), z, steps), theta)
    return theta


def _accelerated(problem: Problem, pair: PrimalDual, tau: Any, inner_solver: InnerSolver) -> Array:
    loss, p = problem.loss, problem.elastic_net.p(pair)
    if loss.strong_convexity is None:
        raise ValueError(f"loss must be convex, so that the argmin can be certified, got {type(loss).__name__}")
    if not 0 <= loss.lipschitz < np.inf:
        raise ValueError(f"loss must have a Lipschitz gradient, got lipschitz = {loss.lipschitz!r}")
    weight = column(tau)
    length = 1 / (float(np.max(tau)) * float(loss.lipschitz)) if loss.lipschitz else 1.0

    def slope(u: Array) -> Array:
        return weight * loss.gradient(u) - p

    u, y, t, residual = pair.theta, pair.theta, np.ones(pair.theta.shape[:-1]), np.zeros(())
    for _ in range(inner_solver.max_iterations):
        slope_y = slope(y)
        u_next = problem.regularizer.prox(y - length * slope_y, length)
        slope_u = slope(u_next)
        # (y − u)/length − slope(y) ∈ ∂J(u): this bounds the distance of −slope(u) from ∂J(u).
        residual = norm((y - u_next) / length - slope_y + slope_u)
        if bool(np.all(residual <= inner_solver.tolerance * (1 + norm(p) + norm(slope_u + p)))):
            return u_next
        t = np.where(inner(y - u_next, u_next - u) > 0, 1.0, t)
        t_next = (1 + np.sqrt(1 + 4 * t * t)) / 2
        y = u_next + ((t - 1) / t_next)[..., None] * (u_next - u)
        u, t = u_next, t_next
    raise NotSolvedError(
        f"the argmin was not found in {inner_solver.max_iterations} inner iterations: optimality is violated by "
        f"{float(np.max(residual)):.3g}, the tolerance is {inner_solver.tolerance:g} (relative)"
    )
