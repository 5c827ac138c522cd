"""What the studies find: bounds hold where a theorem covers the run, and corollary 3.9 is not attained with noise."""

from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import rates
from mlbreg.paper_checks.rates import exact_gradients, problems, runs, second_moments
from mlbreg.paper_checks.rates.record import LAWS, VERDICTS, Case
from mlbreg.paper_checks.report.rates import studies

CASES = {(study["name"], case["name"]): case for study in studies() for case in study["cases"]}

#: (study, case): verdict, law, a range for the measured value.
FOUND = {
    ("convex", "linbreg-flat"): ("as predicted", "power", 0.95, 1.1),
    ("convex", "linbreg-l1"): ("faster", "linear", 0.99, 0.999),
    ("convex", "multilevel"): ("not covered", "power", 0.8, 2.0),
    ("convex", "proxgd"): ("faster", "power", 1.0, 4.0),
    ("strongly-convex", "linbreg"): ("faster", "linear", 0.90, 0.905),
    ("strongly-convex", "linbreg-l1"): ("not covered", "linear", 0.9, 0.98),
    ("strongly-convex", "linbreg-l1-distance"): ("faster", "linear", 0.85, 0.9),
    ("strongly-convex", "momentum"): ("as predicted", "linear", 0.899, 0.901),
    ("strongly-convex", "multilevel"): ("faster", "linear", 0.7, 0.85),
    ("strongly-convex", "multilevel-l1"): ("not covered", "linear", 0.6, 0.8),
    ("strongly-convex", "adabreg"): ("no prediction", "linear", 0.85, 0.95),
    ("polyak-lojasiewicz", "linbreg"): ("faster", "linear", 0.79, 0.83),
    ("polyak-lojasiewicz", "multilevel"): ("faster", "linear", 0.5, 0.7),
    ("step-sizes", "constant"): ("as predicted", "plateau", 0.95, 1.1),
    ("step-sizes", "harmonic"): ("as predicted", "power", 0.99, 1.01),
    ("step-sizes", "harmonic-small"): ("slower", "power", 0.39, 0.42),
    ("step-sizes", "root-exact"): ("as predicted", "stretched", 0.79, 0.82),
    ("step-sizes", "root"): ("slower", "power", 0.49, 0.55),
    ("step-sizes", "root-l1"): ("slower", "power", 0.4, 0.8),
    ("coarse-noise", "plateau"): ("faster", "plateau", 1.5, 2.0),
    ("coarse-noise", "vanishing"): ("faster", "power", 1.95, 2.05),
    ("coarse-noise", "plateau-l1"): ("not covered", "plateau", 1.4, 2.1),
    ("coarse-noise", "vanishing-l1"): ("not covered", "power", 1.8, 2.2),
    ("variance-reduced", "plain"): ("not covered", "plateau", 0.0, 0.0),
    ("variance-reduced", "reduced"): ("faster", "linear", 0.75, 0.85),
    ("variance-reduced", "reduced-l1"): ("not covered", "linear", 0.6, 0.8),
}


@pytest.mark.parametrize("key", FOUND)
def test_what_was_found(key: tuple[str, str]) -> None:
    verdict, law, low, high = FOUND[key]
    case = CASES[key]
    assert case["error"] is None
    assert (case["verdict"], case["fit"]["law"]) == (verdict, law)
    assert low <= case["fit"]["value"] <= high


@pytest.mark.parametrize("key", CASES)
def test_every_case_runs_and_keeps_its_words(key: tuple[str, str]) -> None:
    case = CASES[key]
    assert case["error"] is None
    assert case["verdict"] in VERDICTS
    assert case["verdict"] != "not determined"
    assert case["fit"]["law"] in LAWS
    assert case["fit"]["low"] <= case["fit"]["value"] <= case["fit"]["high"]


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case["worst_ratio"] is not None])
def test_a_bound_that_is_covered_holds_at_every_step(key: tuple[str, str]) -> None:
    case = CASES[key]
    if case["prediction"]["covered"]:
        assert 0 < case["worst_ratio"] <= 1


