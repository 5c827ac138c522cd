"""Evidence without rounding: minimal counterexamples in rational numbers."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from mlbreg.paper_checks import families
from mlbreg.paper_checks.exact_search import exact_search, float_counterexample
from mlbreg.paper_checks.families import Family
from mlbreg.paper_checks.instances import draw_batch, float_margins, generator
from mlbreg.theory import losses, regularizers
from mlbreg.theory.arrays import IrrationalError, exact, norm
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups
from mlbreg.theory.problems import Problem

LONG_STEPS = {
    "problem": families.problems(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=3),
}
VECTORS = {"problem": families.problems(), "theta": families.vectors()}


def rebuilt(python: str) -> dict[str, Any]:
    """The instance that the Python of a counterexample stands for."""
    names: dict[str, Any] = {
        **vars(losses),
        **vars(regularizers),
        "F": Fraction,
        "exact": exact,
        "np": np,
        "math": math,
    }
    names |= {"Problem": Problem, "Groups": Groups, "PrimalDual": PrimalDual}
    instance: dict[str, Any] = eval(f"dict({python})", names)
    return instance


@pytest.mark.parametrize("seed", range(3))
def test_too_long_steps_shrink_to_the_half_square_in_one_dimension(seed: int, descent: Any) -> None:
    evidence, found = exact_search(LONG_STEPS, descent, 100, seed)
    assert found is not None
    assert found.exact
    assert evidence.instances > 0
    assert found.words.startswith("d = 1, L = ½θ², J = 0, δ = 1, θ = ")
    instance = rebuilt(found.python)
    (theta,), (v,), (tau,) = instance["pair"].theta[0], instance["pair"].v[0], instance["tau"]
    assert abs(theta) == 1
    assert v == theta
    assert 2 < tau <= 3
    # L(θ) − L(θ⁺) with θ⁺ = (1 − τ)θ, by hand
    assert Fraction(found.margin.replace("−", "-")) == (1 - (1 - tau) ** 2) / 2
    assert found.margin_value == float((1 - (1 - tau) ** 2) / 2)


def test_the_python_of_a_counterexample_rebuilds_it_exactly(descent: Any) -> None:
    _, found = exact_search(LONG_STEPS, descent, 100, 0)
    assert found is not None
    margin = descent(**rebuilt(found.python))[0]
    assert isinstance(margin, Fraction)
    assert str(margin).replace("-", "−") == found.margin


def test_the_values_of_a_counterexample_are_exact_strings(descent: Any) -> None:
    _, found = exact_search(LONG_STEPS, descent, 100, 0)
    assert found is not None
    assert set(found.values) == {"problem", "pair", "tau"}
    assert [[abs(Fraction(entry)) for entry in row] for row in found.values["pair"]["theta"]] == [[1]]


def test_a_true_claim_has_no_counterexample(descent: Any) -> None:
    evidence, found = exact_search({**LONG_STEPS, "tau": families.step_sizes(at_most=2)}, descent, 60, 0)
    assert found is None
    assert evidence.instances >= 50


def test_the_same_seed_gives_the_same_search_whatever_the_state_of_the_global_generator(descent: Any) -> None:
    random.seed(1)
    first = exact_search(LONG_STEPS, descent, 60, 5)
    random.seed(2)
    assert exact_search(LONG_STEPS, descent, 60, 5) == first


def test_instances_outside_the_rationals_are_counted_and_not_judged() -> None:
    def needs_a_root(theta: Any, **_: Any) -> Any:
        return -1 - norm(theta)  # negative wherever it can be evaluated

    def irrational(**_: Any) -> Any:
        raise IrrationalError("a root")

    evidence, found = exact_search(VECTORS, irrational, 20, 0)
    assert found is None
    assert evidence.instances == 0
    assert evidence.irrational > 0
    evidence, found = exact_search(VECTORS, needs_a_root, 20, 0)
    assert found is not None  # |θ| is rational in one dimension
    assert found.margin == "−1"
    assert found.words.endswith("θ = 0")


def test_only_the_named_conclusions_are_looked_at() -> None:
    def margin(theta: Any, **_: Any) -> dict[str, Any]:
        return {"fails": 0 * theta[..., 0] - 1, "holds": 0 * theta[..., 0] + 1, "fails more": 0 * theta[..., 0] - 2}

    assert exact_search(VECTORS, margin, 20, 0, only=frozenset({"holds"}))[1] is None
    assert exact_search(VECTORS, margin, 20, 0, only=frozenset())[1] is None
    for only, conclusion in ((frozenset({"fails", "holds"}), "fails"), (None, "fails more")):
        _, found = exact_search(VECTORS, margin, 20, 0, only=only)
        assert found is not None
        assert found.conclusion == conclusion


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_counterexample_has_the_smallest_dimension_that_there_is(dimension: int) -> None:
    def margin(problem: Any, theta: Any) -> Any:
        return 0 * theta[..., 0] + (-1 if problem.dimension >= dimension else 1)

    _, found = exact_search(VECTORS, margin, 40, 0)
    assert found is not None
    assert found.words.startswith(f"d = {dimension}, ")


@dataclass(frozen=True)
class Level(Family):
    """The level of the search itself."""

    level: int = 3
    batched = False

    def sample(self, rng: Any, count: int, drawn: Any) -> int:
        return self.level

    def strategy(self, drawn: Any) -> SearchStrategy[int]:
        return hs.just(self.level)

    def simplified(self, level: int) -> Level:
        return Level(level)


def test_a_violation_on_a_higher_level_sends_the_search_back_to_the_lower_ones() -> None:
    seen: list[int] = []

    def margin(level: int) -> Any:
        # Level 1 has bad luck until level 2 was tried.
        seen.append(level)
        return exact([-1 if level == 2 or (level == 1 and 2 in seen) else 1])

    _, found = exact_search({"level": Level()}, margin, 40, 0)
    assert found is not None
    assert found.words == "level = 1"


def test_a_violation_below_the_tolerance_of_floating_point_is_one_in_exact_arithmetic() -> None:
    def margin(theta: Any, **_: Any) -> Any:
        return theta[..., 0] ** 2 - (Fraction(1, 10**30) if theta.dtype == object else 1e-30)

    _, found = exact_search(VECTORS, margin, 20, 0)
    assert found is not None
    assert found.margin == f"−1/{10**30}"


def test_an_error_of_the_margin_is_not_taken_for_a_counterexample() -> None:
    def broken(**_: Any) -> Any:
        raise ZeroDivisionError("broken")

    with pytest.raises(ZeroDivisionError, match="broken"):
        exact_search(VECTORS, broken, 20, 0)


def test_losses_without_exact_arithmetic_have_no_exact_instances() -> None:
    evidence, found = exact_search(
        {**VECTORS, "problem": families.problems(losses=("logistic",))}, lambda theta, **_: -theta[..., 0], 20, 0
    )
    assert (evidence.instances, evidence.irrational, found) == (0, 0, None)


def test_for_want_of_an_exact_counterexample_the_worst_instance_of_a_batch_is_shown(descent: Any) -> None:
    batch = draw_batch(LONG_STEPS, generator(0, "worst"), 32)
    worst = int(float_margins(descent, batch)[""].argmin())
    found = float_counterexample(LONG_STEPS, descent, batch)
    assert not found.exact
    assert found.margin_value == descent(**batch)[worst]
    again = rebuilt(found.python)
    np.testing.assert_array_equal(again["pair"].theta, batch["pair"].theta[[worst]])
    assert descent(**again)[0] == pytest.approx(found.margin_value, rel=1e-12)
