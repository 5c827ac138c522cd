"""Exact expectations for quadratic losses and J = 0: no samples, no noise left in the curve.

e = θ − θ*, H the Hessian, so ∇L(θ) = He, E[L(θ) − L*] = ½ tr(H E[eeᵀ]) and E‖θ − θ*‖² = tr E[eeᵀ].

additive noise    e⁺ = (I − δτMH)e − δτMξ with M the diagonal of a mask and ξ independent of e, E ξ = 0, E ξξᵀ = (σ²/|M|) M:
                  E[e⁺e⁺ᵀ] = A E[eeᵀ] Aᵀ + (δτσ)²/|M| M, A = I − δτMH
mini-batches      z = (e, a, 1) with the error a at the start of the cycle; a coarse step with the mini-batch B is linear in z,
                  e⁺ = e − δτ̂M(H_B e + s_B), s_B = ∇L_B(θ*), or, variance-reduced, e⁺ = e − δτ̂M(H_B(e − a) + Ha):
                  E[z⁺z⁺ᵀ] = mean over B of A_B E[zzᵀ] A_Bᵀ, which is a matrix acting on vec E[zzᵀ]
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np


def masks(dimension: int, size: int) -> np.ndarray:
    """Every selection of ``size`` coordinates, shape (selections, d)."""
    chosen = np.asarray(list(itertools.combinations(range(dimension), size)))
    selected: np.ndarray = (chosen[..., None] == np.arange(dimension)).any(axis=1)
    return selected


def noisy_steps(
    hessian: np.ndarray,
    moment: np.ndarray,
    delta: float,
    tau: Callable[[int], float],
    steps: int,
    sigma: float = 0.0,
) -> np.ndarray:
    """E[eeᵀ] at k = 0 … ``steps`` of LinBreg with E‖ξ‖² = σ², shape (steps + 1, d, d)."""
    dimension, found = len(hessian), [moment]
    for k in range(steps):
        linear = np.eye(dimension) - delta * tau(k) * hessian
        found.append(linear @ found[-1] @ linear.T + (delta * tau(k) * sigma) ** 2 / dimension * np.eye(dimension))
    return np.stack(found)


def noisy_cycles(
    hessian: np.ndarray,
    moment: np.ndarray,
    delta: float,
    tau: float,
    coarse_tau: Callable[[int], float],
    coarse_steps: int,
    size: int,
    cycles: int,
    sigma: float,
) -> np.ndarray:
    """E[eeᵀ] at the start of each cycle of ML LinBreg: ``size`` coordinates at random, noise on the coarse level only."""
    identity, chosen = np.eye(len(hessian)), masks(len(hessian), size).astype(float)[..., None] * np.eye(len(hessian))
    fine, found = identity - delta * tau * hessian, [moment]
    for k in range(cycles):
        step = delta * coarse_tau(k)
        linear, added = identity - step * chosen @ hessian, (step * sigma) ** 2 / size * chosen
        parts = np.broadcast_to(found[-1], linear.shape)
        for _ in range(coarse_steps):
            parts = linear @ parts @ linear.swapaxes(-1, -2) + added
        found.append(fine @ parts.mean(axis=0) @ fine.T)
    return np.stack(found)


def batched_cycles(
    matrix: np.ndarray,
    target: np.ndarray,
    error: np.ndarray,
    delta: float,
    tau: float,
    coarse_tau: float,
    coarse_steps: int,
    size: int,
    batch: int,
    cycles: int,
    reduced: bool,
) -> np.ndarray:
    """E[eeᵀ] at the start of each cycle for L = (1/2N)‖Aθ − b‖², mini-batches of size ``batch`` without replacement.

    ``size`` coordinates are selected at random in each cycle; ``reduced``: the variance-reduced coarse gradient.
    """
    count, d = matrix.shape
    star = np.linalg.lstsq(matrix, target, rcond=None)[0]
    hessian = matrix.T @ matrix / count
    batches = np.asarray(list(itertools.combinations(range(count), batch)))
    hessians = np.einsum("sbi,sbj->sij", matrix[batches], matrix[batches]) / batch
    slopes = np.einsum("sbi,sb->si", matrix[batches], (matrix @ star - target)[batches]) / batch
    gradient = np.zeros((len(batches), d, 2 * d + 1))
    gradient[:, :, :d] = hessians
    if reduced:
        gradient[:, :, d : 2 * d] = hessian - hessians
    else:
        gradient[:, :, -1] = slopes
    whole = np.zeros((2 * d + 1, 2 * d + 1))
    whole[:d, :d] = hessian
    fine, anchored = np.eye(2 * d + 1) - delta * tau * whole, np.eye(2 * d + 1)
    anchored[d : 2 * d] = 0
    anchored[d : 2 * d, :d] = np.eye(d)
    cycle = np.zeros(((2 * d + 1) ** 2,) * 2)
    selections = masks(d, size)
    for mask in selections:
        linear = np.broadcast_to(np.eye(2 * d + 1), (len(batches), 2 * d + 1, 2 * d + 1)).copy()
        linear[:, :d] -= delta * coarse_tau * mask[:, None] * gradient
        step = np.einsum("sij,skl->ikjl", linear, linear).reshape(cycle.shape) / len(batches)
        cycle += np.linalg.matrix_power(step, coarse_steps) / len(selections)
    cycle = np.kron(fine, fine) @ cycle @ np.kron(anchored, anchored)
    z = np.concatenate([error, error, [1.0]])
    found = [np.outer(z, z).reshape(-1)]
    for _ in range(cycles):
        found.append(cycle @ found[-1])
    return np.stack(found).reshape(-1, 2 * d + 1, 2 * d + 1)[:, :d, :d]


def expected_gap(hessian: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """E[L(θ) − L*], shape (K + 1, d, d) → (K + 1, 1): one replicate."""
    values: np.ndarray = np.einsum("ij,kji->k", hessian, moments)[:, None] / 2
    return values


def expected_distance(moments: np.ndarray, delta: float) -> np.ndarray:
    """E D_{J_δ}(θ*, θ) = E‖θ − θ*‖²/2δ, shape (K + 1, d, d) → (K + 1, 1)."""
    values: np.ndarray = np.einsum("kii->k", moments)[:, None] / (2 * delta)
    return values
