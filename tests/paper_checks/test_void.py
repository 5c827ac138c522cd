"""Witnesses against hypotheses: they must work on every problem."""

from __future__ import annotations

from typing import Any

import numpy as np
from mlbreg.paper_checks import families
from mlbreg.paper_checks.effort import Budget
from mlbreg.paper_checks.void import examine

BUDGET = Budget(problems=6, batch=16, exact=40, witness=40, rounds=4, curve=4)
VECTORS = {"problem": families.problems(max_dimension=2), "theta": families.vectors()}


def test_a_witness_that_always_works_is_counted_and_shown_on_the_simplest_problem() -> None:
    found = examine(VECTORS, lambda theta, **_: theta[..., 0] ** 2, BUDGET, 0, "mine/a")
    assert found.instances == 20 * 16
    assert found.exact > 0
    assert found.smallest_margin >= 0
    assert found.witness == "d = 1, L = ½θ², J = 0, δ = 1, θ = 0"


def test_a_witness_that_fails_somewhere_is_found_out() -> None:
    found = examine(VECTORS, lambda theta, **_: theta[..., 0] - 1, BUDGET, 0, "mine/a")
    assert found.smallest_margin < 0


def test_all_parts_of_a_witness_must_work() -> None:
    def margin(theta: Any, **_: Any) -> Any:
        return {"positive": theta[..., 0] - 1, "never": 0 * theta[..., 0] - 1}

    assert examine(VECTORS, margin, BUDGET, 0, "mine/a").witness == ""


def test_the_same_seed_gives_the_same_evidence() -> None:
    def margin(theta: Any, **_: Any) -> Any:
        return np.abs(theta[..., 0])

    assert examine(VECTORS, margin, BUDGET, 1, "mine/a") == examine(VECTORS, margin, BUDGET, 1, "mine/a")
