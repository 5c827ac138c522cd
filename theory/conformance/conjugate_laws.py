"""Laws of J*: an upper bound by Fenchel–Young, attained, and Moreau's decomposition with J* judged by its own values.

Source: Bauschke & Combettes, propositions 13.15 (Fenchel–Young), 14.3 (Moreau), theorem 16.29 (û ∈ ∂J*(p)).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..margins import at_most
from .findings import Findings
from .regularizer_case import RegularizerCase
from .value_descent import descend


def _conjugate(case: RegularizerCase, p: Array) -> Array:
    return np.asarray(case.regularizer.conjugate(p), dtype=np.float64)


def conjugate_bounds_the_pairing(case: RegularizerCase, findings: Findings) -> None:
    """J*(p) ≥ ⟨p, θ⟩ − J(θ) for all p and θ (Fenchel–Young)."""
    theta = np.concatenate([case.inside, 10 * case.points, 1e3 * case.points[:12]])
    p = np.concatenate([case.duals, 1e-2 * case.duals[:8]])
    pairing = p @ theta.T
    value, conjugate = case.value(theta) + 0 * pairing, _conjugate(case, p)[:, None] + 0 * pairing
    findings.require(conjugate > -np.inf, "J*(p) > −∞ and not NaN", p=p[:, None, :])
    outside = np.isinf(value) | np.isinf(conjugate)
    both = np.where(outside, 0, value) + np.where(outside, 0, conjugate)
    margin = np.where(outside, 1.0, at_most(pairing, both, np.where(outside, 0, value)))
    findings.expect(margin, "J*(p) ≥ ⟨p, θ⟩ − J(θ)", tolerance=1e-8, p=p[:, None, :], theta=theta)


def conjugate_is_the_supremum(case: RegularizerCase, findings: Findings) -> None:
    """J*(p) is not larger than what points θ reach in ⟨p, θ⟩ − J(θ); where it is inf, they climb without bound.

    The points come from the proximal point iteration with growing steps and from a search by values; whoever proposes
    them, ⟨p, θ⟩ − J(θ) is computed from the value.
    """
    p = case.duals
    claimed = _conjugate(case, p)

    def reached(theta: Array) -> Array:
        return np.sum(p[:, None, :] * theta, axis=-1) - case.value(theta)

    theta, t = case.centre + 0 * p, 1 / case.slope
    heights = [reached(theta[:, None, :])[:, 0]]
    for _ in range(14):
        theta = np.asarray(case.regularizer.prox(theta + t * p, t), dtype=np.float64)
        heights.append(reached(theta[:, None, :])[:, 0])
        t *= 4
    moderate = np.where(np.max(np.abs(theta), axis=-1, keepdims=True) < 1e3, theta, case.centre)
    searched = descend(lambda x: -reached(x), moderate, case.rng(50), radius=np.full(len(p), 0.5), rounds=16)
    climb = np.stack([*heights, reached(searched[:, None, :])[:, 0]])
    best = np.max(climb, axis=0)
    finite = np.isfinite(claimed)
    pairing = np.abs(np.sum(p * searched, axis=-1))
    margin = np.where(finite, at_most(np.where(finite, claimed, 0), best, pairing), 1.0)
    findings.expect(margin, "J*(p) ≤ sup ⟨p, θ⟩ − J(θ)", tolerance=1e-5, p=p, claimed=claimed, reached=best)
    unbounded = (climb[-2] > 0) & (climb[-2] > 1.5 * np.abs(climb[-6]))
    findings.require(finite | unbounded, "⟨p, θ⟩ − J(θ) is unbounded where J*(p) = inf", p=p, reached=best)


def moreau_decomposition_holds_by_the_values_of_the_conjugate(case: RegularizerCase, findings: Findings) -> None:
    """(z − prox_{tJ}(z))/t is the prox of J*/t at z/t, judged by values of J* alone.

    The minimiser p̂ of ½‖q − z/t‖² + J*(q)/t is characterised by J*(q) ≥ J*(p̂) + ⟨z − tp̂, q − p̂⟩ for all q. Nothing here
    derives one prox from the other, so the identity cannot hold by construction.
    """
    z, t, u = case.solutions
    # Rounding of z/t must not be visible at the size of p, which is that of ρ.
    moderate = np.max(np.abs(z), axis=-1) <= 1e4 * case.slope * t
    z, t, u = z[moderate], t[moderate], u[moderate]
    p = (z - u) / t[:, None]
    at_p = _conjugate(case, p)
    findings.require(np.isfinite(at_p), "J*((z − prox_{tJ}(z))/t) < ∞", z=z, t=t, p=p)
    scaled = case.around(z / t[:, None], p, 51)
    duals = case.duals[case.rng(52).integers(0, len(case.duals), size=(len(z), 12))]
    rows = case.rng(53).permutation(len(z))[:40]

    def objective(q: Array) -> Array:
        distance = 0.5 * np.sum((q - (z[rows] / t[rows, None])[:, None, :]) ** 2, axis=-1)
        return distance + _conjugate(case, q) / t[rows, None]

    found = p[:, None, :].copy()
    radius = 0.1 * (case.slope + np.max(np.abs(p[rows]), axis=-1))
    found[rows, 0] = descend(objective, p[rows], case.rng(54), radius=radius, rounds=16)
    q = np.concatenate([scaled, duals, found], axis=1)
    work = np.sum(u[:, None, :] * (q - p[:, None, :]), axis=-1)
    conjugate, here = _conjugate(case, q), np.where(np.isfinite(at_p), at_p, 0)[:, None]
    finite = np.isfinite(conjugate)
    bounded = np.where(finite, conjugate, 0)
    length, size = np.sum(np.abs(u), axis=-1)[:, None], np.max(np.abs(p), axis=-1)[:, None]
    # J* may be generous by 1e-9 at the boundary of its domain (see `Regularizer.conjugate`).
    generous = 2e-9 * (1 + size) * length
    margin = np.where(finite, at_most(work, bounded - here + generous, bounded, here, length * size + 0 * work), 1.0)
    findings.expect(
        margin,
        "J*(q) ≥ J*(p̂) + ⟨û, q − p̂⟩ for p̂ = (z − û)/t",
        tolerance=1e-8,
        z=z[:, None, :],
        p=p[:, None, :],
        q=q,
        t=t[:, None] + 0 * margin,
    )


CONJUGATE_LAWS = (
    conjugate_bounds_the_pairing,
    conjugate_is_the_supremum,
    moreau_decomposition_holds_by_the_values_of_the_conjugate,
)
