"""Every check of a reference kills a planted bug."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mlbreg.theory.arrays import is_exact
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

from .mutant import Planted, expect_killed, expect_sound


def overwrites_its_input(phi, x):
    gradient = phi.gradient(x)
    x[...] = 1
    return gradient


def cancelled_divergence(phi, x, y):
    return phi.value(x) - phi.value(y) - np.sum(phi.gradient(y) * (x - y), axis=-1)


DERIVATIVE, INVERSE = "mirror_map_is_the_derivative_of_the_value", "mirror_maps_are_inverse_to_each_other"
DUAL = "inverse_mirror_map_is_the_derivative_of_the_conjugate"
YOUNG, DEFINITION = "fenchel_young_holds_with_equality_at_the_gradient", "divergence_is_that_of_the_definition"
POSITIVE, THREE = "divergence_is_positive_and_zero_only_on_the_diagonal", "three_point_identity_holds"

#: What is wrong, and where.
MUTANTS = {
    "mirror map of x log x without −x": Planted(
        Shannon(),
        {"gradient": lambda phi, x: phi.gradient(x) + 1},
        {DERIVATIVE, INVERSE, YOUNG},
    ),
    "mirror map with the wrong sign": Planted(Burg(), {"gradient": lambda phi, x: -phi.gradient(x)}, {DERIVATIVE}),
    "inverse mirror map with the wrong sign": Planted(
        Euclidean(), {"conjugate_gradient": lambda phi, p: -p}, {DUAL, INVERSE}
    ),
    "inverse of another map": Planted(
        FermiDirac(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(2 * p)},
        {DUAL, INVERSE},
    ),
    "inverse leaves the interior": Planted(
        Shannon(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(p) - 1e-2},
        {INVERSE},
    ),
    "conjugate of twice φ": Planted(Euclidean(), {"conjugate": lambda phi, p: phi.conjugate(p) / 2}, {DUAL, YOUNG}),
    "conjugate without its constant": Planted(
        Burg(), {"conjugate": lambda phi, p: phi.conjugate(p) + p.shape[-1]}, {YOUNG}
    ),
    "divergence of half φ": Planted(
        Euclidean(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) / 2},
        {DEFINITION, THREE},
    ),
    "divergence with swapped arguments": Planted(
        Shannon(),
        {"divergence": lambda phi, x, y: phi.divergence(y, x)},
        {DEFINITION, THREE},
    ),
    "divergence of normalised vectors only": Planted(
        Shannon(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) + np.sum(x - y, axis=-1)},
        {DEFINITION, POSITIVE},
    ),
    "divergence that cancels": Planted(Burg(), {"divergence": cancelled_divergence}, {POSITIVE}),
    "divergence is not zero on the diagonal": Planted(
        Euclidean(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) + 1e-9},
        {POSITIVE},
    ),
    "φ is linear": Planted(
        Euclidean(),
        {"value": lambda phi, x: np.sum(x, axis=-1)},
        {"value_is_strictly_convex", DERIVATIVE},
    ),
    "φ is finite everywhere": Planted(
        Shannon(),
        {"value": lambda phi, x: np.where((x < 0).any(axis=-1), 0.0, phi.value(abs(x)))},
        {"value_is_infinite_outside_the_domain"},
    ),
    "φ is ½‖x‖² on the positive orthant": Planted(
        Euclidean(),
        {
            "in_domain": lambda phi, x: (x > 0).all(axis=-1),
            "value": lambda phi, x: np.where((x >= 0).all(axis=-1), phi.value(x), math.inf),
        },
        {"gradient_blows_up_at_the_boundary"},
    ),
    "0 log 0 is ∞": Planted(
        Shannon(),
        {"value": lambda phi, x: np.where((x > 0).all(axis=-1), phi.value(x), math.inf)},
        {"value_is_its_limit_on_the_boundary"},
    ),
    "−log 0 is 0": Planted(
        Burg(),
        {"value": lambda phi, x: phi.value(np.where(x == 0, 1, x))},
        {"value_is_its_limit_on_the_boundary"},
    ),
    "mirror map of log |x|": Planted(
        Shannon(),
        {"gradient": lambda phi, x: phi.gradient(abs(x))},
        {"mirror_map_and_divergence_end_with_the_domain"},
    ),
    "divergence ignores the domain": Planted(
        FermiDirac(),
        {"divergence": lambda phi, x, y: phi.divergence(np.clip(x, 1e-9, 1 - 1e-9), np.clip(y, 1e-9, 1 - 1e-9))},
        {"mirror_map_and_divergence_end_with_the_domain"},
    ),
    "conjugate of −|p|": Planted(
        Burg(),
        {"conjugate": lambda phi, p: phi.conjugate(-abs(p))},
        {"conjugate_ends_with_its_domain"},
    ),
    "inverse mirror map of −|p|": Planted(
        Burg(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(-abs(p))},
        {"conjugate_ends_with_its_domain"},
    ),
    "inverse mirror map underflows": Planted(
        FermiDirac(),
        {"conjugate_gradient": lambda phi, p: np.exp(np.minimum(p, 0)) / (1 + np.exp(-abs(p)))},
        {"extreme_duals_lead_into_the_interior"},
    ),
    "domain is two-sided": Planted(
        Burg(),
        {"in_domain": lambda phi, x: (x != 0).all(axis=-1)},
        {"value_is_strictly_convex", INVERSE},
    ),
    "domain is empty": Planted(Burg(), {"in_domain": lambda phi, x: (x > 1e9).all(axis=-1)}, {DERIVATIVE}),
    "gradient works in place": Planted(
        Shannon(), {"gradient": overwrites_its_input}, {"methods_leave_their_input_alone"}
    ),
    "value sums over the batch": Planted(
        Burg(),
        {"value": lambda phi, x: np.sum(phi.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "gradient upcasts float32": Planted(
        Burg(),
        {"gradient": lambda phi, x: phi.gradient(x) * np.ones(1)},
        {"float32_stays_float32"},
    ),
    "NaN is in the domain": Planted(
        Shannon(), {"in_domain": lambda phi, x: ~(x <= 0).any(axis=-1)}, {"nan_is_not_hidden"}
    ),
    "value is a float of Fractions": Planted(
        Euclidean(),
        {"value": lambda phi, x: phi.value(x.astype(float) if is_exact(x) else x)},
        {"fractions_agree_with_floats"},
    ),
    "value knows NumPy only": Planted(
        Euclidean(),
        {"value": lambda phi, x: phi.value(np.asarray(x))},
        {"torch_agrees_with_numpy"},
    ),
}


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_checks_named_in_the_table_kill_the_mutant(planted: Planted) -> None:
    expect_killed(planted)


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_original_passes_what_kills_its_mutant(planted: Planted) -> None:
    expect_sound(planted)


def test_every_check_of_a_reference_kills_some_mutant() -> None:
    killers = set().union(*(planted.killers for planted in MUTANTS.values()))
    assert {check.name for check in checks_of(Shannon())} == killers
