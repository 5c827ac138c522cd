"""Every check of a loss kills a planted bug."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from mlbreg.theory.arrays import exact, is_exact, total
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.losses import Huber, LeastSquares, Logistic, Loss, Quadratic, SineQuadratic


class Mutant(Loss):
    """``original`` with some methods and constants replaced; a replacement gets the original and the arguments."""

    def __init__(self, original: Loss, changes: Mapping[str, Callable[..., Any]]) -> None:
        self.original, self.changes = original, changes

    def _method(self, name: str, *inputs: Any) -> Any:
        return (
            self.changes[name](self.original, *inputs)
            if name in self.changes
            else getattr(self.original, name)(*inputs)
        )

    def _constant(self, name: str) -> Any:
        return self.changes[name](self.original) if name in self.changes else getattr(self.original, name)

    @property
    def dimension(self):
        return self._constant("dimension")

    def value(self, theta):
        return self._method("value", theta)

    def gradient(self, theta):
        return self._method("gradient", theta)

    @property
    def infimum(self):
        return self._constant("infimum")

    @property
    def lipschitz(self):
        return self._constant("lipschitz")

    @property
    def strong_convexity(self):
        return self._constant("strong_convexity")

    @property
    def pl_constant(self):
        return self._constant("pl_constant")

    def minimizer(self):
        return self._method("minimizer")


def overwrites_its_input(L, theta):
    gradient = L.gradient(theta)
    theta += 0 * gradient + 1
    return gradient


def overflows(L, theta):
    return total(
        np.log(1 + np.exp(-(theta @ (L.matrix * L.labels[:, None]).T)))
        + L.ridge / 2 * total(theta**2)[..., None] / len(L.labels)
    )


def ramp(L, theta):
    """½ max(θ, 0)², with a comparison that NaN does not pass."""
    return np.sum(np.where(theta > 0, theta, 0) ** 2, axis=-1) / 2


BOWL = Quadratic([1.0, 2.0, 4.0], [0.5, 0.0, -1.0])
RATIONAL = Quadratic(exact([1, 2, 4]), exact([1, 0, -1]))
FIT = LeastSquares(np.asarray([[1.0, 2.0], [0.0, 1.0], [1.0, -1.0]]), np.asarray([1.0, 0.0, 2.0]))
SINE = SineQuadratic.of_coordinates(3)
MARGINS = Logistic(np.asarray([[1.0, 2.0], [0.5, 1.0], [1.0, -1.0]]), np.asarray([1.0, -1.0, 1.0]), ridge=0.1)
SEPARABLE = Logistic(np.asarray([[1.0, 2.0], [0.5, 1.0]]), np.asarray([1.0, 1.0]))
DERIVATIVE, ATTAINS = "gradient_is_the_derivative_of_the_value", "minimizer_attains_the_infimum"
LIPSCHITZ, CONVEX, PL = "gradient_is_lipschitz", "strong_convexity_holds", "pl_inequality_holds"

#: What is wrong, where, and the checks that must fail (others may).
MUTANTS: dict[str, tuple[Loss, dict[str, Callable[..., Any]], set[str]]] = {
    "gradient with the wrong sign": (
        BOWL,
        {"gradient": lambda L, x: -L.gradient(x)},
        {DERIVATIVE, "descent_lemma_holds", CONVEX},
    ),
    "gradient twice as long": (FIT, {"gradient": lambda L, x: 2 * L.gradient(x)}, {DERIVATIVE, LIPSCHITZ}),
    "gradient without the ridge": (MARGINS, {"gradient": lambda L, x: L.gradient(x) - 0.1 * x}, {DERIVATIVE, CONVEX}),
    "gradient off by a rounded constant": (
        RATIONAL,
        {"gradient": lambda L, x: L.gradient(x) + exact([1, 0, 0]) / 10**12 if is_exact(x) else L.gradient(x)},
        {"gradient_is_exact_on_fractions"},
    ),
    "gradient of a mean": (FIT, {"gradient": lambda L, x: L.gradient(x) / 3}, {DERIVATIVE}),
    "infimum too large": (FIT, {"infimum": lambda L: L.infimum + 0.01}, {"infimum_is_a_lower_bound", ATTAINS}),
    "infimum too small": (FIT, {"infimum": lambda L: 0.0}, {ATTAINS, PL}),
    "infimum never approached": (SEPARABLE, {"infimum": lambda L: -1.0}, {ATTAINS}),
    "minimizer is 0": (BOWL, {"minimizer": lambda L: np.zeros(3)}, {ATTAINS}),
    "minimizer of the wrong shape": (BOWL, {"minimizer": lambda L: np.zeros((1, 3))}, {ATTAINS}),
    "ℓ is the mean curvature": (BOWL, {"lipschitz": lambda L: 7 / 3}, {LIPSCHITZ, "descent_lemma_holds"}),
    "ℓ forgets a little": (SINE, {"lipschitz": lambda L: 7.9}, {LIPSCHITZ}),
    "ℓ less than μ": (FIT, {"strong_convexity": lambda L: 2 * L.lipschitz}, {"constants_fit_together", CONVEX}),
    "μ is the mean curvature": (BOWL, {"strong_convexity": lambda L: 7 / 3}, {CONVEX}),
    "μ a little too large": (FIT, {"strong_convexity": lambda L: L.strong_convexity * 1.01}, {CONVEX}),
    "a waved loss is called convex": (SINE, {"strong_convexity": lambda L: 0.0}, {CONVEX}),
    "η is ℓ": (SINE, {"pl_constant": lambda L: L.lipschitz}, {PL}),
    "η a little too large": (SINE, {"pl_constant": lambda L: 1.01 * L.pl_constant}, {PL}),
    "η for a loss that has none": (Huber(np.eye(2), np.zeros(2), 1.0), {"pl_constant": lambda L: 1.0}, {PL}),
    "η unknown though μ > 0": (BOWL, {"pl_constant": lambda L: None}, {"constants_fit_together"}),
    "a constant that is a bool": (BOWL, {"lipschitz": lambda L: True}, {"constants_fit_together"}),
    "exponentials overflow": (MARGINS, {"value": overflows}, {"large_points_stay_finite"}),
    "gradient works in place": (BOWL, {"gradient": overwrites_its_input}, {"methods_leave_their_input_alone"}),
    "value sums over the batch": (
        BOWL,
        {"value": lambda L, x: np.sum(L.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "value upcasts float32": (
        BOWL,
        {"value": lambda L, x: L.value(x) * np.ones(())[None][0]},
        {"float32_stays_float32"},
    ),
    "a ramp hides NaN": (BOWL, {"value": ramp}, {"nan_is_not_hidden"}),
    "gradient is a float of Fractions": (
        RATIONAL,
        {"gradient": lambda L, x: L.gradient(x).astype(float) if is_exact(x) else L.gradient(x)},
        {"fractions_agree_with_floats", "gradient_is_exact_on_fractions"},
    ),
    "value knows NumPy only": (BOWL, {"value": lambda L, x: L.value(np.asarray(x))}, {"torch_agrees_with_numpy"}),
    "value is NaN far away": (
        BOWL,
        {"value": lambda L, x: L.value(x) + np.where(abs(x[..., 0]) > 1e5, math.nan, 0)},
        {"large_points_stay_finite"},
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


def test_every_check_of_a_loss_kills_some_mutant() -> None:
    killers = set().union(*(row[2] for row in MUTANTS.values()))
    assert {check.name for check in checks_of(BOWL)} == killers
