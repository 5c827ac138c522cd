"""The families behind appendices B to D draw what they say, in floating point and exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs
from mlbreg.paper_checks.families.batches import (
    BatchSizes,
    Counts,
    FiniteSums,
    Saddle,
    finite_population_factor,
    mean_lipschitz,
)
from mlbreg.paper_checks.families.layers import Masks, Networks
from mlbreg.paper_checks.families.weights import (
    Chances,
    SparseNetworks,
    TwoPoint,
    WeightGroups,
    weights_and_chances,
)
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import FiniteSum


@pytest.mark.parametrize("seed", range(20))
def test_every_summand_has_the_lipschitz_constant_of_the_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = FiniteSums().sample(rng, 8, {})
    loss: Any = problem.loss
    assert 2 <= loss.count <= 4
    a, b = rng.normal(size=(2, 50, loss.dimension))
    change = loss.component_gradients(a) - loss.component_gradients(b)
    sizes = np.linalg.norm(change, axis=-1) / np.linalg.norm(a - b, axis=-1)[:, None]
    assert sizes.max() <= loss.component_lipschitz * (1 + 1e-9)
    mean = np.linalg.norm(change.mean(axis=1), axis=-1) / np.linalg.norm(a - b, axis=-1)
    assert mean.max() <= mean_lipschitz(loss) * (1 + 1e-9) + 1e-12


@settings(max_examples=30, deadline=None)
@given(hs.data())
def test_exact_finite_sums_have_exact_gradients_and_batches_that_fit(data: Any) -> None:
    problem = data.draw(FiniteSums().strategy({}))
    size = data.draw(BatchSizes().strategy({"problem": problem}))
    assert 1 <= size <= problem.loss.count
    gradient = problem.loss.component_gradients(exact([[1] * problem.dimension]))
    assert all(isinstance(entry, Fraction) for entry in gradient.reshape(-1))


def test_opposite_parabolas_have_a_flat_mean() -> None:
    up, down = (Saddle(exact([sign]), exact([0])) for sign in (1, -1))
    loss = FiniteSum([up, down], known_infimum=0)
    assert loss.component_lipschitz == 1
    assert mean_lipschitz(loss) == 0
    assert down.infimum == -np.inf
    assert up.value(exact([[3]]))[0] == Fraction(9, 2)


@pytest.mark.parametrize(
    ("count", "size", "factor"), [(2, 1, 1), (3, 2, Fraction(1, 4)), (4, 4, 0), (4, 2, Fraction(1, 3))]
)
def test_the_finite_population_factor(count: int, size: int, factor: Fraction) -> None:
    assert finite_population_factor(count, size, exact([1])) == factor
    assert finite_population_factor(count, size, np.ones(1)) == pytest.approx(float(factor))


@pytest.mark.parametrize("changing", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_masks_fit_the_network_and_are_nested(changing: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = Networks().sample(rng, 4, {})
    masks = Masks(changing).sample(rng, 4, {"layers": layers})
    assert masks.shape == (4, 3, sum(layer.weights for layer in layers))
    assert set(np.unique(masks)) <= {0.0, 1.0}
    assert np.all(masks[:, 1:] <= masks[:, :1])
    assert changing or np.array_equal(masks[:, 0], masks[:, 2])
    for before, after in pairwise(layers):
        assert after.inputs in (before.outputs, before.outputs * before.positions)


@settings(max_examples=30, deadline=None)
@given(hs.data())
def test_weights_have_mean_zero_the_density_of_the_scheme_and_probabilities_that_add_up(data: Any) -> None:
    network = data.draw(SparseNetworks().simplified(2).strategy({}))
    values = data.draw(TwoPoint(symmetric=False).strategy({"network": network}))
    weights, chances = weights_and_chances(network, values)
    assert chances.sum() == 1
    for weight, r in zip(weights, network.densities, strict=True):
        assert np.all((chances[..., None, None] * weight).sum(axis=1) == 0)
        assert np.all((chances[..., None, None] * (weight != 0)).sum(axis=1) == r)


@settings(max_examples=30, deadline=None)
@given(hs.data())
def test_groups_of_weights_are_centered(data: Any) -> None:
    chances = data.draw(Chances().strategy({}))
    values = data.draw(WeightGroups().strategy({"chances": chances}))
    assert chances.sum() == 1
    assert np.all((chances[..., None] * values).sum(axis=1) == 0)


def test_counts_stay_between_their_ends() -> None:
    rng = np.random.default_rng(0)
    assert {Counts(2, 4).sample(rng, 1, {}) for _ in range(100)} == {2, 3, 4}


def test_the_summand_of_either_sign_is_a_loss() -> None:
    convex = Saddle(np.array([1.0, 2.0]), np.array([0.5, -1.0]))
    assert convex.strong_convexity == 1.0
    assert convex.lipschitz == 2.0
    assert Saddle(np.array([1.0, -2.0]), np.zeros(2)).strong_convexity is None
