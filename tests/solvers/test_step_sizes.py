"""Schedules."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers import step_sizes


def test_the_schedules_by_their_first_values() -> None:
    assert [step_sizes.constant(0.5)(k) for k in range(3)] == [0.5, 0.5, 0.5]
    assert [step_sizes.harmonic(Fraction(1))(k) for k in range(3)] == [1, Fraction(1, 2), Fraction(1, 3)]
    assert [step_sizes.power(1.0, 0.5)(k) for k in (0, 3, 8)] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [step_sizes.cosine(1.0, 4)(k) for k in range(4)] == pytest.approx(
        [(1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)]
    )
    assert [step_sizes.decay(Fraction(1), Fraction(1, 2), 2)(k) for k in range(5)] == [
        1,
        1,
        Fraction(1, 2),
        Fraction(1, 2),
        Fraction(1, 4),
    ]
    assert [step_sizes.listed([3, 1])(k) for k in range(2)] == [3, 1]


def test_step_sizes_of_a_batch_go_through_every_schedule() -> None:
    tau = np.array([1.0, 2.0])
    schedules = [
        step_sizes.constant(tau),
        step_sizes.harmonic(tau),
        step_sizes.power(tau, 0.5),
        step_sizes.cosine(tau, 9),
        step_sizes.decay(tau, 0.5, 1),
    ]
    for schedule in schedules:
        assert schedule(3).shape == (2,)
        assert schedule(3)[1] == pytest.approx(2 * schedule(3)[0])


def test_a_number_is_a_constant_schedule_and_a_schedule_stays_itself() -> None:
    schedule = step_sizes.harmonic(1.0)
    assert step_sizes.schedule(schedule) is schedule
    assert step_sizes.schedule(0.25)(17) == 0.25


def test_a_cosine_schedule_ends_unless_it_has_a_lowest_value() -> None:
    assert step_sizes.cosine(1.0, 10, lowest=0.1)(99) == 0.1
    with pytest.raises(ValueError, match="k must be < 10, the length of the cosine schedule, got 10"):
        step_sizes.cosine(1.0, 10)(10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_sizes.constant(0.0), "tau must be a finite number > 0, got 0.0"),
        (lambda: step_sizes.constant(np.array([1.0, math.inf])), "tau must be finite numbers > 0"),
        (lambda: step_sizes.harmonic(-1), "tau must be a finite number > 0, got -1"),
        (lambda: step_sizes.power(1.0, 0), "alpha must be a finite number > 0, got 0"),
        (lambda: step_sizes.power(1.0, 1.5), r"alpha must be in \(0, 1\].*, got 1.5"),
        (lambda: step_sizes.cosine(1.0, 0), "iterations must be an integer ≥ 1, got 0"),
        (lambda: step_sizes.cosine(1.0, 5, lowest=-1), "lowest must be a finite number ≥ 0, got -1"),
        (lambda: step_sizes.decay(1.0, 1.0, 2), r"factor must be in \(0, 1\), got 1.0"),
        (lambda: step_sizes.decay(1.0, 0.5, 0), "period must be an integer ≥ 1, got 0"),
        (lambda: step_sizes.listed([1.0, 0.0]), "tau must be a finite number > 0, got 0.0"),
        (lambda: step_sizes.listed([1.0])(1), r"k must be in 0 … 0, the list of step sizes, got 1"),
    ],
)
def test_values_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_number_of_steps_must_be_an_integer() -> None:
    with pytest.raises(TypeError, match=r"period must be an integer ≥ 1, got 2\.5"):
        step_sizes.decay(1.0, 0.5, 2.5)  # type: ignore[arg-type]
