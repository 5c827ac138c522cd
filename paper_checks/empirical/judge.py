"""The verdict on a claim about experiments. The first line that applies decides:

not run    some side has no runs that count: none, too few seeds, fewer epochs than the paper, not as many as the others, or
           other settings than the paper states. If there are numbers, what they would say is reported as *indicative*
refuted    a condition fails beyond the spread over seeds
undecided  the spread over seeds is too large for some condition
supported  every condition holds beyond the spread
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import metrics
from .conditions import Condition, Term, judge_condition
from .evidence import ConditionEvidence, EmpiricalEvidence, Measured
from .outcomes import Outcome
from .recorded import Record, recorded
from .records import EmpiricalClaim
from .selection import Chosen, choose, unequal_budgets
from .stored_runs import Run, digest


def judge_all(claims: Sequence[EmpiricalClaim], runs: Sequence[Run]) -> list[EmpiricalEvidence]:
    """Evidence of all the claims beside their reviewed verdicts. It takes milliseconds."""
    records = recorded()
    return [beside_record(judge(claim, runs), records.get(claim.id)) for claim in claims]


def judge(claim: EmpiricalClaim, runs: Sequence[Run]) -> EmpiricalEvidence:
    """Evidence of one claim from the runs; the same runs give the same evidence."""
    chosen = choose(claim, runs)
    used = [run for side in chosen for run in side.runs]
    values, gaps = _values(claim, chosen)
    obstacles = [side.obstacle for side in chosen if side.obstacle] + gaps
    different = unequal_budgets(chosen)
    if different:
        obstacles.append(different)
    complete = all(side.runs for side in chosen) and not gaps
    conditions = [_condition(claim, condition, values) for condition in claim.conditions] if complete else []
    found = _together(conditions)
    verdict = Outcome.NOT_RUN if obstacles else found
    return EmpiricalEvidence(
        id=claim.id,
        title=claim.title,
        quote=claim.quote,
        source=claim.source,
        rule=claim.rule,
        why=claim.why,
        chosen=claim.chosen,
        verdict=verdict,
        reason=_not_run(obstacles, chosen) if obstacles else _reason(conditions, found),
        indicative=found if obstacles and conditions and not any(side.lasting for side in chosen) else None,
        conditions=conditions,
        measured=_measured(claim, values),
        epochs=sorted({side.epochs for side in chosen if side.runs}),
        runs=list(dict.fromkeys(run.name for run in used)),
        missing=_missing(claim, chosen, conditions if verdict is Outcome.UNDECIDED else []),
        digest=digest({run.name: run for run in used}.values()),
        command=f"mlbreg verify {claim.id}",
    )


def beside_record(evidence: EmpiricalEvidence, record: Record | None) -> EmpiricalEvidence:
    """The evidence with the reviewed verdict."""
    if record is None:
        return evidence
    return replace(evidence, recorded=str(record.verdict), recorded_on=record.runs)


def _terms(claim: EmpiricalClaim) -> list[Term]:
    """Every metric of some runs that the claim names, once."""
    named = [term for term, _ in claim.paper]
    named += [term for condition in claim.conditions for term in (*condition.left, *condition.right) if term.runs]
    return list({(term.runs, term.metric): term for term in named}.values())


def _values(claim: EmpiricalClaim, chosen: Sequence[Chosen]) -> tuple[dict[tuple[str, str], list[float]], list[str]]:
    """The metrics by (runs, metric), seed by seed; and in words what runs do not have that a condition asks for."""
    sides = {side.wanted.name: side for side in chosen}
    judged = {(term.runs, term.metric) for condition in claim.conditions for term in condition.margin}
    values: dict[tuple[str, str], list[float]] = {}
    gaps = []
    for term in _terms(claim):
        side = sides[term.runs]
        numbers = [metrics.value(run, term.metric, side.wanted.part) for run in side.runs]
        known = [number for number in numbers if number is not None]
        if known and len(known) == len(numbers):
            values[term.runs, term.metric] = known
        elif numbers and (term.runs, term.metric) in judged:
            gaps.append(f"the runs of {side.wanted.label} do not have {metrics.words(term.metric)}")
    return values, gaps


def _measured(claim: EmpiricalClaim, values: dict[tuple[str, str], list[float]]) -> list[Measured]:
    papers = {(term.runs, term.metric): number for term, number in claim.paper}
    return [
        Measured(
            quantity=f"{metrics.words(metric)} of {claim.labels[runs]}",
            paper=papers.get((runs, metric)),
            mean=statistics.fmean(own),
            deviation=statistics.stdev(own) if len(own) > 1 else None,
            seeds=len(own),
        )
        for (runs, metric), own in values.items()
    ]


def _condition(claim: EmpiricalClaim, condition: Condition, values: Any) -> ConditionEvidence:
    found = judge_condition(condition, values)
    return ConditionEvidence(condition.words(claim.labels), found.margin, found.error, found.needed, found.outcome)


def _together(conditions: Sequence[ConditionEvidence]) -> Outcome:
    outcomes = {condition.outcome for condition in conditions}
    for outcome in (Outcome.REFUTED, Outcome.UNDECIDED):
        if outcome in outcomes:
            return outcome
    return Outcome.SUPPORTED


def _missing(claim: EmpiricalClaim, chosen: Sequence[Chosen], undecided: Sequence[ConditionEvidence]) -> list[str]:
    """Commands for the runs that are not there; where the seeds do not decide, for one more of each that takes part."""
    pairs = zip(claim.conditions, undecided, strict=False)
    vague = {term.runs for condition, found in pairs if found.outcome is Outcome.UNDECIDED for term in condition.margin}
    commands = []
    for side in chosen:
        if side.obstacle and not side.lasting:
            others = {1: "", 2: "and --seed 1"}.get(claim.seeds, f"and --seed 1 to {claim.seeds - 1}")
            commands.append(side.wanted.command(0, others))
        elif side.wanted.name in vague:
            commands.append(side.wanted.command(max(run.settings["seed"] for run in side.runs) + 1, "or more seeds"))
    return commands


def _not_run(obstacles: Sequence[str], chosen: Sequence[Chosen]) -> str:
    return "no runs" if not any(side.runs for side in chosen) else "; ".join(dict.fromkeys(obstacles))


def _reason(conditions: Sequence[ConditionEvidence], found: Outcome) -> str:
    """The condition that decides: of those with the verdict, the one with the smallest margin."""
    decisive = min((c for c in conditions if c.outcome is found), key=lambda condition: condition.margin)
    error = "" if decisive.error is None else f" ± {decisive.error:.2g} (standard error), {decisive.needed:.2g} decides"
    return f"{decisive.condition}: margin {decisive.margin:.3g}{error}".replace(" -", " −")
