"""BPGD: closed forms, descent, membership in C, accounting and errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers import bregman_proximal_gradient as bpgd
from mlbreg.solvers.progress import Costs, Progress
from mlbreg.theory.arrays import exact
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Shannon

from .grid_problems import Grid, KullbackLeibler, LeastSquares, box, poisson, poisson_noise, start

PROBLEMS = [poisson(), box(), poisson_noise()]


def random_problem(name: str, seed: int, d: int = 5) -> tuple[Grid, np.ndarray]:
    """A random loss with a reference and its L, and random points of C, some of them close to the boundary."""
    rng = np.random.default_rng(seed)
    A, b = rng.uniform(0.1, 1, (4, d)), rng.uniform(0.5, 5, 4)
    squares = LeastSquares(A - 0.5, b - 2)
    near = 10.0 ** rng.uniform(-12, 0, (64, d))
    problem, x = {
        "Euclidean": (Grid(squares, Euclidean(), squares.lipschitz), rng.standard_normal((64, d))),
        "FermiDirac": (Grid(squares, FermiDirac(), squares.lipschitz / 4), np.where(near < 0.1, near, 1 - near / 1.01)),
        "Burg": (Grid(KullbackLeibler(A / A.sum(axis=0), b), Burg(), float(b.sum())), near * 10),
        # f(x) = Σ cᵢ(xᵢ log xᵢ − xᵢ) − sᵢxᵢ is max cᵢ-smooth relative to Shannon's φ.
        "Shannon": (Grid(Entropy(b[:1] * A[0], A[1]), Shannon(), float(np.max(b[0] * A[0]))), near * 10),
    }[name]
    return problem, x


class Entropy:
    def __init__(self, c: np.ndarray, s: np.ndarray) -> None:
        self.c, self.s = c, s

    def value(self, x: np.ndarray) -> np.ndarray:
        return np.sum(self.c * (x * np.log(x) - x) - self.s * x, axis=-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.c * np.log(x) - self.s


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [1.0, 0.5, 1e-3])
@pytest.mark.parametrize("name", ["Euclidean", "Shannon", "FermiDirac", "Burg"])
def test_a_step_descends_by_the_divergence_over_tau_and_stays_in_the_domain(name: str, share: float, seed: int) -> None:
    problem, x = random_problem(name, seed)
    tau = share / problem.smoothness
    after = bpgd.step(problem.reference, x, problem.loss.gradient(x), tau)
    assert np.all(problem.reference.in_domain(after))
    gain, value = problem.reference.divergence(x, after) / tau, problem.loss.value(x)
    assert np.all(problem.loss.value(after) <= value - gain + 1e-11 * (1 + abs(value) + gain))


def test_the_descent_inequality_fails_for_steps_that_are_much_too_long() -> None:
    problem, x = random_problem("Euclidean", 0)
    tau = 4 / problem.smoothness
    after = bpgd.step(problem.reference, x, problem.loss.gradient(x), tau)
    assert np.any(problem.loss.value(after) > problem.loss.value(x))


def test_closed_forms_of_a_step() -> None:
    x, g, tau = np.array([0.25, 0.5]), np.array([1.0, -2.0]), 0.3
    np.testing.assert_allclose(bpgd.step(Euclidean(), x, g, tau), x - tau * g, rtol=1e-15)
    np.testing.assert_allclose(bpgd.step(Shannon(), x, g, tau), x * np.exp(-tau * g), rtol=1e-14)
    odds = x / (1 - x) * np.exp(-tau * g)
    np.testing.assert_allclose(bpgd.step(FermiDirac(), x, g, tau), odds / (1 + odds), rtol=1e-14)
    np.testing.assert_allclose(bpgd.step(Burg(), x, g, tau), x / (1 + tau * x * g), rtol=1e-14)


def test_steps_are_exact_on_fractions_where_the_reference_is_rational() -> None:
    x, g = exact([Fraction(1, 2), 3]), exact([2, Fraction(-1, 6)])
    assert bpgd.step(Euclidean(), x, g, Fraction(1, 4)).tolist() == [0, Fraction(73, 24)]
    assert bpgd.step(Burg(), x, g, 1).tolist() == [Fraction(1, 4), 6]


def test_with_the_euclidean_reference_it_is_gradient_descent_bit_for_bit() -> None:
    problem = poisson()
    x = start(problem)
    run = bpgd.run(problem, bpgd.init(problem, x), 5)
    for _ in range(5):
        x = x - 1 / float(problem.smoothness) * problem.loss.gradient(x)
    assert np.array_equal(run.state.x, x)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_run_descends_and_counts_one_gradient_a_step(problem: Grid) -> None:
    run = bpgd.run(problem, bpgd.init(problem, start(problem)), 40)
    assert np.all(np.diff(run.progress.values) <= 0)
    assert run.progress.values[-1] < run.progress.values[0] - 0.1
    assert run.progress.values[-1] == problem.loss.value(run.state.x)
    assert run.progress.work.tolist() == list(range(41))
    assert np.all(np.diff(run.progress.seconds) > 0)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(problem: Grid) -> None:
    def tau(k: int) -> float:
        return 1 / (problem.smoothness * (1 + 0.1 * k))

    first = bpgd.init(problem, start(problem))
    whole, half = bpgd.run(problem, first, 9, tau), bpgd.run(problem, first, 4, tau)
    rest = bpgd.run(problem, half.state, 5, tau)
    joined = Progress.join([half.progress, rest.progress])
    assert np.array_equal(rest.state.x, whole.state.x)
    assert rest.state.k == whole.state.k == 9
    assert np.array_equal(joined.values, whole.progress.values)
    assert np.array_equal(joined.work, whole.progress.work)
    assert joined.seconds.shape == whole.progress.seconds.shape


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_batch_runs_like_its_instances_each_with_its_own_step_size(problem: Grid) -> None:
    x = start(problem) * np.array([[1.0], [0.5]])
    taus = np.array([1.0, 0.25]) / float(problem.smoothness)
    together = bpgd.run(problem, bpgd.init(problem, x), 6, taus)
    for i in range(2):
        alone = bpgd.run(problem, bpgd.init(problem, x[i]), 6, taus[i])
        np.testing.assert_allclose(together.state.x[i], alone.state.x, rtol=1e-12)
        np.testing.assert_allclose(together.progress.values[:, i], alone.progress.values, rtol=1e-12)


@pytest.mark.parametrize("problem", PROBLEMS[1:])
def test_from_points_next_to_the_boundary_it_stays_inside(problem: Grid) -> None:
    top = 1 - 2.0**-53 if isinstance(problem.reference, FermiDirac) else 1e6
    ends = np.array([[1e-300, top] * 7 + [1e-300], [top] * 15, [1e-150] * 15])
    x = ends
    for _ in range(20):
        x = bpgd.step(problem.reference, x, problem.loss.gradient(x), 1 / problem.smoothness)
        assert np.all(problem.reference.in_domain(x))


def test_tau_above_one_over_l_is_refused_unless_it_is_asked_for() -> None:
    problem = box()
    first = bpgd.init(problem, start(problem))
    long = 1.5 / problem.smoothness
    with pytest.raises(ValueError, match=r"tau must be at most 1/L = .*, got .*allow_long_steps"):
        bpgd.run(problem, first, 1, long)
    assert bpgd.run(problem, first, 1, long, allow_long_steps=True).state.k == 1
    assert bpgd.run(problem, first, 1, 1 / problem.smoothness).state.k == 1


def test_a_step_that_does_not_exist_is_an_error_and_a_shorter_one_is_taken_on_request() -> None:
    # −1/x − τg = −1 + 2τ < 0 only for τ < ½.
    x, g = np.array([[1.0], [1.0]]), np.array([[-2.0], [1.0]])
    with pytest.raises(ValueError, match=r"the step must stay in the interior .*at index \(0,\) with tau = 1"):
        bpgd.step(Burg(), x, g, 1)
    shortened = bpgd.shortened_step(Burg(), x, g, 1)
    np.testing.assert_allclose(shortened, [[2.0], [0.5]])  # τ = ¼ for the first instance, 1 for the second
    with pytest.raises(ValueError, match="the step must stay"):
        bpgd.step(Shannon(), np.array([1.0]), np.array([-1e4]), 1)


def test_infeasible_starts_and_bad_gradients_are_refused() -> None:
    problem = box()
    x = start(problem)
    for bad in (0.0, 1.0, -0.5, 2.0):
        with pytest.raises(ValueError, match=r"x must be in the interior of the domain of FermiDirac\(\), got"):
            bpgd.init(problem, np.where(np.arange(15) == 3, bad, x))
    with pytest.raises(ValueError, match="x must be finite, got nan"):
        bpgd.init(problem, np.where(np.arange(15) == 3, np.nan, x))
    with pytest.raises(ValueError, match=r"x must be an array of shape"):
        bpgd.init(problem, np.array(0.5))
    with pytest.raises(ValueError, match="gradient must be finite, got nan"):
        bpgd.step(problem.reference, x, np.nan * x, 0.1)
    with pytest.raises(ValueError, match=r"gradient must have the shape of x, \(15,\), got \(7,\)"):
        bpgd.step(problem.reference, x, x[:7], 0.1)
    with pytest.raises(ValueError, match="x must be in the interior"):
        bpgd.step(problem.reference, x + 1, x, 0.1)
    with pytest.raises(ValueError, match="tau must be a finite number > 0, got 0"):
        bpgd.step(problem.reference, x, x, 0)
    with pytest.raises(ValueError, match="smoothness must be a finite number > 0, got 0"):
        bpgd.run(Grid(problem.loss, problem.reference, 0), bpgd.init(problem, x), 1)
    with pytest.raises(ValueError, match="iterations must be an integer ≥ 0, got -1"):
        bpgd.run(problem, bpgd.init(problem, x), -1)


def test_costs_are_checked() -> None:
    assert [Costs().of_gradient(level, d, 16) for level, d in enumerate((16, 4, 1))] == [1, 0.25, 0.0625]
    assert [Costs((1, 0.5)).of_gradient(level, d, 16) for level, d in enumerate((16, 4))] == [1, 0.5]
    with pytest.raises(ValueError, match=r"gradients must have one cost for each of 3 levels, got \(1, 0.5\)"):
        Costs((1, 0.5)).check_levels(3)
    with pytest.raises(ValueError, match="value must be a finite number ≥ 0, got -1"):
        Costs(value=-1)
    with pytest.raises(ValueError, match="at least one Progress"):
        Progress.join([])
