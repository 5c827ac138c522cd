"""Sections 2 and 3.1 of bungert2021: the verdicts, and the counterexamples once more in plain Fractions, without the engine."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
from mlbreg.paper_checks import judge as judging
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claims import bungert2021_flows
from mlbreg.paper_checks.judge import Budget, Effort, judge
from mlbreg.paper_checks.verdicts import Verdict

REFUTED = (
    "eq-2.5", "eq-3.7-vs-2.14", "thm-3.4", "thm-3.4-printed-without-noise", "thm-3.4-as-2.14", "remark-3.5", "cor-3.3",
    "proof-3.2-step-2", "proof-3.3-step-2", "proof-3.3-step-3",
)  # fmt: skip
PROVED = (
    "eq-2.7", "eq-2.9", "eq-2.12-2.14", "eq-3.7-vs-2.14-repaired", "eq-2.5-repaired", "flow-limit", "flow-limit-l1",
    "thm-3.4-deterministic", "thm-3.4-repaired", "remark-3.5-repaired", "cor-3.3-deterministic", "cor-3.3-repaired",
    "proof-3.2-step-1", "proof-3.2-step-2-repaired", "proof-3.2-step-3", "proof-3.2-step-4", "proof-3.3-step-1",
    "proof-3.3-step-2-repaired",
)  # fmt: skip
CLAIMS = registry.load()[0]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [*((name, Verdict.REFUTED) for name in REFUTED), *((name, Verdict.PROVED) for name in PROVED)],
)
def test_the_verdict_and_every_mutant_is_killed(name: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = 60 if verdict is Verdict.REFUTED else 8
    monkeypatch.setitem(judging.BUDGETS, Effort.QUICK, Budget(problems=15, batch=32, exact=exact, rounds=3, curve=4))
    evidence = judge(CLAIMS[f"bungert2021/{name}"], Effort.QUICK)
    assert evidence.verdict is verdict, evidence.reason
    assert [mutant.name for mutant in evidence.mutants if not mutant.killed] == []
    assert (evidence.counterexample is not None and evidence.counterexample.exact) == (verdict is Verdict.REFUTED)


def test_the_disproof_of_corollary_3_3_stands() -> None:
    disproof = CLAIMS["bungert2021/cor-3.3"].disproof
    assert disproof is not None
    assert disproof().failing() == []


def test_the_measured_order_of_convergence_is_one() -> None:
    order, constant = bungert2021_flows._measured()
    mean, _, error = order.measured.partition(" ± ")
    assert abs(float(mean) - 1) < 0.02
    assert float(error) < 0.01
    assert 0 < float(constant.measured) <= 1


def test_eq_2_5_leaves_a_residual_for_a_constant_gradient() -> None:
    # g = 1, γ = 2: ṗ(0) = 0 and p̈(0) = −g(0) from the printed memory, so γp̈ + ṗ + g = 1 − γ at t = 0
    gamma, g = Fraction(2), Fraction(1)
    assert gamma * (-g) + 0 + g == -1
    assert gamma * (-g / gamma) + 0 + g == 0  # with the factor 1/γ


def test_the_first_step_of_3_7_does_not_move() -> None:
    v, m, beta, tau = Fraction(1), Fraction(0), Fraction(1, 2), Fraction(1)
    g = v  # L = ½θ², J = 0, δ = 1
    after = beta * m + (1 - beta) * tau * g
    assert (v - m, v - after) == (1, Fraction(1, 2))


def test_theorem_3_4_fails_for_the_printed_iteration_without_noise() -> None:
    # L = ½θ², J = 0, δ = 1, θ⁰ = 1, τ = 1, β = ½: the third step of (3.7)
    theta, m, beta, margins = Fraction(1), Fraction(0), Fraction(1, 2), []
    for _ in range(3):
        new = theta - m
        d = new - theta
        left = (1 - beta) * new**2 / 2 + (2 - (1 - beta)) / 2 * d**2
        margins.append((1 - beta) * theta**2 / 2 - beta * m * d - left)
        theta, m = new, beta * m + (1 - beta) * theta
    assert margins[0] == 0
    assert margins[1] > 0
    assert margins[2] == Fraction(-3, 32)


@pytest.mark.parametrize(("variance", "margin"), [(0, Fraction(-1, 4)), (1, 0)])
def test_theorem_3_4_fails_with_noise_by_what_the_repair_adds(variance: int, margin: Fraction) -> None:
    # L = ½θ², J = 0, δ = τ = 1, β = ½, θ = m = 0, g = ±1: one step of (2.14)
    beta, left = Fraction(1, 2), []
    for g in (Fraction(1), Fraction(-1)):
        d = -(1 - beta) * g
        left.append((1 - beta) * d**2 / 2 + (2 - (1 - beta)) / 2 * d**2)
    assert variance * (1 - beta) ** 2 - sum(left) / 2 == margin


def test_without_momentum_the_printed_iteration_is_one_gradient_late() -> None:
    # β = 0, τ = 1, L = ½θ²: (3.1) is at its minimum after one step, (3.7) has not moved
    theta, m = Fraction(1), Fraction(0)
    theta, m = theta - m, theta
    assert theta == 1
    assert Fraction(1) - 1 * Fraction(1) == 0


@pytest.mark.parametrize(("shrink", "conclusion"), [(lambda v: v, "squares"), (lambda v: _shrink(v), "symmetric")])
def test_corollary_3_3_fails_for_noise_of_size_one(shrink: Callable[[Fraction], Fraction], conclusion: str) -> None:
    # L = ½θ², δ = 1, v⁰ = 0, so L(θ⁰) − L* = 0, τ = ½, 1; J = 0 or |θ|
    total = Fraction(0)
    for signs in product((1, -1), repeat=2):
        v = Fraction(0)
        for tau, sign in zip((Fraction(1, 2), Fraction(1)), signs, strict=True):
            theta = shrink(v)
            new = v - tau * (theta + sign)
            d, p = shrink(new) - theta, (new - shrink(new)) - (v - theta)
            total += (d * d if conclusion == "squares" else p * d) / tau / 4
            v = new
    assert total > 0


def _shrink(v: Fraction) -> Fraction:
    return v - 1 if v > 1 else v + 1 if v < -1 else Fraction(0)


def test_the_chain_of_the_disproof_returns_from_2_to_0_for_ever() -> None:
    # J = |θ|, δ = τ = 1, g = θ ± 1: P(|v| = k) for k = 0, 1, 2, and the expected D^sym of a step, which tends to 1/6
    chances, total = [Fraction(1), Fraction(0), Fraction(0)], Fraction(0)
    for _ in range(30):
        total += chances[2] / 2  # from 2 to 0 with probability ½, where D^sym = 1
        zero, one, two = chances
        chances = [one / 2 + two / 2, zero, one / 2 + two / 2]
    assert total > Fraction(30, 12)


def test_the_expectation_of_theorem_3_2_differs_by_the_variance() -> None:
    # J = 0, δ = τ = 1, θ = 0, L = ½θ², g = ±1: E⟨∇L, d⟩ = 0, and −E‖d‖²/δ = −1
    steps = [-Fraction(1), Fraction(1)]
    assert 0 - (-sum(d * d for d in steps) / 2) == 1
