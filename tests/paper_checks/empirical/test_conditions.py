"""A condition is read as it is written, and decided by means and their spread."""

import math

import pytest
from mlbreg.paper_checks.empirical.conditions import judge_condition, parse
from mlbreg.paper_checks.empirical.outcomes import Outcome

LABELS = {"a": "A", "b-c": "B"}


def test_a_condition_in_words_is_what_was_written() -> None:
    condition = parse("2 * a.weights - b-c.test_accuracy <= 0.5 + b-c.fall(accuracy)")
    assert condition.words(LABELS) == (
        "2 · non-zero weights of A − test accuracy of B ≤ 0.5 + largest fall of training accuracy of B"
    )


def test_a_negative_first_term_keeps_its_sign() -> None:
    assert parse("a.weights >= -1 * a.n_conv").words(LABELS) == "non-zero weights of A ≥ −non-zero kernels of A"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a.weights", "one of >= and <="),
        ("1 <= a.weights <= 2", "one of >= and <="),
        ("a.weights <= ", "must end with a term"),
        ("a.weights + <= 1", "must end with a term"),
        ("a.weights a.n_conv <= 1", "must be \\+, - or \\*"),
        ("a.weights * 2 <= 1", "must be \\+, - or \\*"),
        ("a.weigths <= 1", "metric must be one of"),
        ("weights <= 1", "must be a number or read runs.metric"),
        ("a.weights <= inf", "must be a number or read runs.metric"),
        ("a.fall(flops) <= 1", "metric must be one of"),
    ],
)
def test_a_condition_that_is_none_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text)


def test_the_margin_is_that_of_the_means() -> None:
    condition = parse("2 * a.weights - b-c.weights <= 30 - 1.5 * a.n_conv")
    values = {("a", "weights"): [1.0, 3.0], ("b-c", "weights"): [5.0, 6.0, 7.0], ("a", "n_conv"): [10.0, 12.0]}
    assert judge_condition(condition, values).margin == 30 - 1.5 * 11 - 2 * 2 + 6


def test_the_spread_is_welchs() -> None:
    condition = parse("a.weights >= b-c.weights")
    values = {("a", "weights"): [10.0, 12.0, 14.0], ("b-c", "weights"): [1.0, 2.0, 3.0]}
    found = judge_condition(condition, values)
    assert found.error == pytest.approx(math.sqrt(4 / 3 + 1 / 3))
    # df = (5/3)² / ((4/3)²/2 + (1/3)²/2) = 50/17; Student's 95 % quantile lies between a table's 2.920 (2) and 2.353 (3).
    assert found.needed / found.error == pytest.approx(2.37, abs=0.02)


def test_terms_of_the_same_runs_are_taken_seed_by_seed() -> None:
    condition = parse("a.test_accuracy - a.validation_accuracy <= 0")
    values = {("a", "test_accuracy"): [90.0, 95.0], ("a", "validation_accuracy"): [91.0, 96.0]}
    found = judge_condition(condition, values)
    assert (found.margin, found.error, found.outcome) == (1, 0, Outcome.SUPPORTED)


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [
        ([8.0, 8.1, 7.9], Outcome.SUPPORTED),
        ([12.0, 12.1, 11.9], Outcome.REFUTED),
        ([9.0, 12.0, 9.0], Outcome.UNDECIDED),
        ([11.0, 8.0, 11.5], Outcome.UNDECIDED),
        ([10.0], Outcome.SUPPORTED),
        ([10.01], Outcome.REFUTED),
        ([10.0, 10.0], Outcome.SUPPORTED),
    ],
)
def test_a_mean_is_on_one_side_only_beyond_its_spread(measured: list[float], outcome: Outcome) -> None:
    assert judge_condition(parse("a.weights <= 10"), {("a", "weights"): measured}).outcome is outcome
