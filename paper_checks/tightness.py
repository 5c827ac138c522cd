"""How far a step-size limit can be pushed: the smallest margin as a function of τ in units of 1/𝖫."""

from __future__ import annotations

import numpy as np

from .claim_record import Claim, StepSizeLimit
from .evidence import TightnessEvidence
from .families import StepSizes
from .instances import Instance, draw_batch, float_margins, generator
from .random_search import is_violation


def measure(claim: Claim, limit: StepSizeLimit, problems: int, batch: int, seed: int) -> TightnessEvidence:
    """The curve of smallest margins over τ·𝖫 ∈ (0, up_to], and by bisection the critical value where it turns negative.

    The points are the same for every τ. None as critical value means that no step size up to ``up_to`` fails.
    """
    family = claim.given[limit.parameter]
    if not isinstance(family, StepSizes):
        raise TypeError(f"{claim.id}: {limit.parameter} must be a step-size family, got {family!r}")
    batches = [draw_batch(claim.given, generator(seed, claim.id, "tightness", k), batch) for k in range(problems)]

    def smallest_at(share: float, among: list[Instance]) -> np.ndarray:
        values = []
        for instance in among:
            tau = family.at(share, instance["problem"], instance[limit.parameter])
            values.append(float_margins(claim.margin, {**instance, limit.parameter: tau})[limit.conclusion].min())
        return np.asarray(values)

    shares = np.unique(np.concatenate([np.linspace(0.05, limit.up_to, 40), [limit.limit]]))
    curve = np.stack([smallest_at(float(share), batches) for share in shares])
    failing = np.flatnonzero([is_violation(margin) for margin in curve.min(axis=1)])
    critical: float | None = None
    if len(failing):
        high = float(shares[failing[0]])
        low = float(shares[failing[0] - 1]) if failing[0] else 0.0
        # Only batches that fail at the upper end can move it; the sharpest few of them are enough.
        sharpest = [batches[k] for k in np.argsort(curve[failing[0]])[:20]]
        for _ in range(25):
            middle = (low + high) / 2
            low, high = (low, middle) if is_violation(float(smallest_at(middle, sharpest).min())) else (middle, high)
        critical = high
    return TightnessEvidence(
        parameter=limit.parameter,
        conclusion=limit.conclusion,
        paper_limit=limit.limit,
        critical=critical,
        searched_up_to=limit.up_to,
        shares=[float(share) for share in shares],
        smallest_margins=[float(margin) for margin in curve.min(axis=1)],
    )
