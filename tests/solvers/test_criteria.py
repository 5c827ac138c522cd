"""When the coarse level is used."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers.criteria import Always, Criterion, EveryKth, GradientTest, Magma, Never, View, epoch_wise
from mlbreg.theory.arrays import exact

SELECTED = np.array([True, False])


def decisions(criterion: Criterion, cycles: int) -> list[bool]:
    theta = np.zeros(2)
    memory, answers = criterion.init(theta), []
    for k in range(cycles):
        answer, memory = criterion.decide(memory, View(k, theta, SELECTED, None))
        answers.append(bool(answer))
    return answers


def gradient_test(criterion: Criterion, gradient: object) -> bool:
    theta = 0 * exact(gradient)
    answer, _ = criterion.decide(criterion.init(theta), View(0, theta, SELECTED, exact(gradient)))
    return bool(answer)


def test_schedules() -> None:
    assert decisions(Always(), 3) == [True] * 3
    assert decisions(Never(), 3) == [False] * 3
    assert decisions(EveryKth(3), 7) == [True, False, False, True, False, False, True]
    assert decisions(EveryKth(2, first=3), 7) == [False, False, False, True, False, True, False]


def test_epoch_wise_switching_starts_with_an_epoch_of_fine_steps() -> None:
    criterion, coarse_steps = epoch_wise(steps_per_epoch=4, coarse_epochs=3)
    assert coarse_steps == 12
    assert decisions(criterion, 9) == [False] * 4 + [True] + [False] * 3 + [True]


def test_the_gradient_test_compares_with_kappa_and_epsilon_exactly() -> None:
    # ‖R∇L‖ = 3, ‖∇L‖ = 5
    assert gradient_test(GradientTest(Fraction(3, 5), Fraction(1, 10)), [3, 4])
    assert not gradient_test(GradientTest(Fraction(3, 5) + Fraction(1, 10**9), Fraction(1, 10)), [3, 4])
    assert not gradient_test(GradientTest(Fraction(1, 2), 3), [3, 4])
    assert gradient_test(GradientTest(Fraction(1, 2), 3 - Fraction(1, 10**9)), [3, 4])


def test_at_a_critical_point_the_gradient_test_stays_fine_and_magma_may_not() -> None:
    assert not gradient_test(GradientTest(Fraction(1, 2), Fraction(1, 10**9)), [0, 0])
    assert gradient_test(Magma(Fraction(1, 2), 0, 0), [0, 0])


def magma_run(criterion: Magma, thetas: list[float]) -> list[bool]:
    start = np.array([thetas[0], 0.0])
    memory, answers = criterion.init(start), []
    for k, theta in enumerate(thetas):
        view = View(k, np.array([theta, 0.0]), SELECTED, np.array([1.0, 0.0]))
        answer, memory = criterion.decide(memory, view)
        answers.append(bool(answer))
    return answers


def test_magma_goes_coarse_again_when_theta_has_moved_far_enough() -> None:
    # The first time always; then relative to θ_last = 1 with η = 1/2.
    assert magma_run(Magma(0.5, 0.5, 0), [1.0, 1.2, 1.5, 1.6, 2.0, 2.5]) == [True, False, False, True, False, True]


def test_magma_goes_coarse_again_while_few_fine_steps_have_passed() -> None:
    # Every cycle ends with a fine step: the count is 1 in the cycle after a coarse one.
    assert magma_run(Magma(0.5, 10.0, 1), [1.0] * 4) == [True, False, False, False]
    assert magma_run(Magma(0.5, 10.0, 2), [1.0] * 4) == [True, True, True, True]


def test_magma_counts_fine_steps_while_the_gradient_test_fails() -> None:
    criterion, theta = Magma(0.5, 10.0, 3), np.array([1.0, 0.0])
    memory, answers = criterion.init(theta), []
    for k, gradient in enumerate([[1.0, 0], [0, 1.0], [1.0, 0], [0, 1.0], [0, 1.0], [1.0, 0]]):
        answer, memory = criterion.decide(memory, View(k, theta, SELECTED, np.array(gradient)))
        answers.append(bool(answer))
    assert answers == [True, False, True, False, False, False]


def test_every_instance_of_a_batch_gets_its_own_answer_and_memory() -> None:
    criterion = Magma(0.5, 0.5, 0)
    theta = np.array([[1.0, 0.0], [1.0, 0.0]])
    selected = np.array([[True, False], [True, False]])
    first, memory = criterion.decide(criterion.init(theta), View(0, theta, selected, np.array([[1.0, 0], [0, 1.0]])))
    assert first.tolist() == [True, False]
    second, _ = criterion.decide(memory, View(1, theta, selected, np.array([[1.0, 0], [1.0, 0]])))
    assert second.tolist() == [False, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EveryKth(0), "period must be an integer ≥ 1, got 0"),
        (lambda: EveryKth(2, first=-1), "first must be an integer ≥ 0, got -1"),
        (lambda: epoch_wise(5, -1), "coarse_epochs must be an integer ≥ 0, got -1"),
        (lambda: GradientTest(0, 1), r"kappa must be in \(0, 1\), got 0"),
        (lambda: GradientTest(1.0, 1), r"kappa must be in \(0, 1\), got 1.0"),
        (lambda: GradientTest(0.5, 0), "epsilon must be a finite number > 0, got 0"),
        (lambda: Magma(2, 1, 1), r"kappa must be in \(0, 1\), got 2"),
        (lambda: Magma(0.5, -1, 1), "eta must be a finite number ≥ 0, got -1"),
        (lambda: Magma(0.5, 1, -1), "fine_steps must be an integer ≥ 0, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
