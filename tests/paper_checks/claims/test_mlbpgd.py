"""The claims about multilevel Bregman proximal gradient: their counterexamples in the solvers, and how sharp they are."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import claim_record, registry
from mlbreg.paper_checks.claims.mlbpgd import non_convex, rates
from mlbreg.paper_checks.claims.mlbpgd.coarse_phase import coarse_phase, one_cycle
from mlbreg.paper_checks.counterexamples import known, recheck
from mlbreg.paper_checks.counterexamples.mlbpgd import BY_ID, past_a_hump
from mlbreg.paper_checks.families.level_problems import MatrixTransfer, RidgeSum, grid_matrix, levels
from mlbreg.paper_checks.families.levels import TwoLevels
from mlbreg.paper_checks.recorded import recorded
from mlbreg.solvers import multilevel_bpgd
from mlbreg.solvers.coarse_correction import Outcome
from mlbreg.solvers.criteria import EveryKth, GradientTest, Never
from mlbreg.solvers.multilevel_bpgd import MultilevelBPGD
from mlbreg.theory.arrays import exact

CLAIMS = {id: claim for id, claim in registry.load()[0].items() if id.startswith("mlbpgd/")}
CELLS = MatrixTransfer.adjoint(exact(grid_matrix("cell", 2)), 2)


def linear(*g: Any) -> RidgeSum:
    return RidgeSum(exact(np.eye(len(g), dtype=int)), exact(g), "linear")


def hump(steepness: int = 32) -> Any:
    return non_convex.Humps()._problem([Fraction(0), Fraction(1, 4)], steepness, exact)


def test_every_refuted_claim_has_a_counterexample_by_hand_and_no_other_has() -> None:
    refuted = {id for id, record in recorded().items() if id in CLAIMS and record.verdict == "refuted"}
    assert set(BY_ID) == refuted <= set(known())
    assert all(found is not None and found < 0 for found in map(recheck, refuted))


def test_every_claim_says_that_it_is_reconstructed_and_those_that_hold_have_a_proof() -> None:
    for id, claim in CLAIMS.items():
        assert claim.reconstructed
        assert (claim.proof is not None) == (recorded()[id].verdict == "proved")
        assert claim.mutants
        assert len(claim.mutants) >= 3 or recorded()[id].verdict == "refuted"


def test_four_steps_past_the_hump_point_uphill_and_three_do_not() -> None:
    for steps, uphill in ((1, False), (2, False), (3, False), (4, True)):
        slope = coarse_phase(hump(), exact([[0, 0]]), Fraction(1), steps).slope[0]
        assert slope == -past_a_hump(steps)
        assert (slope > 0) is uphill


def test_a_less_steep_hump_takes_one_step_more() -> None:
    slopes = [coarse_phase(hump(16), exact([[0, 0]]), Fraction(1), steps).slope[0] for steps in (4, 5)]
    assert slopes[0] < 0 < slopes[1]


def test_the_line_search_turns_the_uphill_direction_down() -> None:
    correction = one_cycle(hump(), MultilevelBPGD(4), exact([[0, 0]])).correction
    assert correction.outcome.tolist() == [Outcome.NO_DESCENT]


def test_a_quadratic_coarse_objective_descends_even_where_it_is_concave() -> None:
    # ψ = ξ₁²/2 − 5ξ₂²: ⟨g, (I − τH)ⁱg⟩ ≥ 0 for every i.
    H, g = np.diag([1.0, -10.0]), np.array([0.3, -0.7])
    xi = np.zeros(2)
    for _ in range(20):
        xi = xi - (H @ xi + g)
        assert g @ xi < 0


def test_the_whole_correction_leaves_the_orthant_and_its_dual_transfer_does_not() -> None:
    problem = levels(linear(0, 1), linear(0), CELLS, "burg")
    y = exact([[1, 4]])
    assert (y + coarse_phase(problem, y, Fraction(1), 1).direction).tolist() == [[Fraction(-7, 18), Fraction(47, 18)]]
    plain = one_cycle(problem, MultilevelBPGD(1, line_search=None), y)
    assert plain.correction.outcome.tolist() == [Outcome.LEFT_DOMAIN]
    levels_ = multilevel_bpgd.hierarchy(problem)
    dual = MultilevelBPGD(1, line_search=None, dual_transfer=True)
    _, (correction,) = multilevel_bpgd.cycle(levels_, dual, multilevel_bpgd.init(levels_, dual, y))
    assert correction.outcome.tolist() == [Outcome.TAKEN]


@pytest.mark.parametrize(("M", "exceeds"), [(2, False), (3, True), (5, True)])
def test_one_correction_along_the_valley_breaks_the_rate_from_a_width_of_three_on(M: int, exceeds: bool) -> None:
    problem, x = rates.Valleys()._problem(M, exact), exact([[1, 0]])
    settings = MultilevelBPGD(1, criterion=EveryKth(2))
    run = multilevel_bpgd.run(problem, settings, x, 2)
    assert run.corrections[0][0].alpha.tolist() == [1]
    assert (run.progress.values[-1][0] > Fraction(1, 4)) is exceeds
    single = multilevel_bpgd.run(problem, MultilevelBPGD(1, criterion=Never()), x, 2)
    assert single.progress.values[-1][0] == 0


def test_no_constant_helps_the_rate() -> None:
    found = [float(m.measured) for m in CLAIMS["mlbpgd/rate"].measurements()]  # type: ignore[misc]
    assert found[0] > 1
    assert found == sorted(found)
    assert found[-1] > 1000


def test_the_constant_of_the_repaired_rate_is_approached_and_not_exceeded() -> None:
    found = [float(m.measured) for m in CLAIMS["mlbpgd/rate-level-set"].measurements()]  # type: ignore[misc]
    assert found == sorted(found)
    assert 0.98 < found[-1] <= 1


def test_a_criterion_beyond_one_over_root_two_never_uses_the_coarse_grid() -> None:
    problem = TwoLevels(("euclidean",), ("cell",), ("square",), ("square",)).sample(np.random.default_rng(0), 1, {})
    x = np.random.default_rng(1).normal(size=(50, problem.dimension))
    for kappa, used in ((0.72, False), (0.1, True)):
        run = multilevel_bpgd.run(problem, MultilevelBPGD(1, criterion=GradientTest(kappa, 1e-12)), x, 3)
        taken = [correction[0].outcome != Outcome.FINE for correction in run.corrections]
        assert bool(np.any(taken)) is used


def test_constant_gradients_attain_the_bound_on_cell_centred_grids_alone() -> None:
    for kind, n, share in (("cell", 8, Fraction(1, 2)), ("vertex", 7, Fraction(3, 7))):
        R, ones = exact(grid_matrix(kind, n)), exact([1] * n)
        assert sum((R @ ones) ** 2) / n == share


def test_the_bound_for_coarse_steps_is_half_of_the_slope_of_one_euclidean_step() -> None:
    problem = levels(RidgeSum(exact([[1, 2]]), exact([3])), RidgeSum(exact([[2]]), exact([1])), CELLS)
    phase = coarse_phase(problem, exact([[1, -1]]), Fraction(1, 2), 1)
    distance = ((phase.path[1] - phase.path[0]) ** 2).sum() / 2
    assert phase.slope[0] == -2 * 2 * distance / phase.tau


def test_the_cycle_written_out_is_the_cycle_of_the_solver() -> None:
    rng = np.random.default_rng(2)
    for reference in ("euclidean", "fermi_dirac"):
        problem = TwoLevels((reference,), fine=("square",)).sample(rng, 1, {})
        x = rng.uniform(0.1, 0.9, size=(20, problem.dimension))
        found = one_cycle(problem, MultilevelBPGD(2), x)
        phi, tau = problem.reference, 1 / problem.smoothness
        expected = phi.conjugate_gradient(phi.gradient(found.corrected) - tau * problem.loss.gradient(found.corrected))
        np.testing.assert_allclose(found.after, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.correction.slope, found.phase.slope, rtol=1e-9, atol=1e-12)


def test_claims_register_once() -> None:
    assert set(CLAIMS) <= set(claim_record.registered())
    assert len(CLAIMS) == 20