def test_the_rate_of_a_smooth_problem_is_violated_by_l1_while_nothing_moves() -> None:
    assert CASES["strongly-convex", "linbreg-l1"]["worst_ratio"] > 1


def test_levels_lie_below_their_bounds_and_fall_with_the_step_size() -> None:
    for key in (("step-sizes", "constant"), ("coarse-noise", "plateau")):
        levels = [curve["level"] for curve in CASES[key]["curves"]]
        assert levels == sorted(levels, reverse=True)
        assert all(curve["level"] < curve["bound_level"] for curve in CASES[key]["curves"])


def test_variance_reduction_ends_the_plateau() -> None:
    plain, reduced = (CASES["variance-reduced", name]["curves"][0]["values"] for name in ("plain", "reduced"))
    assert reduced[-1] < 1e-4 * plain[-1]


def test_the_plateau_of_corollary_4_2_is_the_fixed_point_of_its_recursion() -> None:
    study = next(study for study in studies() if study["name"] == "coarse-noise")
    constants, curve = study["constants"], CASES["coarse-noise", "plateau"]["curves"][0]
    wanted = constants["C"] * constants["r"] * curve["step_size"] / (1 - constants["r"])
    assert curve["bound_level"] == pytest.approx(wanted, rel=1e-3)


def test_the_predictions_are_what_the_stated_constants_give() -> None:
    constants = next(study for study in studies() if study["name"] == "strongly-convex")["constants"]
    mu, tau, nu = constants["μ"], constants["τ"], constants["ν"]
    assert nu == pytest.approx(mu / (1 / constants["δ"] + 4 * constants["λ"] / constants["m"]))
    predicted = {
        name: case["prediction"]["value"] for (study, name), case in CASES.items()
        if study == "strongly-convex" and case["prediction"] is not None
    }  # fmt: skip
    assert predicted["linbreg"] == predicted["multilevel"] == pytest.approx(1 - mu * tau)
    assert predicted["linbreg-l1-distance"] == pytest.approx((1 - tau * nu) / (1 + tau * nu))
    assert predicted["linbreg-l1-distance"] < 0.95


def test_the_bounds_are_not_empty_words() -> None:
    """A step size beyond 2/𝖫 leaves lemma A.2's bound."""
    problem, _ = problems.strongly_convex(20, 0.0)
    values = runs.run_linbreg(problem, runs.starts(problem, 4, 1.0), 2.2, 40, runs.gap(problem))
    assert (values[-1] > values[0] * 0.95**40).any()


def test_the_measured_factor_of_momentum_is_the_spectral_radius() -> None:
    """|z|² = β where the roots are complex."""
    assert exact_gradients.momentum_factor(np.asarray([0.5, 1.0]), 1.0, 0.9) == pytest.approx(0.9)
    assert exact_gradients.momentum_factor(np.asarray([0.5]), 1.0, 0.0) == pytest.approx(0.25)


def test_a_solver_that_fails_gives_a_row_that_says_so() -> None:
    def stops() -> Any:
        raise ValueError("gradient must be finite, got nan")

    row = rates.evaluate(Case("x", "LinBreg", "", "", stops))
    assert row["error"] == "ValueError: gradient must be finite, got nan"
    assert row["fit"] is None

    def overflows() -> Any:
        return [rates.Curve(np.full((50, 2), np.inf), np.ones(50))]

    prediction = exact_gradients.lemma_a2(0.1, 1.0, "lunk2026/lemma-A.2")
    row = rates.evaluate(Case("x", "LinBreg", "", "", overflows, prediction))
    assert row["error"] == "the iterates are not finite"
    assert row["verdict"] not in ("as predicted", "faster")


def test_every_selection_is_listed_once() -> None:
    masks = second_moments.masks(4, 2)
    assert masks.shape == (6, 4)
    assert (masks.sum(axis=1) == 2).all()
    assert len(np.unique(masks, axis=0)) == 6
