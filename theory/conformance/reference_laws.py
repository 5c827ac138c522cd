"""Laws of a reference φ: of Legendre type, with a conjugate and a divergence that are its own.

Sources: Rockafellar, *Convex Analysis*, section 26 (Legendre functions); Chen and Teboulle 1993, lemma 3.1 (three-point
identity); Bauschke, Bolte and Teboulle 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..arrays import Array, to_float
from ..margins import at_most, equal, equal_vectors
from .findings import Findings
from .reference_case import ReferenceCase


def mirror_map_is_the_derivative_of_the_value(case: ReferenceCase, findings: Findings) -> None:
    """∇φ agrees with differences of φ in the interior (central ones with Richardson's extrapolation)."""
    _expect_derivative(case.value, case.gradient, case.interior, "∂φ/∂xᵢ", findings)


def inverse_mirror_map_is_the_derivative_of_the_conjugate(case: ReferenceCase, findings: Findings) -> None:
    """∇φ* agrees with differences of φ*."""
    phi = case.reference
    _expect_derivative(phi.conjugate, phi.conjugate_gradient, case.duals, "∂φ*/∂pᵢ", findings)


def _expect_derivative(
    value: Callable[[Array], Array],
    gradient: Callable[[Array], Array],
    points: Array,
    symbol: str,
    findings: Findings,
) -> None:
    x = points[:, None, :]
    axes = np.eye(points.shape[-1])
    claimed = to_float(gradient(points))
    findings.require(np.isfinite(claimed), f"{symbol} is finite", at=x)
    best = np.full(claimed.shape, math.inf)
    for size in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):  # relative steps: the boundary may be near
        h = size * np.minimum(np.abs(points) + 1e-9, 1.0)
        ends = [to_float(value(x + factor * h[..., None] * axes)) for factor in (1, -1, 0.5, -0.5)]
        finite = np.all(np.isfinite(ends), axis=0)
        up, down, half_up, half_down = (np.where(finite, end, 0) for end in ends)
        slope = (4 * (half_up - half_down) / h - (up - down) / (2 * h)) / 3
        noise = 4e-16 * (np.abs(up) + np.abs(down) + np.abs(half_up) + np.abs(half_down)) / h
        best = np.minimum(best, np.where(finite, np.maximum(np.abs(slope - claimed) - noise, 0), math.inf))
    margin = -best / (np.abs(claimed) + np.max(np.abs(claimed), axis=-1, keepdims=True) + 1e-9)
    findings.expect(margin, f"{symbol} is the difference quotient", tolerance=1e-6, at=x)


def mirror_maps_are_inverse_to_each_other(case: ReferenceCase, findings: Findings) -> None:
    """∇φ*(∇φ(x)) = x and ∇φ(∇φ*(p)) = p."""
    x, phi = case.interior, case.reference
    p = case.gradient(x)
    back = to_float(phi.conjugate_gradient(p))
    findings.expect(equal_vectors(back, x), "∇φ*(∇φ(x)) = x", tolerance=1e-9, x=x)
    findings.require(phi.in_domain(back), "∇φ* leads into the interior of the domain", p=p, x=back)
    findings.expect(equal_vectors(case.gradient(back), p), "∇φ(∇φ*(p)) = p", tolerance=1e-9, p=p)


def fenchel_young_holds_with_equality_at_the_gradient(case: ReferenceCase, findings: Findings) -> None:
    """φ(x) + φ*(p) ≥ ⟨p, x⟩, with equality iff p = ∇φ(x)."""
    x = case.interior
    p, value = case.gradient(x), case.value(x)
    conjugate = to_float(case.reference.conjugate(p))
    pairing = np.sum(p * x, axis=-1)
    size = np.sum(np.abs(p * x), axis=-1) + np.abs(value) + case.dimension * 1e-12
    findings.expect(equal(value + conjugate, pairing, size), "φ(x) + φ*(∇φ(x)) = ⟨∇φ(x), x⟩", tolerance=1e-9, x=x)
    products = x @ p.T
    both = value[:, None] + conjugate
    margin = at_most(products, both, np.abs(x) @ np.abs(p).T, value[:, None] + 0 * both)
    findings.expect(margin, "φ(x) + φ*(p) ≥ ⟨p, x⟩", tolerance=1e-9, x=x[:, None, :], p=p)


