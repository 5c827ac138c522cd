"""Turns and what is made of their times."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from mlbreg.experiments.sparse_benchmark.turns import median, ratio, summary, take_turns


def test_each_contender_takes_two_steps_a_round_and_another_one_begins_each_time() -> None:
    order: list[str] = []

    def step(name: str) -> dict[str, float]:
        order.append(name)
        return {"forward": float(len(order))}

    found = take_turns({name: lambda name=name: step(name) for name in "abc"}, rounds=3, warm_up=0)
    assert "".join(order) == "aabbccbbccaaccaabb"
    assert [parts["forward"] for parts in found["a"]] == [2.0, 12.0, 16.0]  # the second ones


def test_rounds_of_the_warm_up_are_not_counted() -> None:
    times = iter([9.0, 8.0, 7.0, 1.0, 6.0, 2.0])
    found = take_turns({"a": lambda: {"all": next(times)}}, rounds=2, warm_up=2)
    assert [parts["all"] for parts in found["a"]] == [1.0, 2.0]


def test_ratios_are_taken_within_a_round_before_the_median() -> None:
    slow = [{"f": 2.0, "b": 2.0}, {"f": 30.0, "b": 10.0}, {"f": 4.0, "b": 4.0}]
    fast = [{"f": 1.0, "b": 1.0}, {"f": 10.0, "b": 10.0}, {"f": 1.0, "b": 1.0}]
    assert ratio(slow, fast) == 2.0  # the quotient of the medians would be 4
    assert median(slow) == 8.0
    assert median(slow, "f") == 4.0


def test_the_summary_has_no_ratio_without_the_one_to_compare_with() -> None:
    rounds = {"dense": [{"forward": 0.002, "backward": 0.004}], "ours": [{"forward": 0.001, "backward": 0.002}]}
    found = summary(rounds, "ours")
    assert found["dense"]["median_ms"] == {"forward": 2.0, "backward": 4.0, "total": 6.0}
    assert found["dense"]["times_slower"] == 2.0
    assert summary(rounds, "another")["dense"]["times_slower"] is None


@pytest.mark.parametrize(("rounds", "warm_up"), [(0, 1), (1, -1)])
def test_numbers_of_rounds_that_make_no_sense_are_refused(rounds: int, warm_up: int) -> None:
    with pytest.raises(ValueError, match="rounds must be ≥ 1 and warm_up ≥ 0"):
        take_turns({}, rounds, warm_up)
