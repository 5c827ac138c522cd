"""Trials of sparse recovery with LinBreg: for one number of measurements, every sparsity and several matrices at once.

symbol | here                  | meaning
-------|-----------------------|-----------------------------------------------------------------------
A, b   | `compressed_sensing`  | Gaussian measurements of a truth with k entries of size 1 to 2, without noise
α      | `Setting.alpha`       | λδ; with λ = 1 it is the δ of J_δ = ‖·‖₁ + ‖·‖²/(2δ)
τ      | `Setting.step`/𝖫      | 𝖫 = δ‖A‖²

LinBreg from 0 tends to the minimiser of J_δ subject to Ax = b, which for α → ∞ is that of ‖x‖₁. Lai and Yin 2013 advise an α
of at least ten times the largest entry, which is 2 here.

The rows of A are made orthonormal first, (AAᵀ)^(−½)A and (AAᵀ)^(−½)b: the same x satisfy Ax = b, so that the limit is the same,
and far fewer steps lead to it. A trial ends when ‖Ax − b‖ ≤ 10⁻³‖b‖, tolerance/10: x is then the exact minimiser for the data Ax
in place of b. Trials with one matrix share its products; each ends on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from ...solvers import linbreg
from ...theory.arrays import Array, check_number
from ...theory.elastic_net import ElasticNet, PrimalDual
from ...theory.imaging import compressed_sensing
from ...theory.losses import LeastSquares
from ...theory.regularizers import L1

#: How often finished trials are looked for: a test of all of them costs about as much as a step.
_LOOK = 10


@final
@dataclass(frozen=True)
class Setting:
    """How LinBreg runs, and what success is: ‖x − truth‖ ≤ ``tolerance``·‖truth‖.

    ``step`` is τ𝖫. The theorems have τ𝖫 ≤ 1; the iteration is gradient descent on the dual problem, of which 𝖫 is the constant,
    and converges for every τ𝖫 < 2.
    """

    alpha: float = 20.0
    step: float = 1.8
    most_steps: int = 10_000
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, above=0)
        check_number("tolerance", self.tolerance, above=0)
        if not 0 < self.step < 2:
            raise ValueError(f"step must be in (0, 2), the τ𝖫 for which LinBreg converges, got {self.step!r}")
        if self.most_steps < 1:
            raise ValueError(f"most_steps must be ≥ 1, got {self.most_steps}")


class Trials(NamedTuple):
    """What came of the trials with m measurements; arrays of shape (sparsities, matrices)."""

    errors: Array
    """‖x − truth‖/‖truth‖; 0 for a truth of 0."""
    steps: np.ndarray
    """Steps of LinBreg."""
    converged: np.ndarray
    """Whether ‖Ax − b‖ became small enough within the most steps."""


def trials(
    dimension: int, measurements: int, sparsities: tuple[int, ...], count: int, seed: int, setting: Setting
) -> Trials:
    """``count`` matrices, each with a truth for each of the sparsities; matrix j depends on (seed, measurements, j) alone."""
    parts = []
    for j in range(count):
        own = int(np.random.SeedSequence((seed, measurements, j)).generate_state(1)[0])
        instances = [compressed_sensing(dimension, measurements, k, seed=own) for k in sparsities]
        losses = [loss for one in instances if isinstance(loss := one.problem.loss, LeastSquares)]
        assert len(losses) == len(instances)
        matrix, data = np.asarray(losses[0].matrix), np.stack([loss.target for loss in losses])
        parts.append(_recover(matrix, data, np.stack([instance.truth for instance in instances]), setting))
    return Trials(*(np.stack([getattr(part, name) for part in parts], axis=-1) for name in Trials._fields))


def _recover(matrix: Array, data: Array, truth: Array, setting: Setting) -> Trials:
    """LinBreg on the rows of ``data`` (n, m) with one matrix (m, d)."""
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    whitening = (vectors / np.sqrt(values)) @ vectors.T
    matrix, data = whitening @ matrix, data @ whitening
    net = ElasticNet(L1(1.0), setting.alpha)
    tau = setting.step / setting.alpha  # ‖A‖ = 1
    enough = setting.tolerance / 10 * np.linalg.norm(data, axis=-1)
    x = np.zeros(truth.shape)
    steps, converged = np.zeros(len(data), dtype=np.int64), np.zeros(len(data), dtype=bool)
    pair, running = linbreg.init(net, x), np.arange(len(data))
    for k in range(setting.most_steps + 1):
        residual = pair.theta @ matrix.T - data[running]
        if k % _LOOK == 0 or k == setting.most_steps:
            done = np.linalg.norm(residual, axis=-1) <= enough[running]
            x[running], steps[running] = pair.theta, k
            converged[running] = done
            if done.any():
                going = ~done
                running, residual = running[going], residual[going]
                pair = PrimalDual(pair.theta[going], pair.v[going])
            if not running.size:
                break
        if k < setting.most_steps:
            pair = linbreg.step(net, pair, residual @ matrix, tau)
    size = np.linalg.norm(truth, axis=-1)
    errors = np.linalg.norm(x - truth, axis=-1) / np.where(size > 0, size, 1)
    return Trials(errors, steps, converged)
