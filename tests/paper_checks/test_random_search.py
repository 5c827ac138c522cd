"""Evidence by chance: what is drawn, what is kept, and what counts as a violation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import families
from mlbreg.paper_checks.instances import draw_batch, float_margins, generator
from mlbreg.paper_checks.random_search import TOLERANCE, RandomSearch, is_violation, random_search, smallest, summary

GIVEN = {"problem": families.problems(), "pair": families.primal_dual_pairs(), "tau": families.step_sizes(at_most=3)}


def two_conclusions(theta: Any, **_: Any) -> dict[str, Any]:
    """One conclusion that always holds, one that fails for θ₀ > 0."""
    return {"holds": 0 * theta[..., 0] + 1, "θ₀ ≤ 0": -theta[..., 0]}


VECTORS = {"problem": families.problems(), "theta": families.vectors()}


def search(margin: Any, seed: int = 0, path: tuple[str, ...] = ("a/b", "random"), **options: Any) -> RandomSearch:
    given = options.pop("given", GIVEN)
    return random_search(given, margin, options.pop("problems", 5), options.pop("batch", 8), seed, path, **options)


def test_the_same_seed_gives_the_same_margins_and_another_seed_others(descent: Any) -> None:
    first, again, other = search(descent, 7), search(descent, 7), search(descent, 8)
    np.testing.assert_array_equal(first.margins[""], again.margins[""])
    assert not np.array_equal(first.margins[""], other.margins[""])


def test_the_margins_of_a_claim_do_not_depend_on_what_was_judged_before_it(descent: Any) -> None:
    alone = search(descent, 7)
    np.random.seed(3)  # the global generator must not matter
    search(descent, 7, path=("another/claim", "random"))
    np.testing.assert_array_equal(search(descent, 7).margins[""], alone.margins[""])


def test_two_claims_do_not_share_their_instances(descent: Any) -> None:
    assert not np.array_equal(search(descent, 7).margins[""], search(descent, 7, path=("a/c", "random")).margins[""])


def test_a_longer_search_begins_with_the_shorter_one(descent: Any) -> None:
    short, long = search(descent, problems=2), search(descent, problems=4)
    # Each margin is divided by the largest of its own batch, so batches do not influence one another.
    np.testing.assert_array_equal(long.margins[""][:16], short.margins[""])
    assert (short.instances, long.instances) == (16, 32)


def test_only_the_named_conclusions_are_looked_at() -> None:
    found = search(two_conclusions, given=VECTORS, only=frozenset({"holds"}))
    assert set(found.margins) == {"holds"}
    assert not found.violated
    assert search(two_conclusions, given=VECTORS).violated


def test_a_search_that_stops_at_a_violation_ends_with_the_first_batch_that_has_one() -> None:
    whole = search(two_conclusions, given=VECTORS, problems=6)
    stopped = search(two_conclusions, given=VECTORS, problems=6, stop_at_violation=True)
    batches = whole.margins["θ₀ ≤ 0"].reshape(6, 8)
    first = int(np.flatnonzero((batches < -TOLERANCE).any(axis=1))[0])
    np.testing.assert_array_equal(stopped.margins["θ₀ ≤ 0"], batches[: first + 1].ravel())


def test_the_batches_with_the_smallest_margins_are_kept_worst_first(descent: Any) -> None:
    found = search(descent, problems=9, keep_worst=3)
    lowest = sorted(found.margins[""].reshape(9, 8).min(axis=1))[:3]
    assert [value for value, _ in found.worst] == lowest
    for value, batch in found.worst:
        assert float_margins(descent, batch)[""].min() == value
    assert found.smallest == lowest[0]


def test_a_margin_that_is_not_a_number_counts_as_minus_infinity() -> None:
    found = search(lambda theta, **_: np.where(theta[..., 0] > 0, np.nan, 1.0), given=VECTORS)
    assert found.smallest == -np.inf
    assert found.violated


def test_the_smallest_margin_of_nothing_is_infinite() -> None:
    assert smallest({}) == np.inf
    assert RandomSearch({}).instances == 0


def test_rounding_is_no_violation() -> None:
    assert not is_violation(-TOLERANCE)
    assert is_violation(-1.01 * TOLERANCE)


def test_margins_that_are_not_scaled_are_divided_by_the_largest_of_their_batch() -> None:
    batch = draw_batch(VECTORS, generator(0, "x"), 8)
    raw = np.arange(8.0) - 2
    scaled = float_margins(lambda **_: 1e6 * raw, batch)[""]
    np.testing.assert_allclose(scaled, raw / 5)
    np.testing.assert_array_equal(float_margins(lambda **_: raw / 8, batch)[""], raw / 8)


def test_an_infinite_margin_does_not_hide_the_others() -> None:
    batch = draw_batch(VECTORS, generator(0, "x"), 3)
    scaled = float_margins(lambda **_: np.array([np.inf, 4.0, -2.0]), batch)[""]
    np.testing.assert_array_equal(scaled, [np.inf, 1.0, -0.5])


def test_a_summary_counts_violations_equalities_and_what_is_not_a_number() -> None:
    found = summary("name", np.array([-0.5, 0.0, 1e-13, 0.25, np.nan]))
    assert (found.instances, found.violations, found.not_a_number) == (5, 1, 1)
    assert (found.smallest_margin, found.median_margin, found.equality_share) == (-0.5, 5e-14, 0.5)
    assert found.counterexample is None


def test_the_histogram_has_a_bin_for_every_finite_margin_and_rounding_in_the_middle() -> None:
    found = summary("", np.array([-1.0, -1e-30, 0.0, 1e-30, 1e-3, 1.0, np.nan]))
    assert len(found.histogram) == 48
    assert sum(found.histogram) == 6
    assert found.histogram[0] == 1  # −1
    assert sum(found.histogram[23:25]) == 3  # |margin| < 1e-12
    assert found.histogram[42] == 1  # 1e-3 is 9 decades above 1e-12
    assert found.histogram[47] == 1  # 1


def test_a_summary_of_nothing_but_nan_has_no_smallest_margin() -> None:
    found = summary("", np.array([np.nan]))
    assert found.smallest_margin == np.inf
    assert np.isnan(found.median_margin)
    assert found.equality_share == 0


@pytest.mark.parametrize("part", ["random", 0, "∇"])
def test_a_generator_depends_on_its_seed_and_on_every_part_of_its_path(part: str | int) -> None:
    draw = generator(1, "a", part).random()
    assert generator(1, "a", part).random() == draw
    assert generator(2, "a", part).random() != draw
    assert generator(1, "a").random() != draw
