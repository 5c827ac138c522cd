"""The claims about coarse steps, whole cycles and supports: more that fails, by hand."""

from __future__ import annotations

from fractions import Fraction

from mlbreg.paper_checks.counterexamples.arithmetic import shrink
from mlbreg.paper_checks.counterexamples.lunk2026 import valley


def test_a_mini_batch_on_the_coarse_level_alone_raises_it_too() -> None:
    """Lᵢ = ½θ² and ½(θ − 1)², θ = ½, one coarse step τ̂ = ½ on {0}, then an exact fine step τ = ½."""

    def loss(theta: Fraction) -> Fraction:
        return (theta**2 / 2 + (theta - 1) ** 2 / 2) / 2

    half = [Fraction(1, 2) - Fraction(1, 2) * (Fraction(1, 2) - center) for center in (Fraction(0), Fraction(1))]
    after = [theta - Fraction(1, 2) * (theta - Fraction(1, 2)) for theta in half]
    assert loss(Fraction(1, 2)) - sum(map(loss, after)) / 2 < 0


def test_linbreg_from_zero_goes_from_two_parameters_to_one() -> None:
    """L = ½(y − 3)² + ½(x + y − 2)², J = ‖·‖₁, δ = 1, τ = 1/3 < 1/ℓ = 2/(3 + √5), from θ = v = 0."""
    x = y = v = w = Fraction(0)
    sizes = []
    for _ in range(4):
        row = x + y - 2
        v, w = v - row / 3, w - (y - 3 + row) / 3
        x, y = shrink(v), shrink(w)
        sizes.append((x != 0) + (y != 0))
    assert sizes == [1, 2, 2, 1]


def test_the_fine_steps_alone_bound_the_loss_without_a_coarse_phase() -> None:
    gap, bound = valley(0, 12)
    assert gap < bound / 2


def test_a_longer_coarse_phase_leaves_the_loss_further_above_the_bound() -> None:
    gaps = [gap - bound for gap, bound in (valley(60, 12), valley(90, 12))]
    assert 0 < gaps[0] < gaps[1]


def test_the_sharp_cost_of_noise_is_attained() -> None:
    """L = ½θ², J = 0, δ = 1, θ = 1, τ = ½ and the error ξ = −3 of the gradient."""
    tau, xi = Fraction(1, 2), Fraction(-3)
    after = 1 - tau * (1 + xi)
    assert Fraction(1, 2) + tau * xi**2 / (2 * (2 - tau)) - after**2 / 2 == 0


def test_beyond_one_over_the_smoothness_noise_without_a_bias_costs_more_than_lemma_a_3_allows() -> None:
    """At the minimiser of ½θ², J = 0, δ = 1: E L(θ⁺) = τ²σ²/2 against τσ²/2."""
    for tau, holds in ((Fraction(1), True), (Fraction(101, 100), False)):
        assert (tau**2 / 2 <= tau / 2) is holds
