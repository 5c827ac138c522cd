"""Confidence sequences are right at all times, and they are short enough to say something."""

from __future__ import annotations

import numpy as np
import pytest
from mlbreg.paper_checks.confidence import empirical_bernstein


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.5, 1.0])
def test_an_interval_is_ever_wrong_no_more_often_than_the_error_says(mean: float) -> None:
    rng, error, runs = np.random.default_rng(0), 0.1, 300
    wrong = 0
    for _ in range(runs):
        found = empirical_bernstein((rng.random(400) < mean).astype(float), error)
        wrong += not bool(np.all((found.lower <= mean) & (mean <= found.upper)))
    # At most 0.1·300 = 30 are expected; 48 is 3.5 standard deviations more.
    assert wrong <= 48


def test_it_covers_a_mean_whose_observations_depend_on_the_past() -> None:
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(200):
        values, spread = [], 0.5
        for _ in range(200):
            values.append(0.5 + spread * rng.choice([-1.0, 1.0]))
            spread = 0.1 if values[-1] > 0.5 else 0.5
        found = empirical_bernstein(np.asarray(values), 0.05)
        wrong += not bool(np.all((found.lower <= 0.5) & (found.upper >= 0.5)))
    assert wrong <= 20


def test_intervals_shrink_are_nested_and_exclude_a_wrong_mean() -> None:
    found = empirical_bernstein(np.random.default_rng(2).beta(8, 32, size=5000), 1e-6)
    assert np.all(np.diff(found.lower) >= 0)
    assert np.all(np.diff(found.upper) <= 0)
    lower, upper = found.last
    assert 0.18 < lower < 0.2 < upper < 0.22


def test_little_variance_makes_short_intervals() -> None:
    rng = np.random.default_rng(3)
    quiet, loud = 0.5 + 0.01 * rng.uniform(-1, 1, size=3000), rng.choice([0.0, 1.0], size=3000)
    lengths = [upper - lower for lower, upper in (empirical_bernstein(x, 0.01).last for x in (quiet, loud))]
    assert lengths[0] < lengths[1] / 5


def test_the_range_scales_the_interval() -> None:
    x = np.random.default_rng(4).random(500)
    plain, scaled = empirical_bernstein(x, 0.01), empirical_bernstein(3 + 10 * x, 0.01, 3, 13)
    assert scaled.last == pytest.approx([3 + 10 * end for end in plain.last])


@pytest.mark.parametrize(
    ("x", "error", "ends", "message"),
    [
        ([0.5, 1.5], 0.1, (0, 1), r"observations must be in \[0, 1\], got 1.5"),
        ([0.5, float("nan")], 0.1, (0, 1), r"observations must be in \[0, 1\], got nan"),
        ([], 0.1, (0, 1), r"shape \(T,\) with T ≥ 1"),
        ([0.5], 0.0, (0, 1), r"error must be in \(0, 1\), got 0.0"),
        ([0.5], 0.1, (1, 1), "largest must be > lowest = 1, got 1"),
    ],
)
def test_what_the_theorem_does_not_cover_is_refused(
    x: list[float], error: float, ends: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        empirical_bernstein(np.asarray(x), error, *ends)
