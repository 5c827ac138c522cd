"""Laws of the constants of a loss: ℓ, μ and η are valid, judged by gradients at many pairs and by a local search.

Source: Nesterov, *Lectures on Convex Optimization* (2nd ed.), lemma 1.2.3 (descent lemma), theorems 2.1.5 and 2.1.9;
Karimi, Nutini and Schmidt 2016 (μ-strong convexity implies the PL inequality with η = μ).
"""

from __future__ import annotations

import math
import numbers

import numpy as np

from ..arrays import Array
from ..margins import at_most
from .findings import Findings, NotApplicable
from .loss_case import LossCase


def constants_fit_together(case: LossCase, findings: Findings) -> None:
    """ℓ ≥ 0, 0 ≤ μ ≤ ℓ, 0 < η ≤ ℓ (unless L is constant), and η ≥ μ is known where μ > 0 and L* is attained."""
    loss = case.loss
    claims = {"lipschitz": loss.lipschitz, "strong_convexity": loss.strong_convexity, "pl_constant": loss.pl_constant}
    for name, claim in claims.items():
        real = isinstance(claim, numbers.Real) and not isinstance(claim, bool) and not math.isnan(claim)
        optional = name != "lipschitz" and claim is None
        findings.require(
            optional or real, f"{name} is a real number{' or None' * (name != 'lipschitz')}, got {claim!r}"
        )
    smooth, mu, eta = claims.values()
    findings.require(smooth >= 0, f"lipschitz is ≥ 0, got {smooth}")
    findings.require(
        mu is None or 0 <= mu <= smooth * (1 + 1e-9), f"0 ≤ strong_convexity ≤ lipschitz = {smooth}, got {mu}"
    )
    findings.require(
        eta is None or (eta > 0 and (eta <= smooth * (1 + 1e-9) or smooth == 0)),
        f"0 < pl_constant ≤ lipschitz, got {eta}",
    )
    attained = loss.minimizer() is not None
    findings.require(
        not mu or eta is not None or not attained, f"pl_constant is known where strong_convexity = {mu} > 0"
    )
    findings.require(
        not mu or eta is None or eta >= mu * (1 - 1e-9), f"pl_constant ≥ strong_convexity = {mu}, got {eta}"
    )


def _pairs(case: LossCase, key: int) -> tuple[Array, Array]:
    """Points and partners near and far: (n, 1, d), (n, m, d)."""
    rng, x = case.rng(20, key), case.points
    # A partner is another point: the distance of a point to itself bounds nothing, not even rounding.
    others = (np.arange(len(x))[:, None] + rng.integers(1, len(x), size=(len(x), 8))) % len(x)
    far = x[others]
    near = x[:, None, :] + np.asarray([1e-4, 1e-2, 1.0])[:, None] * rng.standard_normal((len(x), 3, case.dimension))
    return x[:, None, :], np.concatenate([far, near], axis=1)


def descent_lemma_holds(case: LossCase, findings: Findings) -> None:
    """|L(y) − L(x) − ⟨∇L(x), y − x⟩| ≤ (ℓ/2)‖y − x‖²."""
    if case.lipschitz == math.inf:
        raise NotApplicable("ℓ = ∞")
    x, y = _pairs(case, 1)
    step = y - x
    linear = np.sum(case.gradient(x) * step, axis=-1)
    start, end = case.value(x) + 0 * linear, case.value(y)
    bound = case.lipschitz / 2 * np.sum(step * step, axis=-1)
    # L is made of terms of the size ℓ‖x‖², which may cancel.
    rounding = 1e-14 * (np.abs(start) + np.abs(end) + np.abs(linear))
    rounding = rounding + 1e-15 * case.lipschitz * (np.sum(x * x, axis=-1) + np.sum(y * y, axis=-1))
    margin = at_most(np.abs(end - start - linear), bound + rounding)
    findings.expect(margin, "|L(y) − L(x) − ⟨∇L(x), y − x⟩| ≤ (ℓ/2)‖y − x‖²", tolerance=1e-7, x=x, y=y)


