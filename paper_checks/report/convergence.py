"""The solvers on toy problems beside bounds that are theorems.

θ⁰ = 0 and v⁰ = 0, so D^{v⁰}_{J_δ}(θ*, θ⁰) = J_δ(θ*). All gradients are exact. With u a minimiser of L:

convex           L(θᵏ) − L(u) ≤ D^{v⁰}(u, θ⁰)/(τk), τ ≤ 1/𝖫. One step of mirror descent gives
                 τ(L(θ⁺) − L(u)) ≤ D^v(u, θ) − D^{v⁺}(u, θ⁺) − τ D_L(u, θ); sum it, the loss decreases.
strongly convex  L(θ⁺) − L(u) ≥ νD^{v⁺}(u, θ⁺) and D_L(u, θ) ≥ νD^v(u, θ) in the same inequality give the factor
                 (1 − τν)/(1 + τν) for D, and ‖θ − u‖² ≤ 2δD. For J = λ‖·‖₁, ν = μ/(1/δ + 4λ/m) with m the smallest
                 |uᵢ| ≠ 0: a coordinate with the wrong sign adds at most 2λ|uᵢ| ≤ (2λ/m)(θᵢ − uᵢ)² to D_J(u, θ).
PL, J = 0        L(θ⁺) ≤ L(θ) − s(1 − sℓ/2)‖∇L(θ)‖², s = δτ, and ½‖∇L‖² ≥ η(L − L*); coarse steps do not increase L.
ProxGD           Beck and Teboulle (2009), theorem 3.1, for F = L + J.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...theory.groups import Groups
from ...theory.losses import LeastSquares, SineQuadratic
from ...theory.problems import Problem
from ...theory.regularizers import L1, Zero
from .solver_runs import adabreg, linbreg, momentum, multilevel, proxgd, record


@cache
def studies() -> list[dict[str, Any]]:
    """Every problem with its bound and its runs, as report.json has them; ``figure`` is added when it is drawn."""
    with np.errstate(all="ignore"):  # a broken solver may overflow, and its run says so
        return [_convex(), _strongly_convex(), _non_convex(), _composite()]


def _design(rng: np.random.Generator, rows: int, singular: np.ndarray, columns: int) -> np.ndarray:
    """A matrix with the given singular values and random singular vectors."""
    left, _ = np.linalg.qr(rng.normal(size=(rows, len(singular))))
    right, _ = np.linalg.qr(rng.normal(size=(columns, len(singular))))
    product: np.ndarray = (left * singular) @ right.T
    return product


def _sparse(rng: np.random.Generator, dimension: int, nonzero: int) -> np.ndarray:
    """Entries of size 1 … 2 in ``nonzero`` places."""
    star = np.zeros(dimension)
    places = rng.choice(dimension, nonzero, replace=False)
    star[places] = rng.choice([-1.0, 1.0], nonzero) * rng.uniform(1, 2, nonzero)
    return star


def _convex_problem() -> tuple[Problem, np.ndarray]:
    rng = np.random.default_rng(1)
    star = _sparse(rng, 60, 8)
    matrix = _design(rng, 30, 1 / np.arange(1, 31), 60)
    return Problem(LeastSquares(matrix, matrix @ star), L1(0.05), 1.0, Groups.singletons(60)), star


def _convex() -> dict[str, Any]:
    problem, star = _convex_problem()
    tau, steps = float(problem.step_size_limit), 500
    start = float(problem.elastic_net.value(star))
    bound = start / (tau * np.maximum(np.arange(steps + 1), 1e-300))
    solvers = [linbreg(tau), momentum(tau, 0.9), adabreg(0.02), multilevel(tau, 5), proxgd(tau)]
    return _study(
        "convex",
        "Convex: a rate of 1/k for LinBreg",
        "Least squares with 30 equations for 60 unknowns, singular values 1, 1/2, …, 1/30, and a solution θ* with 8 non-zero "
        "entries, so L* = 0. J = 0.05‖θ‖₁, δ = 1. ProxGD minimises L + J instead of L, so its loss does not tend to L*.",
        "Loss against the number of full gradients, both axes logarithmic.",
        "L(θᵏ) − L*",
        {"ℓ": problem.loss.lipschitz, "δ": problem.delta, "τ": tau, "J_δ(θ*)": start},
        r"\mathcal{L}(\theta^k) - \mathcal{L}^* \le \frac{D^{v^0}_{J_\delta}(\theta^*, \theta^0)}{\tau k} = "
        r"\frac{J_\delta(\theta^*)}{\tau k}, \quad \tau = \frac{1}{\mathsf{L}}",
        "mirror descent under relative smoothness, derived in paper_checks/report/convergence.py because J_δ is not smooth; "
        "for smooth references Bauschke, Bolte, Teboulle 2017 and Lu, Freund, Nesterov 2018, theorem 3.1",
        bound,
        [record(problem, solver, steps, problem.loss.value, bound, solver.kind == "linbreg") for solver in solvers],
    )


def _strongly_convex() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    star, lam = _sparse(rng, 20, 5), 0.1
    matrix = _design(rng, 80, np.sqrt(np.linspace(0.15, 1, 20)), 20)
    problem = Problem(LeastSquares(matrix, matrix @ star), L1(lam), 1.0, Groups.singletons(20))
    tau, steps, mu = float(problem.step_size_limit), 120, float(problem.loss.strong_convexity or 0)
    smallest = float(np.abs(star[star != 0]).min())
    nu = mu / (1 / problem.delta + 4 * lam / smallest)
    factor = (1 - tau * nu) / (1 + tau * nu)
    start = float(problem.elastic_net.value(star))
    bound = 2 * problem.delta * start * factor ** np.arange(steps + 1)
    solvers = [linbreg(tau), momentum(tau, 0.5), adabreg(0.1), multilevel(tau, 3), proxgd(tau)]

    def distance(thetas: np.ndarray) -> np.ndarray:
        squares: np.ndarray = ((thetas - star) ** 2).sum(axis=-1)
        return squares

    return _study(
        "strongly-convex",
        "Strongly convex: a linear rate for LinBreg",
        "Least squares with 80 equations for 20 unknowns, eigenvalues of the Hessian from 0.15 to 1, and a solution θ* with 5 "
        "non-zero entries. J = 0.1‖θ‖₁, δ = 1; m is the smallest |θ*ᵢ| ≠ 0. ProxGD tends to the minimiser of L + J, "
        "which is not θ*.",
        "Squared distance to the minimiser against the number of full gradients.",
        "‖θᵏ − θ*‖²",
        {
            "μ": mu,
            "ℓ": problem.loss.lipschitz,
            "δ": problem.delta,
            "τ": tau,
            "λ": lam,
            "m": smallest,
            "ν": nu,
            "factor": factor,
        },
        r"\|\theta^k - \theta^*\|^2 \le 2\delta \left(\frac{1 - \tau\nu}{1 + \tau\nu}\right)^{k} J_\delta(\theta^*), \quad "
        r"\nu = \frac{\mu}{1/\delta + 4\lambda/m}, \quad \tau = \frac{1}{\mathsf{L}}",
        "derived in paper_checks/report/convergence.py from one step of mirror descent and relative strong convexity towards θ* "
        "(bungert2021, assumption 3 with θ̃ = θ*, and remark 3.1)",
        bound,
        [record(problem, solver, steps, distance, bound, solver.kind == "linbreg") for solver in solvers],
    )


def _non_convex() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    matrix = _design(rng, 6, np.sqrt(np.linspace(1, 1.25, 6)), 10)
    problem = Problem(SineQuadratic(matrix, 4 * rng.normal(size=6)), Zero(), 1.0, Groups.singletons(10))
    tau, steps, eta, lipschitz = (
        float(problem.step_size_limit),
        150,
        float(problem.loss.pl_constant or 0),
        float(problem.loss.lipschitz),
    )
    factor = 1 - eta * problem.delta * tau * (2 - tau * lipschitz * problem.delta)
    start = float(problem.loss.value(np.zeros(10)))
    bound = start * factor ** np.arange(steps + 1)
    solvers = [linbreg(tau), momentum(tau, 0.9), adabreg(0.1), multilevel(tau, 3, 5)]
    return _study(
        "non-convex",
        "Not convex, but Polyak–Łojasiewicz: a linear rate for LinBreg and ML LinBreg with J = 0",
        "L(θ) = Σ f(zᵢ), z = Aθ − b with 6 rows and 10 unknowns, f(x) = x² + 3 sin² x, so L* = 0. J = 0, δ = 1: LinBreg is "
        "gradient descent, and ProxGD with step δτ is the same iteration. ½‖∇L‖² ≥ η(L − L*).",
        "Loss against the number of full gradients.",
        "L(θᵏ) − L*",
        {"η": eta, "ℓ": lipschitz, "δ": problem.delta, "τ": tau, "factor": factor},
        r"\mathcal{L}(\theta^k) - \mathcal{L}^* \le \bigl(1 - \eta\delta\tau(2 - \tau\ell\delta)\bigr)^{k}"
        r"\,\bigl(\mathcal{L}(\theta^0) - \mathcal{L}^*\bigr), \quad \tau = \frac{1}{\mathsf{L}} = \frac{1}{\ell\delta}",
        "gradient descent under the PL inequality: Polyak 1963; Karimi, Nutini, Schmidt 2016, theorem 1; lunk2026 lemma A.2 "
        "for J = 0, and theorem 4.1 with σ = 0 for the multilevel iteration, whose coarse steps do not increase the loss",
        bound,
        [
            record(problem, solver, steps, problem.loss.value, bound, solver.kind in ("linbreg", "multilevel"))
            for solver in solvers
        ],
    )


def _composite() -> dict[str, Any]:
    problem, _ = _convex_problem()
    tau, steps = 1 / float(problem.loss.lipschitz), 500

    def objective(thetas: np.ndarray) -> np.ndarray:
        total: np.ndarray = problem.loss.value(thetas) + problem.regularizer.value(thetas)
        return total

    try:
        star = proxgd(tau).iterates(problem, 10_000)[-1]
    except (ValueError, ArithmeticError):  # the run below will say why
        star = np.zeros(problem.dimension)
    lowest, start = float(objective(star)), float(star @ star)
    bound = start / (2 * tau * np.maximum(np.arange(steps + 1), 1e-300))
    return _study(
        "proxgd",
        "Convex: a rate of 1/k for ProxGD on its own objective",
        "F = L + J of the convex problem above. θ̄ is the iterate after 10 000 steps; the bound holds for every θ̄ in the place of a "
        "minimiser.",
        "Objective against the number of full gradients, both axes logarithmic.",
        "F(θᵏ) − F(θ̄)",
        {"ℓ": problem.loss.lipschitz, "τ": tau, "F(θ̄)": lowest, "‖θ̄‖²": start},
        r"F(\theta^k) - F(\bar\theta) \le \frac{\|\theta^0 - \bar\theta\|^2}{2\tau k}, \quad \tau = \frac{1}{\ell}",
        "Beck, Teboulle 2009, theorem 3.1",
        bound,
        [record(problem, proxgd(tau), steps, lambda thetas: objective(thetas) - lowest, bound, True)],
    )


def _study(
    name: str,
    title: str,
    problem: str,
    measure: str,
    axis: str,
    constants: dict[str, Any],
    statement: str,
    source: str,
    bound: np.ndarray,
    runs: list[dict[str, Any]],
) -> dict[str, Any]:
    values = [float("inf") if value > 1e290 else float(value) for value in bound]
    return {
        "name": name,
        "title": title,
        "problem": problem,
        "measure": measure,
        "axis": axis,
        "constants": {key: float(value) for key, value in constants.items()},
        "bound": {"statement": statement, "source": source, "values": values},
        "runs": runs,
    }
