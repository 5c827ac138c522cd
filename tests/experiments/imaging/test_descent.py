"""One run of a method: what is recorded, what work is counted, where it stops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from mlbreg.experiments.imaging import box_quasi_newton as quasi_newton
from mlbreg.experiments.imaging.box_quasi_newton import box_quasi_newton, value_and_gradient
from mlbreg.experiments.imaging.descent import Descent, multilevel, signal_to_noise, single_level
from mlbreg.experiments.imaging.methods import methods, recommended
from mlbreg.solvers import multilevel_bpgd
from mlbreg.solvers.multilevel_bpgd import MultilevelBPGD
from mlbreg.theory.arrays import Array
from mlbreg.theory.imaging import (
    ImagingProblem,
    gaussian_deblurring,
    gaussian_tomography,
    phantom,
    poisson_deblurring,
)
from mlbreg.theory.losses.operator_least_squares import OperatorLeastSquares

N = 32


@pytest.fixture(scope="module")
def deblurring() -> ImagingProblem:
    return gaussian_deblurring(phantom(N), width=0.06, seed=1)


def test_one_level_is_bpgd(deblurring: ImagingProblem) -> None:
    single = single_level(deblurring, 12)
    same = multilevel(deblurring, MultilevelBPGD(1, levels=1), single.values[-1], 100, full=False)
    np.testing.assert_allclose(same.values, single.values)
    assert same.work == single.work == list(range(13))
    assert same.reached == single.reached == 12
    np.testing.assert_array_equal(same.x, single.x)


def test_a_multilevel_run_is_that_of_the_solver(deblurring: ImagingProblem) -> None:
    settings = recommended(deblurring.levels)
    descent = multilevel(deblurring, settings, 0.0, 60, full=False)
    run = multilevel_bpgd.run(deblurring, settings, deblurring.start, len(descent.values) - 1)
    np.testing.assert_allclose(descent.values, run.progress.values)
    np.testing.assert_allclose(descent.work, run.progress.work)
    assert descent.reached is None
    assert descent.work[-2] < 60 <= descent.work[-1]
    assert np.all(np.diff(descent.seconds) > 0)


@pytest.mark.parametrize("solve", [partial(multilevel, settings=recommended(2)), box_quasi_newton])
def test_it_stops_at_the_target_or_goes_on_to_the_cap_with_the_same_image(
    deblurring: ImagingProblem, solve: Callable[..., Descent]
) -> None:
    target = single_level(deblurring, 30).values[-1]
    short, full = (solve(deblurring, target=target, cap=100.0, full=full) for full in (False, True))
    assert short.reached == full.reached == len(short.values) - 1 < len(full.values) - 1
    assert full.values[: len(short.values)] == short.values
    assert short.values[-1] <= target < short.values[-2]
    np.testing.assert_array_equal(full.x, short.x)
    assert float(deblurring.loss.value(short.x)) == pytest.approx(short.values[-1], rel=1e-12)


@pytest.mark.parametrize("recipe", [gaussian_deblurring, gaussian_tomography])
def test_l_bfgs_b_is_given_the_value_and_the_gradient_of_the_loss(recipe: Callable[..., ImagingProblem]) -> None:
    problem = recipe(phantom(N))
    loss = problem.loss
    assert isinstance(loss, OperatorLeastSquares)
    x = np.random.default_rng(0).uniform(size=N * N)
    value, gradient = value_and_gradient(loss, x)
    assert value == pytest.approx(float(loss.value(x)), rel=1e-12)
    np.testing.assert_allclose(gradient, loss.gradient(x), rtol=1e-12)


def test_the_work_of_l_bfgs_b_is_every_evaluation_line_searches_too(
    deblurring: ImagingProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def counted(loss: OperatorLeastSquares, x: Array) -> tuple[float, Array]:
        value, gradient = value_and_gradient(loss, x)
        calls.append(value)
        return value, gradient

    monkeypatch.setattr(quasi_newton, "value_and_gradient", counted)
    descent = box_quasi_newton(deblurring, 0.0, 60, full=True)
    # An iterate is the last point that was evaluated before it was accepted.
    assert [calls[int(work) - 1] for work in descent.work[1:]] == descent.values[1:]
    assert descent.work[-1] > len(descent.values) - 1  # the first line search alone takes more than one
    assert descent.work[-1] <= 60 + 20  # one line search of scipy's beyond the cap at most
    assert np.all((descent.x >= 0) & (descent.x <= 1))


def test_l_bfgs_b_refuses_a_problem_that_is_no_least_squares() -> None:
    with pytest.raises(TypeError, match="must be an OperatorLeastSquares, got KullbackLeibler"):
        box_quasi_newton(poisson_deblurring(phantom(N)), 0.0, 10, full=True)


def test_psnr_is_that_of_the_mean_squared_error() -> None:
    truth = np.zeros(4)
    assert signal_to_noise(np.full(4, 0.1), truth) == pytest.approx(20)
    assert signal_to_noise(truth, truth) == 300


def test_methods_belong_to_the_problem() -> None:
    names = [method.name for method in methods(gaussian_deblurring(phantom(N)))]
    assert names == ["ml-bpgd", "ml-bpgd-paper", "mgopt", "always", "three-level", "l-bfgs-b"]
    assert [method.name for method in methods(gaussian_deblurring(phantom(N), coarsest=N // 2))] == [
        *names[:4],
        names[5],
    ]
    assert [method.name for method in methods(poisson_deblurring(phantom(N)))] == names[:5]
    with_background = methods(poisson_deblurring(phantom(N), background=0.1))
    assert [method.name for method in with_background] == [*names[:5], "bpgd-shannon", "ml-bpgd-shannon"]
    settings = [method.settings for method in with_background]
    assert len(set(settings)) == len(settings)


def test_shannon_descends_on_the_same_objective() -> None:
    problem = poisson_deblurring(phantom(N), background=0.1)
    by_name = {method.name: method for method in methods(problem)}
    for name in ("bpgd-shannon", "ml-bpgd-shannon"):
        descent = by_name[name].solve(problem, 0.0, 20.0, True)
        assert descent.values[0] == pytest.approx(float(problem.loss.value(problem.start)))
        assert np.all(np.diff(descent.values) < 0)
        assert np.all(descent.x > 0)


def test_the_recommended_setting_and_its_variants_fit_every_number_of_levels() -> None:
    for coarsest, levels in ((N // 2, 2), (N // 4, 3)):
        problem = gaussian_deblurring(phantom(N), coarsest=coarsest)
        assert problem.levels == levels
        for method in methods(problem):
            assert np.isfinite(method.solve(problem, 0.0, 8.0, True).values).all()
