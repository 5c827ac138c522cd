"""Laws of a loss: its gradient is that of its value, its infimum is one, and large numbers do not break it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.optimize import minimize

from ..arrays import Array, IrrationalError, exact, is_exact, to_float
from ..margins import at_most
from .findings import Findings, NotApplicable
from .loss_case import LossCase


def gradient_is_the_derivative_of_the_value(case: LossCase, findings: Findings) -> None:
    """∇L agrees with differences of L (central ones with Richardson's extrapolation), on axes and random directions."""
    theta, d, rng = case.points, case.dimension, case.rng(10)
    gradient = case.gradient(theta)
    findings.require(gradient.shape == theta.shape, f"∇L(θ) has the shape of θ, {theta.shape}, got {gradient.shape}")
    directions = np.concatenate([np.eye(d)[rng.permutation(d)[:8]], rng.standard_normal((4, d)) / math.sqrt(d)])
    at, along = theta[:, None, :], directions[None]
    claimed = np.sum(gradient[:, None, :] * along, axis=-1)
    least, scale = np.full(claimed.shape, math.inf), np.abs(claimed)
    for size in (
        1e-1,
        1e-2,
        1e-3,
        1e-4,
        1e-5,
        1e-6,
        1e-7,
    ):  # the best of several step sizes: L may be curved or have kinks in ∇L
        h = (size * (1 + np.max(np.abs(theta), axis=-1)))[:, None]
        values = [case.value(at + factor * h[..., None] * along) for factor in (1, -1, 0.5, -0.5)]
        coarse, fine = (values[0] - values[1]) / (2 * h), (values[2] - values[3]) / h
        noise = 4e-16 * sum(np.abs(value) for value in values) / h
        least = np.minimum(least, np.maximum(np.abs((4 * fine - coarse) / 3 - claimed) - noise, 0))
        scale = np.maximum(scale, np.abs(fine) if size == 1e-1 else 0)
    scale = scale + np.linalg.norm(gradient, axis=-1)[:, None]
    margin = -least / np.where(scale > 0, scale, 1)
    findings.expect(margin, "⟨∇L(θ), d⟩ = dL(θ + td)/dt", tolerance=1e-5, theta=at, direction=along)


def gradient_is_exact_on_fractions(case: LossCase, findings: Findings) -> None:
    """Where L is a polynomial on Fractions, ∇L is its derivative exactly; differences of two orders tell both."""
    h, polynomial = Fraction(1, 4096), 0
    for point in np.round(4 * case.points[-16:-12]) / 4 + 0.125:
        theta = exact(point)
        try:
            gradient = case.loss.gradient(theta)
            for i in range(min(case.dimension, 6)):
                slopes = [_central_difference(case, theta, i, h, order) for order in (4, 5)]
                if slopes[0] == slopes[1]:
                    polynomial += 1
                    findings.require(
                        gradient[i] == slopes[0], f"∂L/∂θ_{i} = {slopes[0]}, got {gradient[i]}", theta=point
                    )
        except IrrationalError as error:
            raise NotApplicable(f"L has no exact arithmetic: {error}") from error
        findings.require(is_exact(gradient), f"∇L of Fractions holds Fractions, got dtype {gradient.dtype}")
    findings.remark(f"{polynomial} partial derivatives compared exactly")


def _central_difference(case: LossCase, theta: Array, i: int, h: Fraction, order: int) -> Fraction:
    """∂L/∂θᵢ from 2·order values: exact for polynomials of degree ≤ 2·order."""
    direction = exact([int(i == j) for j in range(case.dimension)])
    slope = Fraction(0)
    for k in range(1, order + 1):
        weight = Fraction(math.factorial(order) ** 2, k * math.factorial(order - k) * math.factorial(order + k))
        values = [Fraction(np.asarray(case.loss.value(theta + sign * k * h * direction)).item()) for sign in (1, -1)]
        slope += (1 if k % 2 else -1) * weight * (values[0] - values[1]) / h
    return slope


def infimum_is_a_lower_bound(case: LossCase, findings: Findings) -> None:
    """L(θ) ≥ L* everywhere, also where descent ends."""
    least = float(case.loss.infimum)
    findings.require(math.isfinite(least), f"L* is finite, got {least}")
    theta = np.concatenate([case.points, case.descended])
    value = case.value(theta)
    findings.expect(
        at_most(np.full(value.shape, least), value, *_terms(case, value)), "L(θ) ≥ L*", tolerance=1e-12, theta=theta
    )


def _terms(case: LossCase, value: Array) -> tuple[Array, ...]:
    # The value is a sum of terms of about this size, which may cancel.
    return (np.full(value.shape, np.abs(case.value(case.centre + np.ones(case.dimension)))),)


def minimizer_attains_the_infimum(case: LossCase, findings: Findings) -> None:
    """L(θ*) = L* and ∇L(θ*) = 0; where no minimiser is claimed for a convex L, values come close to L* all the same."""
    minimizer, least = case.loss.minimizer(), float(case.loss.infimum)
    if minimizer is None:
        _expect_approached(case, findings, least)
        return
    findings.require(minimizer.shape == (case.dimension,), f"θ* has shape ({case.dimension},), got {minimizer.shape}")
    theta = to_float(minimizer)
    value = case.value(theta)
    terms = _terms(case, value)
    findings.expect(at_most(value, np.asarray(least), *terms), "L(θ*) ≤ L*", tolerance=1e-9, theta=theta)
    findings.expect(at_most(np.asarray(least), value, *terms), "L(θ*) ≥ L*", tolerance=1e-9, theta=theta)
    nearby = np.max(np.linalg.norm(case.gradient(theta + np.eye(case.dimension)), axis=-1))
    slope = np.linalg.norm(case.gradient(theta))
    findings.expect(at_most(slope, np.asarray(0.0), nearby), "∇L(θ*) = 0", tolerance=1e-6, theta=theta)


def _expect_approached(case: LossCase, findings: Findings, least: float) -> None:
    if case.loss.strong_convexity is None and case.loss.pl_constant is None:
        raise NotApplicable("no minimiser is claimed, and L is not convex")
    start = np.zeros(case.dimension)
    found = minimize(
        case.value, start, jac=case.gradient, method="L-BFGS-B", options={"maxiter": 400, "ftol": 0, "gtol": 1e-12}
    )
    excess, total = float(found.fun) - least, float(case.value(start)) - least
    findings.expect(-excess / total if total > 0 else 0.0, "L comes close to L*", tolerance=1e-2, theta=found.x)


def large_points_stay_finite(case: LossCase, findings: Findings) -> None:
    """With a finite ℓ, L and ∇L are finite at 1e6 (no exponential overflows), without warnings."""
    if case.lipschitz == math.inf:
        raise NotApplicable("∇L is not Lipschitz: L may grow faster than any square")
    for scale in (1e3, 1e6):
        theta = scale * case.points
        findings.require(np.isfinite(case.value(theta)), "L(θ) is finite", theta=theta)
        findings.require(np.isfinite(case.gradient(theta)).all(axis=-1), "∇L(θ) is finite", theta=theta)


LOSS_LAWS = (
    gradient_is_the_derivative_of_the_value,
    gradient_is_exact_on_fractions,
    infimum_is_a_lower_bound,
    minimizer_attains_the_infimum,
    large_points_stay_finite,
)
