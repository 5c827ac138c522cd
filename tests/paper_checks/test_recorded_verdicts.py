"""Every claim of the papers has a complete record, and the verdict that was reviewed is the one that is found.

At standard effort that is what the exit code of `mlbreg verify` says.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib.resources import files

import pytest
from mlbreg.paper_checks import judge as judging
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claim_record import Claim
from mlbreg.paper_checks.effort import Budget, Effort
from mlbreg.paper_checks.evidence import ClaimEvidence
from mlbreg.paper_checks.judge import judge
from mlbreg.paper_checks.recorded import recorded
from mlbreg.paper_checks.verdicts import Verdict

CLAIMS = registry.load()[0]
#: What both papers state, by their own numbers; `-repaired` and other companions come on top.
PAPERS = {
    "lunk2026": "prop-3.1 prop-3.2 eq-13 first-order-coherence mirror-descent-equivalence assumption-1 assumption-2 "
    "lemma-A.1 lemma-A.2 lemma-A.2-descent lemma-A.3 remark-A.4 thm-4.1 cor-4.2 whole-procedure lemma-B.1 lemma-B.2 flops "
    "init-variance support-monotonicity",
    "bungert2021": "eq-2.5 eq-2.7 eq-2.9 eq-2.12-2.14 eq-3.7-vs-2.14 flow-limit thm-3.2 cor-3.3 thm-3.4 remark-3.1 "
    "remark-3.5 example-3.6 thm-3.7 thm-3.8-3.12 thm-3.8-3.13 thm-3.8-3.15 thm-3.8-3.16 cor-3.9 lemma-B.1 lemma-B.2 eq-4.3",
}

#: Whether a hypothesis is needed, where that is a finding.
NEEDED = {
    "lunk2026/lemma-A.3": {"τ̂ ≤ 1/(2𝖫)": True, "E ĝ = ∇L̂": False, "E‖ĝ − ∇L̂‖² ≤ σ²": True},
    "lunk2026/remark-A.4": {"τ̂ ≤ 1/(2𝖫)": False, "σ = 0": True},
    "lunk2026/thm-4.1": {"assumption 2": True, "exact gradients on the fine level": True, "τ ≤ 1/𝖫": True},
    "lunk2026/thm-4.1-sparse-repaired": {"bounded subgradients": True, "τ, τ̂ ≤ 1/(ℓδ)": True},
    "lunk2026/cor-4.2": {"max τ̂ → 0": True, "r_k ≤ r < 1": True, "exact gradients on the fine level": True},
    "lunk2026/whole-procedure": {"exact gradients": True, "τ ≤ 1/𝖫": True, "τ̂ ≤ 1/(2𝖫)": False},
    "lunk2026/lemma-B.2": {"m ≥ 2": False},
}

every_claim = pytest.mark.parametrize("claim", [pytest.param(claim, id=id) for id, claim in CLAIMS.items()])


def test_nothing_that_the_papers_state_is_left_out() -> None:
    for paper, names in PAPERS.items():
        for name in names.split():
            assert registry.select(CLAIMS, (f"{paper}/{name}",))


def test_every_claim_has_a_recorded_verdict_and_every_recorded_verdict_a_claim() -> None:
    assert set(recorded()) == set(CLAIMS)


@pytest.mark.parametrize("id", recorded())
def test_a_recorded_verdict_says_when_and_by_what_evidence_it_was_set(id: str) -> None:
    record = recorded()[id]
    assert isinstance(record.verdict, Verdict)
    assert date.fromisoformat(record.date)
    assert len(record.evidence.split()) >= 2


def test_a_verdict_that_is_no_verdict_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tomllib, "load", lambda _: {"a/b": {"verdict": "plausible", "date": "", "evidence": ""}})
    with pytest.raises(ValueError, match="'plausible' is not a valid Verdict"):
        recorded()


def test_the_file_of_recorded_verdicts_has_each_claim_once() -> None:
    text = files("mlbreg.paper_checks").joinpath("recorded.toml").read_text("utf-8")
    headings = re.findall(r'^\["(.+)"\]$', text, flags=re.MULTILINE)
    assert sorted(headings) == sorted(recorded())


@every_claim
def test_a_claim_has_everything_that_the_report_shows(claim: Claim) -> None:
    assert re.fullmatch(r"(lunk2026|bungert2021|bpgd|mlbpgd)/[\w.-]+", claim.id)
    assert claim.paper in claim.source
    assert claim.title
    assert claim.title != claim.id.split("/")[1]
    assert "\\" in claim.statement  # LaTeX
    assert "$" not in claim.statement
    assert claim.statement.count("{") == claim.statement.count("}")
    assert claim.note
    assert claim.hypotheses
    assert claim.mutants


@every_claim
def test_the_parts_of_a_claim_have_names_of_their_own_and_reasons(claim: Claim) -> None:
    for parts in (claim.hypotheses, claim.mutants):
        names = [part.name for part in parts]
        assert len(set(names)) == len(names)
        assert all(names)
    for hypothesis in claim.hypotheses:
        assert hypothesis.statement
        assert hypothesis.droppable or hypothesis.why


@every_claim
def test_the_patches_of_a_claim_are_bugs_in_code_that_exists(claim: Claim) -> None:
    for mutant in claim.mutants:
        if mutant.patch is not None:
            owner, attribute, replacement = mutant.patch
            assert attribute in vars(owner)
            assert vars(owner)[attribute] is not replacement


@every_claim
def test_a_proved_claim_has_a_proof_and_a_refuted_one_has_none_of_the_whole(claim: Claim) -> None:
    assert (claim.proof is not None) == (recorded()[claim.id].verdict is Verdict.PROVED)


def assert_as_recorded(evidence: ClaimEvidence) -> None:
    assert evidence.verdict is recorded()[evidence.id].verdict, evidence.reason
    assert [mutant.name for mutant in evidence.mutants if not mutant.killed] == []
    if evidence.verdict is Verdict.REFUTED:
        assert evidence.counterexample is not None
        assert evidence.counterexample.exact
    else:
        assert evidence.counterexample is None


@every_claim
def test_the_recorded_verdict_is_found_quickly(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    # A true claim needs no long search; a false one needs an exact counterexample.
    if recorded()[claim.id].verdict is not Verdict.REFUTED and claim.id not in NEEDED:
        monkeypatch.setitem(
            judging.BUDGETS, Effort.QUICK, Budget(problems=20, batch=32, exact=8, witness=8, rounds=3, curve=4)
        )
    evidence = judge(claim, Effort.QUICK)
    assert_as_recorded(evidence)
    found = {hypothesis.name: hypothesis.needed for hypothesis in evidence.hypotheses}
    assert NEEDED.get(claim.id, {}).items() <= found.items()
