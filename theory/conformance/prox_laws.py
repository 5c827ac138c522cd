"""Laws of the prox: it minimises its objective, and does what a resolvent of a monotone operator must do.

Sources: Bauschke & Combettes, *Convex Analysis and Monotone Operator Theory* (2nd ed.), propositions 12.26 (variational
inequality), 12.28 (firm non-expansiveness) and 23.31 (resolvent identity); Parikh & Boyd, *Proximal algorithms*, 2.1.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..margins import at_most, equal_vectors
from .findings import Findings, NotApplicable
from .regularizer_case import RegularizerCase
from .value_descent import descend

_ROUNDING = 1e-8


def prox_minimises_its_objective(case: RegularizerCase, findings: Findings) -> None:
    """No point does better than prox_{tJ}(z) in F(u) = ½‖u − z‖² + tJ(u), judged by values of J alone.

    F is 1-strongly convex, so its minimiser û satisfies F(u) ≥ F(û) + ½‖u − û‖² for every u; without the cancellation
    this reads t(J(u) − J(û)) ≥ ⟨z − û, u − û⟩. Competitors are points around û, and what a search by values finds from
    û and from z.
    """
    z, t, u = case.solutions
    findings.require(np.isfinite(u), "prox_{tJ}(z) is finite", z=z, u=u, t=t[:, None] + 0 * u)
    at_u = case.value(u)
    findings.require(np.isfinite(at_u), "J(prox_{tJ}(z)) < ∞", z=z, u=u, t=t)

    def margins(probes: Array) -> Array:
        work = np.sum((z - u)[:, None, :] * (probes - u[:, None, :]), axis=-1)
        gain = t[:, None] * case.value(probes)
        here = (t * at_u)[:, None]
        return at_most(work, gain - here, gain, here)

    probes = case.around(z, u, 20)
    findings.expect(
        margins(probes),
        "F(u) ≥ F(û) + ½‖u − û‖² for û = prox_{tJ}(z)",
        tolerance=_ROUNDING,
        z=z[:, None, :],
        prox=u[:, None, :],
        u=probes,
        t=t[:, None] + np.zeros(probes.shape[:-1]),
    )
    rows = case.rng(21).permutation(len(z))[:40]

    def objective(points: Array) -> Array:
        return 0.5 * np.sum((points - z[rows, None, :]) ** 2, axis=-1) + t[rows, None] * case.value(points)

    radius = 0.1 * (np.max(np.abs(z[rows]), axis=-1) + np.max(np.abs(u[rows]), axis=-1) + 1e-3)
    found = u[:, None, :] + np.zeros((len(z), 2, case.dimension))
    for column, start in enumerate((u[rows], z[rows])):
        found[rows, column] = descend(objective, start, case.rng(22 + column), radius=radius)
    findings.expect(
        margins(found),
        "F(u) ≥ F(û) + ½‖u − û‖² for a u that descent found",
        tolerance=_ROUNDING,
        z=z[:, None, :],
        prox=u[:, None, :],
        u=found,
        t=t[:, None] + np.zeros(found.shape[:-1]),
    )


def prox_stays_in_the_domain(case: RegularizerCase, findings: Findings) -> None:
    """`in_domain` accepts every prox_{tJ}(z), also for z far away."""
    z, t, u = case.solutions
    findings.require(case.regularizer.in_domain(u), "in_domain(prox_{tJ}(z))", z=z, u=u, t=t)
    far = case.centre + 1e4 * case.points
    image = case.regularizer.prox(far, 1.0)
    findings.require(case.regularizer.in_domain(image), "in_domain(prox_J(z)) for a large z", z=far, u=image)


def prox_is_firmly_nonexpansive(case: RegularizerCase, findings: Findings) -> None:
    """‖û₁ − û₂‖² ≤ ⟨û₁ − û₂, z₁ − z₂⟩ for all pairs, near ones included."""
    t = 1 / case.slope
    steps = case.rng(25).standard_normal(case.points.shape)
    z = np.concatenate([case.points, case.points + 1e-3 * steps, case.points + 1e-7 * steps])
    u = np.asarray(case.regularizer.prox(z, t), dtype=np.float64)
    dz, du = z[:, None, :] - z, u[:, None, :] - u
    # z and û are rounded: an error of 1e-13 of their size is no expansion.
    noise = 1e-13 * (1 + np.max(np.abs(z))) * np.sum(np.abs(dz), axis=-1)
    margin = at_most(np.sum(du * du, axis=-1), np.sum(du * dz, axis=-1) + noise, np.sum(dz * dz, axis=-1))
    findings.expect(margin, "‖û₁ − û₂‖² ≤ ⟨û₁ − û₂, z₁ − z₂⟩", tolerance=1e-9, z1=z[:, None, :], z2=z)


def prox_satisfies_the_resolvent_identity(case: RegularizerCase, findings: Findings) -> None:
    """prox_{tJ}(z) = prox_{sJ}((s/t)z + (1 − s/t)prox_{tJ}(z)) for all steps s and t: the step means what it says."""
    z, t, u = case.solutions
    for s in (*case.steps, 0.1 / case.slope, 7 / case.slope):
        ratio = (s / t)[:, None]
        start = u + ratio * (z - u)
        again = np.asarray(case.regularizer.prox(start, s), dtype=np.float64)
        margin = equal_vectors(again, u, start, ratio * z)
        findings.expect(
            margin, "prox_{tJ}(z) = prox_{sJ}(û + (s/t)(z − û))", tolerance=_ROUNDING, z=z, t=t, s=s + 0 * t
        )


def prox_scales_with_a_homogeneous_value(case: RegularizerCase, findings: Findings) -> None:
    """If J(cu) = cᵏJ(u) for c > 0, then prox_{tJ}(cz) = c·prox_{sJ}(z) with s = tcᵏ⁻²."""
    degree = _degree(case)
    if degree is None:
        raise NotApplicable("J is not positively homogeneous of degree 0, 1 or 2")
    findings.remark(f"J is homogeneous of degree {degree}")
    z = case.points
    for c in (0.25, 3.0, 64.0):
        for t in case.steps:
            large = np.asarray(case.regularizer.prox(c * z, t), dtype=np.float64)
            small = np.asarray(case.regularizer.prox(z, t * c ** (degree - 2)), dtype=np.float64)
            margin = equal_vectors(large, c * small, c * z)
            findings.expect(margin, "prox_{tJ}(cz) = c·prox_{sJ}(z), s = tcᵏ⁻²", tolerance=_ROUNDING, z=z, c=c, t=t)


def _degree(case: RegularizerCase) -> int | None:
    """The degree of homogeneity that the values show; an indicator of a cone has degree 0."""
    x = np.concatenate([case.points, case.inside])
    values, doubled, tripled = case.value(x), case.value(2 * x), case.value(3 * x)
    keep = np.isfinite(values)
    if not all(np.array_equal(keep, np.isfinite(scaled)) for scaled in (doubled, tripled)):
        return None
    for degree in (0, 1, 2):
        two, three = 2**degree * values[keep], 3**degree * values[keep]
        if np.allclose(doubled[keep], two, rtol=1e-10, atol=0) and np.allclose(
            tripled[keep], three, rtol=1e-10, atol=0
        ):
            return degree
    return None


PROX_LAWS = (
    prox_minimises_its_objective,
    prox_stays_in_the_domain,
    prox_is_firmly_nonexpansive,
    prox_satisfies_the_resolvent_identity,
    prox_scales_with_a_homogeneous_value,
)
