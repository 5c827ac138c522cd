"""What happens without a hypothesis: it is needed, not found to be needed, or cannot be dropped."""

from __future__ import annotations

from typing import Any

import pytest
from mlbreg.paper_checks import families
from mlbreg.paper_checks.claim_record import Claim, Hypothesis
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.evidence import HypothesisEvidence
from mlbreg.paper_checks.judge import judge

pytestmark = pytest.mark.usefixtures("small_budget")


def without(claim: Claim) -> HypothesisEvidence:
    (found,) = judge(claim, Effort.QUICK).hypotheses
    return found


def test_a_hypothesis_is_needed_when_an_exact_instance_violates_the_claim_without_it(claim_of: Any) -> None:
    longer = Hypothesis("τ ≤ 2/𝖫", "short steps", without={"tau": families.step_sizes(at_most=3)})
    found = without(claim_of(hypotheses=(longer,)))
    assert (found.name, found.statement, found.needed, found.remark) == ("τ ≤ 2/𝖫", "short steps", True, "")
    assert found.witness is not None
    assert found.witness.exact
    assert found.witness.words.startswith("d = 1, L = ½θ², J = 0, δ = 1, ")
    assert found.witness.margin.startswith("−")


def test_a_hypothesis_that_only_floating_point_misses_has_an_inexact_witness(claim_of: Any) -> None:
    logistic = {"problem": families.problems(losses=("logistic",)), "tau": families.step_sizes(at_most=30)}
    found = without(claim_of(hypotheses=(Hypothesis("short steps", "τ ≤ 2/𝖫", without=logistic),)))
    assert found.needed
    assert found.witness is not None
    assert not found.witness.exact


def test_a_hypothesis_that_does_not_matter_is_not_found_to_be_needed(claim_of: Any) -> None:
    wider = Hypothesis("d ≤ 6", "small", without={"problem": families.problems(max_dimension=8)})
    found = without(claim_of(hypotheses=(wider,)))
    assert (found.needed, found.witness) == (False, None)
    assert found.instances > 20 * 16
    assert found.remark == f"not found to be needed on {found.instances} instances without it"


def test_a_reason_is_told_in_the_place_of_the_count(claim_of: Any) -> None:
    wider = Hypothesis("d ≤ 6", "small", without={"problem": families.problems(max_dimension=8)}, why="d is nothing")
    found = without(claim_of(hypotheses=(wider,)))
    assert (found.needed, found.remark) == (False, "d is nothing")


def test_a_hypothesis_with_nothing_to_drop_cannot_be_dropped(claim_of: Any) -> None:
    fixed = Hypothesis("J(θ*) < ∞", "finite", why="∞ − ∞ means nothing")
    assert not fixed.droppable
    found = without(claim_of(hypotheses=(fixed,)))
    assert (found.needed, found.instances, found.witness, found.remark) == (None, 0, None, "∞ − ∞ means nothing")


def test_a_hypothesis_of_a_claim_that_fails_with_it_is_not_judged(claim_of: Any) -> None:
    def never(tau: Any, **_: Any) -> Any:
        return -tau / tau

    longer = Hypothesis("τ ≤ 2/𝖫", "short steps", without={"tau": families.step_sizes(at_most=3)})
    found = without(claim_of(never, hypotheses=(longer,)))
    assert (found.needed, found.remark) == (None, "the conclusion fails with it, too")


def test_only_the_conclusions_that_hold_tell_whether_a_hypothesis_is_needed(claim_of: Any) -> None:
    def margin(tau: Any, **_: Any) -> dict[str, Any]:
        return {"fails": -tau / tau, "holds": tau / tau}

    longer = Hypothesis("τ ≤ 2/𝖫", "short steps", without={"tau": families.step_sizes(at_most=3)})
    assert without(claim_of(margin, hypotheses=(longer,))).needed is False


def test_a_margin_of_its_own_is_judged_whole(claim_of: Any, descent: Any) -> None:
    twice = Hypothesis(
        "one step", "a step of τ, not of 2τ", margin=lambda problem, pair, tau: descent(problem, pair, 2 * tau)
    )
    found = without(claim_of(hypotheses=(twice,)))
    assert found.needed
    assert found.witness is not None
    assert found.witness.exact


def test_a_family_that_the_claim_does_not_have_may_be_added_for_the_margin_without(claim_of: Any) -> None:
    added = Hypothesis(
        "v is a subgradient",
        "not any w",
        without={"other": families.vectors()},
        margin=lambda other, **_: -abs(other).max(axis=-1),
    )
    found = without(claim_of(hypotheses=(added,)))
    assert found.needed
    assert found.witness is not None
    assert found.witness.words.endswith("w = 1")
