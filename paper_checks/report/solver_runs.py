"""The iterates of each solver on a problem, from θ = 0 and v = 0 with exact gradients, counted by full gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...solvers import adabreg as adabreg_solver
from ...solvers import linbreg as linbreg_solver
from ...solvers import momentum as momentum_solver
from ...solvers import proxgd as proxgd_solver
from ...solvers import selections
from ...solvers.multilevel import Multilevel
from ...solvers.multilevel import run as run_multilevel
from ...theory.elastic_net import PrimalDual
from ...theory.problems import Problem


@dataclass(frozen=True)
class Solver:
    """A solver with its settings; ``iterates(problem, steps)`` has shape (steps + 1, d), θ⁰ included."""

    kind: str
    name: str
    settings: str
    iterates: Callable[[Problem, int], np.ndarray]


def _start(problem: Problem) -> PrimalDual:
    """θ⁰ = 0 with v⁰ = 0 ∈ ∂J_δ(0)."""
    return PrimalDual(np.zeros(problem.dimension), np.zeros(problem.dimension))


def linbreg(tau: float) -> Solver:
    """LinBreg with a constant step size."""
    return Solver(
        "linbreg",
        "LinBreg",
        f"τ = {tau:.4g}",
        lambda problem, steps: np.asarray(linbreg_solver.run(problem, _start(problem), tau, steps).thetas),
    )


def momentum(tau: float, beta: float) -> Solver:
    """LinBreg with momentum."""
    return Solver(
        "momentum",
        "LinBreg with momentum",
        f"τ = {tau:.4g}, β = {beta:g}",
        lambda problem, steps: np.asarray(momentum_solver.run(problem, _start(problem), tau, steps, beta).thetas),
    )


def adabreg(tau: float) -> Solver:
    """AdaBreg with its default moments."""
    return Solver(
        "adabreg",
        "AdaBreg",
        f"τ = {tau:.4g}, β₁ = 0.9, β₂ = 0.999",
        lambda problem, steps: np.asarray(adabreg_solver.run(problem, _start(problem), tau, steps).thetas),
    )


def proxgd(tau: float) -> Solver:
    """Proximal gradient descent on L + J."""
    return Solver(
        "proxgd",
        "ProxGD",
        f"τ = {tau:.4g}",
        lambda problem, steps: np.asarray(proxgd_solver.run(problem, _start(problem), tau, steps).thetas),
    )


def multilevel(tau: float, coarse_steps: int, random_groups: int | None = None) -> Solver:
    """ML LinBreg with τ̂ = τ/2 on the coarse level: on the support (the paper's choice), or on random groups."""
    rule = selections.support if random_groups is None else selections.random_groups(random_groups)
    settings = Multilevel(coarse_steps, selection=rule)

    def iterates(problem: Problem, steps: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        trace = run_multilevel(problem, settings, _start(problem), tau, tau / 2, steps, rng)
        return np.asarray(trace.thetas[:: coarse_steps + 1])

    where = "the support" if random_groups is None else f"{random_groups} random groups"
    return Solver(
        "multilevel",
        "ML LinBreg",
        f"τ = {tau:.4g}, τ̂ = τ/2, {coarse_steps} coarse steps on {where} in each cycle",
        iterates,
    )


def record(
    problem: Problem, solver: Solver, steps: int, measure: Callable[[np.ndarray], Any], bound: np.ndarray, bounded: bool
) -> dict[str, Any]:
    """What a solver did, as report.json has it; ``bounded``: the bound is a theorem about it."""
    error, values, worst = None, np.empty(0), None
    try:
        values = np.asarray(measure(solver.iterates(problem, steps)), dtype=float)
    except (ValueError, ArithmeticError) as stopped:
        error = f"{type(stopped).__name__}: {stopped}"
    if bounded and len(values):
        ratio = values[1:] / bound[1:]  # not a number where a solver overflows
        worst = float("nan") if np.isnan(ratio).any() else float(ratio.max())
    return {
        "solver": solver.name,
        "settings": solver.settings,
        "bounded": bounded,
        "values": values.tolist(),
        "worst_ratio": worst,
        "error": error,
    }
