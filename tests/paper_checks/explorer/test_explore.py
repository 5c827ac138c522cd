"""The assumption explorer: entries that are theorems, witnesses that can be recomputed, constants that no search contradicts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from mlbreg.paper_checks.explorer import ASSUMPTIONS, Exploration, Status, coverage, explore, rows, table
from mlbreg.paper_checks.explorer.zoo import losses, regularizers
from mlbreg.theory.divergences import bregman
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.losses import LeastSquares, Quadratic, SineQuadratic
from mlbreg.theory.pl_step import step_divergence
from mlbreg.theory.regularizers import L1, Box, NonNegative, Zero

TABLE = {(found.loss, found.regularizer): found for found in table()}
NORMS = ("l1", "weighted_l1", "group_l2", "nuclear")


def test_every_pair_has_every_assumption() -> None:
    assert set(TABLE) == {(loss, regularizer) for loss in losses() for regularizer in regularizers()}
    for found in TABLE.values():
        assert [entry.assumption for entry in found.entries] == list(ASSUMPTIONS)
        for entry in found.entries:
            assert entry.reason
            assert entry.constants or entry.status in (Status.FAILS, Status.UNKNOWN)
            assert (entry.witness is not None) == (entry.status is Status.FAILS)


def test_the_whole_table_takes_seconds() -> None:
    start = time.perf_counter()
    table()
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("loss", [name for name in losses() if name != "half_square"])
@pytest.mark.parametrize("regularizer", NORMS)
def test_assumption_2_fails_with_a_norm_unless_the_minimiser_is_zero(loss: str, regularizer: str) -> None:
    entry = TABLE[loss, regularizer]["lunk2026/2"]
    assert entry.status is Status.FAILS
    assert entry.witness is not None
    net = ElasticNet(regularizers()[regularizer], 1.0)
    theta, v = (np.array([part]) for part in (entry.witness.theta, entry.witness.v))
    pair = PrimalDual(theta, v)
    assert net.subgradient_residual(pair)[0] < 1e-9
    assert step_divergence(losses()[loss], net, pair, entry.witness.tau or 1.0)[0] == pytest.approx(0, abs=1e-9)
    assert losses()[loss].value(theta)[0] > losses()[loss].infimum + 1e-3


@pytest.mark.parametrize("regularizer", [*NORMS, "zero", "nonnegative", "mixture"])
def test_assumption_2_holds_where_the_minimiser_is_zero(regularizer: str) -> None:
    entry = TABLE["half_square", regularizer]["lunk2026/2"]
    assert entry.status is Status.HOLDS
    assert [constant.value for constant in entry.constants] == [1, 1]


def test_assumption_2_never_holds_on_a_box() -> None:
    assert {TABLE[name, "box"]["lunk2026/2"].status for name in losses()} == {Status.FAILS}


def test_without_a_regularizer_assumption_2_is_pl() -> None:
    for name, loss in losses().items():
        assert TABLE[name, "zero"].holds("lunk2026/2") == (loss.pl_constant is not None)


@pytest.mark.parametrize("delta", [0.2, 1, 5])
@pytest.mark.parametrize("lam", [0.1, 3])
def test_no_search_contradicts_a_guaranteed_constant(delta: float, lam: float) -> None:
    for found in table(delta=delta, lam=lam):
        for entry in found.entries:
            for constant in entry.constants:
                if constant.value is None or constant.searched is None:
                    continue
                where = (found.loss, found.regularizer, entry.assumption, constant)
                if constant.symbol in ("𝖫", "ℓ"):
                    assert constant.searched <= constant.value * (1 + 1e-6), where
                else:
                    assert constant.searched >= constant.value * (1 - 1e-6), where


def test_the_smallest_smoothness_of_a_quadratic_is_found() -> None:
    for regularizer in regularizers():
        (constant,) = TABLE["quadratic", regularizer]["lunk2026/1"].constants
        assert constant.value == 2
        assert constant.searched is not None
        assert constant.searched > 1.8


def test_a_bounded_domain_gives_assumption_1_without_a_lipschitz_gradient() -> None:
    found = TABLE["quartic", "box"]
    assert found.holds("lunk2026/1")
    assert found["bungert2021/1"].status is Status.FAILS
    assert found["lunk2026/1"].constants[0].value == 27
    assert TABLE["quartic", "l1"]["lunk2026/1"].status is Status.FAILS


def test_relative_strong_convexity_fails_across_every_kink() -> None:
    for (loss, regularizer), found in TABLE.items():
        entry = found["bungert2021/3"]
        assert found.holds("bungert2021/3") == (regularizer == "zero" and bool(losses()[loss].strong_convexity))
        if regularizer == "l1" and losses()[loss].strong_convexity:
            assert entry.witness is not None
            theta, other, v = (np.array(p) for p in (entry.witness.theta, entry.witness.theta_tilde, entry.witness.v))
            function = losses()[loss]
            above = function.value(other) - function.value(theta) - function.gradient(theta) @ (other - theta)
            assert above < 1e-2 * bregman(ElasticNet(L1(0.5), 1.0), other, theta, v)


def test_relative_strong_convexity_at_the_minimiser_holds_with_a_norm() -> None:
    (constant,) = TABLE["quadratic", "l1"]["bungert2021/3 at θ*"].constants
    assert constant.value == pytest.approx(1 / (1 + 4 * 0.5 / 0.5))


def test_a_nonconvex_separable_loss_with_its_minimiser_at_zero() -> None:
    entry = explore(SineQuadratic.of_coordinates(2), L1(1.0), 0.125)["lunk2026/2"]
    assert entry.status is Status.HOLDS
    assert [constant.value for constant in entry.constants] == pytest.approx([1, 0.1755309858797 / 8])


def test_least_squares_with_a_sparse_minimiser_that_is_not_of_least_norm() -> None:
    assert TABLE["least_squares", "mixture"].holds("lunk2026/2")
    coupled = LeastSquares(np.array([[1.0, 1.0]]), np.zeros(1))
    entry = explore(coupled, L1(1.0))["lunk2026/2"]
    assert entry.status is Status.HOLDS
    assert all(constant.searched and constant.searched > 0.01 for constant in entry.constants)


def test_the_minimiser_outside_the_domain() -> None:
    found = explore(Quadratic(np.array([2.0]), np.array([-1.0])), NonNegative())
    assert found["lunk2026/2"].status is Status.FAILS
    assert "outside dom J" in found["bungert2021/3 at θ*"].reason


def test_a_half_line_with_its_end_at_the_minimiser() -> None:
    loss = Quadratic(np.array([1.0]), np.array([-1.0]))
    assert explore(loss, Box(-1.0, float("inf"))).holds("lunk2026/2")
    assert explore(loss, Box(-2.0, float("inf")))["lunk2026/2"].status is Status.FAILS


def test_an_unknown_regularizer_is_unknown_throughout() -> None:
    class Strange(type(Zero()).__mro__[1]):  # type: ignore[misc]
        """The regularizer J = 0 under another name."""

        value, prox, conjugate = Zero.value, Zero.prox, Zero.conjugate
        project_subdifferential, in_domain = Zero.project_subdifferential, Zero.in_domain
        separable_groups, restrict = Zero.separable_groups, Zero.restrict

    found = explore(losses()["quadratic"], Strange())
    assert {entry.status for entry in found.entries} == {Status.UNKNOWN}


def test_the_same_arguments_give_the_same_answer() -> None:
    assert explore(losses()["log_cosh"], regularizers()["nuclear"]).entries == TABLE["log_cosh", "nuclear"].entries


@pytest.mark.parametrize("delta", [0, -1, float("nan")])
def test_delta_must_be_positive(delta: float) -> None:
    with pytest.raises(ValueError, match="delta must be a finite number > 0"):
        explore(losses()["quadratic"], Zero(), delta)


def test_the_rows_are_plain_data() -> None:
    import json

    text = json.dumps(rows(TABLE.values()), allow_nan=False)
    assert json.loads(text)[0]["entries"][0]["constants"][0]["symbol"] == "𝖫"


def covered(experiment: str) -> dict[str, bool]:
    (row,) = [row for row in coverage() if row["experiment"] == experiment]
    return {theorem["theorem"]: theorem["covered"] for theorem in row["theorems"]}


def test_no_theorem_covers_the_network_experiments() -> None:
    assert not any(covered("CIFAR-10, sparse ResNet18 and WideResNet").values())


def test_theorem_4_1_covers_no_experiment_with_a_norm_and_another_minimiser_than_zero() -> None:
    name = "lunk2026 lemma A.2, theorem 4.1, corollary 4.2"
    assert not covered("strongly convex quadratic with ℓ1")[name]
    assert covered("strongly convex quadratic, J = 0")[name]
    assert covered("½‖θ‖² with ℓ1")[name]


def test_the_example_with_a_minimiser_outside_the_domain_lacks_a_finite_regularizer_there() -> None:
    (row,) = [row for row in coverage() if row["source"] == "bungert2021, example 3.6"]
    (found,) = [theorem for theorem in row["theorems"] if theorem["theorem"] == "bungert2021 theorem 3.7"]
    assert found["missing"] == ["J(θ*) < ∞"]


def test_an_entry_is_found_by_its_name_or_the_names_are_told() -> None:
    found: Exploration = TABLE["quadratic", "l1"]
    with pytest.raises(KeyError, match="assumption must be one of"):
        found["lunk2026/9"]
