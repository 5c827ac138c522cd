"""Laws of a regularizer in exact arithmetic, where nothing is excused by rounding, and of the numbers that a step may be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..arrays import exact, inner, to_float
from ..margins import equal_vectors
from .array_laws import exactly
from .findings import Findings
from .regularizer_case import RegularizerCase


def step_may_be_any_real_number(case: RegularizerCase, findings: Findings) -> None:
    """An int, a Fraction and a NumPy scalar are steps like the float of the same value."""
    z = case.points
    for t in (1, 2, Fraction(1, 4), Fraction(3, 8), np.float64(0.5), np.float32(2.0)):
        found, wanted = case.regularizer.prox(z, t), case.regularizer.prox(z, float(t))
        findings.expect(equal_vectors(found, wanted, z), f"prox with the step {t!r}", tolerance=1e-12, z=z)


def fractions_close_the_duality_exactly(case: RegularizerCase, findings: Findings) -> None:
    """With û = prox_{tJ}(z) on Fractions, (z − û)/t is in ∂J(û) and J(û) + J*((z − û)/t) = ⟨·, û⟩, without any error.

    Methods that raise IrrationalError are left out, instance by instance.
    """
    J, rational = case.regularizer, 0
    t = Fraction(1 / case.slope).limit_denominator(64) or Fraction(1, 64)
    points = exact(np.round(8 * case.points[:30]) / 8)
    for z in points:
        u = exactly(J.prox, z, t)
        if u is None:
            continue
        rational += 1
        at = to_float(z)
        findings.expect(
            equal_vectors(to_float(u), J.prox(at, float(t)), at),
            "the exact prox is that of floats",
            tolerance=1e-9,
            z=at,
        )
        p = (z - u) / t
        nearest = exactly(J.project_subdifferential, u, p)
        findings.require(nearest is None or np.all(nearest == p), "(z − û)/t ∈ ∂J(û) exactly", z=at)
        value, conjugate = exactly(J.value, u), exactly(J.conjugate, p)
        if value is not None and conjugate is not None:
            findings.require(value + conjugate == inner(p, u), "J(û) + J*((z − û)/t) = ⟨(z − û)/t, û⟩ exactly", z=at)
    findings.require(True, "an irrational prox is no failure")
    findings.remark(f"{rational} of {len(points)} proxes are rational")


EXACT_LAWS = (step_may_be_any_real_number, fractions_close_the_duality_exactly)
