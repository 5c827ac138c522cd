"""Laws of a reference φ at the boundary of its domain, beyond it, and for numbers near the ends of floating point.

Outside its interior a Legendre function must not look like one: a mirror step that lands there has to show.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, to_float
from ..margins import at_most
from .findings import Findings, NotApplicable
from .reference_case import ReferenceCase


def value_is_infinite_outside_the_domain(case: ReferenceCase, findings: Findings) -> None:
    """φ is finite in the interior of the domain, and ∞ beyond its closure."""
    findings.require(np.isfinite(case.value(case.interior)), "φ(x) is finite in the interior", x=case.interior)
    if not len(case.outside):
        findings.remark("every point tried is in the domain")
        return
    beyond = _beyond(case)
    findings.require(case.value(beyond) == math.inf, "φ(x) = ∞ beyond the closure of the domain", x=beyond)


def value_is_its_limit_on_the_boundary(case: ReferenceCase, findings: Findings) -> None:
    """φ is closed: on the boundary of the domain it is the limit from inside, finite (0 log 0 = 0) or ∞."""
    inside = case.interior[case.rng(17).integers(0, len(case.interior), size=len(case.outside))]

    def toward(h: float) -> Array:
        return case.outside + h * (inside - case.outside)

    edge = np.asarray(case.reference.in_domain(toward(2.0**-30)), dtype=bool)
    if not edge.any():
        raise NotApplicable("no point tried is on the boundary")
    near, nearer = case.value(toward(2.0**-30))[edge], case.value(toward(2.0**-45))[edge]
    found, diverges = case.value(case.outside)[edge], nearer > near + 1
    same = np.abs(np.where(np.isfinite(found), found, math.inf) - nearer) <= 1e-6 * (1 + np.abs(nearer))
    findings.require(np.where(diverges, found == math.inf, same), "φ(b) = lim φ(x) as x → b", b=case.outside[edge])


def gradient_blows_up_at_the_boundary(case: ReferenceCase, findings: Findings) -> None:
    """‖∇φ(x)‖ → ∞ as x approaches the boundary of the domain: φ is essentially smooth (Legendre)."""
    if not len(case.outside):
        raise NotApplicable("every point tried is in the domain")
    inside = case.interior[case.rng(13).integers(0, len(case.interior), size=len(case.outside))]
    low, high = np.zeros(len(inside)), np.ones(len(inside))
    sizes = []
    for turn in range(44):
        middle = (low + high) / 2
        x = inside + middle[:, None] * (case.outside - inside)
        into = np.asarray(case.reference.in_domain(x), dtype=bool)
        low, high = np.where(into, middle, low), np.where(into, high, middle)
        if turn in (8, 20, 43):
            sizes.append(np.max(np.abs(case.gradient(inside + low[:, None] * (case.outside - inside))), axis=-1))
    grows = (sizes[1] > sizes[0] + 1) & (sizes[2] > sizes[1] + 1)
    findings.require(grows, "‖∇φ(x)‖ grows without bound towards the boundary", inside=inside, outside=case.outside)


def _beyond(case: ReferenceCase) -> Array:
    """Points that are outside the interior together with what lies a little nearer to it: not on the boundary."""
    inside = case.interior[case.rng(12).integers(0, len(case.interior), size=len(case.outside))]
    nearer = case.outside + 1e-6 * (inside - case.outside)
    return case.outside[~np.asarray(case.reference.in_domain(nearer), dtype=bool)]


def mirror_map_and_divergence_end_with_the_domain(case: ReferenceCase, findings: Findings) -> None:
    """Outside the interior ∇φ(x) is not finite and D(·, x) is NaN; beyond the closure D(x, ·) is ∞."""
    if not len(case.outside):
        raise NotApplicable("every point tried is in the domain")
    outside, beyond = case.outside, _beyond(case)
    gradient = case.gradient(outside)
    findings.require(~np.isfinite(gradient).all(axis=-1), "∇φ(x) is not finite outside the interior", x=outside)
    y = case.interior[case.rng(14).integers(0, len(case.interior), size=len(outside))]
    table = to_float(case.reference.divergence(y, outside))
    findings.require(np.isnan(table), "D(x, y) is NaN for y outside the interior", x=y, y=outside)
    table = to_float(case.reference.divergence(beyond, y[: len(beyond)]))
    findings.require(table == math.inf, "D(x, y) = ∞ for x beyond the closure", x=beyond, y=y[: len(beyond)])


def conjugate_ends_with_its_domain(case: ReferenceCase, findings: Findings) -> None:
    """φ*(p) is finite or ∞, an upper bound by Fenchel–Young, and where it is ∞ there is no ∇φ*(p)."""
    axes = 0.5 * np.eye(case.dimension)
    p = np.concatenate(
        [-case.duals, case.duals[0] + axes, -axes, axes, 3 * case.rng(15).standard_normal((20, case.dimension))]
    )
    conjugate = to_float(case.reference.conjugate(p))
    findings.require(conjugate > -math.inf, "φ*(p) > −∞ and not NaN", p=p)
    finite = np.isfinite(conjugate)
    x = case.interior
    pairing, value = p[finite] @ x.T, case.value(x)
    both = conjugate[finite][:, None] + value
    margin = at_most(pairing, both, np.abs(p[finite]) @ np.abs(x).T, value + 0 * both)
    findings.expect(margin, "φ(x) + φ*(p) ≥ ⟨p, x⟩", tolerance=1e-9, x=x, p=p[finite][:, None, :])
    image = to_float(case.reference.conjugate_gradient(p))
    inside = np.asarray(case.reference.in_domain(image), dtype=bool)
    findings.require(
        ~finite | inside | ~np.isfinite(image).all(axis=-1), "∇φ*(p) is in the interior where φ*(p) < ∞", p=p
    )
    findings.require(finite | ~np.isfinite(image).all(axis=-1), "∇φ*(p) is not finite where φ*(p) = ∞", p=p)


def extreme_duals_lead_into_the_interior(case: ReferenceCase, findings: Findings) -> None:
    """∇φ*(p) for huge p is in the interior or overflows to ∞, and divergences of such points are ≥ 0, never NaN."""
    shapes = np.concatenate(
        [np.sign(case.duals[:12]), -np.sign(case.duals[:12]), case.rng(16).standard_normal((6, case.dimension))]
    )
    p = np.concatenate([scale * shapes for scale in (30.0, 300.0, 800.0, 1e6, 1e100)])
    x = to_float(case.reference.conjugate_gradient(p))
    usable = np.isfinite(x).all(axis=-1)
    findings.require(
        ~usable | np.asarray(case.reference.in_domain(x), dtype=bool), "∇φ*(p) is in the interior", p=p, x=x
    )
    x = np.concatenate([x[usable][:40], case.interior[:6]])
    table = to_float(case.reference.divergence(x[:, None, :] + 0 * x, x + 0 * x[:, None, :]))
    findings.require(table >= 0, "D(x, y) ≥ 0 for points that are far apart", x=x[:, None, :], y=x)


BOUNDARY_LAWS = (
    value_is_infinite_outside_the_domain,
    value_is_its_limit_on_the_boundary,
    gradient_blows_up_at_the_boundary,
    mirror_map_and_divergence_end_with_the_domain,
    conjugate_ends_with_its_domain,
    extreme_duals_lead_into_the_interior,
)
