"""Verdicts: each follows from its evidence, and nothing is green by default."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import families
from mlbreg.paper_checks.claim_record import Claim, Mutant
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.evidence import ClaimEvidence, ExactEvidence
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.proof import Proof, Step, symbols
from mlbreg.paper_checks.verdicts import MEANING, Verdict
from mlbreg.solvers import linbreg

pytestmark = pytest.mark.usefixtures("small_budget")

TOO_LONG = {
    "problem": families.problems(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=3),
}
VECTORS = {"problem": families.problems(), "theta": families.vectors()}


def verdict_of(claim: Claim, seed: int = 0) -> ClaimEvidence:
    return judge(claim, Effort.QUICK, seed)


def standing_proof() -> Proof:
    x, y = symbols("x", "y")
    return Proof((Step("a square", (x + y) ** 2 - x**2 - 2 * x * y - y**2),), "so it is.")


def failing_proof() -> Proof:
    x, y = symbols("x", "y")
    return Proof((Step("a square", (x + y) ** 2 - x**2 - y**2), Step("nothing", 0 * x)), "so it is not.")


def test_a_false_claim_is_refuted_by_an_exact_counterexample(claim_of: Any) -> None:
    found = verdict_of(claim_of(given=TOO_LONG))
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample is not None
    assert found.counterexample.exact
    assert found.counterexample.words.startswith("d = 1, L = ½θ², J = 0, δ = 1, ")
    assert found.reason == f"margin {found.counterexample.margin} (exact)"
    (conclusion,) = found.conclusions
    assert conclusion.violations > 0
    assert conclusion.counterexample == found.counterexample


def test_a_true_claim_without_a_proof_is_supported(claim_of: Any) -> None:
    found = verdict_of(claim_of())
    assert found.verdict is Verdict.SUPPORTED
    assert found.counterexample is None
    assert found.proof is None
    assert found.smallest_margin is not None
    assert found.smallest_margin >= -1e-9


def test_a_true_claim_with_a_proof_is_proved(claim_of: Any) -> None:
    found = verdict_of(claim_of(proof=standing_proof))
    assert found.verdict is Verdict.PROVED
    assert found.proof is not None
    assert (found.proof.steps, found.proof.failing, found.proof.conclusion) == (["a square"], [], "so it is.")


def test_a_proof_with_a_step_that_fails_decides_nothing(claim_of: Any) -> None:
    found = verdict_of(claim_of(proof=failing_proof))
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason == "a step of the proof does not hold: a square"
    assert found.proof is not None
    assert found.proof.failing == ["a square"]


def test_a_counterexample_outweighs_a_proof(claim_of: Any) -> None:
    found = verdict_of(claim_of(lambda theta, **_: -theta[..., 0], given=VECTORS, proof=standing_proof))
    assert found.verdict is Verdict.REFUTED
    assert "the proof stands, so statement and implementation disagree" in found.reason


def test_a_margin_that_is_not_a_number_decides_nothing(claim_of: Any) -> None:
    def margin(theta: Any, **_: Any) -> Any:
        return np.where(theta[..., 0] > 0, math.nan, 1) if theta.dtype == float else 0 * theta[..., 0] + 1

    found = verdict_of(claim_of(margin, given=VECTORS, proof=standing_proof))
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason == "a margin is not a number on some instance"
    assert found.smallest_margin is None
    assert found.conclusions[0].not_a_number > 0


@pytest.mark.parametrize("loss", ["logistic", "sine_quadratic"])
def test_a_violation_that_only_floating_point_shows_decides_nothing(loss: str, claim_of: Any) -> None:
    found = verdict_of(claim_of(given={**TOO_LONG, "problem": families.problems(losses=(loss,))}))
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason.startswith("floating point shows margin −")
    assert found.reason.endswith("no exact counterexample was found")
    assert found.exact == ExactEvidence(0, 0)
    assert found.counterexample is not None
    assert not found.counterexample.exact
    assert found.counterexample.margin_value < 0


def test_a_true_claim_about_a_loss_without_exact_arithmetic_is_supported(claim_of: Any) -> None:
    given = {**TOO_LONG, "problem": families.problems(losses=("logistic",)), "tau": families.step_sizes()}
    found = verdict_of(claim_of(given=given))
    assert found.verdict is Verdict.SUPPORTED
    assert found.exact == ExactEvidence(0, 0)


def test_what_only_the_adversary_finds_decides_nothing(claim_of: Any) -> None:
    # Negative for float arrays only, near a point that chance does not hit.
    def margin(theta: Any, **_: Any) -> Any:
        if theta.dtype == object:
            return 0 * theta[..., 0] + 1
        return np.minimum(abs(theta[..., 0] - 0.777), 1) - 1e-2

    given = {"problem": families.problems(max_dimension=1), "theta": families.vectors()}
    for seed in range(20):  # one on which chance misses it
        found = verdict_of(claim_of(margin, given=given), seed)
        if not found.conclusions[0].violations:
            break
    assert found.verdict is Verdict.UNDECIDED
    assert found.adversary is not None
    assert found.adversary.by_chance > 0 > found.adversary.by_search
    assert found.smallest_margin == found.adversary.by_search


@pytest.mark.parametrize("where", ["margin", "proof"])
def test_an_exception_decides_nothing_and_says_where_it_came_from(where: str, claim_of: Any) -> None:
    def broken(**_: Any) -> Any:
        raise KeyError("a typo")

    found = verdict_of(claim_of(broken) if where == "margin" else claim_of(proof=broken))
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason.startswith("KeyError: 'a typo' (in broken, test_judge.py:")
    assert (found.instances, found.smallest_margin) == (0, None)
    assert found.reproduce == "mlbreg verify mine/claim --effort quick --seed 0"


def test_a_violation_too_small_for_floating_point_is_refuted_exactly(claim_of: Any) -> None:
    def margin(theta: Any, **_: Any) -> Any:
        return theta[..., 0] ** 2 - (Fraction(1, 10**15) if theta.dtype == object else 1e-15)

    found = verdict_of(claim_of(margin, given=VECTORS))
    assert found.verdict is Verdict.REFUTED
    assert found.conclusions[0].violations == 0
    assert found.counterexample is not None
    assert found.counterexample.margin == f"−1/{10**15}"


def test_each_conclusion_that_fails_has_a_counterexample_of_its_own(claim_of: Any) -> None:
    def margin(theta: Any, **_: Any) -> dict[str, Any]:
        return {"first ≤ 0": -theta[..., 0], "holds": 0 * theta[..., 0] + 1, "first ≥ 0": theta[..., 0]}

    found = verdict_of(claim_of(margin, given=VECTORS))
    assert found.verdict is Verdict.REFUTED
    by_name = {conclusion.name: conclusion for conclusion in found.conclusions}
    assert by_name["holds"].counterexample is None
    for name, theta in (("first ≤ 0", "θ = 1"), ("first ≥ 0", "θ = −1")):
        witness = by_name[name].counterexample
        assert witness is not None
        assert witness.conclusion == name
        assert witness.words.endswith(theta)
    assert found.reason.endswith(f" in {found.counterexample.conclusion}" if found.counterexample else "")


def test_instances_of_every_kind_are_counted(claim_of: Any) -> None:
    found = verdict_of(claim_of())
    assert found.exact is not None
    assert found.adversary is not None
    assert found.instances == 6 * 16 + found.exact.instances + found.adversary.evaluations


def test_a_mutant_that_survives_is_reported_as_surviving(claim_of: Any) -> None:
    mutants = (
        Mutant("no bug", patch=(linbreg, "step", linbreg.step)),
        Mutant("a wrong statement", margin=lambda tau, **_: -tau / tau),
    )
    found = verdict_of(claim_of(mutants=mutants))
    assert [(mutant.name, mutant.killed) for mutant in found.mutants] == [
        ("no bug", False),
        ("a wrong statement", True),
    ]


def test_the_step_size_limit_of_a_simple_claim_is_measured_without_being_asked_for(claim_of: Any) -> None:
    found = verdict_of(claim_of(given={**TOO_LONG, "problem": families.problems(losses=("quadratic",))}))
    assert found.tightness is not None
    assert (found.tightness.paper_limit, found.tightness.searched_up_to) == (3, 6)
    assert found.tightness.critical == pytest.approx(2, abs=0.05)


def test_a_claim_without_a_step_size_has_no_limit(claim_of: Any) -> None:
    assert verdict_of(claim_of(lambda theta, **_: 0 * theta[..., 0], given=VECTORS)).tightness is None


def test_a_claim_with_several_conclusions_is_not_measured_unless_it_says_which(claim_of: Any, descent: Any) -> None:
    claim = claim_of(lambda **given: {"one": descent(**given), "two": descent(**given)})
    assert verdict_of(claim).tightness is None


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_meaning(verdict: Verdict) -> None:
    assert len(MEANING[verdict].split()) > 3
