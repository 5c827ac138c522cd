"""Two-level problems: the objectives are what their names say, with constants that hold, and the draws stay in their sets."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs
from mlbreg.paper_checks.families.level_problems import CONVEX, MatrixTransfer, RidgeSum, grid_matrix, levels
from mlbreg.paper_checks.families.levels import Counts, LevelPoints, Shares, TwoLevels
from mlbreg.theory.arrays import exact, inner
from mlbreg.theory.operators.grid_transfer import GridTransfer
from mlbreg.theory.references import Burg, Euclidean, FermiDirac

PAIRS = [(reference, ridge) for reference, ridges in CONVEX.items() for ridge in ridges] + [("euclidean", "wells")]


def draw(family: TwoLevels, seed: int) -> Any:
    return family.sample(np.random.default_rng(seed), 1, {})


@pytest.mark.parametrize(("reference", "ridge"), PAIRS)
def test_the_gradient_is_that_of_the_value(reference: str, ridge: str) -> None:
    problem = draw(TwoLevels((reference,), fine=(ridge,)), 3)
    x = LevelPoints().sample(np.random.default_rng(0), 20, {"problem": problem})
    for i in range(problem.dimension):
        h = 1e-6 * np.maximum(1e-3, x[:, i])
        step = np.eye(problem.dimension)[i] * h[:, None]
        slope = (problem.loss.value(x + step) - problem.loss.value(x - step)) / (2 * h)
        np.testing.assert_allclose(slope, problem.loss.gradient(x)[:, i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("reference", "ridge"), PAIRS)
@pytest.mark.parametrize("seed", range(4))
def test_the_objective_is_smooth_relative_to_the_reference_on_both_levels(
    reference: str, ridge: str, seed: int
) -> None:
    rng, problem = np.random.default_rng(seed), draw(TwoLevels((reference,), fine=(ridge,), coarse=(ridge,)), seed)
    for coarse, level in ((False, problem), (True, problem.below[0])):
        points = LevelPoints(coarse)
        x, y = (points.sample(rng, 200, {"problem": problem}) for _ in range(2))
        f, phi = level.loss, level.reference
        linear = f.value(y) + inner(f.gradient(y), x - y)
        excess = f.value(x) - linear - level.smoothness * phi.divergence(x, y)
        assert np.all(excess <= 1e-9 * (1 + abs(f.value(x)) + abs(linear)))


def test_half_of_a_tight_constant_is_too_small() -> None:
    f = RidgeSum(np.array([[3.0, 4.0]]), np.array([1.0]))
    assert f.constant(Euclidean()) == pytest.approx(25)
    assert f.constant(FermiDirac()) == pytest.approx(25 / 4)
    assert RidgeSum(exact([[3, 4]]), exact([1])).constant(Euclidean()) == 25
    assert RidgeSum(exact([[1, 0], [1, 1]]), exact([0, 0])).constant(Euclidean()) == 3
    assert RidgeSum(exact([[1, 2]]), exact([5]), "poisson").constant(Burg()) == 5


def test_the_wells_are_at_zero_and_beyond_a_hump_of_the_steepness_asked_for() -> None:
    f = RidgeSum(exact([[1]]), exact([0]), "wells", 1, 4)
    points = exact([[0], [1], [Fraction(5, 4)], [Fraction(3, 2)], [Fraction(5, 2)], [3]])
    half = Fraction(1, 2)
    assert f.value(points).tolist() == [0, half, Fraction(5, 8), half, 0, Fraction(1, 8)]
    assert f.gradient(points)[:, 0].tolist() == [0, 1, 0, -1, 0, half]


@pytest.mark.parametrize("kind", ["cell", "vertex", "any", "selection"])
def test_the_prolongation_is_the_adjoint_of_the_restriction_but_for_the_factor(kind: str) -> None:
    transfer = draw(TwoLevels(("euclidean",), (kind,)), 1).below[1]
    rng = np.random.default_rng(0)
    x, xi = (rng.normal(size=(5, n)) for n in transfer.restriction.shape[::-1])
    left, right = inner(transfer.restrict(x), xi), inner(x, transfer.prolong(xi))
    np.testing.assert_allclose(transfer.factor * left, right, rtol=1e-12)


def test_grid_transfers_are_those_of_the_operators_in_exact_numbers() -> None:
    for kind, n in (("cell", 4), ("vertex", 7)):
        make = GridTransfer.cell_centred if kind == "cell" else GridTransfer.vertex_centred
        own, theirs = MatrixTransfer.adjoint(exact(grid_matrix(kind, n)), 2), make(n, 1)
        x = exact([[Fraction(i * i, 3) for i in range(n)]])
        assert own.restrict(x).tolist() == theirs.restrict(x).tolist()
        assert own.prolong(own.restrict(x)).tolist() == theirs.prolong(theirs.restrict(x)).tolist()


@pytest.mark.parametrize("reference", ["euclidean", "burg", "fermi_dirac", "shannon"])
def test_points_and_their_restrictions_are_in_the_domains(reference: str) -> None:
    for seed in range(10):
        problem = draw(TwoLevels((reference,)), seed)
        lower, transfer = problem.below
        y = LevelPoints().sample(np.random.default_rng(seed), 100, {"problem": problem})
        assert problem.reference.in_domain(y).all()
        assert lower.reference.in_domain(transfer.restrict(y)).all()
        moved = LevelPoints().with_coordinates(y, -3 * y, {"problem": problem})
        assert problem.reference.in_domain(moved).all()


@given(hs.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_exact_draws_are_fractions_of_the_same_kind(data: Any) -> None:
    problem = data.draw(TwoLevels().simplified(2).strategy({}))
    y = data.draw(LevelPoints().strategy({"problem": problem}))
    assert y.dtype == object
    assert problem.reference.in_domain(y).all()
    assert problem.loss.gradient(y).dtype == object
    assert isinstance(data.draw(Shares().strategy({})), Fraction)
    assert 1 <= data.draw(Counts(1, 2).strategy({})) <= 2


def test_the_galerkin_model_is_the_fine_objective_along_the_prolongation() -> None:
    problem = draw(TwoLevels(("euclidean",), ("cell",), ("square",), galerkin=Fraction(3)), 5)
    lower, transfer = problem.below
    xi = np.random.default_rng(0).normal(size=(6, lower.dimension))
    np.testing.assert_allclose(lower.loss.value(xi), 3 * problem.loss.value(transfer.prolong(xi)) / 2, rtol=1e-12)


def test_names_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("references must be some of ('euclidean', 'burg'")):
        TwoLevels(("euclid",))
    with pytest.raises(ValueError, match="transfers must be some of"):
        TwoLevels(transfers=())
    with pytest.raises(ValueError, match=r"ridge must be one of .* got 'cubic'"):
        RidgeSum(np.eye(2), np.zeros(2), "cubic")
    with pytest.raises(ValueError, match="target must have one entry for each of 2 rows, got 3"):
        RidgeSum(np.eye(2), np.zeros(3))


def test_a_problem_says_in_its_words_what_it_is() -> None:
    f = RidgeSum(exact([[1, 2]]), exact([Fraction(1, 2)]))
    problem = levels(f, RidgeSum(exact([[1]]), exact([0])), MatrixTransfer.adjoint(exact([[1, 1]]), 2))
    assert "1·Σ square(Ax, b), A = ((1, 2)), b = (1/2)" in repr(problem)
    assert "R = ((1, 1)), P = 2·Rᵀ" in repr(problem)
