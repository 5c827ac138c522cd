"""Sections 2 and 3.1 of bungert2021: the verdicts, and what the repairs and the disproof add to the counterexamples."""

from __future__ import annotations

from fractions import Fraction

import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims.bungert2021 import flows
from mlbreg.paper_checks.counterexamples import recheck

CLAIMS = registry.load()[0]


def test_the_disproof_of_corollary_3_3_stands() -> None:
    disproof = CLAIMS["bungert2021/cor-3.3"].disproof
    assert disproof is not None
    assert disproof().failing() == []


def test_the_measured_order_of_convergence_is_one() -> None:
    order, constant = flows._measured()
    mean, _, error = order.measured.partition(" ± ")
    assert abs(float(mean) - 1) < 0.02
    assert float(error) < 0.01
    assert 0 < float(constant.measured) <= 1


def test_eq_2_5_with_the_factor_leaves_no_residual() -> None:
    # g = 1, γ = 2: with the factor 1/γ, ṗ(0) = 0 and p̈(0) = −g(0)/γ, so γp̈ + ṗ + g = 0 at t = 0
    gamma, g = Fraction(2), Fraction(1)
    assert gamma * (-g / gamma) + 0 + g == 0


@pytest.mark.parametrize("name", ["thm-3.2", "thm-3.4-as-2.14"])
def test_noise_costs_what_the_repair_adds(name: str) -> None:
    # Both counterexamples have δ = τ = σ = 1, and the repairs add δτσ² and (1 − β)²δτσ²; J = 0, where that is sharp.
    share = 1 if name == "thm-3.2" else Fraction(1, 4)
    margin = recheck(f"bungert2021/{name}")
    assert margin is not None
    assert margin + share == 0


def test_the_chain_of_the_disproof_returns_from_2_to_0_for_ever() -> None:
    # J = |θ|, δ = τ = 1, g = θ ± 1: P(|v| = k) for k = 0, 1, 2, and the expected D^sym of a step, which tends to 1/6
    chances, total = [Fraction(1), Fraction(0), Fraction(0)], Fraction(0)
    for _ in range(30):
        total += chances[2] / 2  # from 2 to 0 with probability ½, where D^sym = 1
        zero, one, two = chances
        chances = [one / 2 + two / 2, zero, one / 2 + two / 2]
    assert total > Fraction(30, 12)
