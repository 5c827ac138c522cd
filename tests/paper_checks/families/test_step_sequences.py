"""Step-size sequences and problems with a minimiser are what their names say, in both arithmetics and after a move."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from mlbreg.paper_checks import families
from mlbreg.paper_checks.families.minimizers import CONVEX, LOSSES, NORMS, STRONGLY_CONVEX, with_minimizer
from mlbreg.paper_checks.families.moduli import Moduli
from mlbreg.paper_checks.families.step_sequences import HarmonicSteps, PowerSteps, StepSequences
from mlbreg.paper_checks.instances import draw_batch, exact_instances, generator, perturb_batch
from mlbreg.theory.bregman_convexity import constant_at_minimizer, minimizer

GIVEN = {
    "problem": with_minimizer(regularizers=NORMS),
    "constant": StepSequences("constant"),
    "decreasing": StepSequences(at_most=2),
    "slow": StepSequences("slow"),
    "harmonic": HarmonicSteps(),
    "fast": HarmonicSteps(fast=True),
    "power": PowerSteps(),
    "c": Moduli(),
}


def assert_belongs(instance: dict[str, Any], slack: float) -> None:
    problem = instance["problem"]
    unit, nu = problem.step_size_limit, constant_at_minimizer(problem)
    one = 1 + slack
    assert (instance["constant"][:, 1:] == instance["constant"][:, :1]).all()
    for name, most in (("constant", 1), ("decreasing", 2), ("slow", 1), ("harmonic", 1), ("fast", 1), ("power", 1)):
        tau = instance[name]
        assert (tau > 0).all(), name
        assert (tau <= most * unit * one).all(), name
        assert (tau[:, 1:] <= tau[:, :-1] * one).all(), name
    assert (np.diff(1 / instance["slow"], axis=1) <= nu / 2 * one + slack / instance["slow"][:, 1:]).all()
    growth = np.diff(1 / instance["harmonic"], axis=1)
    assert (abs(growth - 1) <= slack * instance["harmonic"][:, 1:] ** -1 + slack).all()
    assert (np.diff(1 / instance["fast"], axis=1) < nu).all()
    assert (instance["c"] > 0).all()


@pytest.mark.parametrize("seed", range(12))
def test_a_batch_of_sequences_belongs_to_its_law_and_stays_there(seed: int) -> None:
    batch = draw_batch(GIVEN, generator(seed), 12)
    assert_belongs(batch, 1e-9)
    assert_belongs(perturb_batch(GIVEN, generator(seed, "moved"), batch, 0.3), 1e-9)


@given(exact_instances(GIVEN))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_exact_sequences_belong_to_their_law_without_rounding(instance: dict[str, Any]) -> None:
    assert_belongs(instance, 0)
    assert all(isinstance(entry, Fraction) for entry in instance["slow"].flat)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_minimiser_is_known_and_in_the_domain(kind: str) -> None:
    for seed in range(10):
        batch = draw_batch(
            {"problem": with_minimizer((kind,)), "pair": families.primal_dual_pairs()}, generator(seed, kind), 16
        )
        problem, theta = batch["problem"], batch["pair"].theta
        star = minimizer(problem, theta)
        assert problem.regularizer.in_domain(star[None, :]).all()
        np.testing.assert_allclose(problem.loss.gradient(star), 0, atol=1e-8)
        assert (problem.loss.value(theta) >= problem.loss.infimum - 1e-9).all()
        modulus = problem.loss.strong_convexity
        assert (modulus is None) == (kind not in CONVEX)
        if kind in STRONGLY_CONVEX:
            assert modulus > 0
        if kind == "huber":
            assert modulus == 0


@pytest.mark.parametrize("kinds", [{"losses": ("cubic",)}, {"regularizers": ("l7",)}, {"losses": ()}])
def test_unknown_kinds_are_refused(kinds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be some of"):
        with_minimizer(**kinds)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"law": "cosine"}, "law must be one of"),
        ({"unit": "metres"}, "unit must be one of"),
        ({"length": 0}, "length must be ≥ 1"),
        ({"at_most": 0}, "at_most > 0"),
    ],
)
def test_sequences_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StepSequences(**settings)
