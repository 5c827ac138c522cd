"""Bugs in a prox; the first three were seen in the wild."""

from __future__ import annotations

import math

import numpy as np
from mlbreg.theory.arrays import norm, positive_part
from mlbreg.theory.groups import Groups
from mlbreg.theory.regularizers import L1, Box, GroupL2

from .mutant import Planted


def hard_threshold(J, z, step):
    return np.where(abs(z) > step * J.lam, z, 0 * z)


def by_its_own_dual(J, z, step):
    """z − step·P(z/step): Moreau's identity holds by construction, and P projects onto the wrong ball (no √n)."""
    blocks = J.groups.blocks(z / step)
    ratio = np.minimum(1, J.lam / np.maximum(norm(blocks), 1e-300))
    return z - step * (z / step * J.groups.spread(ratio))


def columns_for_rows(J, z, step):
    matrix = z.reshape(*z.shape[:-1], 2, 2)
    factor = positive_part(1 - step * J.lam * math.sqrt(2) / np.maximum(norm(np.swapaxes(matrix, -1, -2)), 1e-300))
    return (matrix * factor[..., None, :]).reshape(z.shape)


def plain_norm_shrinks(J, z, step):
    size = np.sqrt(J.groups.sums(z * z))
    radius = step * J.lam * np.sqrt(J.groups.sizes)
    return z * J.groups.spread(positive_part(1 - radius / np.where(size > 0, size, 1)))


def shrinks_jointly(J, z, step):
    return GroupL2(0.5, Groups.whole(z.shape[-1])).prox(z, step)


HALF, ROWS = L1(0.5), GroupL2(0.4, Groups.rows((2, 2)))
GROUPS = GroupL2(0.3, Groups.of_sizes([2, 4]))
MINIMISES, MEMBERS = "prox_minimises_its_objective", "oracles_accept_pairs_of_the_mirror_map"
MOREAU = "moreau_decomposition_holds_by_the_values_of_the_conjugate"

#: What is wrong, and where.
MUTANTS = {
    # Bugs seen in the wild.
    "prox applies λ twice": Planted(HALF, {"prox": lambda J, z, t: J.prox(z, t * J.lam)}, {MINIMISES, MEMBERS, MOREAU}),
    "prox of columns for rows": Planted(ROWS, {"prox": columns_for_rows}, {MINIMISES, "prox_decouples_groups", MOREAU}),
    "prox from its own wrong dual": Planted(GROUPS, {"prox": by_its_own_dual}, {MINIMISES, MOREAU}),
    "prox and conjugate from one wrong dual": Planted(
        GROUPS,
        {"prox": by_its_own_dual, "conjugate": lambda J, p: GroupL2(J.lam, J.groups, [1, 1]).conjugate(p)},
        {MINIMISES, "conjugate_is_the_supremum"},
    ),
    # Prox.
    "soft threshold with tλ²/2": Planted(L1(3.0), {"prox": lambda J, z, t: J.prox(z, t * J.lam / 2)}, {MINIMISES}),
    "prox ignores its step": Planted(
        HALF,
        {"prox": lambda J, z, t: J.prox(z, 1)},
        {MINIMISES, "prox_satisfies_the_resolvent_identity", "prox_scales_with_a_homogeneous_value"},
    ),
    "prox squares its step": Planted(
        GROUPS,
        {"prox": lambda J, z, t: J.prox(z, t * t)},
        {"prox_satisfies_the_resolvent_identity"},
    ),
    "hard threshold": Planted(HALF, {"prox": hard_threshold}, {MINIMISES, "prox_is_firmly_nonexpansive"}),
    "prox does not shrink": Planted(
        HALF,
        {"prox": lambda J, z, t: z + 0},
        {MINIMISES, MEMBERS, "prox_is_exactly_zero_below_the_threshold"},
    ),
    "prox with n for √n": Planted(
        GROUPS,
        {"prox": lambda J, z, t: GroupL2(J.lam, J.groups, J.groups.sizes).prox(z, t)},
        {MINIMISES, MEMBERS, MOREAU},
    ),
    "prox leaves the box by rounding": Planted(
        Box(0, 1),
        {"prox": lambda J, z, t: J.prox(z, t) * (1 + 1e-15)},
        {"prox_stays_in_the_domain"},
    ),
    "prox keeps what is at the threshold": Planted(
        HALF,
        {"prox": lambda J, z, t: np.where(abs(z) == t * J.lam, z, J.prox(z, t))},
        {"prox_is_zero_at_exact_ties"},
    ),
    "prox leaves tiny numbers for zeros": Planted(
        HALF,
        {"prox": lambda J, z, t: J.prox(z, t) + 1e-18 * z},
        {"prox_is_exactly_zero_below_the_threshold"},
    ),
    "prox with a plain root of squares": Planted(
        GROUPS, {"prox": plain_norm_shrinks}, {"prox_survives_extreme_magnitudes"}
    ),
    "prox hides NaN": Planted(
        HALF,
        {"prox": lambda J, z, t: np.where(abs(z) > t * J.lam, J.prox(z, t), 0 * t)},
        {"nan_is_not_hidden"},
    ),
    "prox wants a float step": Planted(
        HALF,
        {"prox": lambda J, z, t: J.prox(z, t.hex() and t)},
        {"step_may_be_any_real_number"},
    ),
    "prox couples groups": Planted(HALF, {"prox": shrinks_jointly}, {"prox_decouples_groups"}),
}
