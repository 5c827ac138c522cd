"""Laws of `project_subdifferential`: it returns subgradients, the nearest one, and all of them are within its reach.

Sources: Rockafellar, *Convex Analysis*, theorem 23.2 (p ∈ ∂J(θ) iff ⟨p, d⟩ ≤ J'(θ; d) for all d) and theorem 23.4
(the closure of J'(θ; ·) is the support function of ∂J(θ)).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..margins import at_most, equal, equal_vectors
from .findings import Findings
from .regularizer_case import RegularizerCase


def _pairs(case: RegularizerCase, key: int, count: int) -> tuple[Array, Array, Array]:
    """Points θ of the domain, vectors q, and the projections of q onto ∂J(θ): (n, d), (n, count, d), (n, count, d)."""
    rng = case.rng(30, key)
    theta = case.inside
    q = case.duals[rng.integers(0, len(case.duals), size=(len(theta), count))]
    q[:, 0] = 0
    projected = case.regularizer.project_subdifferential(theta[:, None, :] + 0 * q, q.copy())
    return theta, q, np.asarray(projected, dtype=np.float64)


def subgradients_satisfy_their_inequality(case: RegularizerCase, findings: Findings) -> None:
    """J(u) ≥ J(θ) + ⟨p, u − θ⟩ for every p that project_subdifferential returns, and every u tried."""
    theta, q, p = _pairs(case, 1, 8)
    findings.require(
        np.isfinite(p),
        "project_subdifferential(θ, q) is finite where ∂J(θ) is not empty",
        theta=theta[:, None, None, :],
        q=q[..., None, :],
    )
    u = case.around(case.points[case.rng(31).integers(0, len(case.points), size=len(theta))], theta, 32)[:, None]
    here = case.value(theta)[:, None, None]
    work = np.sum(p[:, :, None, :] * (u - theta[:, None, None, :]), axis=-1)
    margin = at_most(here + work, case.value(u) + 0 * work, here + 0 * work, work)
    findings.expect(
        margin, "J(u) ≥ J(θ) + ⟨p, u − θ⟩", tolerance=1e-9, theta=theta[:, None, None, :], p=p[:, :, None, :], u=u
    )


def subdifferential_projection_is_nearest(case: RegularizerCase, findings: Findings) -> None:
    """project_subdifferential is the Euclidean projection onto all of ∂J(θ): nothing is missing.

    p̄ is the projection of q iff J'(θ; q − p̄) = ⟨p̄, q − p̄⟩ up to closure. The directional derivative comes from values.
    A set ∂J(θ) that is too small shows as a derivative that exceeds the right-hand side.
    """
    theta, q, p = _pairs(case, 2, 8)
    # A point nearer to a kink than the difference quotients reach would see the other side of it.
    clear = np.all((theta == 0) | (np.abs(theta) > 1e-5), axis=-1)
    theta, q, p = theta[clear], q[clear], p[clear]
    direction = q - p
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    direction = direction / np.where(length > 1e-9 * (1 + np.abs(q).max()), length, np.inf)
    middle = np.mean(case.inside, axis=0)
    here, excess = case.value(theta)[:, None], np.full(length.shape[:-1], np.inf)
    for lean in (0.0, 1e-3):  # J' need not be closed: lean towards the interior of the domain
        slanted = direction + lean * (middle - theta)[:, None, :]
        for h in (1e-4, 1e-6, 1e-7):  # difference quotients of a convex function decrease with h
            quotient = (case.value(theta[:, None, :] + h * slanted) - here) / h
            excess = np.minimum(excess, quotient - np.sum(p * slanted, axis=-1))
    scale = case.slope + np.linalg.norm(q, axis=-1) + np.linalg.norm(p, axis=-1) + np.abs(here)
    findings.expect(
        at_most(excess, np.zeros_like(excess), scale),
        "J'(θ; d) ≤ ⟨p̄, d⟩ for d = q − p̄",
        tolerance=1e-2,
        theta=theta[:, None, :],
        q=q,
        p=p,
    )


def subdifferential_distance_is_zero_for_members_only(case: RegularizerCase, findings: Findings) -> None:
    """Projecting twice changes nothing, the distance of a member is 0, and other members are not nearer to q."""
    theta, q, p = _pairs(case, 3, 10)
    at = theta[:, None, :] + 0 * q
    again = np.asarray(case.regularizer.project_subdifferential(at, p.copy()), dtype=np.float64)
    findings.expect(
        equal_vectors(again, p, q, case.slope + 0 * q),
        "projecting a member returns it",
        tolerance=1e-9,
        theta=at,
        q=q,
        p=p,
    )
    distance = np.asarray(case.regularizer.subdifferential_distance(at, q), dtype=np.float64)
    true = np.linalg.norm(q - p, axis=-1)
    findings.expect(
        equal(distance, true, np.linalg.norm(q, axis=-1)), "dist(q, ∂J(θ)) = ‖q − p̄‖", tolerance=1e-9, theta=at, q=q
    )
    # The angle between q − p̄ and any other member p is obtuse: ⟨q − p̄, p − p̄⟩ ≤ 0.
    toward = np.sum((q - p)[:, :, None, :] * (p[:, None, :, :] - p[:, :, None, :]), axis=-1)
    size = np.max(np.abs(q), axis=(1, 2)) + np.max(np.abs(p), axis=(1, 2)) + case.slope
    margin = at_most(toward, 0 * toward, (size**2)[:, None, None] + 0 * toward)
    findings.expect(
        margin,
        "⟨q − p̄, p − p̄⟩ ≤ 0 for members p",
        tolerance=1e-9,
        theta=theta[:, None, None, :],
        q=q[:, :, None, :],
        p=p[:, None, :, :],
    )


SUBDIFFERENTIAL_LAWS = (
    subgradients_satisfy_their_inequality,
    subdifferential_projection_is_nearest,
    subdifferential_distance_is_zero_for_members_only,
)
