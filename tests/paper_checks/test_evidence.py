"""Evidence is reproducible, and survives being written down and read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from mlbreg.paper_checks import families
from mlbreg.paper_checks.claim_record import Claim, Hypothesis, Mutant
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.evidence import ClaimEvidence, RunEvidence, from_json
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.proof import Proof, Step, symbols
from mlbreg.paper_checks.verdicts import Verdict

pytestmark = pytest.mark.usefixtures("small_budget")


def with_everything(claim_of: Any) -> Claim:
    """A claim with evidence of every kind: counterexample, hypotheses, mutants, proof, step-size limit."""
    (x,) = symbols("x")
    return claim_of(
        given={
            "problem": families.problems(losses=("quadratic",), regularizers=("zero", "l1")),
            "pair": families.primal_dual_pairs(),
            "tau": families.step_sizes(at_most=3),
        },
        hypotheses=(Hypothesis("finite", "cannot be dropped", why="it cannot"),),
        mutants=(Mutant("a wrong statement", margin=lambda tau, **_: -tau / tau),),
        proof=lambda: Proof((Step("x − x", x - x),), "nothing"),
    )


def without_seconds(evidence: ClaimEvidence) -> ClaimEvidence:
    return replace(evidence, seconds=0)


def test_judging_twice_gives_the_same_evidence(claim_of: Any) -> None:
    first = judge(with_everything(claim_of), Effort.QUICK, seed=3)
    judge(claim_of(id="mine/between"), Effort.QUICK, seed=3)
    again = judge(with_everything(claim_of), Effort.QUICK, seed=3)
    assert without_seconds(first) == without_seconds(again)


def test_another_seed_gives_other_instances_and_the_same_verdict(claim_of: Any) -> None:
    first, other = (judge(with_everything(claim_of), Effort.QUICK, seed) for seed in (0, 1))
    assert first.conclusions[0].median_margin != other.conclusions[0].median_margin
    assert first.verdict is other.verdict is Verdict.REFUTED


def test_evidence_survives_json(claim_of: Any) -> None:
    evidence = judge(with_everything(claim_of), Effort.QUICK)
    assert evidence.counterexample is not None
    assert evidence.proof is not None
    assert evidence.tightness is not None
    assert evidence.adversary is not None
    again = from_json(json.loads(json.dumps(evidence.to_json())))
    assert again == evidence
    assert isinstance(again.verdict, Verdict)


def test_a_witness_survives_json(claim_of: Any) -> None:
    longer = Hypothesis("τ ≤ 2/𝖫", "short steps", without={"tau": families.step_sizes(at_most=3)})
    evidence = judge(claim_of(hypotheses=(longer,)), Effort.QUICK)
    assert evidence.hypotheses[0].witness is not None
    assert from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_evidence_of_a_claim_that_raises_survives_json(claim_of: Any) -> None:
    evidence = judge(claim_of(lambda **_: 1 / 0), Effort.QUICK)
    assert evidence.verdict is Verdict.UNDECIDED
    assert from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_the_command_that_reproduces_the_evidence_names_everything_it_depends_on(claim_of: Any) -> None:
    evidence = judge(claim_of(lambda **_: 1 / 0), Effort.QUICK, 7, ("a.py", "b.c"))
    assert evidence.reproduce == "mlbreg verify mine/claim --effort quick --seed 7 --claims a.py --claims b.c"


def test_the_record_of_the_claim_is_in_its_evidence(claim_of: Any) -> None:
    claim = claim_of(lambda **_: 1 / 0, reconstructed=True, note="a note")
    evidence = judge(claim, Effort.QUICK)
    for name in ("id", "title", "statement", "source", "note", "reconstructed"):
        assert getattr(evidence, name) == getattr(claim, name)


def test_a_run_counts_its_instances_and_names_the_verdicts_that_changed(claim_of: Any) -> None:
    base = judge(claim_of(lambda **_: 1 / 0), Effort.QUICK)
    claims = [
        replace(base, id="a/same", verdict=Verdict.PROVED, instances=3),
        replace(base, id="a/new", verdict=Verdict.SUPPORTED, instances=4),
        replace(base, id="a/changed", verdict=Verdict.REFUTED, instances=5),
    ]
    recorded = {"a/same": "proved", "a/changed": "proved", "a/not judged": "proved"}
    run = RunEvidence("quick", 0, "0", [], claims, recorded, 1.0)
    assert run.instances == 12
    assert run.changed == [("a/new", None, "supported"), ("a/changed", "proved", "refuted")]
