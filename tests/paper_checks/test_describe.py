"""Instances in words, as JSON and as Python: all of them say exactly what the instance is."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as hs
from mlbreg.paper_checks import describe
from mlbreg.paper_checks.families.relative_losses import ReferencePlusLinear
from mlbreg.theory import losses, regularizers, sampling
from mlbreg.theory import strategies as st
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import Huber, Quadratic
from mlbreg.theory.problems import Problem
from mlbreg.theory.references import Burg
from mlbreg.theory.regularizers import L1, Box, NonNegative, Regularizer, Zero
from mlbreg.theory.relative_problem import RelativeProblem

NAMES: dict[str, Any] = {**vars(losses), **vars(regularizers), "F": Fraction, "exact": exact, "np": np, "math": math}
NAMES |= {"Problem": Problem, "Groups": Groups, "Restriction": Restriction, "PrimalDual": PrimalDual}


def rebuilt(value: Any) -> Any:
    """The value that its Python code stands for."""
    return eval(describe.code(value), NAMES)


def half_square(regularizer: Regularizer, dimension: int = 1) -> Problem:
    loss = Quadratic(exact([1] * dimension), exact([0] * dimension))
    return Problem(loss, regularizer, Fraction(1), Groups.singletons(dimension))


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(5, 2), "5/2"), (Fraction(-3), "−3"), (0.125, "0.125"), (-1e-9, "−1e−09"), (math.inf, "inf")],
)
def test_a_number_in_words(value: Any, text: str) -> None:
    assert describe.number(value) == text


def test_the_simplest_instance_in_words() -> None:
    instance = {
        "problem": half_square(Zero()),
        "pair": PrimalDual(exact([[1]]), exact([[Fraction(1, 2)]])),
        "tau": exact([Fraction(5, 2)]),
        "xi": exact([[[1], [-1]]]),
    }
    assert describe.words(instance) == ("d = 1, L = ½θ², J = 0, δ = 1, θ = 1, v = 1/2, τ = 5/2, ξ = (1, −1)")


@pytest.mark.parametrize(
    ("regularizer", "text"),
    [
        (Zero(), "J = 0,"),
        (L1(1), "J = ‖θ‖₁,"),
        (L1(Fraction(3, 2)), "J = 3/2‖θ‖₁,"),
        (NonNegative(), "J = χ of [0, ∞),"),
        (Box(Fraction(-1, 2), 2), "J = χ of [−1/2, 2],"),
    ],
)
def test_a_regularizer_in_words(regularizer: Regularizer, text: str) -> None:
    assert text in describe.words({"problem": half_square(regularizer)})


def test_a_quadratic_in_words() -> None:
    loss = Quadratic(exact([1, 3, 0]), exact([0, Fraction(-1, 2), 4]))
    problem = Problem(loss, Zero(), Fraction(2), Groups.singletons(3))
    assert describe.words({"problem": problem}) == "d = 3, L = ½θ₀² + 3/2·(θ₁ + 1/2)², J = 0, δ = 2"


def test_a_restriction_and_a_coarse_pair_in_words() -> None:
    restriction = Restriction(Groups.of([[0, 2], [1]], 3), (0,))
    instance = {"restriction": restriction, "coarse_pair": PrimalDual(exact([[1, 2]]), exact([[3, 4]]))}
    assert describe.words(instance) == "R selects the coordinates {0, 2}, θ\u0302 = (1, 2), v\u0302 = (3, 4)"


def test_numbers_in_json_are_strings_that_lose_nothing() -> None:
    tenth = np.array([[0.1, 1 / 3]])
    found = describe.data(PrimalDual(tenth, exact([[Fraction(1, 3), 2]])))
    assert found == {"theta": [["0.1", "0.3333333333333333"]], "v": [["1/3", "2"]]}
    assert [float(entry) for entry in found["theta"][0]] == tenth[0].tolist()
    json.dumps(found)


def same(first: Any, second: Any) -> None:
    """The two arrays have the same kind and the same entries."""
    assert np.asarray(first).dtype == np.asarray(second).dtype
    np.testing.assert_array_equal(first, second)


@given(hs.data())
@settings(max_examples=60, derandomize=True)
def test_the_code_of_an_exact_problem_rebuilds_it(data: hs.DataObject) -> None:
    problem = data.draw(st.problems(st.LOSSES))
    again = rebuilt(problem)
    theta = data.draw(st.vectors(problem.dimension))
    assert (again.delta, again.groups) == (problem.delta, problem.groups)
    same(again.loss.value(theta), problem.loss.value(theta))
    same(again.loss.gradient(theta), problem.loss.gradient(theta))
    try:
        value = problem.regularizer.value(theta)
    except IrrationalError:
        assume(False)
    same(again.regularizer.value(theta), value)
    same(again.elastic_net.mirror_map(0 * theta), problem.elastic_net.mirror_map(0 * theta))


@pytest.mark.parametrize("seed", range(30))
def test_the_code_of_a_floating_point_problem_rebuilds_it_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = sampling.problem(rng, tuple(sampling.LOSSES))
    again = rebuilt(problem)
    theta = rng.normal(size=(3, problem.dimension))
    same(again.loss.value(theta), problem.loss.value(theta))
    same(again.loss.gradient(theta), problem.loss.gradient(theta))
    same(again.regularizer.prox(theta, 0.5), problem.regularizer.prox(theta, 0.5))
    assert again.delta == problem.delta


@given(hs.data())
@settings(max_examples=20, derandomize=True)
def test_the_code_of_groups_restrictions_pairs_and_arrays_rebuilds_them(data: hs.DataObject) -> None:
    groups = data.draw(st.groups(data.draw(hs.integers(1, 5))))
    restriction = data.draw(st.restrictions(groups))
    assert rebuilt(groups) == groups
    assert rebuilt(restriction).indices.tolist() == restriction.indices.tolist()
    pair = PrimalDual(data.draw(st.vectors(3)), np.array([[0.1, -math.inf, 1 / 3]]))
    again = rebuilt(pair)
    same(again.theta, pair.theta)
    same(again.v, pair.v)


def test_a_loss_without_words_of_its_own_is_shown_as_code_without_noise() -> None:
    problem = Problem(Huber(exact([[1]]), exact([0]), Fraction(1, 2)), Zero(), 1, Groups.singletons(1))
    words = describe.words({"problem": problem})
    assert "Huber(" in words
    assert "F(" not in words
    assert "exact" not in words


def test_a_relative_problem_in_words() -> None:
    tilted = ReferencePlusLinear(Burg(), 1, exact([-1]))
    linear = ReferencePlusLinear(Burg(), 0, exact([1, Fraction(-1, 2)]))
    below = RelativeProblem(tilted, Burg(), 1, 1)
    problem = RelativeProblem(linear, Burg(), 0, 2, None, (below, "R"))
    assert describe.words({"problem": RelativeProblem(tilted, Burg(), Fraction(3, 2), 1, 1), "tau": exact([2])}) == (
        "d = 1, f = φ − x, φ = Burg, L = 3/2, μ = 1, τ = 2"
    )
    assert describe.words({"problem": problem}) == (
        "d = 2, f = ⟨(1, −1/2), x⟩, φ = Burg, L = 0, 'R', d_c = 1, f_c = φ − x, φ_c = Burg, L_c = 1"
    )