def divergence_is_that_of_the_definition(case: ReferenceCase, findings: Findings) -> None:
    """D(x, y) = φ(x) − φ(y) − ⟨∇φ(y), x − y⟩."""
    x, y = case.interior[:, None, :], case.interior
    found = to_float(case.reference.divergence(x + 0 * y, y + 0 * x))
    linear = np.sum(case.gradient(y) * (x - y), axis=-1)
    size = np.sum(np.abs(case.gradient(y)) * (np.abs(x) + np.abs(y)), axis=-1) + np.abs(case.value(x))
    margin = equal(found, case.value(x) - case.value(y) - linear, size, np.abs(case.value(y)) + 0 * size)
    findings.expect(margin, "D(x, y) = φ(x) − φ(y) − ⟨∇φ(y), x − y⟩", tolerance=1e-9, x=x, y=y)


def divergence_is_positive_and_zero_only_on_the_diagonal(case: ReferenceCase, findings: Findings) -> None:
    """D(x, y) ≥ 0, D(x, x) = 0, and D(x, y) > 0 for x ≠ y, near ones included."""
    x = case.interior
    table = to_float(case.reference.divergence(x[:, None, :] + 0 * x, x + 0 * x[:, None, :]))
    findings.expect(np.where(table >= 0, 1.0, -1.0), "D(x, y) ≥ 0", x=x[:, None, :], y=x)
    same = to_float(case.reference.divergence(x.copy(), x.copy()))
    findings.expect(-np.abs(same), "D(x, x) = 0", tolerance=1e-14, x=x)
    different = np.any(x[:, None, :] != x, axis=-1)
    findings.require(~different | (table > 0), "D(x, y) > 0 for x ≠ y", x=x[:, None, :], y=x)
    for h in (1e-2, 1e-5, 1e-9):  # the definition itself cancels here; `Reference.divergence` must not
        y = x * (1 - h)
        inside = np.asarray(case.reference.in_domain(y)) & np.any(y != x, axis=-1)
        found = to_float(case.reference.divergence(x, y))
        findings.require(~inside | (found > 0), "D(x, y) > 0 for y near x", x=x, y=y)


def three_point_identity_holds(case: ReferenceCase, findings: Findings) -> None:
    """D(x, z) = D(x, y) + D(y, z) + ⟨∇φ(y) − ∇φ(z), x − y⟩ (Chen and Teboulle)."""
    rng, points = case.rng(10), case.interior
    x, y, z = (points[rng.integers(0, len(points), size=200)] for _ in range(3))
    divergence = case.reference.divergence
    parts = [to_float(divergence(*pair)) for pair in ((x, z), (x, y), (y, z))]
    work = np.sum((case.gradient(y) - case.gradient(z)) * (x - y), axis=-1)
    size = np.sum((np.abs(case.gradient(y)) + np.abs(case.gradient(z))) * (np.abs(x) + np.abs(y)), axis=-1)
    margin = equal(parts[0], parts[1] + parts[2] + work, size, parts[1], parts[2])
    findings.expect(margin, "D(x, z) = D(x, y) + D(y, z) + ⟨∇φ(y) − ∇φ(z), x − y⟩", tolerance=1e-9, x=x, y=y, z=z)


def value_is_strictly_convex(case: ReferenceCase, findings: Findings) -> None:
    """φ lies strictly below its chords in the interior, and the interior is convex."""
    rng, points = case.rng(11), case.interior
    x, y = (points[rng.integers(0, len(points), size=300)] for _ in range(2))
    middle = (x + y) / 2
    findings.require(case.reference.in_domain(middle), "the interior is convex", x=x, y=y)
    gap = (case.value(x) + case.value(y)) / 2 - case.value(middle)
    apart = np.max(np.abs(x - y), axis=-1) > 1e-3 * np.max(np.abs(x) + np.abs(y), axis=-1)
    findings.require(~apart | (gap > 0), "φ((x + y)/2) < (φ(x) + φ(y))/2", x=x, y=y)


REFERENCE_LAWS = (
    mirror_map_is_the_derivative_of_the_value,
    inverse_mirror_map_is_the_derivative_of_the_conjugate,
    mirror_maps_are_inverse_to_each_other,
    fenchel_young_holds_with_equality_at_the_gradient,
    divergence_is_that_of_the_definition,
    divergence_is_positive_and_zero_only_on_the_diagonal,
    three_point_identity_holds,
    value_is_strictly_convex,
)
