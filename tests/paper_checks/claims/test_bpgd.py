"""The claims about Bregman proximal gradient: what fails, what is sharp and what is measured, by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims.bpgd import mirror_steps, rates, strong_convexity
from mlbreg.paper_checks.counterexamples.bpgd import kinked
from mlbreg.paper_checks.instances import margins
from mlbreg.paper_checks.recorded import recorded
from mlbreg.solvers import bregman_proximal_gradient as bpgd
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import Quadratic, TwoWells
from mlbreg.theory.losses.kullback_leibler import KullbackLeibler
from mlbreg.theory.operators import MatrixOperator
from mlbreg.theory.references import Burg, Euclidean
from mlbreg.theory.relative_problem import RelativeProblem

CLAIMS = {id: claim for id, claim in registry.load()[0].items() if claim.paper == "bpgd"}
HALF = Fraction(1, 2)


def judged(id: str, **instance: Any) -> dict[str, Any]:
    return margins(CLAIMS[f"bpgd/{id}"].margin, instance)


def quadratic(*curvatures: Fraction | int) -> RelativeProblem:
    loss = Quadratic(exact(list(curvatures)))
    return RelativeProblem(loss, Euclidean(), max(loss.curvatures), len(curvatures), min(loss.curvatures))


def poisson(matrix: list[list[float]], data: list[float]) -> RelativeProblem:
    loss = KullbackLeibler(MatrixOperator(np.array(matrix)), np.array(data))
    return RelativeProblem(loss, Burg(), loss.burg_constant, len(matrix[0]), 0)


def test_all_claims_are_registered_and_recorded() -> None:
    names = {
        "three-point", "descent", "rate", "linear-pl", "linear-relative-convexity", "relative-convexity-gives-pl",
        "relative-convexity-gives-pl-repaired", "relative-convexity-gives-pl-euclidean", "kl-burg-smoothness", "step-exists",
        "step-exists-kl", "stays-inside",
    }  # fmt: skip
    assert set(CLAIMS) == {f"bpgd/{name}" for name in names}
    assert set(CLAIMS) == {id for id in recorded() if id.startswith("bpgd/")}


@pytest.mark.parametrize("id", [id for id, claim in CLAIMS.items() if claim.proof])
def test_every_step_of_the_proofs_holds(id: str) -> None:
    proof = CLAIMS[id].proof
    assert proof is not None
    assert proof().failing() == []


def test_the_descent_is_an_equality_at_one_over_the_smoothness_and_fails_beyond() -> None:
    """½θ², x = 1: f(x⁺) = ½(1 − τ)², gain τ/2."""
    x = exact([[1]])
    assert judged("descent", problem=quadratic(1), x=x, tau=exact([1]))["descent"][0] == 0
    assert judged("descent", problem=quadratic(1), x=x, tau=exact([HALF]))["descent"][0] > 0
    assert judged("descent", problem=quadratic(1), x=x, tau=exact([Fraction(101, 100)]))["descent"][0] < 0


def test_without_convexity_the_rate_fails_between_two_wells() -> None:
    """x = 2 is critical with f = 1, the well at 0 is at distance D = 2, and 1 > 2/(kτ) for three steps of 1."""
    problem = RelativeProblem(TwoWells(exact([0])), Euclidean(), 1, 1)
    found = judged("rate", problem=problem, x=exact([[2]]), u=exact([[0]]), tau=exact([1]))
    assert found["rate"][0] < 0


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_the_share_of_the_euclidean_bound_is_that_of_drori_and_teboulle(steps: int) -> None:
    assert rates._huber_share(steps) == Fraction(steps, 2 * steps + 1)


@pytest.mark.parametrize("steps", [1, 4])
def test_no_smaller_constant_serves_all_references(steps: int) -> None:
    """f = −x and φ′ through (0, 0), (1, ε), (1 + ε, 1), slope ε beyond: k steps with kτ = 1 go from 0 to 1 + ε."""
    eps = Fraction(1, 100)

    def slope(x: Fraction) -> Fraction:
        if x <= 1:
            return eps * x
        return eps + (1 - eps) / eps * (x - 1) if x <= 1 + eps else 1 + eps * (x - 1 - eps)

    def inverse(p: Fraction) -> Fraction:
        if p <= eps:
            return p / eps
        return 1 + (p - eps) * eps / (1 - eps) if p <= 1 else 1 + eps + (p - 1) / eps

    x, u = Fraction(0), 2 + eps
    for _ in range(steps):
        x = inverse(slope(x) + Fraction(1, steps))
    corners = [Fraction(0), Fraction(1), 1 + eps, u]
    distance = sum((b - a) * (slope(a) + slope(b)) / 2 for a, b in pairwise(corners))
    assert (u - x) / distance == rates._kinked_share(eps)
    assert 0.97 < rates._kinked_share(eps) < 1


def test_the_linear_rate_is_slower_than_the_euclidean_one_with_burg() -> None:
    """f = φ + x, x* = 1, τ = ½: 1/x⁺ = ½/x + ½. D(x*, x) = 1/x − log(1/x) − 1."""
    x = 1e-6
    plus = 2 / (1 / x + 1)
    share = (1 / plus + math.log(plus) - 1) / (1 / x + math.log(x) - 1)
    assert strong_convexity._slowest(Burg(), x, 1.0) == pytest.approx(share, rel=1e-12)
    assert 0.499 < share < 0.5
    assert strong_convexity._slowest(Euclidean(), x, 1.0) == pytest.approx(0.25)


def test_the_pl_constant_of_a_kinked_reference_falls_below_that_of_strong_convexity_across_the_kink() -> None:
    """f = φ − x, μ = L = 1, τ = ½, so that μτ = ½; η = D(x, x⁺)/(τ(f(x) − f*)) with x* = 2, f* = −1."""
    shares = []
    for x in (Fraction(1), Fraction(-1), Fraction(-3)):
        value, slope = kinked(x)
        dual = slope - HALF * (slope - 1)
        plus = 2 * dual if dual > 0 else dual
        distance = value - kinked(plus)[0] - dual * (x - plus)
        shares.append(distance / HALF / ((value - x) - (kinked(Fraction(2))[0] - 2)))
    assert shares == [HALF, Fraction(2, 5), Fraction(8, 17)]


def test_the_euclidean_pl_inequality_is_an_equality_for_equal_curvatures_at_any_step_size() -> None:
    x = exact([[1, -2]])
    for tau in (HALF, Fraction(2), Fraction(7)):
        found = judged("relative-convexity-gives-pl-euclidean", problem=quadratic(3, 3), x=x, tau=exact([tau]))
        assert found[""][0] == 0
    assert judged("relative-convexity-gives-pl-euclidean", problem=quadratic(3, 1), x=x, tau=exact([HALF]))[""][0] > 0


def test_the_constant_of_the_poisson_term_is_sharp_for_one_column_and_far_below_the_total_for_a_diagonal() -> None:
    x, y = np.array([[1.0]]), np.array([[3.0]])
    one = poisson([[1.0], [2.0]], [1.0, 2.0])
    assert one.smoothness == 3
    assert judged("kl-burg-smoothness", problem=one, x=x, y=y)["smoothness"][0] == pytest.approx(0, abs=1e-15)
    short = RelativeProblem(one.loss, Burg(), 2.9, 1, 0)
    assert judged("kl-burg-smoothness", problem=short, x=x, y=y)["smoothness"][0] < -1e-3
    diagonal = poisson(np.eye(3).tolist(), [1.0, 2.0, 3.0])
    assert (diagonal.smoothness, diagonal.loss.total_constant) == (3, 6)  # type: ignore[attr-defined]


def test_the_poisson_step_from_near_zero_exists_up_to_one_over_the_smoothness() -> None:
    problem, x = poisson([[1.0]], [2.0]), np.array([[1e-6]])
    for share, exists in ((1.0, True), (1.001, False)):
        found = judged("step-exists-kl", problem=problem, x=x, tau=np.array([share / 2]))[""][0]
        assert bool(found > 0) is exists
    with pytest.raises(ValueError, match="take a smaller tau"):
        bpgd.step(Burg(), x, problem.loss.gradient(x), 0.5005)


def test_the_planted_steps_are_wrong_steps_and_the_original_comes_back() -> None:
    x, g, tau = np.array([[0.5]]), np.array([[1.0]]), np.array([0.1])
    original = bpgd.shortened_step
    right = original(Burg(), x, g, tau)
    planted = [mirror_steps.ASCENT, mirror_steps.DOUBLE_STEP, mirror_steps.HALF_STEP, mirror_steps.EUCLIDEAN_STEP]
    for mutant in planted:
        assert mutant.patch is not None
        assert not np.allclose(mutant.patch[2](Burg(), x, g, tau), right)
    assert bpgd.shortened_step is original


def test_strong_convexity_is_asked_for_where_a_claim_needs_it() -> None:
    with pytest.raises(ValueError, match="problem must be convex"):
        mirror_steps.convexity(RelativeProblem(TwoWells(exact([0])), Euclidean(), 1, 1), exact([[0]]))
