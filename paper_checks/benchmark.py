"""How much the batched engine gains: ``python -m mlbreg.paper_checks.benchmark`` (``make bench``).

For each claim, in one process and in turn: instances per second of the batched engine, of one hypothesis example at a time
in floating point (the example is a seed for the same sampler, which is the cheapest that an example can be), and of one
hypothesis example at a time in exact arithmetic. Medians over rounds; the ratio is taken round by round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as hs
from rich.console import Console
from rich.table import Table

from ..theory.arrays import IrrationalError
from . import registry
from .claim_record import Claim
from .effort import BUDGETS, Effort
from .instances import draw_batch, exact_instances, float_margins, generator, margins

ROUNDS, BATCHES, BATCH, EXAMPLES = 3, 10, BUDGETS[Effort.STANDARD].batch, 30


def _batched(claim: Claim, round_number: int) -> int:
    for index in range(BATCHES):
        float_margins(claim.margin, draw_batch(claim.given, generator(round_number, claim.id, index), BATCH))
    return BATCHES * BATCH


def _one_at_a_time(strategy: Any, judge: Callable[[Any], None], round_number: int) -> int:
    judged = 0

    @hypothesis.seed(round_number)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def run(example: Any) -> None:
        nonlocal judged
        judge(example)
        judged += 1

    with suppress(hypothesis.errors.Unsatisfiable):  # a claim about irrational quantities has no exact example
        run()
    return judged


def _float_examples(claim: Claim, round_number: int) -> int:
    def judge(seed: int) -> None:
        float_margins(claim.margin, draw_batch(claim.given, np.random.default_rng(seed), 1))

    return _one_at_a_time(hs.integers(0, 2**32), judge, round_number)


def _exact_examples(claim: Claim, round_number: int) -> int:
    def judge(instance: dict[str, Any]) -> None:
        try:
            margins(claim.margin, instance)
        except IrrationalError:
            hypothesis.reject()

    return _one_at_a_time(exact_instances(claim.given), judge, round_number)


def _rate(run: Callable[[Claim, int], int], claim: Claim, round_number: int) -> float:
    start = time.perf_counter()
    return run(claim, round_number) / (time.perf_counter() - start)


def main() -> None:
    """Print the table and the median ratios over all claims."""
    claims, _ = registry.load()
    table = Table(
        "claim", "batched /s", "float example /s", "exact example /s", "batched ÷ float", "batched ÷ exact", box=None
    )
    over_float, over_exact = [], []
    for claim in claims.values():
        _batched(claim, ROUNDS), _float_examples(claim, ROUNDS), _exact_examples(claim, ROUNDS)  # warm up
        rows = [[_rate(run, claim, k) for run in (_batched, _float_examples, _exact_examples)] for k in range(ROUNDS)]
        rates = [statistics.median(column) for column in zip(*rows, strict=True)]
        over_float.append(statistics.median(batched / one for batched, one, _ in rows))
        exact = [batched / exact for batched, _, exact in rows if exact]
        over_exact += [statistics.median(exact)] if exact else []
        ratio = f"{over_exact[-1]:.0f}×" if exact else "–"
        table.add_row(claim.id, *(f"{rate:,.0f}" for rate in rates), f"{over_float[-1]:.0f}×", ratio)
    console = Console(width=140)
    console.print(table)
    console.print(
        f"\nmedian over {len(over_float)} claims: batched ÷ float example {statistics.median(over_float):.0f}× "
        f"(smallest {min(over_float):.0f}×), batched ÷ exact example {statistics.median(over_exact):.0f}× "
        f"(smallest {min(over_exact):.0f}×); {ROUNDS} rounds in turn, one process"
    )


if __name__ == "__main__":
    main()
