"""ML BPGD and MGOPT: the cycle by hand, coherence, descent, ablations, criteria, accounting, resumption, errors."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.solvers import bregman_proximal_gradient as bpgd
from mlbreg.solvers import multilevel_bpgd as ml
from mlbreg.solvers.armijo import Armijo
from mlbreg.solvers.coarse_correction import Outcome
from mlbreg.solvers.coarse_model import CoarseModel, coherent
from mlbreg.solvers.criteria import Always, EveryKth, GradientTest, Magma, Never, View
from mlbreg.solvers.levels import hierarchy
from mlbreg.solvers.multilevel_bpgd import MultilevelBPGD
from mlbreg.solvers.progress import Costs, Progress
from mlbreg.theory.arrays import exact, total
from mlbreg.theory.references import Burg, Euclidean, FermiDirac

from .grid_problems import Grid, LeastSquares, Matrices, box, full_weighting, poisson, poisson_noise, start

MAKERS = [poisson, box, poisson_noise]
EXACT_TRANSFER = Matrices(exact([[Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)]]), exact([[0.5], [1], [0.5]]))


def tiny(coarse_data: Any = Fraction(1, 2)) -> Grid:
    """f = ½‖x‖² in three dimensions over f_c = ½·(ξ − b)² in one, in exact arithmetic."""
    fine = LeastSquares(exact(np.eye(3, dtype=int)), exact([0, 0, 0]))
    coarse = LeastSquares(exact([[1]]), exact([coarse_data]))
    return Grid(fine, Euclidean(), 2, (Grid(coarse, Euclidean(), 4), EXACT_TRANSFER))


def one(correction: ml.Correction) -> tuple[Outcome, Any, Any]:
    return Outcome(int(correction.outcome)), correction.alpha[()], correction.slope[()]


def test_a_two_level_cycle_by_hand_in_exact_arithmetic() -> None:
    # y = (1, 2, 3): ξ⁰ = 2, R∇f = 2 = ∇ψ(ξ⁰); two steps with τ = ¼ on ψ' = ξ: 2 → 3/2 → 9/8, so ξᵐ − ξ⁰ = −7/8,
    # d = −(7/16, 7/8, 7/16), ⟨∇f, d⟩ = −7/2, and f(y + d) − f(y) = −7/2 + ½‖d‖² is a descent.
    state = ml.init(hierarchy(tiny()), MultilevelBPGD(2), exact([1, 2, 3]))
    after, corrections = ml.cycle(hierarchy(tiny()), MultilevelBPGD(2), state)
    y = exact([1 - Fraction(7, 16), 2 - Fraction(7, 8), 3 - Fraction(7, 16)])
    assert after.x.tolist() == (y / 2).tolist()  # the fine step with τ = ½ halves it
    assert one(corrections[0]) == (Outcome.TAKEN, 1, Fraction(-7, 2))
    # Two fine gradients, one coarse one for the tilt and one for the second step, f twice.
    assert float(after.work) == pytest.approx(2 + 2 / 3 + 2 * 0.5)


def test_without_the_correction_the_same_cycle_follows_the_coarse_loss() -> None:
    # ∇f_c = ξ − b: with b = 2 the coarse start is critical and d = 0; with b = 6 the coarse step goes up.
    for data, outcome in ((2, Outcome.NO_DESCENT), (6, Outcome.NO_DESCENT), (Fraction(1, 2), Outcome.TAKEN)):
        settings = MultilevelBPGD(2, linear_correction=False)
        levels = hierarchy(tiny(data))
        after, corrections = ml.cycle(levels, settings, ml.init(levels, settings, exact([1, 2, 3])))
        assert one(corrections[0])[0] == outcome
        if outcome == Outcome.NO_DESCENT:
            assert after.x.tolist() == [Fraction(1, 2), 1, Fraction(3, 2)]


def test_without_correction_and_line_search_the_objective_can_rise() -> None:
    settings = MultilevelBPGD(2, linear_correction=False, line_search=None)
    run = ml.run(tiny(60), settings, exact([1, 2, 3]), 1)
    assert run.progress.values[1] > run.progress.values[0]
    assert one(run.corrections[0][0])[:2] == (Outcome.TAKEN, 1)
    assert one(run.corrections[0][0])[2] > 0


def test_the_unit_step_is_left_out_where_it_leaves_the_domain() -> None:
    problem = box()
    x = np.where(np.arange(15) % 2 == 0, 1e-6, 0.6)
    run = ml.run(problem, MultilevelBPGD(20, line_search=None), x, 1)
    assert one(run.corrections[0][0])[:2] == (Outcome.LEFT_DOMAIN, 0)
    assert np.array_equal(run.state.x, bpgd.run(problem, bpgd.init(problem, x), 1).state.x)


@pytest.mark.parametrize("make", MAKERS)
def test_the_corrected_coarse_model_is_first_order_coherent(make: Any) -> None:
    problem = make()
    lower, transfer = problem.coarse()
    for scale in (1.0, 0.3, 1e-3):
        y = scale * start(problem)
        restricted = transfer.restrict(problem.loss.gradient(y))
        model = coherent(lower.loss, transfer.restrict(y), restricted)
        gradient = model.gradient(transfer.restrict(y))
        size = np.max(abs(lower.loss.gradient(transfer.restrict(y)))) + np.max(abs(restricted))
        assert np.max(abs(gradient - restricted)) <= 1e-12 * size
        other = transfer.restrict(y) * 1.1
        np.testing.assert_allclose(model.value(other), lower.loss.value(other) + model.tilt @ other, rtol=1e-15)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("levels", [2, 3])
def test_the_direction_descends_and_the_objective_never_rises(make: Any, levels: int) -> None:
    problem = make(levels=levels)
    run = ml.run(problem, MultilevelBPGD(5, pre_steps=1), start(problem), 15)
    assert np.all(np.diff(run.progress.values) <= 0)
    dual = ml.run(problem, MultilevelBPGD(5, pre_steps=1, dual_transfer=True), start(problem), 15)
    assert np.all(np.diff(dual.progress.values) <= 0)
    for corrections in run.corrections:
        assert len(corrections) == levels - 1
        assert all(correction.slope < 0 for correction in corrections)
    assert one(run.corrections[0][0])[0] == Outcome.TAKEN


@pytest.mark.parametrize("make", MAKERS)
def test_the_slope_is_that_of_the_coarse_model_times_c(make: Any) -> None:
    problem = make()
    lower, transfer = problem.coarse()
    y = start(problem)
    gradient, first = problem.loss.gradient(y), transfer.restrict(y)
    model = coherent(lower.loss, first, transfer.restrict(gradient))
    x = first
    for _ in range(5):
        x = bpgd.step(lower.reference, x, model.gradient(x), 1 / lower.smoothness)
    slope = gradient @ transfer.prolong(x - first)
    assert slope == pytest.approx(2 * model.gradient(first) @ (x - first), rel=1e-12)
    assert slope <= 2 * (model.value(x) - model.value(first)) < 0
    run = ml.run(problem, MultilevelBPGD(5), y, 1)
    assert float(run.corrections[0][0].slope) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("make", MAKERS)
def test_two_levels_are_the_formulas_one_after_another(make: Any) -> None:
    problem = make()
    lower, transfer = problem.coarse()
    y = start(problem)
    first = transfer.restrict(y)
    tilt = transfer.R @ problem.loss.gradient(y) - lower.loss.gradient(first)
    x = first
    for _ in range(3):
        g = lower.loss.gradient(x) + tilt
        x = lower.reference.conjugate_gradient(lower.reference.gradient(x) - g / float(lower.smoothness))
    d = transfer.P @ (x - first)
    run = ml.run(problem, MultilevelBPGD(3), y, 1)
    y = y + float(run.corrections[0][0].alpha) * d
    x = problem.reference.conjugate_gradient(
        problem.reference.gradient(y) - problem.loss.gradient(y) / float(problem.smoothness)
    )
    np.testing.assert_allclose(run.state.x, x, rtol=1e-12)


def test_three_levels_are_a_two_level_cycle_on_the_coarse_model() -> None:
    problem = box(levels=3)
    middle, transfer = problem.coarse()
    y = start(problem)
    gradient, first = problem.loss.gradient(y), transfer.restrict(y)
    model = coherent(middle.loss, first, transfer.restrict(gradient))
    # The same recursion with ψ as the finest loss: one correction, then m = 4 steps instead of one.
    tilted = Grid(model, middle.reference, middle.smoothness, middle.below)
    inner = ml.run(tilted, MultilevelBPGD(2), first, 1).state.x
    for _ in range(3):
        inner = bpgd.step(middle.reference, inner, model.gradient(inner), 1 / middle.smoothness)
    run = ml.run(problem, MultilevelBPGD((4, 2)), y, 1)
    assert float(run.corrections[0][0].slope) == pytest.approx(gradient @ transfer.prolong(inner - first), rel=1e-10)


def test_at_a_critical_point_the_correction_stays_there() -> None:
    problem = tiny()
    run = ml.run(problem, MultilevelBPGD(3), exact([0, 0, 0]), 1)
    assert run.state.x.tolist() == [0, 0, 0]
    assert one(run.corrections[0][0]) == (Outcome.NO_DESCENT, 0, 0)


def test_prolonging_the_dual_change_is_the_same_for_euclidean_references() -> None:
    for levels in (2, 3):
        problem = poisson(levels=levels)
        runs = [ml.run(problem, MultilevelBPGD(5, dual_transfer=dual), start(problem), 5) for dual in (False, True)]
        np.testing.assert_allclose(runs[0].state.x, runs[1].state.x, rtol=1e-9, atol=1e-12)


def test_prolonging_the_dual_change_by_hand() -> None:
    problem = box()
    lower, transfer = problem.coarse()
    y, fermi_dirac = start(problem), FermiDirac()
    # One coarse step changes the dual variable by −τ̂R∇f, so the point that d aims at is a BPGD step with PR∇f.
    aim = bpgd.step(fermi_dirac, y, transfer.prolong(transfer.restrict(problem.loss.gradient(y))), 1 / lower.smoothness)
    run = ml.run(problem, MultilevelBPGD(1, dual_transfer=True, line_search=None), y, 1)
    np.testing.assert_allclose(run.state.x, bpgd.run(problem, bpgd.init(problem, aim), 1).state.x, rtol=1e-12)


def test_next_to_the_boundary_only_the_dual_transfer_gets_anywhere() -> None:
    problem = box(n=63, levels=2)
    primal, dual = (
        ml.run(problem, MultilevelBPGD(8, dual_transfer=on), start(problem, 63), 12) for on in (False, True)
    )
    assert float(primal.corrections[-1][0].alpha) < 1e-3
    assert float(dual.corrections[-1][0].alpha) > 0.9
    assert dual.progress.values[-1] < primal.progress.values[-1] / 1.3


@pytest.mark.parametrize("settings", [MultilevelBPGD(5, levels=1), MultilevelBPGD(5, criterion=Never())])
@pytest.mark.parametrize("make", MAKERS)
def test_without_coarse_levels_it_is_bregman_proximal_gradient(make: Any, settings: MultilevelBPGD) -> None:
    problem = make(levels=3)
    run, single = ml.run(problem, settings, start(problem), 6), bpgd.run(problem, bpgd.init(problem, start(problem)), 6)
    assert np.array_equal(run.state.x, single.state.x)
    assert np.array_equal(run.progress.values, single.progress.values)
    assert np.array_equal(run.progress.work, single.progress.work)


def outcomes(run: ml.Run, level: int = 0) -> list[Outcome]:
    return [Outcome(int(corrections[level].outcome)) for corrections in run.corrections]


def test_the_criterion_decides_when_the_coarse_level_is_used() -> None:
    problem, fine, taken = poisson(levels=3), Outcome.FINE, Outcome.TAKEN
    x = start(problem)
    assert outcomes(ml.run(problem, MultilevelBPGD(3, criterion=Always()), x, 3)) == [taken] * 3
    every = ml.run(problem, MultilevelBPGD(3, criterion=EveryKth(2, first=1)), x, 4)
    assert outcomes(every) == [fine, taken, fine, taken]
    assert outcomes(every, 1) == [Outcome.NOT_VISITED, taken, Outcome.NOT_VISITED, taken]
    # One use, then only after a move by a factor of more than 1 + η: never here; K_d = 1 is too few.
    magma = ml.run(problem, MultilevelBPGD(3, criterion=Magma(1e-3, 100, 1)), x, 4)
    assert outcomes(magma) == [taken, fine, fine, fine]
    # The finest level has done a fine step in each of four cycles since; the one below was visited in the first alone.
    assert [int(memory.fine_steps) for memory in magma.state.memories] == [4, 1]


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_gradient_test_compares_the_restricted_gradient_with_the_gradient(sign: int) -> None:
    problem = poisson()
    x, transfer = start(problem), full_weighting(15)
    gradient = problem.loss.gradient(x)
    ratio = np.linalg.norm(transfer.restrict(gradient)) / np.linalg.norm(gradient)
    run = ml.run(problem, MultilevelBPGD(3, criterion=GradientTest(ratio * (1 - sign * 1e-9), 1e-9)), x, 1)
    assert outcomes(run) == [Outcome.TAKEN if sign == 1 else Outcome.FINE]
    floor = np.linalg.norm(transfer.restrict(gradient)) * (1 - sign * 1e-9)
    run = ml.run(problem, MultilevelBPGD(3, criterion=GradientTest(1e-3, floor)), x, 1)
    assert outcomes(run) == [Outcome.TAKEN if sign == 1 else Outcome.FINE]


@pytest.mark.parametrize("make", [poisson, box])
def test_a_batch_runs_like_its_instances(make: Any) -> None:
    problem = make(levels=3)
    x = start(problem) * np.array([[1.0], [0.2], [0.7]])
    x[1] = 0.5 + 0.3 * (-1.0) ** np.arange(15)  # oscillating: the gradient test says no at first
    for criterion in (Always(), GradientTest(0.3, 1e-9), Magma(0.2, 0.05, 2)):
        settings = MultilevelBPGD(4, criterion=criterion)
        together = ml.run(problem, settings, x.reshape(3, 1, 15), 5)
        for i in range(3):
            alone = ml.run(problem, settings, x[i], 5)
            np.testing.assert_allclose(together.state.x[i, 0], alone.state.x, rtol=1e-9)
            np.testing.assert_allclose(together.progress.work[:, i, 0], alone.progress.work, rtol=1e-12)
            for some, own in zip(together.corrections, alone.corrections, strict=True):
                assert [int(c.outcome[i, 0]) for c in some] == [int(c.outcome) for c in own]


def test_in_that_batch_the_instances_do_differ() -> None:
    problem = poisson(levels=3)
    x = np.stack([start(problem), 0.3 * (-1.0) ** np.arange(15)])
    gradient = problem.loss.gradient(x)
    shares = np.linalg.norm(full_weighting(15).restrict(gradient), axis=1) / np.linalg.norm(gradient, axis=1)
    run = ml.run(problem, MultilevelBPGD(4, criterion=GradientTest(float(np.mean(shares)), 1e-9)), x, 1)
    assert run.corrections[0][0].outcome.tolist() == [Outcome.TAKEN, Outcome.FINE]
    assert run.corrections[0][1].outcome[1] == Outcome.NOT_VISITED
    assert run.state.work[1] == 1 < run.state.work[0]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("criterion", [Always(), EveryKth(3, first=1), GradientTest(0.2, 1e-9), Magma(0.2, 0.1, 2)])
def test_runs_repeat_and_a_resumed_one_is_the_uninterrupted_one_bit_for_bit(make: Any, criterion: Any) -> None:
    problem, settings = make(levels=3), MultilevelBPGD(3, criterion=criterion)
    whole, again = (ml.run(problem, settings, start(problem), 7) for _ in range(2))
    half = ml.run(problem, settings, start(problem), 3)
    rest = ml.run(problem, settings, half.state, 4)
    joined = Progress.join([half.progress, rest.progress])
    for other in (again, rest):
        assert np.array_equal(other.state.x, whole.state.x)
        assert np.array_equal(other.state.work, whole.state.work)
    assert np.array_equal(joined.values, whole.progress.values)
    assert np.array_equal(joined.work, whole.progress.work)
    assert half.corrections + rest.corrections == whole.corrections


def test_work_is_counted_in_fine_gradients() -> None:
    problem = poisson(levels=3)
    x = start(problem)

    def spent(**settings: Any) -> float:
        return float(ml.run(problem, MultilevelBPGD((3, 2), line_search=None, **settings), x, 1).state.work)

    # Fine: before and after the correction. Middle: tilt, first gradient known (R∇f), 3 steps after its correction.
    # Coarsest: tilt, 2 steps of which the first needs no gradient.
    assert spent() == pytest.approx(2 + (1 + 3) * 7 / 15 + (1 + 1) * 3 / 15)
    assert spent(pre_steps=1) == pytest.approx(2 + (1 + 1 + 3) * 7 / 15 + (1 + 1) * 3 / 15)
    assert spent(linear_correction=False) == pytest.approx(2 + 4 * 7 / 15 + 2 * 3 / 15)
    assert spent(costs=Costs((1, 0.1, 0.01))) == pytest.approx(2 + 0.4 + 0.02)
    # A criterion that looks at ∇f(y) and says no costs nothing: the fine step needs that gradient anyway.
    assert spent(criterion=GradientTest(0.999, 1)) == 1


def test_the_line_search_pays_for_its_values() -> None:
    problem = poisson()
    for value in (0, 0.25):
        run = ml.run(problem, MultilevelBPGD(3, costs=Costs(value=value)), start(problem), 1)
        assert float(run.corrections[0][0].alpha) == 1
        assert float(run.state.work) == pytest.approx(2 + 3 * 7 / 15 + 2 * value)


@pytest.mark.parametrize("make", [box, poisson_noise])
@pytest.mark.parametrize(
    "settings", [MultilevelBPGD(8), MultilevelBPGD(8, line_search=None), MultilevelBPGD(8, dual_transfer=True)]
)
def test_next_to_the_boundary_no_iterate_leaves_the_domain(make: Any, settings: MultilevelBPGD) -> None:
    problem = make(levels=3)
    top = 1 - 2.0**-53 if isinstance(problem.reference, FermiDirac) else 1e6
    ends = np.stack([np.where(np.arange(15) % k == 0, 1e-150, top) for k in (1, 2, 3, 20)] + [np.full(15, top)])
    levels = hierarchy(problem)
    state = ml.init(levels, settings, ends)
    for _ in range(15):
        state, _ = ml.cycle(levels, settings, state)
        assert np.all(problem.reference.in_domain(state.x))


def test_full_weighting_of_interior_points_is_interior() -> None:
    transfer, rng = full_weighting(31), np.random.default_rng(0)
    near = 10.0 ** rng.uniform(-300, -0.01, (200, 31))
    for y in (near, 1 - np.maximum(near, 2.0**-53)):
        assert np.all(FermiDirac().in_domain(transfer.restrict(y)))


def test_a_coarse_start_outside_its_domain_is_recorded_and_left_out() -> None:
    problem = box()
    lower, transfer = problem.coarse()
    tripled = Grid(problem.loss, problem.reference, problem.smoothness, (lower, Matrices(3 * transfer.R, transfer.P)))
    x = np.stack([start(problem), 0.2 * start(problem)])
    run = ml.run(tripled, MultilevelBPGD(3), x, 1)
    assert run.corrections[0][0].outcome.tolist() == [Outcome.START_OUTSIDE, Outcome.TAKEN]
    single = bpgd.run(problem, bpgd.init(problem, x[0]), 1).state.x
    np.testing.assert_allclose(run.state.x[0], single, rtol=1e-12)


def test_a_line_search_that_finds_nothing_is_recorded() -> None:
    run = ml.run(poisson(), MultilevelBPGD(3, line_search=Armijo(sufficient=0.999, halvings=0)), start(poisson()), 1)
    assert one(run.corrections[0][0])[:2] == (Outcome.NO_DECREASE, 0)
    # ∇f(y) is still known: one fine gradient, not two.
    assert float(run.state.work) == pytest.approx(1 + 3 * 7 / 15 + 2 * 0.5)


def test_coarse_steps_that_do_not_exist_are_shortened() -> None:
    # KL with Burg whose tilt pulls hard: data a thousand times larger on the fine level than on the coarse one.
    problem, small = poisson_noise(), poisson_noise(seed=1).coarse()
    faint = Grid(small[0].loss, small[0].reference, 1e-3 * small[0].smoothness)
    mixed = Grid(problem.loss, problem.reference, problem.smoothness, (faint, small[1]))
    run = ml.run(mixed, MultilevelBPGD(2), 1e-3 * start(problem), 2)
    assert np.all(np.diff(run.progress.values) <= 0)


def test_long_steps_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"step_share must be in \(0, 1\].*got 1.5; .*allow_long_steps"):
        MultilevelBPGD(3, step_share=1.5)
    run = ml.run(poisson(), MultilevelBPGD(3, step_share=1.9, allow_long_steps=True), start(poisson()), 2)
    assert run.state.k == 2
    shorter = ml.run(poisson(), MultilevelBPGD(3, step_share=0.5, levels=1), start(poisson()), 1)
    expected = bpgd.run(poisson(), bpgd.init(poisson(), start(poisson())), 1, 0.5 / poisson().smoothness)
    np.testing.assert_allclose(shorter.state.x, expected.state.x, rtol=1e-14)


def test_a_fine_step_that_does_not_exist_is_shortened_unless_long_steps_are_studied() -> None:
    # f(x) = −4x with "L = 1" relative to Burg: at x = 1 the step exists for τ < ¼ only.
    problem = Grid(Linear(np.array([-4.0])), Burg(), 1.0)
    assert ml.run(problem, MultilevelBPGD(1), np.ones(1), 1).state.x.tolist() == [2.0]
    assert bpgd.run(problem, bpgd.init(problem, np.ones(1)), 1).state.x.tolist() == [2.0]
    with pytest.raises(ValueError, match="the step must stay in the interior of the domain of Burg"):
        ml.run(problem, MultilevelBPGD(1, allow_long_steps=True), np.ones(1), 1)
    with pytest.raises(ValueError, match="the step must stay in the interior of the domain of Burg"):
        bpgd.run(problem, bpgd.init(problem, np.ones(1)), 1, allow_long_steps=True)


def test_the_prolonged_dual_change_need_not_descend_where_the_primal_one_must() -> None:
    # g = (−1, 2), y = (2, 1), Burg, f_c = 0, τ̂ = 1: ξ⁰ = 3/2, Rg = ½, so the dual change is −½ and
    # y + d = (1/(½ + ½), 1/(1 + ½)) = (1, ⅔): ⟨g, d⟩ = 1 − ⅔ > 0. With P(ξ¹ − ξ⁰) it is 2·½·(6/7 − 3/2) < 0.
    transfer = Matrices(exact([[Fraction(1, 2), Fraction(1, 2)]]), exact([[1], [1]]))
    problem = Grid(Linear(exact([-1, 2])), Burg(), 4, (Grid(Linear(exact([0])), Burg(), 1), transfer))
    dual = ml.run(problem, MultilevelBPGD(1, dual_transfer=True), exact([2, 1]), 1)
    assert one(dual.corrections[0][0]) == (Outcome.NO_DESCENT, 0, Fraction(1, 3))
    primal = ml.run(problem, MultilevelBPGD(1), exact([2, 1]), 1)
    assert one(primal.corrections[0][0])[::2] == (Outcome.TAKEN, Fraction(-9, 14))


class Linear:
    """⟨g, x⟩."""

    def __init__(self, g: Any) -> None:
        self.g = g

    def value(self, x: Any) -> Any:
        return total(self.g * x)

    def gradient(self, x: Any) -> Any:
        return 0 * x + self.g


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"coarse_steps": 0}, ValueError, "coarse_steps must be an integer ≥ 1, got 0"),
        ({"coarse_steps": (3, 0)}, ValueError, "coarse_steps must be an integer ≥ 1, got 0"),
        ({"coarse_steps": 2.5}, TypeError, "coarse_steps must be an integer ≥ 1, got 2.5"),
        ({"pre_steps": -1}, ValueError, "pre_steps must be an integer ≥ 0, got -1"),
        ({"levels": 0}, ValueError, "levels must be an integer ≥ 1, got 0"),
        ({"step_share": 0}, ValueError, "step_share must be a finite number > 0, got 0"),
        ({"linear_correction": 1}, TypeError, "linear_correction must be bool, got 1"),
        ({"line_search": 0.5}, TypeError, "line_search must be .*Armijo.*None, got 0.5"),
        ({"criterion": "always"}, TypeError, "criterion must be Criterion, got 'always'"),
        ({"costs": 1}, TypeError, "costs must be Costs, got 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MultilevelBPGD(**{"coarse_steps": 3, **settings})


def test_wrong_starts_transfers_and_gradients_are_refused() -> None:
    problem = box()
    lower, transfer = problem.coarse()
    with pytest.raises(ValueError, match="x must be in the interior of the domain of FermiDirac"):
        ml.run(problem, MultilevelBPGD(3), start(problem) + 1, 1)
    with pytest.raises(ValueError, match="coarse_steps must have one number for each of 1 coarse levels"):
        ml.run(problem, MultilevelBPGD((3, 3)), start(problem), 1)
    with pytest.raises(ValueError, match="cycles must be an integer ≥ 0, got -1"):
        ml.run(problem, MultilevelBPGD(3), start(problem), -1)
    narrow = Grid(
        problem.loss, problem.reference, problem.smoothness, (lower, Matrices(transfer.R, full_weighting(31).P[:, :7]))
    )
    with pytest.raises(ValueError, match=re.escape("P R x must have the shape of x, (15,), got (31,)")):
        ml.run(narrow, MultilevelBPGD(3), start(problem), 1)

    class Spoiled(LeastSquares):
        def gradient(self, x: Any) -> Any:
            return np.nan * x

    spoiled = Grid(Spoiled(problem.loss.A, problem.loss.b), problem.reference, problem.smoothness, problem.below)
    with pytest.raises(ValueError, match="gradient must be finite, got nan at index"):
        ml.run(spoiled, MultilevelBPGD(3), start(problem), 1)


def test_a_model_of_some_instances_has_their_tilts() -> None:
    model = CoarseModel(LeastSquares(np.eye(2), np.zeros(2)), np.arange(6.0).reshape(3, 2))
    part = model.take((3,), np.array([2, 0]))
    assert part.tilt is not None
    assert part.tilt.tolist() == [[4, 5], [0, 1]]


def test_a_criterion_that_is_shown_no_restricted_gradient_says_so() -> None:
    x = np.ones(3)
    with pytest.raises(ValueError, match="view must have restricted or selected, got None for both"):
        GradientTest(0.5, 1e-9).decide(None, View(0, x, None, x))
