"""The coarse loss and the transfer of pairs (lunk2026, propositions 3.1 and 3.2)."""

from __future__ import annotations

import importlib.util
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.coarse import CoarseLoss, prolong_pair, restrict_pair
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import LeastSquares, Quadratic
from mlbreg.theory.regularizers import GroupL2

HAS_TORCH = importlib.util.find_spec("torch") is not None
RNG = np.random.default_rng(0)
FINE = LeastSquares(RNG.normal(size=(6, 5)), RNG.normal(size=6))
GROUPS = Groups.of([[0, 3], [1], [2, 4]], 5)
R = Restriction(GROUPS, (0, 2))
THETA = RNG.normal(size=5)


def test_the_coarse_value_is_the_fine_one_with_frozen_coordinates() -> None:
    coarse = RNG.normal(size=(7, 4))
    fine = np.tile(THETA, (7, 1))
    fine[:, [0, 2, 3, 4]] = coarse
    lower = CoarseLoss(FINE, R, THETA)
    assert np.array_equal(lower.lift(coarse), fine)
    assert np.allclose(lower.value(coarse), FINE.value(fine))
    assert np.allclose(lower.gradient(coarse), FINE.gradient(fine)[:, [0, 2, 3, 4]])
    assert lower.dimension == 4


def test_at_the_start_the_coarse_level_sees_the_fine_loss_and_its_restricted_gradient() -> None:
    lower = CoarseLoss(FINE, R, THETA)
    assert lower.value(R.restrict(THETA)) == pytest.approx(FINE.value(THETA))
    assert np.allclose(lower.gradient(R.restrict(THETA)), R.restrict(FINE.gradient(THETA)))


def test_every_instance_of_a_batch_is_frozen_at_its_own_point() -> None:
    batch = RNG.normal(size=(3, 5))
    lower = CoarseLoss(FINE, R, batch)
    coarse = RNG.normal(size=(3, 4))
    for row in range(3):
        alone = CoarseLoss(FINE, R, batch[row])
        assert lower.value(coarse)[row] == pytest.approx(alone.value(coarse[row]))
        assert np.allclose(lower.gradient(coarse)[row], alone.gradient(coarse[row]))


def test_smoothness_and_convexity_are_inherited_and_the_infimum_is_a_lower_bound() -> None:
    lower = CoarseLoss(FINE, R, THETA)
    assert (lower.lipschitz, lower.strong_convexity, lower.infimum) == (
        FINE.lipschitz,
        FINE.strong_convexity,
        FINE.infimum,
    )
    matrix = FINE.matrix[:, R.indices]
    assert np.linalg.eigvalsh(matrix.T @ matrix).max() <= lower.lipschitz * (1 + 1e-12)
    assert np.linalg.eigvalsh(matrix.T @ matrix).min() >= lower.strong_convexity * (1 - 1e-12)
    assert lower.minimizer() is None


def test_there_is_no_pl_constant_because_the_infimum_is_only_a_lower_bound() -> None:
    fine = Quadratic([1.0, 1.0])
    lower = CoarseLoss(fine, Restriction(Groups.singletons(2), (0,)), np.asarray([0.0, 1.0]))
    assert np.all(lower.gradient(np.zeros(1)) == 0)
    assert lower.value(np.zeros(1)) - lower.infimum == 0.5
    assert lower.pl_constant is None


def test_the_coarse_vector_decides_about_the_arithmetic() -> None:
    fine = Quadratic(exact([1, 2]), exact([0, 1]))
    r = Restriction(Groups.singletons(2), (1,))
    for theta in (exact([3, 0]), np.asarray([3.0, 0.0]), np.asarray([3.0, 0.0], dtype=np.float32)):
        lower = CoarseLoss(fine, r, theta)
        assert lower.value(exact([2])) == Fraction(11, 2)
        assert lower.value(np.asarray([2.0])) == 5.5
        assert lower.gradient(np.asarray([2.0], dtype=np.float32)).dtype == np.float32


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
@pytest.mark.torch
def test_a_torch_vector_may_meet_a_numpy_start() -> None:
    import torch

    lower = CoarseLoss(FINE, R, THETA)
    coarse = RNG.normal(size=4)
    assert lower.value(torch.asarray(coarse)).item() == pytest.approx(float(lower.value(coarse)))


def test_coarse_losses_nest() -> None:
    first = CoarseLoss(FINE, R, THETA)
    second = CoarseLoss(first, Restriction(R.coarse_groups, (1,)), R.restrict(THETA))
    both = CoarseLoss(FINE, Restriction(GROUPS, (2,)), THETA)
    x = RNG.normal(size=(4, 2))
    assert np.allclose(second.value(x), both.value(x))
    assert np.allclose(second.gradient(x), both.gradient(x))


def test_an_empty_selection_leaves_a_constant() -> None:
    lower = CoarseLoss(FINE, Restriction(GROUPS, ()), THETA)
    assert lower.value(np.zeros((2, 0))).tolist() == pytest.approx([float(FINE.value(THETA))] * 2)
    assert lower.gradient(np.zeros((2, 0))).shape == (2, 0)


def test_dimensions_must_fit() -> None:
    with pytest.raises(ValueError, match="restriction acts on dimension 3, the loss on 5"):
        CoarseLoss(FINE, Restriction(Groups.singletons(3), (0,)), THETA)
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 5\)"):
        CoarseLoss(FINE, R, np.zeros(4))


def test_restricted_pairs_are_pairs_and_so_are_prolonged_ones() -> None:
    J = GroupL2(0.3, GROUPS)
    fine, coarse = ElasticNet(J, 0.7), ElasticNet(J.restrict(R), 0.7)
    v = RNG.normal(size=(20, 5))
    pair = PrimalDual(fine.mirror_map(v), v)
    start = restrict_pair(R, pair)
    assert np.all(coarse.subgradient_residual(start) < 1e-14)
    moved_v = start.v + RNG.normal(size=start.v.shape)
    moved = PrimalDual(coarse.mirror_map(moved_v), moved_v)
    back = prolong_pair(R, moved, pair)
    assert np.all(fine.subgradient_residual(back) < 1e-14)
    assert np.array_equal(R.restrict(back.v), moved.v)
    assert np.array_equal(R.complement.restrict(back.v), R.complement.restrict(v))
    assert np.array_equal(R.complement.restrict(back.theta), R.complement.restrict(pair.theta))
