"""Which weights are kept, dropped and grown."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.baselines.regrowth import drop_and_grow  # noqa: E402
from mlbreg.solvers.baselines.selection import largest, random_scores  # noqa: E402

pytestmark = pytest.mark.torch


def _all(x: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(x, dtype=torch.bool)


def test_the_largest_eligible_scores_are_chosen_over_all_tensors() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = [torch.tensor(rng.random(shape)) for shape in [(3, 4), (2,), (2, 2, 2)]]
        eligible = [torch.tensor(rng.random(tuple(s.shape)) < 0.6) for s in scores]
        pool = sorted((float(v) for s, e in zip(scores, eligible, strict=True) for v in s[e]), reverse=True)
        for count in (0, 1, len(pool) // 2, len(pool)):
            chosen = largest(scores, eligible, count)
            assert all(not (c & ~e).any() for c, e in zip(chosen, eligible, strict=True))
            kept = sorted((float(v) for s, c in zip(scores, chosen, strict=True) for v in s[c]), reverse=True)
            assert kept == pool[:count]


def test_ties_go_to_the_first_in_the_order_of_tensors_and_entries() -> None:
    first, second = torch.tensor([[1.0, 2.0], [1.0, 1.0]]), torch.tensor([1.0, 2.0])
    chosen = largest([first, second], [_all(first), _all(second)], 4)
    assert chosen[0].tolist() == [[True, True], [True, False]]
    assert chosen[1].tolist() == [False, True]
    zeros = torch.zeros(1000)
    assert largest([zeros], [_all(zeros)], 7)[0].nonzero().flatten().tolist() == list(range(7))


def test_zero_scores_that_are_eligible_come_before_large_ones_that_are_not() -> None:
    scores = torch.tensor([9.0, 0.0, 8.0, 0.0])
    eligible = torch.tensor([False, True, False, True])
    assert largest([scores], [eligible], 2)[0].tolist() == [False, True, False, True]


def test_entries_are_counted_in_c_order_whatever_the_memory_layout() -> None:
    x = torch.ones(2, 3, 2, 2).to(memory_format=torch.channels_last)
    chosen = largest([x], [_all(x)], 5)[0]
    assert chosen.reshape(-1).nonzero().flatten().tolist() == list(range(5))


def test_double_precision_scores_are_compared_in_double_precision() -> None:
    scores = torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64)
    assert largest([scores], [_all(scores)], 1)[0].tolist() == [False, True]


def test_too_large_counts_and_nan_are_refused() -> None:
    x = torch.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="count must be between 0 and the 1 eligible entries, got 2"):
        largest([x], [torch.tensor([True, False])], 2)
    with pytest.raises(ValueError, match="scores must not be NaN"):
        largest([torch.tensor([1.0, float("nan")])], [_all(x)], 1)
    assert largest([], [], 0) == []


def test_the_smallest_weights_drop_and_the_largest_scores_grow() -> None:
    theta = torch.tensor([0.5, -0.1, 3.0, -2.0, 0.0, 0.0, 0.0])
    mask = torch.tensor([True, True, True, True, False, False, False])
    growth = torch.tensor([0.0, 0.2, 9.0, 9.0, 0.3, 0.1, 0.5])
    assert drop_and_grow(theta, mask, growth, 2).tolist() == [False, False, True, True, True, False, True]


def test_a_weight_that_was_just_dropped_is_a_candidate_for_growth() -> None:
    theta = torch.tensor([0.5, -0.1, 0.0])
    mask = torch.tensor([True, True, False])
    assert drop_and_grow(theta, mask, torch.tensor([0.0, 2.0, 1.0]), 1).tolist() == [True, True, False]


@pytest.mark.parametrize("drop", [0, 1, 3])
def test_with_no_inactive_weight_the_mask_stays(drop: int) -> None:
    theta = torch.tensor([1.0, 2.0, 3.0])
    assert drop_and_grow(theta, _all(theta), torch.zeros(3), drop).all()


def test_an_active_weight_that_is_zero_is_kept_before_an_inactive_one() -> None:
    mask = torch.tensor([False, True, True])
    assert torch.equal(drop_and_grow(torch.tensor([0.0, 0.0, 1.0]), mask, torch.zeros(3), 0), mask)


def test_the_number_of_active_weights_is_kept_with_ties_and_zeros_everywhere() -> None:
    for drop in range(5):
        mask = torch.tensor([True, False, True, True, False, True])
        assert int(drop_and_grow(torch.zeros(6), mask, torch.zeros(6), drop).sum()) == 4


def test_random_scores_are_a_function_of_seed_step_position_and_shape() -> None:
    like = torch.empty(50, 40)
    base = random_scores(1, 2, 3, like)
    assert torch.equal(base, random_scores(1, 2, 3, like))
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (3, 2, 1)]:
        assert not torch.equal(base, random_scores(*other, like))
    assert 0 <= base.min() < base.max() < 1
    # Kolmogorov-Smirnov distance of 2000 uniforms: above 0.045 with probability 6e-4.
    steps = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    assert (base.flatten().sort().values - steps).abs().max() < 0.045
