"""How far a step-size limit can be pushed: the smallest margin as a function of τ in the unit of its family."""

from __future__ import annotations

import numpy as np

from .claim_record import Claim, StepSizeLimit
from .evidence import TightnessEvidence
from .families import StepSizes
from .instances import Instance, draw_batch, float_margins, generator, take
from .random_search import is_violation

# Each refinement shrinks the interval of the critical value by 16.
_REFINEMENTS, _POINTS = 5, 15


def measure(claim: Claim, limit: StepSizeLimit, problems: int, batch: int, seed: int) -> TightnessEvidence:
    """The curve of smallest margins over τ ∈ (0, up_to] units, and by refinement the critical value where it turns negative.

    The points are the same for every τ. None as critical value means that no step size up to ``up_to`` fails.
    """
    family = claim.given[limit.parameter]
    if not isinstance(family, StepSizes):
        raise TypeError(f"{claim.id}: {limit.parameter} must be a step-size family, got {family!r}")
    batches = [draw_batch(claim.given, generator(seed, claim.id, "tightness", k), batch) for k in range(problems)]

    def smallest_at(shares: np.ndarray, among: list[Instance]) -> np.ndarray:
        """The smallest margin of each batch at each share, (shares, batches): one call of the margin for all shares."""
        values = []
        for instance in among:
            rows = len(instance[limit.parameter])
            copies = take(claim.given, instance, np.tile(np.arange(rows), len(shares)))
            tau = family.at(np.repeat(shares, rows), instance["problem"], copies[limit.parameter])
            found = float_margins(claim.margin, {**copies, limit.parameter: tau})[limit.conclusion]
            values.append(found.reshape(len(shares), rows).min(axis=1))
        return np.stack(values, axis=1)

    shares = np.unique(np.concatenate([np.linspace(0.05, limit.up_to, 40), [limit.limit]]))
    curve = smallest_at(shares, batches)
    failing = np.flatnonzero([is_violation(margin) for margin in curve.min(axis=1)])
    critical: float | None = None
    if len(failing):
        high = float(shares[failing[0]])
        low = float(shares[failing[0] - 1]) if failing[0] else 0.0
        # Only batches that fail at the upper end can move it; the sharpest few of them are enough.
        sharpest = [batches[k] for k in np.argsort(curve[failing[0]])[:20]]
        for _ in range(_REFINEMENTS):
            inner = np.linspace(low, high, _POINTS + 2)[1:-1]
            fails = [is_violation(margin) for margin in smallest_at(inner, sharpest).min(axis=1)]
            first = fails.index(True) if any(fails) else _POINTS
            ends = [low, *map(float, inner), high]
            low, high = ends[first], ends[first + 1]
        critical = high
    return TightnessEvidence(
        parameter=limit.parameter,
        unit=family.unit,
        conclusion=limit.conclusion,
        paper_limit=limit.limit,
        critical=critical,
        certified=None,
        searched_up_to=limit.up_to,
        shares=[float(share) for share in shares],
        smallest_margins=[float(margin) for margin in curve.min(axis=1)],
    )
