"""The iterates of each solver on a problem, from θ = 0 and v = 0 with exact gradients (TEMPORARY local loops)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...theory.problems import Problem


@dataclass(frozen=True)
class Solver:
    """A solver with its settings; ``iterates(problem, steps)`` has shape (steps + 1, d), θ⁰ included."""

    kind: str
    name: str
    settings: str
    iterates: Callable[[Problem, int], np.ndarray]


def _start(problem: Problem) -> Any:
    return np.zeros(problem.dimension), np.zeros(problem.dimension)


def linbreg(tau: float) -> Solver:
    def run(problem: Problem, steps: int) -> np.ndarray:
        theta, v = _start(problem)
        out = [theta]
        for _ in range(steps):
            v = v - tau * problem.loss.gradient(theta)
            theta = problem.elastic_net.mirror_map(v)
            out.append(theta)
        return np.stack(out)

    return Solver("linbreg", "LinBreg", f"τ = {tau:.4g}", run)


def momentum(tau: float, beta: float) -> Solver:
    def run(problem: Problem, steps: int) -> np.ndarray:
        theta, v = _start(problem)
        m, out = 0 * v, [theta]
        for _ in range(steps):
            m = beta * m + (1 - beta) * tau * problem.loss.gradient(theta)
            v = v - m
            theta = problem.elastic_net.mirror_map(v)
            out.append(theta)
        return np.stack(out)

    return Solver("momentum", "LinBreg with momentum", f"τ = {tau:.4g}, β = {beta:g}", run)


def adabreg(tau: float) -> Solver:
    def run(problem: Problem, steps: int) -> np.ndarray:
        theta, v = _start(problem)
        m, s, out = 0 * v, 0 * v, [theta]
        for k in range(1, steps + 1):
            g = problem.loss.gradient(theta)
            m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            v = v - tau * (m / (1 - 0.9**k)) / (np.sqrt(s / (1 - 0.999**k)) + 1e-8)
            theta = problem.elastic_net.mirror_map(v)
            out.append(theta)
        return np.stack(out)

    return Solver("adabreg", "AdaBreg", f"τ = {tau:.4g}, β₁ = 0.9, β₂ = 0.999", run)


def proxgd(tau: float) -> Solver:
    def run(problem: Problem, steps: int) -> np.ndarray:
        theta, _ = _start(problem)
        out = [theta]
        for _ in range(steps):
            theta = problem.regularizer.prox(theta - tau * problem.loss.gradient(theta), tau)
            out.append(theta)
        return np.stack(out)

    return Solver("proxgd", "ProxGD", f"τ = {tau:.4g}", run)


def multilevel(tau: float, coarse_tau: float, coarse_steps: int) -> Solver:
    def run(problem: Problem, steps: int) -> np.ndarray:
        theta, v = _start(problem)
        out = [theta]
        rng = np.random.default_rng(0)
        for _ in range(steps):
            mask = theta != 0
            if mask.all():
                mask = rng.random(len(theta)) < 0.5
            for _ in range(coarse_steps):
                v = v - coarse_tau * mask * problem.loss.gradient(theta)
                theta = np.where(mask, problem.elastic_net.mirror_map(v), theta)
            v = v - tau * problem.loss.gradient(theta)
            theta = problem.elastic_net.mirror_map(v)
            out.append(theta)
        return np.stack(out)

    return Solver("multilevel", "ML LinBreg", f"τ = {tau:.4g}, {coarse_steps} coarse steps", run)