def gradient_is_lipschitz(case: LossCase, findings: Findings) -> None:
    """‖∇L(x) − ∇L(y)‖ ≤ ℓ‖x − y‖, also where a search makes the ratio as large as it can."""
    if case.lipschitz == math.inf:
        raise NotApplicable("ℓ = ∞")
    x, y = _pairs(case, 2)
    before, after = case.gradient(x), case.gradient(y)
    change = np.linalg.norm(after - before, axis=-1)
    size = np.linalg.norm(before, axis=-1) + np.linalg.norm(after, axis=-1)
    size = size + case.lipschitz * (np.linalg.norm(x, axis=-1) + np.linalg.norm(y, axis=-1))
    bound = case.lipschitz * np.linalg.norm(y - x, axis=-1)
    findings.expect(at_most(change, bound + 1e-13 * size), "‖∇L(x) − ∇L(y)‖ ≤ ℓ‖x − y‖", tolerance=1e-7, x=x, y=y)
    theta, direction, rate = case.steepest
    noise = 1e-11 * np.linalg.norm(case.gradient(theta), axis=-1)
    margin = at_most(np.maximum(rate - noise, 0), np.full(rate.shape, case.lipschitz))
    findings.expect(margin, "‖∇²L(θ)d‖ ≤ ℓ‖d‖", tolerance=1e-6, theta=theta, direction=direction, rate=rate)
    if case.lipschitz > 0:
        findings.remark(f"the largest rate found is {np.max(rate) / case.lipschitz:.3f} ℓ")


def strong_convexity_holds(case: LossCase, findings: Findings) -> None:
    """⟨∇L(x) − ∇L(y), x − y⟩ ≥ μ‖x − y‖², also where a search makes it as small as it can."""
    theta, direction, curvature = case.flattest
    mu = case.loss.strong_convexity
    if mu is None:
        found = float(np.min(curvature))
        findings.require(True, "no convexity is claimed")
        findings.remark(f"L is said not to be convex; the least curvature found is {found:.3g}")
        return
    x, y = _pairs(case, 3)
    step = y - x
    change = case.gradient(y) - case.gradient(x)
    size = np.linalg.norm(case.gradient(x), axis=-1) + np.linalg.norm(case.gradient(y), axis=-1)
    rounding = 1e-13 * size * np.linalg.norm(step, axis=-1)
    work = np.sum(change * step, axis=-1)
    margin = at_most(
        float(mu) * np.sum(step * step, axis=-1),
        work + rounding,
        np.linalg.norm(change, axis=-1) * np.linalg.norm(step, axis=-1),
    )
    findings.expect(margin, "⟨∇L(x) − ∇L(y), x − y⟩ ≥ μ‖x − y‖²", tolerance=1e-7, x=x, y=y)
    noise = 1e-11 * np.linalg.norm(case.gradient(theta), axis=-1)
    scale = np.max(case.steepest[2]) + 0 * curvature
    margin = at_most(np.full(curvature.shape, float(mu)), curvature + noise, scale)
    findings.expect(
        margin, "⟨d, ∇²L(θ)d⟩ ≥ μ‖d‖²", tolerance=1e-6, theta=theta, direction=direction, curvature=curvature
    )


def pl_inequality_holds(case: LossCase, findings: Findings) -> None:
    """½‖∇L(θ)‖² ≥ η(L(θ) − L*), also where a search makes the ratio as small as it can."""
    eta = case.loss.pl_constant
    if eta is None:
        raise NotApplicable("no η is claimed")
    least, rng = float(case.loss.infimum), case.rng(21)
    rounding = 1e-14 * (abs(least) + np.abs(case.value(case.centre + np.ones(case.dimension))))

    def ratio(theta: Array) -> Array:
        excess = case.value(theta) - least
        half = 0.5 * np.sum(case.gradient(theta) ** 2, axis=-1)
        return np.where(excess > 1e4 * rounding, half / np.where(excess > 0, excess, 1), math.inf)

    theta = np.concatenate([case.points, case.descended, case.centre + 1e3 * rng.standard_normal((4, case.dimension))])
    best, radius = ratio(theta), np.maximum(1e-2, np.max(np.abs(theta), axis=-1))
    for _ in range(80):
        moved = theta + (radius * rng.choice([1.0, 0.1, 0.01], size=len(theta)))[:, None] * rng.standard_normal(
            theta.shape
        )
        found = ratio(moved)
        theta, best = np.where((found < best)[:, None], moved, theta), np.minimum(found, best)
        radius = 0.94 * radius
    scale = 0 if case.lipschitz == math.inf else 1e-3 * case.lipschitz
    margin = at_most(np.full(best.shape, float(eta)), best, np.full(best.shape, scale))
    findings.expect(margin, "½‖∇L(θ)‖² ≥ η(L(θ) − L*)", tolerance=1e-6, theta=theta, ratio=best)
    if math.isfinite(np.min(best)):
        findings.remark(f"the least ratio found is {np.min(best) / float(eta):.3f} η")


CONSTANT_LAWS = (
    constants_fit_together,
    descent_lemma_holds,
    gradient_is_lipschitz,
    strong_convexity_holds,
    pl_inequality_holds,
)
