"""Is a hypothesis needed? Drop it, and look for an instance on which a conclusion that holds with it fails."""

from __future__ import annotations

from .claim_record import Claim, Hypothesis
from .effort import Budget
from .evidence import HypothesisEvidence
from .exact_search import exact_search, exact_seed, float_counterexample
from .instances import Given
from .random_search import is_violation, random_search


def without(
    claim: Claim, hypothesis: Hypothesis, holding: frozenset[str], budget: Budget, seed: int
) -> HypothesisEvidence:
    """Look for a witness without the hypothesis: exact instances first, then random ones."""
    given: Given = {**claim.given, **hypothesis.without}
    margin = hypothesis.margin or claim.margin
    # A margin of its own is judged whole; the claim's margin only where it holds with the hypothesis.
    only = None if hypothesis.margin else holding
    if not hypothesis.droppable or only == frozenset():
        remark = hypothesis.why or "the conclusion fails with it, too"
        return HypothesisEvidence(hypothesis.name, hypothesis.statement, None, 0, None, remark)
    path = (claim.id, "without", hypothesis.name)
    exact, witness = exact_search(
        given, margin, budget.witness, exact_seed(seed, *path), only=only, shrink=budget.shrink
    )
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
