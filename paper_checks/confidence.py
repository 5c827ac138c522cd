"""Confidence sequences: intervals for a mean that are right at all times at once, with a stated probability of error.

The predictable plug-in empirical-Bernstein sequence of Waudby-Smith and Ramdas, *Estimating means of bounded random variables
by betting*, JRSS B 86 (2024), theorem 2. For Xₜ ∈ [0, 1] whose conditional mean given the past is μ for every t, with
probability ≥ 1 − α for all t at once

    |Σ λᵢXᵢ / Σ λᵢ − μ| ≤ (log(2/α) + Σ 4(Xᵢ − μ̂ᵢ₋₁)² ψ(λᵢ)) / Σ λᵢ,    ψ(λ) = (−log(1 − λ) − λ)/4,

where λᵢ and μ̂ᵢ₋₁ may depend on X₁ … Xᵢ₋₁ only. The Xₜ need not be independent, and one may stop whenever one likes: after
looking at the data, too. A sample mean compared with a tolerance gives neither.

symbol | argument          | meaning
-------|-------------------|-----------------------------------------------
Xₜ     | ``observations``  | shape (T,), each in [lowest, largest]
α      | ``error``         | probability that an interval is ever wrong
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

#: λ stays below 1, where ψ is infinite; the paper suggests 1/2 or 3/4.
_LARGEST_BET = 0.75


class ConfidenceSequence(NamedTuple):
    """Lower and upper ends after 1, 2, … observations, intersected over the past; shape (T,)."""

    lower: np.ndarray
    upper: np.ndarray

    @property
    def last(self) -> tuple[float, float]:
        """The interval after all observations."""
        return float(self.lower[-1]), float(self.upper[-1])


def empirical_bernstein(
    observations: np.ndarray, error: float, lowest: float = 0.0, largest: float = 1.0
) -> ConfidenceSequence:
    """Intervals that contain the mean at all times with probability ≥ 1 − ``error``."""
    x = np.asarray(observations, dtype=np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"observations must have shape (T,) with T ≥ 1, got {x.shape}")
    if not 0 < error < 1:
        raise ValueError(f"error must be in (0, 1), got {error!r}")
    if not lowest < largest:
        raise ValueError(f"largest must be > lowest = {lowest}, got {largest!r}")
    if not bool(np.all((lowest <= x) & (x <= largest))):
        outside = x[(x < lowest) | (x > largest) | np.isnan(x)][0]
        raise ValueError(f"observations must be in [{lowest}, {largest}], got {outside}")
    x = (x - lowest) / (largest - lowest)
    times = np.arange(1, x.size + 1)
    means = (0.5 + np.cumsum(x)) / (times + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (times + 1)
    mean_before = np.concatenate([[0.5], means[:-1]])
    variance_before = np.concatenate([[0.25], variances[:-1]])
    level = math.log(2 / error)
    bets = np.minimum(np.sqrt(2 * level / (variance_before * times * np.log1p(times))), _LARGEST_BET)
    surprise = 4 * (x - mean_before) ** 2 * (-np.log1p(-bets) - bets) / 4
    staked = np.cumsum(bets)
    center, width = np.cumsum(bets * x) / staked, (level + np.cumsum(surprise)) / staked
    lower = np.maximum.accumulate(np.clip(center - width, 0, 1))
    upper = np.minimum.accumulate(np.clip(center + width, 0, 1))
    scale = largest - lowest
    return ConfidenceSequence(lowest + scale * lower, lowest + scale * upper)
