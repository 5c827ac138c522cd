"""The closed recursions beside the solvers: exact over listed outcomes, and within the interval of sampled runs."""

import itertools

import numpy as np
import pytest
from mlbreg.paper_checks.rates import fits, problems, runs, second_moments
from mlbreg.solvers import linbreg, multilevel, selections
from mlbreg.solvers.multilevel import Multilevel
from mlbreg.solvers.oracles import AdditiveNoise, MiniBatch
from mlbreg.solvers.variance_reduced import VarianceReduced
from mlbreg.theory.coarse import CoarseLoss
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Restriction
from mlbreg.theory.problems import Problem


def plain(theta: np.ndarray, delta: float) -> PrimalDual:
    return PrimalDual(theta, theta / delta)


def test_the_recursion_for_linbreg_is_the_expectation_over_all_paths() -> None:
    problem, star = problems.strongly_convex(3, 0.0, 0.2, 2.0)
    matrix = problem.loss.matrix  # type: ignore[attr-defined]
    sigma, error = 0.7, np.asarray([1.0, -2.0, 0.5])
    signs = np.asarray(list(itertools.product((-1, 1), repeat=3)), dtype=float)
    noise = signs * sigma / np.sqrt(3)  # covariance (σ²/d) I
    taus = lambda k: 0.3 / (k + 1)  # noqa: E731
    oracle = AdditiveNoise(noise)
    paths = linbreg.all_paths(problem.elastic_net, problem.loss, plain(star + error, 2.0), taus, 3, oracle)
    expected = [(values.theta @ np.eye(3), chances.astype(float)) for values, chances in paths]
    means = [(p[:, None] * (theta - star) ** 2).sum() for theta, p in expected]
    moments = second_moments.noisy_steps(matrix.T @ matrix, np.outer(error, error), 2.0, taus, 3, sigma)
    assert np.einsum("kii->k", moments) == pytest.approx(means)


def test_the_recursion_for_cycles_is_the_mean_of_sampled_runs() -> None:
    problem, star = problems.strongly_convex(6, 0.0, 0.1, 2.0)
    matrix, sigma = problem.loss.matrix, 0.5  # type: ignore[attr-defined]
    hessian, error = matrix.T @ matrix, np.ones(6)
    start = plain(np.broadcast_to(star + error, (4000, 6)), 2.0)
    sampled = runs.run_multilevel(problem, start, 0.5, 0.2, 3, runs.at_random(3), 8, runs.gap(problem),
                                  runs.noisy(problem, sigma, 3))  # fmt: skip
    moments = second_moments.noisy_cycles(hessian, np.outer(error, error), 2.0, 0.5, lambda k: 0.2, 3, 3, 8, sigma)  # noqa: ARG005
    exact = second_moments.expected_gap(hessian, moments)[1:, 0]
    sampled = sampled[1:]
    assert (np.abs(sampled.mean(axis=1) - exact) <= 2 * fits.mean_interval(sampled)).all()


@pytest.mark.parametrize("reduced", [False, True])
def test_the_recursion_for_mini_batches_is_the_expectation_over_all_paths(reduced: bool) -> None:
    problem, star = problems.finite_sum(4, 3, 0.0, consistent=False)
    matrix, target = problem.loss.losses.matrix, problem.loss.losses.target  # type: ignore[attr-defined]
    error = np.asarray([0.5, -1.0, 0.3])
    oracle = VarianceReduced(2) if reduced else MiniBatch(2)
    means = []
    for mask in second_moments.masks(3, 2):
        restriction = Restriction(problem.groups, tuple(np.flatnonzero(mask).tolist()))
        theta = star + error
        coarse = CoarseLoss(problem.loss, restriction, theta[None])
        lower = Problem(coarse, problem.regularizer, 1.0, restriction.coarse_groups)
        start = plain(restriction.restrict(theta), 1.0)
        paths = linbreg.all_paths(lower.elastic_net, coarse, start, 0.1, 2, oracle)
        pair, chances = paths[-1]
        lifted = restriction.embed(pair.theta, np.broadcast_to(theta, (*pair.theta.shape[:-1], 3)))
        after = linbreg.step(problem.elastic_net, plain(lifted, 1.0), problem.loss.gradient(lifted), 0.2)
        means.append((chances.astype(float) * ((after.theta - star) ** 2).sum(axis=-1)).sum())
    moments = second_moments.batched_cycles(matrix, target, error, 1.0, 0.2, 0.1, 2, 2, 2, 1, reduced)
    assert np.trace(moments[1]) == pytest.approx(np.mean(means))


def test_masked_cycles_are_the_multilevel_solver() -> None:
    """With the support as restriction, and exact gradients: the same iterates as `solvers.multilevel`."""
    problem, _ = problems.strongly_convex(9, 0.2)
    start = runs.starts(problem, 4, 0.4)
    values = runs.run_multilevel(problem, start, 0.9, 0.4, 3, runs.on_the_support, 6, lambda pair: pair.theta)
    trace = multilevel.run(problem, Multilevel(3, selection=selections.support), start, 0.9, 0.4, 6)
    assert values == pytest.approx(np.asarray(trace.thetas[::4]), abs=1e-13)


def test_a_random_selection_has_the_wanted_size() -> None:
    chosen = runs.at_random(3)(np.random.default_rng(0), np.zeros((50, 7)))
    assert (chosen.sum(axis=1) == 3).all()
    assert len({tuple(row) for row in chosen.tolist()}) > 10
