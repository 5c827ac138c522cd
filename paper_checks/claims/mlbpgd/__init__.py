"""The claims about multilevel Bregman proximal gradient: MGOPT (Nash 2000) and ML BPGD (Elshiaty and Petra 2025).

The texts are not at hand: all statements are reconstructed. Importing this package registers them.

`coherence`      the linear correction, and critical points without it
`directions`     when the correction is a descent direction: convex coarse models; one and two steps on any
`non_convex`     when it is not
`unit_steps`     without line search: ascent, leaving the domain, and when none is needed
`line_search`    Armijo's search, and the descent of a cycle
`rates`          O(1/K), refuted and repaired
`linear_rate`    linear, under the Polyak–Łojasiewicz inequality
`dual_transfer`  prolonging the dual variable, as lunk2026 does
`transfers`      coarse starts, and the range of κ in the criterion

`coarse_phase` is what they share.
"""

from . import coherence, directions, dual_transfer, line_search, linear_rate, non_convex, rates, transfers, unit_steps

__all__ = [
    "coherence",
    "directions",
    "dual_transfer",
    "line_search",
    "linear_rate",
    "non_convex",
    "rates",
    "transfers",
    "unit_steps",
]
