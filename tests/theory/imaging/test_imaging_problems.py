"""The catalogue: constants, starts, coarse problems and their scaling, errors."""

import dataclasses
import itertools

import numpy as np
import pytest
from mlbreg.theory.imaging import (
    IMAGING_PROBLEMS,
    ImagingProblem,
    gaussian_deblurring,
    gaussian_tomography,
    phantom,
    poisson_deblurring,
    poisson_tomography,
)
from mlbreg.theory.losses.operator_least_squares import OperatorLeastSquares
from mlbreg.theory.operators import MatrixOperator
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

IMAGE = phantom(16)
CASES = {name: recipe(IMAGE, coarsest=4) for name, recipe in IMAGING_PROBLEMS.items()}
CASES["euclidean-deblurring"] = gaussian_deblurring(IMAGE, boundary="zero", reference=Euclidean(), width=0.05)
CASES["euclidean-tomography"] = gaussian_tomography(IMAGE, reference=Euclidean(), angles=6)
CASES["shannon-deblurring"] = poisson_deblurring(IMAGE, background=0.1, reference=Shannon(), width=0.05)
CASES["shannon-tomography"] = poisson_tomography(IMAGE, background=0.1, reference=Shannon(), photons=5.0)
CASES["box-tomography"] = poisson_tomography(IMAGE, background=0.1, reference=FermiDirac())
every = pytest.mark.parametrize("problem", CASES.values(), ids=CASES)


def _grids(problem):
    grids = [problem]
    while (below := grids[-1].coarse()) is not None:
        grids.append(below[0])
    return grids


@every
def test_every_level_is_feasible_and_half_as_wide(problem):
    grids = _grids(problem)
    assert len(grids) == problem.levels >= 2
    for fine, coarse in itertools.pairwise(grids):
        transfer = fine.coarse()[1]
        assert coarse.side == fine.side // 2
        assert transfer.shape == (coarse.dimension, fine.dimension)
        assert coarse.reference == fine.reference
        np.testing.assert_array_equal(coarse.truth, transfer.restrict(fine.truth))
    for level in grids:
        assert level.reference.in_domain(level.start)
        assert np.isfinite(level.loss.value(level.start))
        assert 0 < level.smoothness < np.inf
        assert level.loss.value(np.maximum(level.truth, 1e-9)) < level.loss.value(level.start)


@every
def test_a_coarse_problem_is_made_once(problem):
    assert problem.coarse() is problem.coarse()


@every
def test_bregman_proximal_gradient_decreases_the_loss_at_the_step_size_of_the_constant(problem):
    for level in _grids(problem):
        phi, x = level.reference, level.start
        for _ in range(10):
            after = phi.conjugate_gradient(phi.gradient(x) - level.loss.gradient(x) / level.smoothness)
            drop = level.loss.value(x) - level.loss.value(after)
            assert drop >= level.smoothness * phi.divergence(x, after) - 1e-9 * (1 + level.loss.value(x))
            assert phi.in_domain(after)
            x = after


@every
def test_the_constant_holds_between_random_points_on_every_level(problem):
    rng = np.random.default_rng(0)
    for level in _grids(problem):
        x, y = rng.uniform(0.01, 0.99, size=(2, 20, level.dimension)) ** rng.choice([1, 3], size=(2, 20, 1))
        f, gradient = level.loss.value, level.loss.gradient(y)
        left, right = (
            f(x) - f(y) - np.sum(gradient * (x - y), axis=-1),
            level.smoothness * level.reference.divergence(x, y),
        )
        assert np.all(right - left >= -1e-9 * (1 + right + f(x) + f(y)))


@pytest.mark.parametrize("name", IMAGING_PROBLEMS)
def test_the_coarse_curvature_approaches_that_of_the_restricted_gradient(name):
    # ⟨∇f_c(ξ + h) − ∇f_c(ξ), h⟩ against ⟨R∇f(P(ξ + h)) − R∇f(Pξ), h⟩ for smooth h: 1 but for the discretisation and, with
    # counts, for the nonlinearity in them. A coarse data term of the wrong weight has a ratio of 2 or ½ at every n.
    problem = IMAGING_PROBLEMS[name](phantom(64))
    coarse, transfer = problem.coarse()
    t = (np.arange(coarse.side) + 0.5) / coarse.side
    h = 0.05 * np.outer(np.sin(np.pi * t), np.cos(2 * np.pi * t)).ravel()
    xi = np.full(coarse.dimension, 0.5)

    def along(gradient):
        return (gradient(xi + h) - gradient(xi)) @ h

    ratio = along(coarse.loss.gradient) / along(lambda z: transfer.restrict(problem.loss.gradient(transfer.prolong(z))))
    assert 0.97 < ratio < 1.03


