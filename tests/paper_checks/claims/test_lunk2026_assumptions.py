"""Verdicts of the claims on the assumptions of lunk2026 and on its lemma A.2, and their counterexamples in plain fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.families import problems
from mlbreg.paper_checks.families.centered import MinimizedAtZero, MinimizedElsewhere

CLAIMS = registry.load()[0]


def divergence(
    theta: Fraction, v: Fraction, center: Fraction, lam: Fraction, delta: Fraction, tau: Fraction
) -> Fraction:
    """D(τ) for L = ½(θ − c)², J = λ|θ|, from the definitions alone."""
    moved = v - tau * (theta - center)
    size = max(abs(moved) - lam, Fraction(0))
    after = delta * size * (1 if moved > 0 else -1)

    def net(x: Fraction) -> Fraction:
        return lam * abs(x) + x * x / (2 * delta)

    return net(theta) - net(after) - moved * (theta - after)


def test_the_counterexample_to_assumption_2_in_plain_fractions() -> None:
    # L = ½(θ − 1)², J = |θ|, δ = 1, θ = v = 0: (12) asks for 0 ≥ η/2.
    assert divergence(Fraction(0), Fraction(0), Fraction(1), Fraction(1), Fraction(1), Fraction(1)) == 0
    # L = ½(θ − 3)²: (11) asks for 0 ≥ 2ρ(τ), for every τ ≤ 1/3.
    assert divergence(Fraction(0), Fraction(0), Fraction(3), Fraction(1), Fraction(1), Fraction(1, 3)) == 0
    assert divergence(Fraction(0), Fraction(0), Fraction(3), Fraction(1), Fraction(1), Fraction(1)) == 2


def test_the_lemma_without_assumption_2_in_plain_fractions() -> None:
    # One step from 0 with τ = 1/𝖫 = 1 stays at 0, where L = ½: no factor below 1 is reached.
    v = Fraction(0) - 1 * (Fraction(0) - 1)
    assert max(abs(v) - 1, Fraction(0)) == 0


def test_families_of_problems_by_their_minimiser() -> None:
    rng = np.random.default_rng(0)
    elsewhere = MinimizedElsewhere(problems(regularizers=("l1",)))
    for _ in range(30):
        at_zero = MinimizedAtZero().sample(rng, 1, {})
        assert np.abs(at_zero.loss.gradient(np.zeros(at_zero.dimension))).max() < 1e-12
        assert at_zero.loss.strong_convexity > 0
        problem = elsewhere.sample(rng, 1, {})
        assert problem.loss.value(np.zeros(problem.dimension)) > problem.loss.infimum
