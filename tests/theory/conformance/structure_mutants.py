"""Bugs in groups, restrictions, arrays and exact arithmetic, and accidents."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from mlbreg.theory.arrays import is_exact
from mlbreg.theory.groups import Groups
from mlbreg.theory.regularizers import L1, GroupL2, WeightedL1, Zero

from .mutant import Planted


def overwrites_its_input(J, z, step):
    z[...] = J.prox(z.copy(), step)
    return z.copy()


def rounds_fractions(J, z, step):
    u = J.prox(z, step)
    return (
        np.vectorize(lambda x: x.limit_denominator(100) + Fraction(1, 10**12), otypes=[object])(u) if is_exact(u) else u
    )


HALF = L1(0.5)
GROUPS = GroupL2(0.3, Groups.of_sizes([2, 4]))

#: What is wrong, and where.
MUTANTS = {
    # Groups.
    "restrict drops the weights": Planted(
        WeightedL1([0.1, 1.0, 2.0]),
        {"restrict": lambda J, r: L1(1.0)},
        {"restrictions_agree_with_the_whole", "value_adds_up_over_groups"},
    ),
    "restrict takes the first weights": Planted(
        WeightedL1([0.1, 1.0, 2.0]),
        {"restrict": lambda J, r: WeightedL1(J.weights[: r.coarse_dimension])},
        {"restrictions_agree_with_the_whole"},
    ),
    "restrict forgets √n": Planted(GROUPS, {"restrict": lambda J, r: L1(J.lam)}, {"restrictions_agree_with_the_whole"}),
    "restrict splits groups": Planted(
        GROUPS,
        {"restrict": lambda J, r: J.restrict(r) if r.groups == J.groups else Zero()},
        {"restrict_rejects_split_groups"},
    ),
    "groups are too coarse": Planted(
        HALF, {"separable_groups": lambda J, d: Groups.whole(d)}, {"groups_are_the_finest"}
    ),
    "groups are too fine": Planted(
        GROUPS, {"separable_groups": lambda J, d: Groups.singletons(d)}, {"prox_decouples_groups"}
    ),
    # Arrays.
    "prox works in place": Planted(HALF, {"prox": overwrites_its_input}, {"methods_leave_their_input_alone"}),
    "prox returns a view": Planted(Zero(), {"prox": lambda J, z, t: z[...]}, {"methods_leave_their_input_alone"}),
    "prox upcasts float32": Planted(
        HALF, {"prox": lambda J, z, t: J.prox(z, t) * np.ones(1)}, {"float32_stays_float32"}
    ),
    "value is a float of Fractions": Planted(
        HALF,
        {"value": lambda J, x: J.value(x.astype(float) if is_exact(x) else x)},
        {"fractions_agree_with_floats"},
    ),
    "prox rounds Fractions": Planted(HALF, {"prox": rounds_fractions}, {"fractions_close_the_duality_exactly"}),
    "value knows NumPy only": Planted(
        HALF, {"value": lambda J, x: J.value(np.asarray(x))}, {"torch_agrees_with_numpy"}
    ),
    # Accidents.
    "prox raises": Planted(
        HALF,
        {"prox": lambda J, z, t: z / 0 if z.ndim == 1 else J.prox(z, t)},
        {"batches_agree_with_single_vectors"},
    ),
    "prox warns": Planted(
        HALF, {"prox": lambda J, z, t: J.prox(z, t) + 0 * np.sign(z) / abs(z)}, {"prox_minimises_its_objective"}
    ),
}
