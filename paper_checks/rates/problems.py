"""The toy problems of the studies; each has its constants in closed form."""

from __future__ import annotations

import numpy as np

from ...theory.groups import Groups
from ...theory.losses import FiniteSum, LeastSquares, SineQuadratic
from ...theory.problems import Problem
from ...theory.regularizers import L1, Regularizer, Zero


def with_spectrum(eigenvalues: np.ndarray, columns: int, seed: int) -> np.ndarray:
    """A with AAᵀ of the given eigenvalues and random singular vectors, shape (len(eigenvalues), columns)."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))
    right, _ = np.linalg.qr(rng.normal(size=(columns, len(eigenvalues))))
    product: np.ndarray = (left * np.sqrt(eigenvalues)) @ right.T
    return product


def sparse(dimension: int, nonzero: int, seed: int) -> np.ndarray:
    """Entries of size 1 … 2 in ``nonzero`` places."""
    rng, star = np.random.default_rng(seed), np.zeros(dimension)
    places = rng.choice(dimension, nonzero, replace=False)
    star[places] = rng.choice([-1.0, 1.0], nonzero) * rng.uniform(1, 2, nonzero)
    return star


def flat(dimension: int = 200) -> Problem:
    """L = ½ Σ θⱼ²/j²: ever flatter directions. J = 0, δ = 1, ℓ = 1, θ* = 0."""
    matrix = np.diag(1 / np.arange(1, dimension + 1))
    return _problem(LeastSquares(matrix, np.zeros(dimension)), Zero(), 1.0)


def underdetermined(lam: float = 0.05) -> tuple[Problem, np.ndarray]:
    """30 equations for 60 unknowns, singular values 1, 1/2, …, 1/30, a solution θ* with 8 entries; J = λ‖·‖₁, δ = 1."""
    star = sparse(60, 8, seed=1)
    matrix = with_spectrum(1 / np.arange(1, 31) ** 2, 60, seed=1)
    return _problem(LeastSquares(matrix, matrix @ star), L1(lam), 1.0), star


def strongly_convex(dimension: int, lam: float, mu: float = 0.05, delta: float = 1.0) -> tuple[Problem, np.ndarray]:
    """Least squares with eigenvalues μ … 1 of the Hessian; θ* has a third of its entries, J = λ‖·‖₁ (0 for λ = 0)."""
    star = sparse(dimension, dimension // 3, seed=2)
    matrix = with_spectrum(np.linspace(mu, 1, dimension), dimension, seed=2)
    return _problem(LeastSquares(matrix, matrix @ star), L1(lam) if lam else Zero(), delta), star


def polyak_lojasiewicz() -> Problem:
    """Σ f(zᵢ), f(x) = x² + 3 sin² x, z = Aθ − b with 6 rows and 10 unknowns, AAᵀ from 0.1 to 1. J = 0, δ = 1."""
    matrix = with_spectrum(np.linspace(0.1, 1, 6), 10, seed=3)
    target = 0.5 * np.random.default_rng(3).normal(size=6)
    return _problem(SineQuadratic(matrix, target), Zero(), 1.0)


def finite_sum(rows: int, dimension: int, lam: float, consistent: bool) -> tuple[Problem, np.ndarray]:
    """L = (1/2N)‖Aθ − b‖², with b = Aθ* or b = Aθ* + noise; θ* has a third of its entries, J = λ‖·‖₁, δ = 1."""
    rng = np.random.default_rng(4)
    star = sparse(dimension, max(1, dimension // 3), seed=4)
    matrix = rng.normal(size=(rows, dimension))
    target = matrix @ star + (0 if consistent else 0.3 * rng.normal(size=rows))
    loss = FiniteSum(LeastSquares(matrix, target))
    return _problem(loss, L1(lam) if lam else Zero(), 1.0), np.asarray(loss.minimizer())


def smallest_entry(star: np.ndarray) -> float:
    """The smallest |θ*ᵢ| ≠ 0."""
    return float(np.abs(star[star != 0]).min())


def _problem(loss: FiniteSum | LeastSquares | SineQuadratic, regularizer: Regularizer, delta: float) -> Problem:
    return Problem(loss, regularizer, delta, Groups.singletons(loss.dimension))
