"""Schedules against the values of their papers' formulas."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from mlbreg.solvers.baselines.schedules import CubicPruning, DropFraction, Never, Once, Phases, PruneAndRegenerate


def test_the_cubic_schedule_has_the_sparsities_of_zhu_and_gupta() -> None:
    schedule = CubicPruning(begin=100, every=50, end=300)
    assert [t for t in range(1, 500) if schedule.due(t)] == [100, 150, 200, 250, 300]
    # s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(nΔt))³ with s_i = 0, s_f = 0.8
    expected = {100: 0.0, 150: 0.4625, 200: 0.7, 250: 0.7875, 300: 0.8}
    for t, sparsity in expected.items():
        density = 0.2 + 0.8 * schedule.remaining(t)
        assert 1 - density == pytest.approx(sparsity, abs=1e-15)
        assert schedule.remaining(t) == float((1 - Fraction(t - 100, 200)) ** 3)
    assert schedule.remaining(1) == 1
    assert schedule.remaining(1000) == 0


def test_the_cosine_drop_fraction_has_the_values_of_rigl() -> None:
    schedule = DropFraction(every=100, fraction=0.3, end=75_000)
    assert [t for t in range(1, 450) if schedule.due(t)] == [100, 200, 300, 400]
    assert schedule.due(74_900)
    assert not schedule.due(75_000)
    assert not schedule.due(80_000)
    assert schedule(0) == 0.3
    assert schedule(25_000) == pytest.approx(0.3 * 0.75)  # cos 60° = 1/2
    assert schedule(37_500) == pytest.approx(0.15)
    assert schedule(50_000) == pytest.approx(0.3 * 0.25)
    assert schedule(75_000) == pytest.approx(0.0, abs=1e-15)
    for t in range(0, 75_000, 999):
        assert schedule(t) == pytest.approx(0.15 * (1 + math.cos(t * math.pi / 75_000)))


def test_a_constant_drop_fraction_is_constant() -> None:
    schedule = DropFraction(every=3, fraction=0.3, end=10, anneal="constant")
    assert {schedule(t) for t in range(10)} == {0.3}
    assert [t for t in range(1, 20) if schedule.due(t)] == [3, 6, 9]


def test_the_phases_are_those_of_ac_dc_on_imagenet() -> None:
    """Peste et al. 2021, ResNet50, 100 epochs; here one step is one epoch."""
    schedule = Phases(warmup=10, length=5, final_decompressed=10, final_compressed=15, total_steps=100)
    assert schedule.switches == (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 85)
    compressed = [t for t in range(1, 101) if schedule.compressed(t)]
    expected = [t for start in range(10, 75, 10) for t in range(start, start + 5)] + list(range(85, 101))
    assert compressed == expected
    assert [t for t in range(1, 101) if schedule.due(t)] == list(schedule.switches)


def test_regeneration_goes_on_after_the_last_pruning_until_the_end() -> None:
    schedule = PruneAndRegenerate(0.5, CubicPruning(begin=2, every=3, end=8), fraction=0.5, total_steps=20)
    assert [t for t in range(1, 40) if schedule.due(t)] == [2, 5, 8, 11, 14, 17]
    assert schedule.regenerated(5) == 0.25 * (1 + math.cos(math.pi / 4))
    assert schedule.regenerated(6) == 0.0
    assert schedule.regenerated(20) == 0.0
    assert schedule.start_density == 0.5


def test_once_and_never() -> None:
    assert [t for t in range(1, 30) if Once(at=7).due(t)] == [7]
    assert not any(Never().due(t) for t in range(1, 30))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DropFraction(0, 0.3, 10), ValueError, "every must be an integer ≥ 1, got 0"),
        (lambda: DropFraction(2, 1.0, 10), ValueError, "fraction must be in"),
        (lambda: DropFraction(2, 0.3, -1), ValueError, "end must be an integer ≥ 0, got -1"),
        (lambda: DropFraction(2, 0.3, 10, "linear"), ValueError, "anneal must be 'cosine' or 'constant', got 'linear'"),
        (lambda: CubicPruning(0, 1, 10), ValueError, "begin must be an integer ≥ 1, got 0"),
        (
            lambda: CubicPruning(2, 3, 10),
            ValueError,
            "end must be begin . a multiple of every, got begin = 2, every = 3",
        ),
        (lambda: CubicPruning(4, 1, 4), ValueError, "end must be an integer ≥ 5, got 4"),
        (lambda: CubicPruning(2, 2, 10.0), TypeError, "end must be an integer"),  # type: ignore[arg-type]
        (lambda: CubicPruning(2, 2, 10, "row"), ValueError, "scope must be 'global' or 'layer', got 'row'"),
        (lambda: Once(0), ValueError, "at must be an integer ≥ 1, got 0"),
        (lambda: Phases(1, 2, 1, 1, 7), ValueError, "odd number of phases, got 7 = 1 . 1 . 1 . 4 with length = 2"),
        (lambda: Phases(1, 2, 1, 1, 8), ValueError, "odd number of phases"),
        (lambda: Phases(0, 2, 1, 1, 5), ValueError, "warmup must be an integer ≥ 1, got 0"),
        (
            lambda: PruneAndRegenerate(1.5, CubicPruning(1, 1, 3), 0.5, 9),
            ValueError,
            r"initial must be in \(0, 1\], got 1.5",
        ),
        (
            lambda: PruneAndRegenerate(0.5, CubicPruning(1, 1, 3), 0.5, 2),
            ValueError,
            "total_steps must be an integer ≥ 3",
        ),
    ],
)
def test_errors_name_the_argument(make, error, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        make()
