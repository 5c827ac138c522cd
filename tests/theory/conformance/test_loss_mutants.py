"""Every check of a loss kills a planted bug."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mlbreg.theory.arrays import exact, is_exact, total
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.losses import Huber, LeastSquares, Logistic, Quadratic, SineQuadratic

from .mutant import Planted, expect_killed, expect_sound


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

#: What is wrong, and where.
MUTANTS = {
    "gradient with the wrong sign": Planted(
        BOWL,
        {"gradient": lambda L, x: -L.gradient(x)},
        {DERIVATIVE, "descent_lemma_holds", CONVEX},
    ),
    "gradient twice as long": Planted(FIT, {"gradient": lambda L, x: 2 * L.gradient(x)}, {DERIVATIVE, LIPSCHITZ}),
    "gradient without the ridge": Planted(
        MARGINS, {"gradient": lambda L, x: L.gradient(x) - 0.1 * x}, {DERIVATIVE, CONVEX}
    ),
    "gradient off by a rounded constant": Planted(
        RATIONAL,
        {"gradient": lambda L, x: L.gradient(x) + exact([1, 0, 0]) / 10**12 if is_exact(x) else L.gradient(x)},
        {"gradient_is_exact_on_fractions"},
    ),
    "gradient of a mean": Planted(FIT, {"gradient": lambda L, x: L.gradient(x) / 3}, {DERIVATIVE}),
    "infimum too large": Planted(FIT, {"infimum": lambda L: L.infimum + 0.01}, {"infimum_is_a_lower_bound", ATTAINS}),
    "infimum too small": Planted(FIT, {"infimum": lambda L: 0.0}, {ATTAINS, PL}),
    "infimum never approached": Planted(SEPARABLE, {"infimum": lambda L: -1.0}, {ATTAINS}),
    "minimizer is 0": Planted(BOWL, {"minimizer": lambda L: np.zeros(3)}, {ATTAINS}),
    "minimizer of the wrong shape": Planted(BOWL, {"minimizer": lambda L: np.zeros((1, 3))}, {ATTAINS}),
    "ℓ is the mean curvature": Planted(BOWL, {"lipschitz": lambda L: 7 / 3}, {LIPSCHITZ, "descent_lemma_holds"}),
    "ℓ forgets a little": Planted(SINE, {"lipschitz": lambda L: 7.9}, {LIPSCHITZ}),
    "ℓ less than μ": Planted(FIT, {"strong_convexity": lambda L: 2 * L.lipschitz}, {"constants_fit_together", CONVEX}),
    "μ is the mean curvature": Planted(BOWL, {"strong_convexity": lambda L: 7 / 3}, {CONVEX}),
    "μ a little too large": Planted(FIT, {"strong_convexity": lambda L: L.strong_convexity * 1.01}, {CONVEX}),
    "a waved loss is called convex": Planted(SINE, {"strong_convexity": lambda L: 0.0}, {CONVEX}),
    "η is ℓ": Planted(SINE, {"pl_constant": lambda L: L.lipschitz}, {PL}),
    "η a little too large": Planted(SINE, {"pl_constant": lambda L: 1.01 * L.pl_constant}, {PL}),
    "η for a loss that has none": Planted(Huber(np.eye(2), np.zeros(2), 1.0), {"pl_constant": lambda L: 1.0}, {PL}),
    "η unknown though μ > 0": Planted(BOWL, {"pl_constant": lambda L: None}, {"constants_fit_together"}),
    "a constant that is a bool": Planted(BOWL, {"lipschitz": lambda L: True}, {"constants_fit_together"}),
    "exponentials overflow": Planted(MARGINS, {"value": overflows}, {"large_points_stay_finite"}),
    "gradient works in place": Planted(BOWL, {"gradient": overwrites_its_input}, {"methods_leave_their_input_alone"}),
    "value sums over the batch": Planted(
        BOWL,
        {"value": lambda L, x: np.sum(L.value(x))},
        {"batches_agree_with_single_vectors"},
    ),
    "value upcasts float32": Planted(
        BOWL,
        {"value": lambda L, x: L.value(x) * np.ones(())[None][0]},
        {"float32_stays_float32"},
    ),
    "a ramp hides NaN": Planted(BOWL, {"value": ramp}, {"nan_is_not_hidden"}),
    "gradient is a float of Fractions": Planted(
        RATIONAL,
        {"gradient": lambda L, x: L.gradient(x).astype(float) if is_exact(x) else L.gradient(x)},
        {"fractions_agree_with_floats", "gradient_is_exact_on_fractions"},
    ),
    "value knows NumPy only": Planted(
        BOWL, {"value": lambda L, x: L.value(np.asarray(x))}, {"torch_agrees_with_numpy"}
    ),
    "value is NaN far away": Planted(
        BOWL,
        {"value": lambda L, x: L.value(x) + np.where(abs(x[..., 0]) > 1e5, math.nan, 0)},
        {"large_points_stay_finite"},
    ),
}


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_checks_named_in_the_table_kill_the_mutant(planted: Planted) -> None:
    expect_killed(planted)


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_original_passes_what_kills_its_mutant(planted: Planted) -> None:
    expect_sound(planted)


def test_every_check_of_a_loss_kills_some_mutant() -> None:
    killers = set().union(*(planted.killers for planted in MUTANTS.values()))
    assert {check.name for check in checks_of(BOWL)} == killers
