"""Bugs in the value, the domain, the subdifferential and the conjugate of a regularizer."""

from __future__ import annotations

import math

import numpy as np
from mlbreg.theory.groups import Groups
from mlbreg.theory.regularizers import L1, Box, GroupL2, NonNegative

from .mutant import Planted


def plain_subgradient(J, theta, p):
    theta, p = np.broadcast_arrays(theta, p)
    size = np.sqrt(J.groups.sums(theta * theta))
    unit = theta / J.groups.spread(np.where(size > 0, size, 1)) * J.lam * math.sqrt(J.groups.sizes[0])
    return np.where(J.groups.spread(size) > 0, unit, J.project_subdifferential(0 * theta, p))


HALF, UNIT = L1(0.5), Box(0, 1)
GROUPS = GroupL2(0.3, Groups.of_sizes([2, 4]))
MINIMISES, MEMBERS = "prox_minimises_its_objective", "oracles_accept_pairs_of_the_mirror_map"
MOREAU = "moreau_decomposition_holds_by_the_values_of_the_conjugate"
SUBGRADIENT, NEAREST = "subgradients_satisfy_their_inequality", "subdifferential_projection_is_nearest"

#: What is wrong, and where.
MUTANTS = {
    # Value and domain.
    "value is not convex": Planted(
        HALF, {"value": lambda J, x: J.value(abs(x) ** 0.5)}, {"value_is_convex", MINIMISES}
    ),
    "value jumps at the bound": Planted(
        UNIT,
        {"value": lambda J, x: J.value(x) + np.any((x == 0) | (x == 1), axis=-1)},
        {"value_is_lower_semicontinuous"},
    ),
    "value is infinite on the bound": Planted(
        UNIT,
        {"value": lambda J, x: np.where(((x > 0) & (x < 1)).all(axis=-1), 0.0, math.inf)},
        {"value_is_lower_semicontinuous", MINIMISES},
    ),
    "value with a coupling": Planted(
        HALF,
        {"value": lambda J, x: J.value(x) + abs(x.sum(axis=-1))},
        {"value_adds_up_over_groups"},
    ),
    "value sums over the batch": Planted(
        HALF,
        {"value": lambda J, x: np.sum(J.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "domain is everything": Planted(
        NonNegative(),
        {"in_domain": lambda J, x: np.isfinite(x).all(axis=-1)},
        {"domain_is_where_the_value_is_finite"},
    ),
    "domain is open": Planted(
        UNIT,
        {"in_domain": lambda J, x: ((x > 0) & (x < 1)).all(axis=-1)},
        {"domain_is_where_the_value_is_finite"},
    ),
    # Subdifferential.
    "subgradient with the wrong sign": Planted(
        HALF,
        {"project_subdifferential": lambda J, x, p: J.project_subdifferential(-x, p)},
        {SUBGRADIENT, MEMBERS, "oracles_accept_pairs_of_the_subdifferential"},
    ),
    "normal cone with the wrong sign": Planted(
        UNIT,
        {"project_subdifferential": lambda J, x, p: -J.project_subdifferential(x, -p)},
        {SUBGRADIENT},
    ),
    "no normal cone": Planted(
        UNIT,
        {"project_subdifferential": lambda J, x, p: 0 * J.project_subdifferential(x, p)},
        {NEAREST, MEMBERS},
    ),
    "one subgradient only": Planted(
        HALF,
        {"project_subdifferential": lambda J, x, p: np.where(x == 0, 0 * p, J.project_subdifferential(x, p))},
        {NEAREST},
    ),
    "ball of half the radius": Planted(
        GROUPS,
        {"project_subdifferential": lambda J, x, p: np.where(x == 0, 0.5, 1) * J.project_subdifferential(x, p)},
        {NEAREST, "subdifferential_distance_is_zero_for_members_only"},
    ),
    "ball without √n": Planted(
        GROUPS,
        {"project_subdifferential": lambda J, x, p: GroupL2(J.lam, J.groups, [1, 1]).project_subdifferential(x, p)},
        {NEAREST, SUBGRADIENT, "oracles_accept_pairs_of_the_mirror_map"},
    ),
    "subgradients beyond the domain": Planted(
        UNIT,
        {"project_subdifferential": lambda J, x, p: J.project_subdifferential(J.prox(x, 1), p)},
        {"subdifferential_is_empty_outside_the_domain"},
    ),
    "subgradient with a plain root of squares": Planted(
        GroupL2(0.5, Groups.whole(3)),
        {"project_subdifferential": plain_subgradient},
        {"subdifferential_survives_tiny_points"},
    ),
    # Conjugate.
    "conjugate without its domain": Planted(
        HALF,
        {"conjugate": lambda J, p: 0 * J.value(p)},
        {"conjugate_bounds_the_pairing", "oracles_reject_the_same_strangers", MOREAU},
    ),
    "conjugate with half the domain": Planted(
        HALF,
        {"conjugate": lambda J, p: J.conjugate(2 * p)},
        {"conjugate_is_the_supremum", MEMBERS},
    ),
    "conjugate doubled": Planted(
        Box(-1, 2),
        {"conjugate": lambda J, p: 2 * J.conjugate(p)},
        {"conjugate_is_the_supremum", MEMBERS, MOREAU},
    ),
    "conjugate of the upper bound alone": Planted(
        Box(-2, 1),
        {"conjugate": lambda J, p: np.sum(np.maximum(p, 0), axis=-1)},
        {"conjugate_bounds_the_pairing", MOREAU},
    ),
}
