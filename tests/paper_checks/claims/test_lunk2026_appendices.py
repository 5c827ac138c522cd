"""Variance reduction, FLOPs and initialisation: verdicts, mutants, hypotheses, and what is attained."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims.lunk2026.counted_products import (
    forward_products,
    input_gradient_products,
    weight_gradient_products,
)
from mlbreg.paper_checks.claims.lunk2026.deep_networks import dead_units, layer_ratios
from mlbreg.paper_checks.claims.lunk2026.variance_reduction import WithReplacement
from mlbreg.paper_checks.confidence import empirical_bernstein
from mlbreg.theory.costs import Layer
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import FiniteSum
from mlbreg.theory.problems import Problem
from mlbreg.theory.regularizers import Zero

CLAIMS = registry.load()[0]


@pytest.mark.parametrize("id", ["lunk2026/lemma-B.1", "lunk2026/lemma-B.1-convex"])
def test_the_variance_bound_is_attained(id: str) -> None:
    # L₁ = ½θ² and L₂ = −½θ² (convex: 0), θ̂ = 1, θ̂⁰ = 0, b = 1: κ = 1, ℓ = 1.
    changes = [Fraction(1), Fraction(0) if id.endswith("convex") else Fraction(-1)]
    mean = sum(changes) / 2
    variance = sum((change - mean) ** 2 for change in changes) / 2
    assert variance == (Fraction(1, 4) if id.endswith("convex") else 1)


def test_the_sharper_decrease_is_attained_without_noise() -> None:
    # L = ½θ², J = 0, δ = 1, b = N, m = 2, s = τ̂ = ½: the factor is 1/s − ½ = 3/2.
    s, theta = Fraction(1, 2), [Fraction(1)]
    for _ in range(2):
        theta.append(theta[-1] - s * theta[-1])
    moved = sum((b - a) ** 2 for a, b in pairwise(theta))
    assert theta[-1] ** 2 / 2 == theta[0] ** 2 / 2 - (1 / s - Fraction(1, 2)) * moved


@pytest.mark.parametrize("layer", [Layer(1, 1, 3, 5, 4, 2, 1), Layer(1, 1, 2, 4, 4, 2, 0), Layer(1, 1, 3, 3, 3, 1, 1)])
@pytest.mark.parametrize("padding", [True, False])
def test_the_three_passes_of_a_layer_make_the_same_products(layer: Layer, padding: bool) -> None:
    forward = forward_products(layer, padding)
    assert np.array_equal(forward, input_gradient_products(layer, padding))
    assert np.array_equal(forward, weight_gradient_products(layer, padding))
    assert forward.sum() == (layer.dense if padding else layer.dense_without_padding)


@pytest.mark.parametrize("id", ["lunk2026/flops", "lunk2026/init-variance"])
def test_the_measurements_are_complete_and_the_same_each_time(id: str) -> None:
    measure: Any = CLAIMS[id].measurements
    found = measure()
    assert found == measure()
    assert all(entry.quantity and entry.measured and entry.how for entry in found)


def test_38_and_6_percent_need_two_densities() -> None:
    measure: Any = CLAIMS["lunk2026/flops"].measurements
    linbreg, multilevel, same, *_ = measure()
    assert linbreg.measured.startswith("7.0 %")
    assert multilevel.measured.startswith("5.7 %")
    assert same.measured == "7.3 %"


def test_deep_networks_keep_their_variance_with_the_rescale_only() -> None:
    for rescaled, mean in ((True, 1.0), (False, 0.5)):
        ratios, largest = layer_ratios(rescaled)
        lower, upper = empirical_bernstein(ratios, 1e-6, 0, largest).last
        assert lower < mean < upper
        assert upper - lower < 0.2


def test_units_die_without_biases() -> None:
    lower, upper = empirical_bernstein(dead_units(), 1e-6).last
    # (1 − r/2)^200 = 0.367 if half of the units before are on; fewer are.
    assert 0.3 < lower < upper < 0.65


def test_a_mini_batch_with_replacement_is_one_of_its_outcomes() -> None:
    problem = Problem(FiniteSum.least_squares([[1.0, 2.0], [3.0, 1.0]], [1.0, 0.0]), Zero(), 1, Groups.singletons(2))
    loss = problem.coarse(Restriction(problem.groups, (0, 1)), np.array([0.5, -1.0])).loss
    theta, oracle = np.array([[1.0, 2.0], [0.0, 1.0]]), WithReplacement(2)
    drawn, listed = oracle.sample(loss, theta, np.random.default_rng(0)), oracle.outcomes(loss, theta).values
    assert drawn.shape == theta.shape
    assert (listed == drawn[:, None, :]).all(axis=-1).any(axis=-1).all()
