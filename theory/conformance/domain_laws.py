"""Laws of J and its domain: proper, convex, lower semicontinuous, finite exactly where `in_domain` says so."""

from __future__ import annotations

import numpy as np

from ..margins import at_most
from .findings import Findings
from .regularizer_case import RegularizerCase

_ROUNDING = 1e-9


def value_is_convex(case: RegularizerCase, findings: Findings) -> None:
    """J is proper and convex on every segment tried."""
    x = case.inside
    findings.require(len(x) > 0, "J is finite somewhere")
    rng = case.rng(10)
    everywhere = np.concatenate([x, case.points])
    y = everywhere[rng.integers(0, len(everywhere), size=(len(x), 12))]
    s = np.asarray([0.5, 0.25, 0.9, 1e-2])[:, None, None]
    start, end = case.value(x)[:, None], case.value(y)
    findings.require(end > -np.inf, "J(θ) > −∞ and not NaN", theta=y)
    middle = case.value((1 - s[..., None]) * x[:, None, :] + s[..., None] * y)
    # An end outside the domain bounds nothing.
    chord = (1 - s) * start + s * np.where(np.isfinite(end), end, 0)
    margin = np.where(np.isfinite(end), at_most(middle, chord, np.broadcast_to(start, middle.shape)), 1.0)
    findings.expect(
        margin,
        "J((1−s)x + sy) ≤ (1−s)J(x) + sJ(y)",
        tolerance=_ROUNDING,
        x=x[:, None, :],
        y=y,
        s=s + np.zeros(margin.shape),
    )


def value_is_lower_semicontinuous(case: RegularizerCase, findings: Findings) -> None:
    """J(b) is at most the limit of J along segments that end in b, kinks and boundary points included."""
    u = case.inside
    ends = np.concatenate([case.solutions.u, case.boundary])
    b = np.concatenate([u, ends[case.rng(11).permutation(len(ends))[:80]]])
    at_b = case.value(b)[:, None]
    start = u[case.rng(12).integers(0, len(u), size=(len(b), 6))]
    # J is convex along the segment: its limit at b is at most what the chord through two values extrapolates.
    h = 2.0 ** -np.asarray([20, 30, 40])[:, None, None, None]
    near, nearer = (case.value(b[:, None, :] + step * (start - b[:, None, :])) for step in (h, h / 2))
    finite = np.isfinite(near) & np.isfinite(nearer)
    step_down = np.abs(np.where(finite, near, 0) - np.where(finite, nearer, 0))
    limit = np.max(nearer + step_down, axis=0)
    margin = at_most(at_b + 0 * start[..., 0], limit, case.value(start))
    findings.expect(margin, "J(b) ≤ lim inf J(x) as x → b", tolerance=1e-4, b=b[:, None, :], x=start)


def domain_is_where_the_value_is_finite(case: RegularizerCase, findings: Findings) -> None:
    """`in_domain` is True exactly where J is finite."""
    far = np.concatenate(
        [case.points, case.inside, case.boundary, case.solutions.u, 1e3 * case.points, 1e6 * case.points]
    )
    finite = np.isfinite(case.value(far))
    claimed = np.asarray(case.regularizer.in_domain(far))
    findings.require(claimed.dtype == np.bool_, "in_domain returns booleans")
    findings.require(claimed == finite, "in_domain(θ) is True iff J(θ) < ∞", theta=far)


def subdifferential_is_empty_outside_the_domain(case: RegularizerCase, findings: Findings) -> None:
    """dist(q, ∂J(θ)) is inf outside dom J, and finite at images of the prox, where ∂J(θ) ∋ (z − θ)/t."""
    images = case.solutions.u[:: max(1, len(case.solutions.u) // 60)]
    q = case.duals[case.rng(14).integers(0, len(case.duals), size=len(images))]
    distance = case.regularizer.subdifferential_distance(images, q)
    findings.require(np.isfinite(distance), "dist(q, ∂J(θ)) is finite for θ = prox(z)", theta=images, q=q)
    outside = np.concatenate([case.points, 1e3 * case.points, case.centre + 1e6 * case.points])
    outside = outside[~np.isfinite(case.value(outside))]
    if not len(outside):
        findings.remark("no point outside the domain was found")
        return
    q = case.duals[case.rng(15).integers(0, len(case.duals), size=len(outside))]
    distance = case.regularizer.subdifferential_distance(outside, q)
    findings.require(distance == np.inf, "dist(q, ∂J(θ)) = inf for θ outside dom J", theta=outside, q=q)


DOMAIN_LAWS = (
    value_is_convex,
    value_is_lower_semicontinuous,
    domain_is_where_the_value_is_finite,
    subdifferential_is_empty_outside_the_domain,
)
