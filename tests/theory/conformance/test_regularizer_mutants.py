"""Every check of a regularizer kills a planted bug; among the bugs are those that were seen in the wild."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from mlbreg.theory.arrays import is_exact, norm, positive_part
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.groups import Groups
from mlbreg.theory.regularizers import L1, Box, GroupL2, NonNegative, Regularizer, WeightedL1, Zero


class Mutant(Regularizer):
    """``original`` with some methods replaced; a replacement gets the original and the arguments."""

    def __init__(self, original: Regularizer, changes: Mapping[str, Callable[..., Any]]) -> None:
        self.original, self.changes = original, changes

    def _run(self, name: str, *inputs: Any) -> Any:
        return (
            self.changes[name](self.original, *inputs)
            if name in self.changes
            else getattr(self.original, name)(*inputs)
        )

    def value(self, theta):
        return self._run("value", theta)

    def prox(self, z, step):
        return self._run("prox", z, step)

    def conjugate(self, p):
        return self._run("conjugate", p)

    def project_subdifferential(self, theta, p):
        return self._run("project_subdifferential", theta, p)

    def in_domain(self, theta):
        return self._run("in_domain", theta)

    def separable_groups(self, dimension):
        return self._run("separable_groups", dimension)

    def restrict(self, restriction):
        return self._run("restrict", restriction)


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


def plain_subgradient(J, theta, p):
    theta, p = np.broadcast_arrays(theta, p)
    size = np.sqrt(J.groups.sums(theta * theta))
    unit = theta / J.groups.spread(np.where(size > 0, size, 1)) * J.lam * math.sqrt(J.groups.sizes[0])
    return np.where(J.groups.spread(size) > 0, unit, J.project_subdifferential(0 * theta, p))


def overwrites_its_input(J, z, step):
    z[...] = J.prox(z.copy(), step)
    return z.copy()


def rounds_fractions(J, z, step):
    u = J.prox(z, step)
    return (
        np.vectorize(lambda x: x.limit_denominator(100) + Fraction(1, 10**12), otypes=[object])(u) if is_exact(u) else u
    )


def shrinks_jointly(J, z, step):
    return GroupL2(0.5, Groups.whole(z.shape[-1])).prox(z, step)


SIX = Groups.of_sizes([2, 4])
HALF, GROUPS, UNIT = L1(0.5), GroupL2(0.3, SIX), Box(0, 1)
ROWS = GroupL2(0.4, Groups.rows((2, 2)))
MINIMISES, MEMBERS = "prox_minimises_its_objective", "oracles_accept_pairs_of_the_mirror_map"
MOREAU = "moreau_decomposition_holds_by_the_values_of_the_conjugate"
SUBGRADIENT, NEAREST = "subgradients_satisfy_their_inequality", "subdifferential_projection_is_nearest"

#: What is wrong, where, and the checks that must fail (others may).
MUTANTS: dict[str, tuple[Regularizer, dict[str, Callable[..., Any]], set[str]]] = {
    # Bugs seen in the wild.
    "prox applies λ twice": (HALF, {"prox": lambda J, z, t: J.prox(z, t * J.lam)}, {MINIMISES, MEMBERS, MOREAU}),
    "prox of columns for rows": (ROWS, {"prox": columns_for_rows}, {MINIMISES, "prox_decouples_groups", MOREAU}),
    "prox from its own wrong dual": (GROUPS, {"prox": by_its_own_dual}, {MINIMISES, MOREAU}),
    # Prox.
    "soft threshold with tλ²/2": (L1(3.0), {"prox": lambda J, z, t: J.prox(z, t * J.lam / 2)}, {MINIMISES}),
    "prox ignores its step": (
        HALF,
        {"prox": lambda J, z, t: J.prox(z, 1)},
        {MINIMISES, "prox_satisfies_the_resolvent_identity", "prox_scales_with_a_homogeneous_value"},
    ),
    "prox squares its step": (
        GROUPS,
        {"prox": lambda J, z, t: J.prox(z, t * t)},
        {"prox_satisfies_the_resolvent_identity"},
    ),
    "hard threshold": (HALF, {"prox": hard_threshold}, {MINIMISES, "prox_is_firmly_nonexpansive"}),
    "prox does not shrink": (
        HALF,
        {"prox": lambda J, z, t: z + 0},
        {MINIMISES, MEMBERS, "prox_is_exactly_zero_below_the_threshold"},
    ),
    "prox with n for √n": (
        GROUPS,
        {"prox": lambda J, z, t: GroupL2(J.lam, J.groups, J.groups.sizes).prox(z, t)},
        {MINIMISES, MEMBERS, MOREAU},
    ),
    "prox leaves the box by rounding": (
        UNIT,
        {"prox": lambda J, z, t: J.prox(z, t) * (1 + 1e-15)},
        {"prox_stays_in_the_domain"},
    ),
    "prox keeps what is at the threshold": (
        HALF,
        {"prox": lambda J, z, t: np.where(abs(z) == t * J.lam, z, J.prox(z, t))},
        {"prox_is_zero_at_exact_ties"},
    ),
    "prox leaves tiny numbers for zeros": (
        HALF,
        {"prox": lambda J, z, t: J.prox(z, t) + 1e-18 * z},
        {"prox_is_exactly_zero_below_the_threshold"},
    ),
    "prox with a plain root of squares": (GROUPS, {"prox": plain_norm_shrinks}, {"prox_survives_extreme_magnitudes"}),
    "prox hides NaN": (
        HALF,
        {"prox": lambda J, z, t: np.where(abs(z) > t * J.lam, J.prox(z, t), 0 * t)},
        {"nan_is_not_hidden"},
    ),
    "prox wants a float step": (
        HALF,
        {"prox": lambda J, z, t: J.prox(z, t.hex() and t)},
        {"step_may_be_any_real_number"},
    ),
    "prox couples groups": (HALF, {"prox": shrinks_jointly}, {"prox_decouples_groups"}),
    # Value and domain.
    "value is not convex": (HALF, {"value": lambda J, x: J.value(abs(x) ** 0.5)}, {"value_is_convex", MINIMISES}),
    "value jumps at the bound": (
        UNIT,
        {"value": lambda J, x: J.value(x) + np.any((x == 0) | (x == 1), axis=-1)},
        {"value_is_lower_semicontinuous"},
    ),
    "value is infinite on the bound": (
        UNIT,
        {"value": lambda J, x: np.where(((x > 0) & (x < 1)).all(axis=-1), 0.0, math.inf)},
        {"value_is_lower_semicontinuous", MINIMISES},
    ),
    "value with a coupling": (
        HALF,
        {"value": lambda J, x: J.value(x) + abs(x.sum(axis=-1))},
        {"value_adds_up_over_groups"},
    ),
    "value sums over the batch": (
        HALF,
        {"value": lambda J, x: np.sum(J.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "domain is everything": (
        NonNegative(),
        {"in_domain": lambda J, x: np.isfinite(x).all(axis=-1)},
        {"domain_is_where_the_value_is_finite"},
    ),
    "domain is open": (
        UNIT,
        {"in_domain": lambda J, x: ((x > 0) & (x < 1)).all(axis=-1)},
        {"domain_is_where_the_value_is_finite"},
    ),
    # Subdifferential.
    "subgradient with the wrong sign": (
        HALF,
        {"project_subdifferential": lambda J, x, p: J.project_subdifferential(-x, p)},
        {SUBGRADIENT, MEMBERS, "oracles_accept_pairs_of_the_subdifferential"},
    ),
    "normal cone with the wrong sign": (
        UNIT,
        {"project_subdifferential": lambda J, x, p: -J.project_subdifferential(x, -p)},
        {SUBGRADIENT},
    ),
    "no normal cone": (
        UNIT,
        {"project_subdifferential": lambda J, x, p: 0 * J.project_subdifferential(x, p)},
        {NEAREST, MEMBERS},
    ),
    "one subgradient only": (
        HALF,
        {"project_subdifferential": lambda J, x, p: np.where(x == 0, 0 * p, J.project_subdifferential(x, p))},
        {NEAREST},
    ),
    "ball of half the radius": (
        GROUPS,
        {"project_subdifferential": lambda J, x, p: np.where(x == 0, 0.5, 1) * J.project_subdifferential(x, p)},
        {NEAREST, "subdifferential_distance_is_zero_for_members_only"},
    ),
    "ball without √n": (
        GROUPS,
        {"project_subdifferential": lambda J, x, p: GroupL2(J.lam, J.groups, [1, 1]).project_subdifferential(x, p)},
        {NEAREST, SUBGRADIENT, "oracles_accept_pairs_of_the_mirror_map"},
    ),
    "subgradients beyond the domain": (
        UNIT,
        {"project_subdifferential": lambda J, x, p: J.project_subdifferential(J.prox(x, 1), p)},
        {"subdifferential_is_empty_outside_the_domain"},
    ),
    "subgradient with a plain root of squares": (
        GroupL2(0.5, Groups.whole(3)),
        {"project_subdifferential": plain_subgradient},
        {"subdifferential_survives_tiny_points"},
    ),
    # Conjugate.
    "conjugate without its domain": (
        HALF,
        {"conjugate": lambda J, p: 0 * J.value(p)},
        {"conjugate_bounds_the_pairing", "oracles_reject_the_same_strangers", MOREAU},
    ),
    "conjugate with half the domain": (
        HALF,
        {"conjugate": lambda J, p: J.conjugate(2 * p)},
        {"conjugate_is_the_supremum", MEMBERS},
    ),
    "conjugate doubled": (
        Box(-1, 2),
        {"conjugate": lambda J, p: 2 * J.conjugate(p)},
        {"conjugate_is_the_supremum", MEMBERS, MOREAU},
    ),
    "conjugate of the upper bound alone": (
        Box(-2, 1),
        {"conjugate": lambda J, p: np.sum(np.maximum(p, 0), axis=-1)},
        {"conjugate_bounds_the_pairing", MOREAU},
    ),
    # Groups.
    "restrict drops the weights": (
        WeightedL1([0.1, 1.0, 2.0]),
        {"restrict": lambda J, r: L1(1.0)},
        {"restrictions_agree_with_the_whole", "value_adds_up_over_groups"},
    ),
    "restrict takes the first weights": (
        WeightedL1([0.1, 1.0, 2.0]),
        {"restrict": lambda J, r: WeightedL1(J.weights[: r.coarse_dimension])},
        {"restrictions_agree_with_the_whole"},
    ),
    "restrict forgets √n": (GROUPS, {"restrict": lambda J, r: L1(J.lam)}, {"restrictions_agree_with_the_whole"}),
    "restrict splits groups": (
        GROUPS,
        {"restrict": lambda J, r: J.restrict(r) if r.groups == J.groups else Zero()},
        {"restrict_rejects_split_groups"},
    ),
    "groups are too coarse": (HALF, {"separable_groups": lambda J, d: Groups.whole(d)}, {"groups_are_the_finest"}),
    "groups are too fine": (GROUPS, {"separable_groups": lambda J, d: Groups.singletons(d)}, {"prox_decouples_groups"}),
    # Arrays.
    "prox works in place": (HALF, {"prox": overwrites_its_input}, {"methods_leave_their_input_alone"}),
    "prox returns a view": (Zero(), {"prox": lambda J, z, t: z[...]}, {"methods_leave_their_input_alone"}),
    "prox upcasts float32": (HALF, {"prox": lambda J, z, t: J.prox(z, t) * np.ones(1)}, {"float32_stays_float32"}),
    "value is a float of Fractions": (
        HALF,
        {"value": lambda J, x: J.value(x.astype(float) if is_exact(x) else x)},
        {"fractions_agree_with_floats"},
    ),
    "prox rounds Fractions": (HALF, {"prox": rounds_fractions}, {"fractions_close_the_duality_exactly"}),
    "value knows NumPy only": (HALF, {"value": lambda J, x: J.value(np.asarray(x))}, {"torch_agrees_with_numpy"}),
    # Accidents.
    "prox raises": (
        HALF,
        {"prox": lambda J, z, t: z / 0 if z.ndim == 1 else J.prox(z, t)},
        {"batches_agree_with_single_vectors"},
    ),
    "prox warns": (HALF, {"prox": lambda J, z, t: J.prox(z, t) + 0 * np.sign(z) / abs(z)}, {MINIMISES}),
}
HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checks_named_in_the_table_kill_the_mutant(name: str) -> None:
    original, changes, killers = MUTANTS[name]
    mutant = Mutant(original, changes)
    for check in checks_of(mutant):
        if check.name in killers and (HAS_TORCH or check.name != "torch_agrees_with_numpy"):
            result = check.result()
            assert not result.passed, f"{name} survives {result}"
            assert result.message


@pytest.mark.parametrize("name", MUTANTS)
def test_the_original_of_a_mutant_passes_what_kills_the_mutant(name: str) -> None:
    original, _, killers = MUTANTS[name]
    for check in checks_of(Mutant(original, {})):
        if check.name in killers:
            check()


def test_every_check_of_a_regularizer_kills_some_mutant() -> None:
    killers = set().union(*(row[2] for row in MUTANTS.values()))
    assert {check.name for check in checks_of(L1(0.1))} == killers
