"""Every check of a reference kills a planted bug."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from mlbreg.theory.arrays import is_exact
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Reference, Shannon


class Mutant(Reference):
    """``original`` with some methods replaced; a replacement gets the original and the arguments."""

    def __init__(self, original: Reference, changes: Mapping[str, Callable[..., Any]]) -> None:
        self.original, self.changes = original, changes

    def _run(self, name: str, *inputs: Any) -> Any:
        return (
            self.changes[name](self.original, *inputs)
            if name in self.changes
            else getattr(self.original, name)(*inputs)
        )

    def value(self, x):
        return self._run("value", x)

    def gradient(self, x):
        return self._run("gradient", x)

    def conjugate(self, p):
        return self._run("conjugate", p)

    def conjugate_gradient(self, p):
        return self._run("conjugate_gradient", p)

    def in_domain(self, x):
        return self._run("in_domain", x)

    def divergence(self, x, y):
        return self._run("divergence", x, y)


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

#: What is wrong, where, and the checks that must fail (others may).
MUTANTS: dict[str, tuple[Reference, dict[str, Callable[..., Any]], set[str]]] = {
    "mirror map of x log x without −x": (
        Shannon(),
        {"gradient": lambda phi, x: phi.gradient(x) + 1},
        {DERIVATIVE, INVERSE, YOUNG},
    ),
    "mirror map with the wrong sign": (Burg(), {"gradient": lambda phi, x: -phi.gradient(x)}, {DERIVATIVE}),
    "inverse mirror map with the wrong sign": (Euclidean(), {"conjugate_gradient": lambda phi, p: -p}, {DUAL, INVERSE}),
    "inverse of another map": (
        FermiDirac(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(2 * p)},
        {DUAL, INVERSE},
    ),
    "inverse leaves the interior": (
        Shannon(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(p) - 1e-2},
        {INVERSE},
    ),
    "conjugate of twice φ": (Euclidean(), {"conjugate": lambda phi, p: phi.conjugate(p) / 2}, {DUAL, YOUNG}),
    "conjugate without its constant": (Burg(), {"conjugate": lambda phi, p: phi.conjugate(p) + p.shape[-1]}, {YOUNG}),
    "divergence of half φ": (
        Euclidean(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) / 2},
        {DEFINITION, THREE},
    ),
    "divergence with swapped arguments": (
        Shannon(),
        {"divergence": lambda phi, x, y: phi.divergence(y, x)},
        {DEFINITION, THREE},
    ),
    "divergence of normalised vectors only": (
        Shannon(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) + np.sum(x - y, axis=-1)},
        {DEFINITION, POSITIVE},
    ),
    "divergence that cancels": (Burg(), {"divergence": cancelled_divergence}, {POSITIVE}),
    "divergence is not zero on the diagonal": (
        Euclidean(),
        {"divergence": lambda phi, x, y: phi.divergence(x, y) + 1e-9},
        {POSITIVE},
    ),
    "φ is linear": (
        Euclidean(),
        {"value": lambda phi, x: np.sum(x, axis=-1)},
        {"value_is_strictly_convex", DERIVATIVE},
    ),
    "φ is finite everywhere": (
        Shannon(),
        {"value": lambda phi, x: np.where((x < 0).any(axis=-1), 0.0, phi.value(abs(x)))},
        {"value_is_infinite_outside_the_domain"},
    ),
    "φ is ½‖x‖² on the positive orthant": (
        Euclidean(),
        {
            "in_domain": lambda phi, x: (x > 0).all(axis=-1),
            "value": lambda phi, x: np.where((x >= 0).all(axis=-1), phi.value(x), math.inf),
        },
        {"gradient_blows_up_at_the_boundary"},
    ),
    "0 log 0 is ∞": (
        Shannon(),
        {"value": lambda phi, x: np.where((x > 0).all(axis=-1), phi.value(x), math.inf)},
        {"value_is_its_limit_on_the_boundary"},
    ),
    "−log 0 is 0": (
        Burg(),
        {"value": lambda phi, x: phi.value(np.where(x == 0, 1, x))},
        {"value_is_its_limit_on_the_boundary"},
    ),
    "mirror map of log |x|": (
        Shannon(),
        {"gradient": lambda phi, x: phi.gradient(abs(x))},
        {"mirror_map_and_divergence_end_with_the_domain"},
    ),
    "divergence ignores the domain": (
        FermiDirac(),
        {"divergence": lambda phi, x, y: phi.divergence(np.clip(x, 1e-9, 1 - 1e-9), np.clip(y, 1e-9, 1 - 1e-9))},
        {"mirror_map_and_divergence_end_with_the_domain"},
    ),
    "conjugate of −|p|": (
        Burg(),
        {"conjugate": lambda phi, p: phi.conjugate(-abs(p))},
        {"conjugate_ends_with_its_domain"},
    ),
    "inverse mirror map of −|p|": (
        Burg(),
        {"conjugate_gradient": lambda phi, p: phi.conjugate_gradient(-abs(p))},
        {"conjugate_ends_with_its_domain"},
    ),
    "inverse mirror map underflows": (
        FermiDirac(),
        {"conjugate_gradient": lambda phi, p: np.exp(np.minimum(p, 0)) / (1 + np.exp(-abs(p)))},
        {"extreme_duals_lead_into_the_interior"},
    ),
    "domain is two-sided": (
        Burg(),
        {"in_domain": lambda phi, x: (x != 0).all(axis=-1)},
        {"value_is_strictly_convex", INVERSE},
    ),
    "domain is empty": (Burg(), {"in_domain": lambda phi, x: (x > 1e9).all(axis=-1)}, {DERIVATIVE}),
    "gradient works in place": (Shannon(), {"gradient": overwrites_its_input}, {"methods_leave_their_input_alone"}),
    "value sums over the batch": (
        Burg(),
        {"value": lambda phi, x: np.sum(phi.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "gradient upcasts float32": (
        Burg(),
        {"gradient": lambda phi, x: phi.gradient(x) * np.ones(1)},
        {"float32_stays_float32"},
    ),
    "NaN is in the domain": (Shannon(), {"in_domain": lambda phi, x: ~(x <= 0).any(axis=-1)}, {"nan_is_not_hidden"}),
    "value is a float of Fractions": (
        Euclidean(),
        {"value": lambda phi, x: phi.value(x.astype(float) if is_exact(x) else x)},
        {"fractions_agree_with_floats"},
    ),
    "value knows NumPy only": (
        Euclidean(),
        {"value": lambda phi, x: phi.value(np.asarray(x))},
        {"torch_agrees_with_numpy"},
    ),
}
HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checks_named_in_the_table_kill_the_mutant(name: str) -> None:
    original, changes, killers = MUTANTS[name]
    for check in checks_of(Mutant(original, changes)):
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


def test_every_check_of_a_reference_kills_some_mutant() -> None:
    killers = set().union(*(row[2] for row in MUTANTS.values()))
    assert {check.name for check in checks_of(Shannon())} == killers
