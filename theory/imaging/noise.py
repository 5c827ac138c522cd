"""Noisy data with a seed: the same seed gives the same data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Array, check_finite, check_number


class PoissonData(NamedTuple):
    """Counts ~ Poisson(s·z), given as counts/s so that they are comparable with z; s, the counts for the intensity 1."""

    data: Array
    scale: float


def gaussian_noise(clean: Array, level: float, seed: int) -> Array:
    """z + σε, ε ~ N(0, I), with the standard deviation σ = level · √(mean z²); level ≥ 0."""
    check_number("level", level, at_least=0)
    z = np.asarray(clean, dtype=np.float64)
    sigma = level * np.sqrt(np.mean(z * z))
    return z + sigma * np.random.default_rng(seed).normal(size=z.shape)


def poisson_noise(clean: Array, photons: float, seed: int) -> PoissonData:
    """Poisson counts of the intensities z ≥ 0, with ``photons`` > 0 counts expected in the mean over all entries."""
    check_number("photons", photons, above=0)
    z = check_finite("clean", np.asarray(clean, dtype=np.float64))
    if np.any(z < 0) or not np.any(z > 0):
        raise ValueError(f"clean must be ≥ 0 and not all 0 for Poisson noise, got values from {z.min()} to {z.max()}")
    scale = float(photons / z.mean())
    return PoissonData(np.random.default_rng(seed).poisson(scale * z) / scale, scale)
