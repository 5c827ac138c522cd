"""Compressed sensing: a sparse signal from few Gaussian measurements, the home of linearized Bregman iterations.

f(x) = ½‖Ax − b‖², J = λ‖·‖₁, and `Problem` holds both: 𝖫 = ‖A‖²δ (`Problem.relative_smoothness`), and the coarse model is that of
ML LinBreg, `Problem.coarse` on a selection of coordinates (no grid: neighbours in a sparse signal have nothing in common).
See Cai, Osher and Shen 2009, Yin, Osher, Goldfarb and Darbon 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Real, check_number
from ..groups import Groups
from ..losses import LeastSquares
from ..problems import Problem
from ..regularizers import L1
from .noise import gaussian_noise


@dataclass(frozen=True, eq=False)
class CompressedSensing:
    """The problem, and the sparse signal behind its data, shape (d,)."""

    problem: Problem
    truth: Array


def compressed_sensing(
    dimension: int,
    measurements: int,
    sparsity: int,
    *,
    lam: Real = 1.0,
    delta: Real = 1.0,
    level: float = 0.0,
    seed: int = 0,
) -> CompressedSensing:
    """A of shape (measurements, dimension) with entries N(0, 1/measurements), b = A·truth + noise.

    ``sparsity``: the number of non-zero entries of the truth, at random places, of size 1 to 2 and random sign.
    ``level``: the standard deviation of the Gaussian noise, as a fraction of the root mean square of A·truth.
    """
    for name, count in (("dimension", dimension), ("measurements", measurements)):
        if count < 1:
            raise ValueError(f"{name} must be ≥ 1, got {count}")
    if not 0 <= sparsity <= dimension:
        raise ValueError(f"sparsity must be in 0 … {dimension}, got {sparsity}")
    check_number("lam", lam, at_least=0)
    signal, sensing, noise = np.random.SeedSequence(seed).spawn(3)
    rng = np.random.default_rng(signal)
    truth = np.zeros(dimension)
    support = rng.choice(dimension, size=sparsity, replace=False)
    truth[support] = rng.choice([-1.0, 1.0], size=sparsity) * rng.uniform(1, 2, size=sparsity)
    matrix = np.random.default_rng(sensing).normal(size=(measurements, dimension)) / np.sqrt(measurements)
    data = gaussian_noise(matrix @ truth, level, int(noise.generate_state(1)[0]))
    problem = Problem(LeastSquares(matrix, data), L1(lam), delta, Groups.singletons(dimension))
    return CompressedSensing(problem, truth)
