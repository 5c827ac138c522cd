"""Problems that are smooth relative to a reference have the constants that they say, and their points lie in the domain."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs
from mlbreg.paper_checks import families
from mlbreg.paper_checks.families.relative import (
    EXACT,
    EXACT_GRADIENTS,
    KINDS,
    NONCONVEX,
    REFERENCES,
    SMOOTH,
    WITH_MINIMIZER,
    RelativePoints,
    RelativeProblems,
)
from mlbreg.paper_checks.families.relative_losses import RationalKullbackLeibler
from mlbreg.paper_checks.families.relative_references import KinkedQuadratic
from mlbreg.paper_checks.instances import draw_batch, exact_instances, generator, perturb_batch
from mlbreg.solvers import bregman_proximal_gradient as bpgd
from mlbreg.theory.arrays import IrrationalError, exact, inner, is_exact
from mlbreg.theory.losses.kullback_leibler import KullbackLeibler
from mlbreg.theory.operators import MatrixOperator
from mlbreg.theory.references import FermiDirac, Shannon


def given_families(*kinds: str) -> dict[str, Any]:
    return {
        "problem": RelativeProblems(kinds, gradients_only=True),
        "x": RelativePoints(),
        "u": RelativePoints(closed=True),
        "tau": families.step_sizes(),
    }


def batches(kind: str, count: int = 6) -> list[dict[str, Any]]:
    drawn = [draw_batch(given_families(kind), generator(seed, kind), 16) for seed in range(count)]
    return drawn + [perturb_batch(given_families(kind), generator(k, "moved"), b, 0.5) for k, b in enumerate(drawn)]


def monotone(problem: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """⟨∇f(x) − ∇f(y), x − y⟩ and ⟨∇φ(x) − ∇φ(y), x − y⟩."""
    f, phi = problem.loss.gradient, problem.reference.gradient
    return inner(f(x) - f(y), x - y), inner(phi(x) - phi(y), x - y)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_in_the_domain_and_stay_there(kind: str) -> None:
    for batch in batches(kind):
        reference = batch["problem"].reference
        assert reference.in_domain(batch["x"]).all()
        assert np.isfinite(reference.value(batch["u"])).all()
        far = RelativePoints().with_coordinates(batch["x"], 1e6 * np.sign(batch["x"] - 0.5), batch)
        assert reference.in_domain(far).all()


def test_closed_points_reach_the_boundary_where_the_reference_is_finite() -> None:
    for kind, sides in (("tilted/shannon", {0.0}), ("tilted/fermi_dirac", {0.0, 1.0}), ("tilted/burg", set())):
        entries = np.concatenate([batch["u"].ravel() for batch in batches(kind)])
        assert {float(x) for x in entries if x in (0.0, 1.0)} == sides


@pytest.mark.parametrize("kind", SMOOTH)
def test_the_constants_bound_the_gradient_relative_to_the_reference(kind: str) -> None:
    for batch in batches(kind):
        problem = batch["problem"]
        slope, dual = monotone(problem, batch["x"], batch["x"][::-1])
        slack = 1e-9 * (1 + abs(slope) + problem.smoothness * dual)
        assert (slope <= problem.smoothness * dual + slack).all()
        assert (problem.relative_convexity is None) == (kind in NONCONVEX)
        if problem.relative_convexity is not None:
            assert (slope >= problem.relative_convexity * dual - slack).all()


@pytest.mark.parametrize("kind", SMOOTH)
def test_the_step_with_one_over_the_smoothness_exists(kind: str) -> None:
    for batch in batches(kind):
        problem, x = batch["problem"], batch["x"]
        limit = np.full(16, float(problem.step_size_limit))
        assert (batch["tau"] <= limit * (1 + 1e-12)).all()
        assert problem.reference.in_domain(bpgd.step(problem.reference, x, problem.loss.gradient(x), limit)).all()


@pytest.mark.parametrize("kind", WITH_MINIMIZER)
def test_the_minimiser_is_known(kind: str) -> None:
    for batch in batches(kind):
        problem = batch["problem"]
        star = problem.loss.minimizer()
        np.testing.assert_allclose(problem.loss.gradient(star), 0, atol=1e-9 * (1 + problem.smoothness))
        assert (problem.loss.value(batch["x"]) >= problem.loss.infimum - 1e-9).all()


@pytest.mark.parametrize("kind", EXACT_GRADIENTS)
def test_exact_instances_are_rational(kind: str) -> None:
    @given(exact_instances(given_families(kind)))
    @settings(max_examples=8, derandomize=True, deadline=None, database=None)
    def check(instance: dict[str, Any]) -> None:
        problem, x = instance["problem"], instance["x"]
        assert is_exact(x)
        assert bool(problem.reference.in_domain(x)[0])
        if kind not in ("signed/burg", "dark/burg"):  # undefined at some x > 0
            assert all(isinstance(entry, Fraction) for entry in problem.loss.gradient(x).flat)
        if kind in EXACT:
            values = [problem.loss.value(x), problem.reference.divergence(instance["u"], x)]
            assert all(isinstance(entry, Fraction) for value in values for entry in value.flat)

    check()


def test_kinds_without_rational_values_have_no_exact_instances_unless_gradients_are_enough() -> None:
    assert RelativeProblems(("kl/burg",)).strategy({}).is_empty
    assert not RelativeProblems(("kl/burg",), gradients_only=True).strategy({}).is_empty
    assert RelativeProblems(("kl/shannon",), gradients_only=True).strategy({}).is_empty


def test_the_rational_data_term_is_that_of_theory() -> None:
    rng = np.random.default_rng(0)
    matrix, data, x = rng.random((4, 3)), rng.random(4), rng.random((5, 3))
    matrix[0, 1] = matrix[2, 0] = matrix[1, 2] = 0
    plain, known = (
        RationalKullbackLeibler(matrix, data, 0.5),
        KullbackLeibler(MatrixOperator(matrix), data, background=0.5),
    )
    np.testing.assert_allclose(plain.value(x), known.value(x))
    np.testing.assert_allclose(plain.gradient(x), known.gradient(x))
    assert plain.burg_constant == pytest.approx(known.burg_constant)
    with pytest.raises(IrrationalError, match="Kullback–Leibler"):
        plain.value(exact([[1, 1, 1]]))


def test_the_rational_data_term_has_no_gradient_where_its_prediction_is_not_positive() -> None:
    loss = RationalKullbackLeibler(np.array([[1.0, -1.0]]), np.ones(1))
    assert np.isnan(loss.gradient(np.array([[1.0, 1.0], [1.0, 2.0]]))).all()
    assert np.isfinite(loss.gradient(np.array([[2.0, 1.0]]))).all()


@given(hs.lists(hs.fractions(-3, 3, max_denominator=4), min_size=2, max_size=2))
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_the_kinked_reference_is_its_own_theory(points: list[Fraction]) -> None:
    phi, (x, y) = KinkedQuadratic(), (exact([[point]]) for point in points)
    assert phi.conjugate_gradient(phi.gradient(x))[0, 0] == points[0]
    assert phi.value(x) + phi.conjugate(phi.gradient(x)) == inner(x, phi.gradient(x))
    distance = phi.divergence(x, y)
    assert distance == phi.value(x) - phi.value(y) - inner(phi.gradient(y), x - y)
    assert (distance > 0) == (points[0] != points[1])


@pytest.mark.parametrize("kinds", [("quadratic/burg",), ("quadratic",), ()])
def test_unknown_kinds_are_refused(kinds: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="kinds must be some of"):
        RelativeProblems(kinds)


def test_a_dimension_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_dimension must be ≥ 1, got 0"):
        RelativeProblems(max_dimension=0)


def test_each_kind_names_its_reference() -> None:
    assert {kind.split("/")[1] for kind in KINDS} == set(REFERENCES)
    for kind in KINDS:
        assert batches(kind, 1)[0]["problem"].reference == REFERENCES[kind.split("/")[1]]
    assert isinstance(REFERENCES["shannon"], Shannon)
    assert isinstance(REFERENCES["fermi_dirac"], FermiDirac)
