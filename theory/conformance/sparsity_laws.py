"""Laws of ties, exact zeros and extreme numbers: what makes a parameter zero must make it zero exactly."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from ..margins import at_most
from .findings import Findings, NotApplicable
from .regularizer_case import RegularizerCase


def _kink(case: RegularizerCase) -> tuple[Array, Array]:
    """p₀, the member of ∂J(0) nearest to 0, and members on the boundary of ∂J(0) in many directions: (d,), (n, d)."""
    zero, d = np.zeros(case.dimension), case.dimension
    if not np.isfinite(case.value(zero)):
        raise NotApplicable("J(0) = inf")
    project = case.regularizer.project_subdifferential
    groups = [np.where(np.asarray(case.blocks.labels) == g, 1.0, 0.0) for g in range(min(case.blocks.count, 6))]
    axes = np.eye(d)[case.rng(60).permutation(d)[:6]]
    directions = np.concatenate([axes, -axes, np.stack(groups), case.rng(61).standard_normal((4, d))])
    far = 128 * case.slope * directions
    return np.asarray(project(zero, zero.copy())), np.asarray(project(0 * far, far))


def _is_kink(case: RegularizerCase, p: Array) -> Array:
    """Coordinates i such that p ± ηeᵢ are members of ∂J(0) too: J has a kink in θᵢ, so the prox must return 0."""
    eta = 1e-4 * case.slope * np.eye(case.dimension)
    moved = np.stack([p[:, None, :] + eta, p[:, None, :] - eta])
    projected = np.asarray(case.regularizer.project_subdifferential(0 * moved, moved.copy()))
    inside: Array = np.all(np.abs(projected - moved) <= 1e-9 * case.slope, axis=(0, -1))
    return inside


def prox_is_exactly_zero_below_the_threshold(case: RegularizerCase, findings: Findings) -> None:
    """Where z/t lies inside ∂J(0), prox_{tJ}(z) is 0: not a small number, also when other groups are not zero."""
    nearest, boundary = _kink(case)
    inner = nearest + np.asarray([0.0, 0.5, 1 - 1e-3])[:, None, None] * (boundary - nearest)
    inner = inner.reshape(-1, case.dimension)
    kink = _is_kink(case, inner)
    rng, labels = case.rng(62), np.asarray(case.blocks.labels)
    for t in (0.5, 1.0, 4.0):
        u = np.asarray(case.regularizer.prox(t * inner, t))
        findings.require(
            np.where(kink, u == 0, True),
            "prox_{tJ}(z) is exactly 0",
            z=(t * inner)[:, None, :],
            prox=u[:, None, :],
            t=t,
        )
        for g in range(min(case.blocks.count, 4)):
            others = t * case.slope * 5 * rng.standard_normal(inner.shape)
            z = np.where(labels == g, t * inner, others)
            u = np.asarray(case.regularizer.prox(z, t))
            zero = np.where(kink & (labels == g), u == 0, True)
            findings.require(
                zero, "group g of prox_{tJ}(z) is exactly 0", z=z[:, None, :], prox=u[:, None, :], t=t, g=g
            )


def prox_is_zero_at_exact_ties(case: RegularizerCase, findings: Findings) -> None:
    """Where z/t lies on the boundary of ∂J(0), prox_{tJ}(z) is 0 up to rounding; t is a power of two, so z/t is exact."""
    _, boundary = _kink(case)
    for t in (0.25, 1.0, 8.0):
        z = t * boundary
        u = np.asarray(case.regularizer.prox(z, t))
        size = np.max(np.abs(u), axis=-1)
        margin = at_most(size, 0 * size, np.max(np.abs(z), axis=-1))
        findings.expect(margin, "prox_{tJ}(z) = 0 for z/t on the boundary of ∂J(0)", tolerance=1e-12, z=z, prox=u, t=t)


def prox_survives_extreme_magnitudes(case: RegularizerCase, findings: Findings) -> None:
    """Huge and denormal z and steps from 1e-100 to 1e100 give finite, non-expansive results without warnings."""
    normal = case.rng(63).standard_normal((3, case.dimension))
    shapes = np.concatenate([np.eye(case.dimension)[:3], normal, np.sign(normal)])
    for t in (1e-100, 1e-12, 1.0, 1e12, 1e100):
        at_centre = np.asarray(case.regularizer.prox(case.centre[None], t))
        for scale in (5e-324, 1e-310, 1e-200, 1e-30, 1e30, 1e150, 1e300):
            z = scale * shapes
            u = np.asarray(case.regularizer.prox(z.copy(), t))
            findings.require(np.isfinite(u), "prox_{tJ}(z) is finite", z=z[:, None, :], prox=u[:, None, :], t=t)
            findings.require(case.regularizer.in_domain(u), "in_domain(prox_{tJ}(z))", z=z, prox=u, t=t)
            allowed = math.sqrt(case.dimension) * np.max(np.abs(z - case.centre), axis=-1)
            moved = np.max(np.abs(u - at_centre), axis=-1)
            noise = 1e-12 * np.max(np.abs(at_centre), axis=-1) + 0 * moved
            findings.expect(
                at_most(moved, allowed + noise), "‖prox(z) − prox(c)‖ ≤ ‖z − c‖", tolerance=1e-12, z=z, prox=u, t=t
            )


def subdifferential_survives_tiny_points(case: RegularizerCase, findings: Findings) -> None:
    """Denormal and tiny θ, with zeros among them, have finite values and subgradients, without warnings."""
    zero = np.zeros(case.dimension)
    if not np.isfinite(case.value(zero)):
        raise NotApplicable("J(0) = inf")
    normal = case.rng(64).standard_normal((4, case.dimension))
    shapes = np.concatenate([np.eye(case.dimension)[:3], normal, np.abs(normal), np.sign(normal)])
    for scale in (5e-324, 1e-310, 1e-200, 1e-30):
        theta = scale * shapes
        theta = theta[np.isfinite(case.value(theta))]
        q = case.duals[case.rng(65).integers(0, len(case.duals), size=len(theta))]
        p = np.asarray(case.regularizer.project_subdifferential(theta, q), dtype=np.float64)
        findings.require(
            np.isfinite(p),
            "project_subdifferential(θ, q) is finite",
            theta=theta[:, None, :],
            q=q[:, None, :],
            p=p[:, None, :],
        )
        # A subgradient at θ ≈ 0 is one at 0 up to J(θ) − ⟨p, θ⟩ ≈ 0: p passes the test of values at a distance.
        u = np.asarray(case.inside)
        work, value = p @ u.T, case.value(u) + np.zeros((len(p), 1))
        at_zero = case.value(zero) + 0 * work
        margin = at_most(work + at_zero, value, work, at_zero)
        at, by = theta[:, None, :], p[:, None, :]
        findings.expect(margin, "J(u) ≥ J(0) + ⟨p, u⟩", tolerance=1e-9, theta=at, p=by, u=u)
        if scale > 1e-300:  # denormal products are too coarse for a comparison at the size of θ
            here, work = case.value(theta), np.sum(p * theta, axis=-1)
            margin = at_most(here - work, case.value(zero) + 0 * work, here, work)
            findings.expect(margin, "J(0) ≥ J(θ) − ⟨p, θ⟩", tolerance=1e-9, theta=theta, p=p)


SPARSITY_LAWS = (
    prox_is_exactly_zero_below_the_threshold,
    prox_is_zero_at_exact_ties,
    prox_survives_extreme_magnitudes,
    subdifferential_survives_tiny_points,
)
