"""Families: floating-point batches and exact instances of the same set, and moves that do not leave it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis.strategies import SearchStrategy
from mlbreg.paper_checks import families
from mlbreg.paper_checks.instances import draw_batch, exact_instances, generator, margins, perturb_batch, take
from mlbreg.theory import inequalities
from mlbreg.theory.arrays import IrrationalError, is_exact
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual

EVERYTHING = {
    "problem": families.problems(),
    "restriction": families.restrictions(),
    "pair": families.primal_dual_pairs(),
    "coarse_pair": families.coarse_pairs(),
    "point": families.points(),
    "coarse_point": families.coarse_points(),
    "vector": families.vectors(),
    "coarse_vector": families.vectors(coarse=True),
    "tau": families.step_sizes(at_most=2),
    "xi": families.noise(outcomes=3),
}
COUNT = 12


def simplest(strategy: SearchStrategy[Any], such_that: Callable[[Any], bool] = lambda _: True) -> Any:
    """What the strategy shrinks to, among the values that have a property."""
    return find(strategy, such_that, settings=settings(derandomize=True, database=None, max_examples=500))


def assert_belongs(instance: dict[str, Any], count: int, lowest: float) -> None:
    """Everything is what its family says; ``lowest`` is how far below 0 the margin of an equation may be."""
    problem, restriction = instance["problem"], instance["restriction"]
    small = problem.regularizer.restrict(restriction)
    spaces = {
        "": (problem.elastic_net, problem.dimension),
        "coarse_": (ElasticNet(small, problem.delta), restriction.coarse_dimension),
    }
    for prefix, (net, dimension) in spaces.items():
        pair, point, vector = (instance[prefix + name] for name in ("pair", "point", "vector"))
        assert pair.theta.shape == pair.v.shape == point.shape == vector.shape == (count, dimension)
        assert net.regularizer.in_domain(pair.theta).all()
        assert net.regularizer.in_domain(point).all()
        for name, values in inequalities.membership(net, pair).items():
            assert (values >= lowest).all(), (prefix, name, values)
    tau, xi = instance["tau"], instance["xi"]
    assert tau.shape == (count,)
    assert (tau > 0).all()
    assert (tau <= 2 * problem.step_size_limit * (1 - lowest)).all()
    assert xi.shape == (count, 3, problem.dimension)
    assert (abs(xi.sum(axis=1)) <= -lowest * (1 + abs(xi).sum(axis=1))).all()


@pytest.mark.parametrize("seed", range(25))
def test_a_batch_belongs_to_its_families(seed: int) -> None:
    assert_belongs(draw_batch(EVERYTHING, generator(seed), COUNT), COUNT, -1e-9)


@pytest.mark.parametrize("size", [1e-6, 0.3, 30.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_batch_that_was_moved_still_belongs_to_its_families(seed: int, size: float) -> None:
    batch = draw_batch(EVERYTHING, generator(seed), COUNT)
    moved = perturb_batch(EVERYTHING, generator(seed, "moved"), batch, size)
    assert_belongs(moved, COUNT, -1e-9)
    assert moved["problem"] is batch["problem"]
    assert not np.array_equal(moved["vector"], batch["vector"])
    assert not np.array_equal(moved["tau"], batch["tau"])


def test_a_small_move_is_small() -> None:
    batch = draw_batch(EVERYTHING, generator(3), COUNT)
    moved = perturb_batch(EVERYTHING, generator(3, "moved"), batch, 1e-9)
    for name in ("vector", "tau", "xi", "point"):
        np.testing.assert_allclose(moved[name], batch[name], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(moved["pair"].theta, batch["pair"].theta, rtol=1e-7, atol=1e-7)


@given(exact_instances(EVERYTHING))
@settings(max_examples=40, derandomize=True)
def test_an_exact_instance_belongs_to_its_families_without_any_rounding(instance: dict[str, Any]) -> None:
    try:
        assert_belongs(instance, 1, 0)
    except IrrationalError:
        return
    for name in ("point", "coarse_point", "vector", "coarse_vector", "tau", "xi"):
        assert is_exact(instance[name])
        assert all(isinstance(entry, Fraction) for entry in instance[name].flat)


def test_the_simplest_part_of_a_family_of_problems_is_the_half_square_without_regularizer() -> None:
    problem = simplest(families.problems().simplified(0).strategy({}))
    assert problem.dimension == 1
    assert problem.delta == 1
    assert repr(problem.regularizer) == "Zero()"


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_levels_of_a_family_of_problems_are_its_dimensions(level: int) -> None:
    part = families.problems().simplified(level)
    assert part.max_dimension == level
    assert simplest(part.strategy({}), lambda problem: problem.dimension == level).dimension == level


def test_a_family_is_never_simplified_beyond_its_own_bound() -> None:
    assert families.problems(max_dimension=2).simplified(3).max_dimension == 2


@pytest.mark.parametrize(
    "kinds",
    [{"losses": ("logistic", "sine_quadratic")}, {"regularizers": ("nuclear",)}],
    ids=["losses", "regularizers"],
)
def test_kinds_without_exact_arithmetic_have_no_exact_problem(kinds: dict[str, Any]) -> None:
    for level in range(4):
        assert families.problems(**kinds).simplified(level).strategy({}).is_empty


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"losses": ("cubic",)}, r"losses must be some of \['finite_sum', .*\], got \['cubic'\]"),
        ({"losses": ()}, r"losses must be some of .*, got \[\]"),
        ({"regularizers": ("l1", "l7")}, r"regularizers must be some of .*, got \['l1', 'l7'\]"),
    ],
)
def test_unknown_kinds_are_refused_where_the_family_is_made(kinds: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        families.problems(**kinds)


@pytest.mark.parametrize("at_most", [0, -1, Fraction(-1, 2), float("nan")])
def test_a_bound_of_step_sizes_must_be_positive(at_most: Any) -> None:
    with pytest.raises(ValueError, match="at_most must be > 0, got"):
        families.step_sizes(at_most)


def test_the_step_size_at_a_share_of_the_limit_is_the_same_for_every_instance() -> None:
    family = families.StepSizes(1)
    batch = draw_batch({"problem": families.problems(), "tau": family}, generator(0), 4)
    unit = batch["problem"].step_size_limit
    np.testing.assert_allclose(family.at(1.5, batch["problem"], batch["tau"]), np.full(4, 1.5 * unit))
    exact = simplest(exact_instances({"problem": families.problems(), "tau": family}))
    at = family.at(1.5, exact["problem"], exact["tau"])
    assert at.tolist() == [Fraction(3, 2) * exact["problem"].step_size_limit]


def test_the_instances_at_some_positions_are_those_of_the_batch() -> None:
    batch = draw_batch(EVERYTHING, generator(0), COUNT)
    chosen = take(EVERYTHING, batch, [5, 0])
    assert isinstance(chosen["pair"], PrimalDual)
    for part in range(2):
        np.testing.assert_array_equal(chosen["pair"][part], batch["pair"][part][[5, 0]])
    np.testing.assert_array_equal(chosen["tau"], batch["tau"][[5, 0]])
    assert chosen["restriction"] is batch["restriction"]


def test_margins_are_named_by_conclusion_and_a_single_one_has_no_name() -> None:
    batch = {"theta": np.ones((3, 2))}
    assert set(margins(lambda theta: theta.sum(axis=-1), batch)) == {""}
    assert margins(lambda theta: {"a": theta[..., 0], "b": 1.0}, batch)["b"].shape == (1,)


def test_what_is_drawn_later_does_not_change_what_was_drawn_before() -> None:
    def draws(names: list[str]) -> Any:
        return draw_batch({name: EVERYTHING[name] for name in names}, generator(1), 4)

    np.testing.assert_array_equal(
        draws(["problem", "pair"])["pair"].theta, draws(["problem", "pair", "tau"])["pair"].theta
    )
