"""Can the hypotheses of a claim hold at all? A witness that works on every instance says no."""

from __future__ import annotations

from typing import Any

import numpy as np

from .claim_record import Margin
from .effort import Budget
from .evidence import VoidEvidence
from .exact_search import exact_search, exact_seed
from .instances import Given, margins
from .random_search import random_search


def examine(given: Given, witness: Margin, budget: Budget, seed: int, id: str) -> VoidEvidence:
    """Judge the witness on random and on exact instances; ``witness`` ≥ 0 where it contradicts the hypotheses."""
    search = random_search(given, witness, max(budget.exact // 4, 20), 16, seed, (id, "void"))
    exact, failing = exact_search(given, witness, budget.exact, exact_seed(seed, id, "void"))

    def works(**instance: Any) -> Any:
        return np.stack([np.where(values >= 0, -1, 0) for values in margins(witness, instance).values()]).max(axis=0)

    _, simplest = exact_search(given, works, budget.exact, exact_seed(seed, id, "void witness"))
    lowest = min(search.smallest, failing.margin_value if failing else search.smallest)
    return VoidEvidence(search.instances, exact.instances, lowest, simplest.words if simplest else "")
