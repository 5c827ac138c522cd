"""The weak transition of ℓ1 and of LinBreg's limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mlbreg.experiments.imaging.recovery_transition import support_weight, weak_transition
from scipy.integrate import quad
from scipy.optimize import minimize_scalar


@pytest.mark.parametrize(("delta", "rho"), [(0.5, 0.385), (0.1, 0.189), (0.25, 0.267), (0.75, 0.534), (0.9, 0.678)])
def test_l1_has_the_transition_of_donoho_and_tanner(delta: float, rho: float) -> None:
    assert weak_transition(delta) == pytest.approx(rho, abs=1e-3)


@pytest.mark.parametrize("delta", [0.05, 0.4, 0.95])
@pytest.mark.parametrize("weight", [1.0, 1.2, 2.0])
def test_it_solves_the_minimisation_over_t(delta: float, weight: float) -> None:
    def tail(t: float) -> float:
        return 2 * quad(lambda g: (g - t) ** 2 * math.exp(-g * g / 2) / math.sqrt(2 * math.pi), t, t + 12)[0]

    s = weak_transition(delta, weight) * delta
    least = minimize_scalar(lambda t: s * (1 + weight * t * t) + (1 - s) * tail(t), bounds=(0, 6), method="bounded")
    assert least.fun == pytest.approx(delta, abs=1e-7)


def test_it_rises_with_the_measurements_and_falls_with_the_weight() -> None:
    rho = np.array([[weak_transition(delta, c) for delta in np.linspace(0.01, 0.99, 15)] for c in (1.0, 1.1, 1.5)])
    assert np.all(np.diff(rho, axis=1) > 0)
    assert np.all(np.diff(rho, axis=0) < 0)


def test_for_few_measurements_it_follows_the_known_asymptotics() -> None:
    # Donoho and Tanner: ρ ~ 1/(2 log(1/δ)) as δ → 0.
    for delta in (1e-2, 1e-6, 1e-12):
        assert weak_transition(delta) * 2 * math.log(1 / delta) == pytest.approx(1, abs=0.04)


def test_the_weight_is_the_mean_over_uniform_sizes_and_vanishes_for_large_alpha() -> None:
    sizes = (np.arange(100_000) + 0.5) / 100_000 + 1
    assert support_weight(20.0, 1, 2) == pytest.approx(np.mean((1 + sizes / 20) ** 2), rel=1e-9)
    assert support_weight(1e9, 1, 2) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, math.nan])
def test_delta_outside_the_unit_interval_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=r"delta must be in \(0, 1\)"):
        weak_transition(delta)


def test_weights_below_one_and_alpha_zero_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weight must be a finite number ≥ 1, got 0\.5"):
        weak_transition(0.5, 0.5)
    with pytest.raises(ValueError, match="alpha must be > 0, got 0"):
        support_weight(0, 1, 2)
