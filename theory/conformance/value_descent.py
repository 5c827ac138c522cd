"""A search that knows function values only: the slow, obvious twin against which a minimiser is judged.

It is a batched pattern search with random directions. It need not converge: every point that it returns is an honest
competitor, so an unlucky search weakens a check and never raises a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Array


def descend(
    objective: Callable[[Array], Array], start: Array, rng: np.random.Generator, *, radius: Array, rounds: int = 24
) -> Array:
    """Points with lower values of the objective, one for each start: (n, d) → (n, d).

    ``objective`` maps (n, m, d) to (n, m), row by row, and may be ∞; ``radius`` has shape (n,). A round tries the axes,
    random directions and single coordinates set to zero; it doubles the radius of a row that improved and shrinks the
    others.
    """
    n, d = start.shape
    u, reach = np.array(start), np.array(radius, dtype=np.float64)
    best = objective(u[:, None, :])[:, 0]
    for _ in range(rounds):
        axes = np.eye(d)[rng.permutation(d)[:6]]
        directions = np.concatenate([axes, -axes, rng.standard_normal((4, d))])
        moved = u[:, None, :] + reach[:, None, None] * directions
        zeroed = u[:, None, :] * (1 - axes)
        candidates = np.concatenate([moved, zeroed], axis=1)
        values = objective(candidates)
        choice = np.argmin(np.where(np.isnan(values), np.inf, values), axis=1)
        rows = np.arange(n)
        better = values[rows, choice] < best
        u = np.where(better[:, None], candidates[rows, choice], u)
        best = np.where(better, values[rows, choice], best)
        reach = np.where(better, 2 * reach, 0.35 * reach)
    return u
