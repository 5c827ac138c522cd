"""Where ℓ1 minimisation begins to recover a sparse vector from Gaussian measurements, and LinBreg's limit with it.

For A with m = δd rows of independent Gaussian entries and x with k = ρm entries that are not zero, as d → ∞ a convex f recovers x
as the minimiser of f subject to Az = Ax with probability → 1 where m is above the statistical dimension of f's descent cone
at x, and → 0 below it (Amelunxen, Lotz, McCoy and Tropp 2014, theorem II and section 4). For f = ‖·‖₁ that is the weak transition
of Donoho and Tanner 2009, and
    δ = min_{t ≥ 0} s(1 + t²) + (1 − s) E(|g| − t)₊²,   s = ρδ = k/d,   g ~ N(0, 1).                               (*)

LinBreg's limit minimises f = λ‖·‖₁ + ‖·‖²/(2δ₀) (δ₀: the δ of J_δ). Its subgradients on the support are λ(sign xᵢ + xᵢ/α) with
α = λδ₀, and the same as those of λ‖·‖₁ off it. So 1 + t² in (*) becomes 1 + ct², with c the mean of (1 + |xᵢ|/α)² over
the support: the price of the strongly convex term, which vanishes as α → ∞.

symbol | argument    | allowed
-------|-------------|----------
δ      | ``delta``   | (0, 1)
c      | ``weight``  | ≥ 1; 1 for ℓ1
ρ      | the result  | (0, 1)
"""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import ndtr

# δ as a function of the minimiser t in (*) falls from 1 at t = 0 to 0; at t = 20 it is far below any m/d.
_MOST = 20.0
_LEAST = 1e-9


def weak_transition(delta: float, weight: float = 1.0) -> float:
    """ρ at the transition for the undersampling δ: recovery below it, failure above."""
    if not 0 < delta < 1:
        raise ValueError(f"delta must be in (0, 1), got {delta!r}")
    if not 1 <= weight < math.inf:
        raise ValueError(f"weight must be a finite number ≥ 1, got {weight!r}")
    t = float(brentq(lambda t: _undersampling(t, weight) - delta, _LEAST, _MOST, xtol=1e-14))
    return _share(t, weight) / delta


def support_weight(alpha: float, least: float, most: float) -> float:
    """c for entries of sizes uniform between ``least`` and ``most``: 1 + 2E|x|/α + E|x|²/α²."""
    if not alpha > 0:
        raise ValueError(f"alpha must be > 0, got {alpha!r}")
    mean, square = (least + most) / 2, (least**2 + least * most + most**2) / 3
    return 1 + 2 * mean / alpha + square / alpha**2


def _share(t: float, weight: float) -> float:
    """s at which t is the minimiser in (*): c·s·t = (1 − s)·2(φ(t) − tΦ(−t))."""
    odds = 2 * (_density(t) - t * float(ndtr(-t))) / (weight * t)
    return odds / (1 + odds)


def _undersampling(t: float, weight: float) -> float:
    """δ for the s of which t is the minimiser; E(|g| − t)₊² = 2((1 + t²)Φ(−t) − tφ(t))."""
    s = _share(t, weight)
    return s * (1 + weight * t * t) + (1 - s) * 2 * ((1 + t * t) * float(ndtr(-t)) - t * _density(t))


def _density(t: float) -> float:
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
