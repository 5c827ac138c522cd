"""The judge: every kind of evidence about one claim, and the verdict that follows from it.

refuted          an exact counterexample exists
undecided        floating point shows a violation (or no number) that exact arithmetic did not confirm; a proof fails
proved           every step of the proof is verified and no instance violates the claim
supported        no instance violates the claim
"""

from __future__ import annotations

import math
import time
import traceback
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from .adversary import minimise
from .claim_record import Claim, Hypothesis, StepSizeLimit
from .describe import number
from .evidence import (
    AdversaryEvidence,
    ClaimEvidence,
    ConclusionEvidence,
    Counterexample,
    ExactEvidence,
    HypothesisEvidence,
    ProofEvidence,
)
from .exact_search import exact_search, float_counterexample
from .families import StepSizes
from .instances import Given, generator
from .mutation import kill
from .random_search import TOLERANCE, RandomSearch, is_violation, random_search, summary
from .tightness import measure
from .verdicts import Verdict


class Effort(StrEnum):
    """How long to look."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"


@dataclass(frozen=True)
class Budget:
    """How many problems, points per problem, exact instances and adversary rounds one claim gets."""

    problems: int
    batch: int
    exact: int
    rounds: int
    curve: int


BUDGETS = {
    Effort.QUICK: Budget(problems=30, batch=64, exact=60, rounds=20, curve=20),
    Effort.STANDARD: Budget(problems=200, batch=128, exact=200, rounds=60, curve=40),
    Effort.THOROUGH: Budget(problems=5000, batch=128, exact=2000, rounds=300, curve=400),
}


def judge(
    claim: Claim, effort: Effort = Effort.STANDARD, seed: int = 0, modules: tuple[str, ...] = ()
) -> ClaimEvidence:
    """All evidence about one claim. The same claim, effort and seed give the same evidence (``seconds`` apart).

    ``modules`` are the user's claim files, for the command that reproduces the evidence. A claim whose code raises an
    exception is undecided, and says so: one broken claim does not end a run.
    """
    start = time.perf_counter()
    try:
        evidence = _judge(claim, effort, seed)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} (in {last.name}, {Path(last.filename).name}:{last.lineno})"
        evidence = _record(claim, verdict=Verdict.UNDECIDED, reason=reason, instances=0, smallest_margin=None)
    files = "".join(f" --claims {module}" for module in modules)
    reproduce = f"mlbreg verify {claim.id} --effort {effort} --seed {seed}{files}"
    return replace(evidence, reproduce=reproduce, seconds=time.perf_counter() - start)


def _record(claim: Claim, **evidence: Any) -> ClaimEvidence:
    return ClaimEvidence(
        id=claim.id,
        title=claim.title,
        statement=claim.statement,
        source=claim.source,
        note=claim.note,
        reconstructed=claim.reconstructed,
        **evidence,
    )


def _judge(claim: Claim, effort: Effort, seed: int) -> ClaimEvidence:
    budget = BUDGETS[effort]
    search = random_search(
        claim.given, claim.margin, budget.problems, budget.batch, seed, (claim.id, "random"), keep_worst=4
    )
    adversary = minimise(claim.given, claim.margin, search, budget.rounds, seed, (claim.id,))
    seen = is_violation(adversary.by_search) if adversary else False
    exact, conclusions = _exact_evidence(claim, search, seen, budget, seed)
    found = next((c.counterexample for c in conclusions if c.counterexample is not None), None)
    proof = _verify_proof(claim)
    verdict, reason = _decide(search, adversary, found, exact, proof)
    if found is None and search.violated:
        found = float_counterexample(claim.given, claim.margin, search.worst[0][1])
    holding = frozenset(c.name for c in conclusions if not (c.violations or c.not_a_number or c.counterexample))
    limit = claim.step_size_limit or _only_step_size(claim, conclusions)
    return _record(
        claim,
        verdict=verdict,
        reason=reason,
        instances=search.instances + exact.instances + (adversary.evaluations if adversary else 0),
        smallest_margin=_finite(min(search.smallest, adversary.by_search if adversary else math.inf)),
        conclusions=conclusions,
        adversary=adversary,
        exact=exact,
        proof=proof,
        counterexample=found,
        hypotheses=[_without(claim, hypothesis, holding, budget, seed) for hypothesis in claim.hypotheses],
        tightness=measure(claim, limit, budget.curve, 32, seed) if limit else None,
        mutants=[kill(claim, mutant, holding, 80, 64, seed) for mutant in claim.mutants],
    )


def _only_step_size(claim: Claim, conclusions: list[ConclusionEvidence]) -> StepSizeLimit | None:
    """The step-size limit of a claim with one conclusion and one step size is measured without being asked for."""
    names = [name for name, family in claim.given.items() if isinstance(family, StepSizes)]
    if len(names) != 1 or len(conclusions) != 1:
        return None
    limit = float(cast(StepSizes, claim.given[names[0]]).at_most)
    return StepSizeLimit(names[0], limit, up_to=2 * limit, conclusion=conclusions[0].name)


def _exact_evidence(
    claim: Claim, search: RandomSearch, seen_by_adversary: bool, budget: Budget, seed: int
) -> tuple[ExactEvidence, list[ConclusionEvidence]]:
    """Exact instances of the whole claim, and a minimal counterexample for each conclusion that fails.

    Where floating point shows a violation that these instances do not, a longer search is to confirm it: chance must not
    decide between refuted and undecided.
    """
    exact, first = exact_search(claim.given, claim.margin, budget.exact, _exact_seed(seed, claim.id))
    conclusions = []
    for name, values in search.margins.items():
        evidence, found = summary(name, values), None
        if first is not None and first.conclusion == name:
            found = first
        elif evidence.violations or (seen_by_adversary and not search.violated):
            more, found = exact_search(
                claim.given, claim.margin, 4 * budget.exact, _exact_seed(seed, claim.id, name), only=frozenset({name})
            )
            exact = ExactEvidence(exact.instances + more.instances, exact.irrational + more.irrational)
        conclusions.append(replace(evidence, counterexample=found))
    return exact, conclusions


def _exact_seed(seed: int, *path: str) -> int:
    return int(generator(seed, *path, "exact").integers(2**32))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _verify_proof(claim: Claim) -> ProofEvidence | None:
    if claim.proof is None:
        return None
    proof = claim.proof()
    return ProofEvidence([step.because for step in proof.steps], proof.failing(), proof.conclusion)


def _decide(
    search: RandomSearch,
    adversary: AdversaryEvidence | None,
    counterexample: Counterexample | None,
    exact: ExactEvidence,
    proof: ProofEvidence | None,
) -> tuple[Verdict, str]:
    lowest = min(search.smallest, adversary.by_search if adversary else math.inf)
    stands = proof is not None and not proof.failing
    if counterexample is not None:
        where = f" in {counterexample.conclusion}" if counterexample.conclusion else ""
        reason = f"margin {counterexample.margin} (exact){where}"
        contradiction = "; the proof stands, so statement and implementation disagree" if stands else ""
        return Verdict.REFUTED, reason + contradiction
    if search.instances + exact.instances == 0:
        return Verdict.UNDECIDED, "no instance could be drawn"
    if lowest == -math.inf:
        return Verdict.UNDECIDED, "a margin is not a number on some instance"
    if is_violation(lowest):
        return Verdict.UNDECIDED, f"floating point shows margin {number(lowest)}; no exact counterexample was found"
    if proof is not None and proof.failing:
        return Verdict.UNDECIDED, f"a step of the proof does not hold: {proof.failing[0]}"
    if stands:
        return Verdict.PROVED, f"every step of the proof is verified symbolically; no margin below −{TOLERANCE:g}"
    return Verdict.SUPPORTED, f"smallest margin {number(lowest)}"


def _without(
    claim: Claim, hypothesis: Hypothesis, holding: frozenset[str], budget: Budget, seed: int
) -> HypothesisEvidence:
    """Look for an instance on which a conclusion that holds fails once the hypothesis is dropped."""
    given: Given = {**claim.given, **hypothesis.without}
    margin = hypothesis.margin or claim.margin
    # A margin of its own is judged whole; the claim's margin only where it holds with the hypothesis.
    only = None if hypothesis.margin else holding
    if not hypothesis.droppable or only == frozenset():
        remark = hypothesis.why or "the conclusion fails with it, too"
        return HypothesisEvidence(hypothesis.name, hypothesis.statement, None, 0, None, remark)
    path = (claim.id, "without", hypothesis.name)
    exact, witness = exact_search(given, margin, 2 * budget.exact, _exact_seed(seed, *path), only=only)
    instances = exact.instances
    if witness is None:
        search = random_search(
            given,
            margin,
            max(budget.problems // 4, 20),
            budget.batch,
            seed,
            path,
            keep_worst=1,
            stop_at_violation=True,
            only=only,
        )
        instances += search.instances
        if is_violation(search.smallest):
            witness = float_counterexample(given, margin, search.worst[0][1])
    remark = hypothesis.why or ("" if witness else f"not found to be needed on {instances} instances without it")
    return HypothesisEvidence(hypothesis.name, hypothesis.statement, witness is not None, instances, witness, remark)
