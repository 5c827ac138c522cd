"""Fitted laws: known curves give back their rates, and the interval covers what is uncertain."""

import math

import numpy as np
import pytest
from mlbreg.paper_checks.rates import fits
from mlbreg.paper_checks.rates.record import Curve, Prediction

K = np.arange(401)


def curve(values: np.ndarray, noise: float = 0.0, count: int = 1, seed: int = 0) -> Curve:
    factors = np.exp(noise * np.random.default_rng(seed).normal(size=(len(values), count)))
    return Curve(values[:, None] * factors, noisy=count > 1)


@pytest.mark.parametrize(
    ("values", "law", "rate"),
    [
        (0.95**K, "linear", -math.log(0.95)),
        (1.0 / np.maximum(K, 1), "power", 1.0),
        (3.0 * np.maximum(K, 1) ** -0.5, "power", 0.5),
        (np.exp(-0.8 * np.sqrt(K)), "stretched", 0.8),
        (1e-3 + 0.5**K, "plateau", 0.0),
    ],
)
def test_a_pure_law_is_recognised_with_its_rate(values: np.ndarray, law: str, rate: float) -> None:
    found = fits.fit(curve(values), stretch=0.5)
    assert found is not None
    assert found.law == law
    assert found.rate == pytest.approx(rate, abs=1e-9)
    assert found.half_width == pytest.approx(0, abs=1e-9)


def test_the_window_ends_before_rounding() -> None:
    found = fits.fit(curve(np.maximum(0.5**K, 1e-17)))
    assert found is not None
    assert found.law == "linear"
    assert 0.5**found.last > 1e-12
    assert 0.5 ** (found.last + 1) <= 1e-12


def test_a_curve_that_is_over_too_soon_or_not_finite_has_no_law() -> None:
    assert fits.fit(curve(0.01**K + 1e-300)) is None
    assert fits.fit(curve(np.where(K < 100, 1.0, np.nan))) is None


def test_what_is_left_of_a_transient_is_in_the_interval() -> None:
    """k⁻¹ᐟ² + 2/k: the fitted exponent is not yet ½, and the interval admits that it drifts."""
    k = np.maximum(K, 1)
    found = fits.fit(curve(k**-0.5 + 2.0 / k))
    assert found is not None
    assert found.rate > 0.53
    assert found.half_width > 0.015


def test_the_jackknife_interval_covers_the_rate_about_as_often_as_it_says() -> None:
    covered = []
    for seed in range(60):
        found = fits.fit(curve(1.0 / np.maximum(K, 1), noise=0.5, count=16, seed=seed))
        assert found is not None
        covered.append(abs(found.rate - 1) <= found.half_width)
    assert np.mean(covered) >= 0.88


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    sample = np.random.default_rng(0).normal(size=16)
    leave_one_out = (sample.sum() - sample) / 15
    assert fits.jackknife(leave_one_out) == pytest.approx(fits.mean_interval(sample[None])[0])
    assert fits.jackknife(np.ones(1)) == 0


def test_levels_give_the_exponent_of_the_step_size() -> None:
    curves = [Curve(np.full((100, 1), 3 * size**2), step_size=size) for size in (0.1, 0.2, 0.5)]
    found = fits.fit_levels(curves)
    assert found.law == "plateau"
    assert found.rate == pytest.approx(2)
    assert found.half_width == pytest.approx(0, abs=1e-9)


def law(name: str, rate: float, half: float = 0.01) -> fits.Fit:
    return fits.Fit(name, rate, half, 1, 10, "")


@pytest.mark.parametrize(
    ("predicted", "value", "found", "worst", "expected"),
    [
        ("power", 1.0, law("power", 1.015), 0.5, "as predicted"),
        ("power", 1.0, law("power", 1.2), 0.5, "faster"),
        ("power", 1.0, law("power", 0.4), None, "slower"),
        ("power", 1.0, law("linear", 0.1), None, "faster"),
        ("power", 1.0, law("power", 1.0, 0.6), None, "not determined"),
        ("power", 1.0, None, None, "not determined"),
        ("power", 1.0, law("power", 1.0), 1.01, "slower"),
        ("power", 1.0, law("power", 1.0), math.nan, "slower"),
        ("linear", 0.9, law("linear", -math.log(0.9)), 1.0, "as predicted"),
        ("linear", 0.9, law("linear", -math.log(0.8)), 1.0, "faster"),
        ("linear", 0.9, law("power", 3.0), None, "slower"),
        ("stretched", None, law("stretched", 0.8), None, "as predicted"),
        ("stretched", None, law("power", 0.5), None, "slower"),
        ("plateau", 1.0, law("plateau", 1.9), 0.1, "faster"),
        ("plateau", 1.0, law("plateau", 1.0), 0.9, "as predicted"),
    ],
)
def test_the_verdict_compares_laws_first_and_rates_then(
    predicted: str, value: float | None, found: fits.Fit | None, worst: float | None, expected: str
) -> None:
    assert fits.verdict(Prediction("", "", predicted, value), found, worst) == expected
    assert fits.verdict(Prediction("", "", predicted, value, covered=False), found, worst) == "not covered"
    assert fits.verdict(None, found, worst) == "no prediction"


def test_an_interval_of_factors_is_the_interval_of_rates_turned_round() -> None:
    data = law("linear", 0.5, 0.1).to_json()
    assert data["low"] < data["value"] < data["high"]
    assert data["low"] == pytest.approx(math.exp(-0.6))
