"""Evidence by search: the adversary finds what chance misses and never reports more than it started from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import families
from mlbreg.paper_checks.adversary import minimise
from mlbreg.paper_checks.random_search import RandomSearch, is_violation, random_search

VECTORS = {"problem": families.problems(max_dimension=2), "theta": families.vectors()}
STEPS = {
    "problem": families.problems(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
}


def start(margin: Any, given: Any = VECTORS, seed: int = 0) -> RandomSearch:
    return random_search(given, margin, 6, 16, seed, ("a", "random"), keep_worst=3)


def needle(theta: Any, **_: Any) -> Any:
    """Negative within 1e-5 of θ₀ = 0.777 only."""
    distance = abs(theta[..., 0] - 0.777)
    return np.minimum(distance, 1.0) - 1e-5


def test_a_violation_that_chance_misses_is_found() -> None:
    chance = start(needle)
    assert not chance.violated
    found = minimise(VECTORS, needle, chance, 40, 0, ("a",))
    assert found is not None
    assert found.by_chance == chance.smallest
    assert is_violation(found.by_search)
    assert found.by_search >= -1e-5  # what the claim allows at best
    assert found.evaluations > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_margin_never_grows(seed: int, descent: Any) -> None:
    given = {
        "problem": families.problems(),
        "pair": families.primal_dual_pairs(),
        "tau": families.step_sizes(at_most=2),
    }
    chance = start(descent, given, seed)
    found = minimise(given, descent, chance, 3, seed, ("a",))
    assert found is not None
    assert found.by_search <= found.by_chance == chance.smallest


def test_without_rounds_the_result_is_that_of_chance() -> None:
    chance = start(needle)
    found = minimise(VECTORS, needle, chance, 0, 0, ("a",))
    assert found is not None
    assert (found.evaluations, found.by_search) == (0, chance.smallest)


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    chance = start(needle)
    first = minimise(VECTORS, needle, chance, 4, 0, ("a",))
    assert minimise(VECTORS, needle, chance, 4, 0, ("a",)) == first
    assert minimise(VECTORS, needle, chance, 4, 1, ("a",)) != first


def test_an_overflow_on_the_way_is_no_evidence() -> None:
    def cliff(theta: Any, **_: Any) -> Any:
        # It falls towards a place from which on it is not a number.
        return np.where(theta[..., 0] > 1e3, np.nan, 1 / (1 + np.maximum(theta[..., 0], 0)))

    chance = start(cliff)
    assert np.isfinite(chance.smallest)
    found = minimise(VECTORS, cliff, chance, 40, 0, ("a",))
    assert found is not None
    assert 1 / 1002 < found.by_search < chance.smallest


def test_there_is_nothing_to_search_without_a_continuous_parameter_or_without_an_instance() -> None:
    def one(**_: Any) -> Any:
        return np.ones(1)

    given = {"problem": families.problems(), "restriction": families.restrictions()}
    chance = start(one, given)
    assert minimise(given, one, chance, 3, 0, ("a",)) is None
    assert minimise(VECTORS, needle, RandomSearch({}), 3, 0, ("a",)) is None