def test_the_constants_are_those_of_the_table():
    assert CASES["gaussian-deblurring"].smoothness == 0.25
    assert CASES["euclidean-deblurring"].smoothness == 1
    tomography = CASES["gaussian-tomography"]
    norm = np.linalg.norm(tomography.operator.apply(np.eye(256)).T, 2)
    assert tomography.smoothness == pytest.approx(norm**2 / 4, rel=1e-3)
    assert tomography.smoothness >= norm**2 / 4
    poisson = CASES["poisson-tomography"].loss
    support = poisson.operator.apply(np.eye(256)).T > 0
    assert poisson.burg_constant == pytest.approx(poisson.weight * (support.T @ poisson.data).max())


@pytest.mark.parametrize("recipe", IMAGING_PROBLEMS.values(), ids=IMAGING_PROBLEMS)
def test_the_seed_determines_the_data(recipe):
    first, again, other = (recipe(IMAGE, seed=seed).loss.data for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_poisson_data_on_every_level_are_nonnegative_with_restricted_mean():
    fine = CASES["poisson-tomography"]
    coarse = fine.coarse()[0]
    assert np.all(coarse.loss.data >= 0)
    assert coarse.loss.data.mean() == pytest.approx(fine.loss.data.mean())


def test_there_is_no_grid_below_the_coarsest_nor_below_an_odd_one():
    assert gaussian_deblurring(IMAGE, coarsest=9).coarse() is None
    assert gaussian_deblurring(IMAGE, coarsest=8).levels == 2
    assert gaussian_deblurring(phantom(12), coarsest=1).levels == 3


def test_an_image_of_a_batch_has_two_more_axes():
    problem = CASES["gaussian-deblurring"]
    assert problem.image(np.ones((3, 256))).shape == (3, 16, 16)
    with pytest.raises(ValueError, match=r"x must have shape \(..., 256\)"):
        problem.image(np.ones(255))


def test_errors_name_the_argument():
    problem = CASES["gaussian-deblurring"]
    with pytest.raises(
        ValueError, match=r"start must be in the interior of dom FermiDirac\(\), got values in \[1.0, 1.0\]"
    ):
        dataclasses.replace(problem, start=np.ones(256))
    with pytest.raises(ValueError, match=r"start must be in the interior of dom Burg\(\)"):
        dataclasses.replace(CASES["poisson-deblurring"], start=np.zeros(256))
    with pytest.raises(ValueError, match=r"start must have shape \(256,\), got \(16, 16\)"):
        dataclasses.replace(problem, start=np.full((16, 16), 0.5))
    with pytest.raises(ValueError, match=r"truth must be finite"):
        dataclasses.replace(problem, truth=np.full(256, np.nan))
    with pytest.raises(ValueError, match="coarsest must be ≥ 1, got 0"):
        dataclasses.replace(problem, coarsest=0)
    with pytest.raises(ValueError, match=r"image must have shape \(n, n\), got \(4, 8\)"):
        gaussian_deblurring(np.zeros((4, 8)))
    with pytest.raises(ValueError, match=r"image must have values in \[0, 1\], got 0.0 to 255.0"):
        poisson_deblurring(np.array([[0.0, 255.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="reference: no constant of smoothness of KullbackLeibler relative to Shannon"):
        _ = poisson_deblurring(IMAGE, reference=Shannon()).smoothness
    with pytest.raises(ValueError, match="photons must be enough for a count in the data"):
        poisson_deblurring(phantom(4), photons=1e-9)
    with pytest.raises(TypeError, match=r"loss\.operator must be a GridOperator"):
        ImagingProblem(OperatorLeastSquares(MatrixOperator([[1.0]]), [1.0]), Burg(), np.ones(1), np.ones(1))
