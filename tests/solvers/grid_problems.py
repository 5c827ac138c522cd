"""Small grid problems with their coarse versions, dense and obvious: for the tests of the multilevel methods.

n = 2^k − 1 interior points of a line with Dirichlet boundaries; R is full weighting (¼, ½, ¼), P = 2Rᵀ linear
interpolation, and the coarse operator R A P, data R b: scaled like f/2, as the linear correction wants it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mlbreg.theory.arrays import total
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Reference

Array = Any


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """½‖Ax − b‖²."""

    A: Array
    b: Array

    def value(self, x: Array) -> Array:
        return total((x @ self.A.T - self.b) ** 2) / 2

    def gradient(self, x: Array) -> Array:
        return (x @ self.A.T - self.b) @ self.A

    @property
    def lipschitz(self) -> float:
        return float(np.linalg.norm(self.A, 2) ** 2)


@dataclass(frozen=True, eq=False)
class KullbackLeibler:
    """Σ (Ax)ᵢ − bᵢ log (Ax)ᵢ for A ≥ 0, b > 0."""

    A: Array
    b: Array

    def value(self, x: Array) -> Array:
        mean = x @ self.A.T
        return total(mean - self.b * np.log(mean))

    def gradient(self, x: Array) -> Array:
        return (1 - self.b / (x @ self.A.T)) @ self.A


@dataclass(frozen=True, eq=False)
class Matrices:
    """R and P as matrices."""

    R: Array
    P: Array

    def restrict(self, x: Array) -> Array:
        return x @ self.R.T

    def prolong(self, x: Array) -> Array:
        return x @ self.P.T


@dataclass(frozen=True, eq=False)
class Grid:
    """A level given by its parts; the coarser one is made when it is asked for."""

    loss: Any
    reference: Reference
    smoothness: Any
    below: Any = None

    def coarse(self) -> Any:
        return self.below


def full_weighting(n: int) -> Matrices:
    m = (n - 1) // 2
    R = np.zeros((m, n))
    for i in range(m):
        R[i, 2 * i : 2 * i + 3] = 0.25, 0.5, 0.25
    return Matrices(R, 2 * R.T)


def _stack(levels: int, A: Array, b: Array, make: Any) -> Grid:
    if levels == 1:
        return Grid(*make(A, b))
    transfer = full_weighting(A.shape[0])
    below = _stack(levels - 1, transfer.R @ A @ transfer.P, transfer.R @ b, make)
    return Grid(*make(A, b), below=(below, transfer))


def poisson(n: int = 15, levels: int = 2) -> Grid:
    """½‖A x − b‖² with A the discrete Laplacian, Euclidean: MGOPT."""
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    b = np.sin(3 * np.linspace(0.1, 3, n)) / 10

    def make(A: Array, b: Array) -> Any:
        loss = LeastSquares(A, b)
        return loss, Euclidean(), loss.lipschitz

    return _stack(levels, A, b, make)


def blur(n: int) -> Array:
    t = np.arange(n)
    A = np.exp(-((t[:, None] - t) ** 2) / 8)
    return A / A.sum(axis=1, keepdims=True)


def box(n: int = 15, levels: int = 2, seed: int = 0) -> Grid:
    """Deblurring of a step on (0, 1)ⁿ with Fermi–Dirac: φ'' ≥ 4, so L = ‖A‖²/4."""
    truth = ((np.arange(n) > n // 4) & (np.arange(n) < 3 * n // 4)).astype(float)
    A = blur(n)
    b = A @ truth + 0.02 * np.random.default_rng(seed).standard_normal(n)

    def make(A: Array, b: Array) -> Any:
        loss = LeastSquares(A, b)
        return loss, FermiDirac(), loss.lipschitz / 4

    return _stack(levels, A, b, make)


def poisson_noise(n: int = 15, levels: int = 2, seed: int = 0) -> Grid:
    """Kullback–Leibler deblurring on x > 0 with Burg: L = ‖b‖₁ (Bauschke, Bolte and Teboulle 2017)."""
    A = blur(n)
    b = np.random.default_rng(seed).poisson(A @ (5 + 20 * np.sin(np.linspace(0, 3, n)) ** 2)) + 1.0

    def make(A: Array, b: Array) -> Any:
        return KullbackLeibler(A, b), Burg(), float(np.sum(b))

    return _stack(levels, A, b, make)


def start(problem: Grid, n: int = 15) -> Array:
    """A point of C that is no constant."""
    wave = 0.5 + 0.3 * np.cos(np.arange(n))
    return wave if not isinstance(problem.reference, Burg) else 10 * wave
