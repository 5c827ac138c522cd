"""The judge: every kind of evidence about one claim. The verdict follows from it in `decision`."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from . import certificates
from .adversary import minimise
from .claim_record import Claim, StepSizeLimit
from .counterexamples import recheck
from .decision import Evidence, decide
from .describe import number
from .effort import BUDGETS, Budget, Effort
from .evidence import (
    ClaimEvidence,
    ConclusionEvidence,
    ExactEvidence,
    MeasurementEvidence,
    ProofEvidence,
    TightnessEvidence,
)
from .exact_search import exact_search, exact_seed, float_counterexample
from .families import StepSizes
from .hypotheses import without
from .mutation import kill
from .proof import Proof
from .random_search import RandomSearch, is_violation, random_search, summary
from .tightness import measure
from .verdicts import Verdict
from .void import examine


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
    evidence = Evidence(
        smallest=min(search.smallest, adversary.by_search if adversary else math.inf),
        instances=search.instances + exact.instances,
        counterexample=found,
        rechecked=recheck(claim.id) if found is not None else None,
        proof=_verify(claim.proof),
        disproof=_verify(claim.disproof),
        void=examine(claim.given, claim.void, budget, seed, claim.id) if claim.void else None,
        certificates=tuple(certificates.verify(name) for name in certificates.about(claim.id)),
        covered=claim.certified,
    )
    verdict, reason = decide(evidence)
    if found is None and search.violated:
        found = float_counterexample(claim.given, claim.margin, search.worst[0][1])
    holding = frozenset(c.name for c in conclusions if not (c.violations or c.not_a_number or c.counterexample))
    limit = claim.step_size_limit or _only_step_size(claim, conclusions)
    return _record(
        claim,
        verdict=verdict,
        reason=reason,
        instances=search.instances + exact.instances + (adversary.evaluations if adversary else 0),
        smallest_margin=_finite(evidence.smallest),
        conclusions=conclusions,
        adversary=adversary,
        exact=exact,
        proof=evidence.proof,
        disproof=evidence.disproof,
        void=evidence.void,
        certificates=list(evidence.certificates),
        counterexample=found,
        rechecked=None if evidence.rechecked is None else number(evidence.rechecked),
        hypotheses=[without(claim, h, holding, budget, seed) for h in claim.hypotheses],
        tightness=_tightness(claim, limit, budget, seed) if limit else None,
        measurements=[MeasurementEvidence(**vars(m)) for m in claim.measurements()] if claim.measurements else [],
        mutants=[kill(claim, mutant, holding, 80, 64, seed) for mutant in claim.mutants],
    )


def _only_step_size(claim: Claim, conclusions: list[ConclusionEvidence]) -> StepSizeLimit | None:
    """The step-size limit of a claim with one conclusion and one step size is measured without being asked for."""
    names = [name for name, family in claim.given.items() if isinstance(family, StepSizes)]
    if claim.void or len(names) != 1 or len(conclusions) != 1:
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
    exact, first = exact_search(claim.given, claim.margin, budget.exact, exact_seed(seed, claim.id))
    conclusions = []
    for name, values in search.margins.items():
        evidence, found = summary(name, values), None
        if first is not None and first.conclusion == name:
            found = first
        elif evidence.violations or (seen_by_adversary and not search.violated):
            more, found = exact_search(
                claim.given, claim.margin, 10 * budget.exact, exact_seed(seed, claim.id, name), only=frozenset({name})
            )
            exact = ExactEvidence(exact.instances + more.instances, exact.irrational + more.irrational)
        conclusions.append(replace(evidence, counterexample=found))
    return exact, conclusions


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _verify(proof: Callable[[], Proof] | None) -> ProofEvidence | None:
    if proof is None:
        return None
    found = proof()
    return ProofEvidence([step.because for step in found.steps], found.failing(), found.conclusion)


def _tightness(claim: Claim, limit: StepSizeLimit, budget: Budget, seed: int) -> TightnessEvidence:
    """The measured limit, beside the longest step that a certificate about the claim covers."""
    found = measure(claim, limit, budget.curve, 32, seed)
    covered = [certificates.certified_limit(name) for name in certificates.about(claim.id)]
    known = [share for share in covered if math.isfinite(share)]
    return replace(found, certified=max(known)) if known and found.unit == "1/𝖫" else found
