"""The claims about coarse steps, whole cycles and supports: their verdicts, their mutants, and their counterexamples by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.judge import Effort, judge
from mlbreg.paper_checks.verdicts import Verdict

CLAIMS = registry.load()[0]

VERDICTS = {
    "lunk2026/lemma-A.3": Verdict.PROVED,
    "lunk2026/lemma-A.3-sharp": Verdict.PROVED,
    "lunk2026/remark-A.4": Verdict.PROVED,
    "lunk2026/thm-4.1": Verdict.PROVED,
    "lunk2026/thm-4.1-sparse": Verdict.ASSUMPTION_VOID,
    "lunk2026/thm-4.1-sparse-repaired": Verdict.PROVED,
    "lunk2026/thm-4.1-sparse-sublinear": Verdict.REFUTED,
    "lunk2026/cor-4.2": Verdict.PROVED,
    "lunk2026/whole-procedure": Verdict.PROVED,
    "lunk2026/whole-procedure-mini-batches": Verdict.REFUTED,
    "lunk2026/whole-procedure-mini-batches-repaired": Verdict.PROVED,
    "lunk2026/support-monotonicity": Verdict.PROVED,
    "lunk2026/support-monotonicity-linbreg": Verdict.REFUTED,
}

#: What is needed, and what is not, of the hypotheses that the paper or our repair names.
NEEDED = {
    "lunk2026/lemma-A.3": {"τ̂ ≤ 1/(2𝖫)": True, "E ĝ = ∇L̂": False, "E‖ĝ − ∇L̂‖² ≤ σ²": True},
    "lunk2026/remark-A.4": {"τ̂ ≤ 1/(2𝖫)": False, "σ = 0": True},
    "lunk2026/thm-4.1": {"assumption 2": True, "exact gradients on the fine level": True, "τ ≤ 1/𝖫": True},
    "lunk2026/thm-4.1-sparse-repaired": {"bounded subgradients": True, "τ, τ̂ ≤ 1/(ℓδ)": True},
    "lunk2026/cor-4.2": {"max τ̂ → 0": True, "r_k ≤ r < 1": True, "exact gradients on the fine level": True},
    "lunk2026/whole-procedure": {"exact gradients": True, "τ ≤ 1/𝖫": True, "τ̂ ≤ 1/(2𝖫)": False},
}


@pytest.mark.parametrize("id", VERDICTS)
def test_the_claim_is_judged_as_reviewed_and_its_mutants_are_killed(id: str) -> None:
    evidence = judge(CLAIMS[id], Effort.QUICK)
    assert evidence.verdict is VERDICTS[id], evidence.reason
    assert [mutant.name for mutant in evidence.mutants if not mutant.killed] == []
    found = {hypothesis.name: hypothesis.needed for hypothesis in evidence.hypotheses}
    assert NEEDED.get(id, {}).items() <= found.items()


def soft(v: Fraction, lam: Fraction) -> Fraction:
    return (abs(v) - lam) * (1 if v > 0 else -1) if abs(v) > lam else Fraction(0)


def test_mini_batches_raise_the_expected_loss_at_a_minimiser() -> None:
    """L = ½(L₁ + L₂) with Lᵢ = ½(θ ∓ 1)², J = 0, δ = 1, θ = 0, R selects nothing, τ = 1 = 1/𝖫."""

    def loss(theta: Fraction) -> Fraction:
        return ((theta - 1) ** 2 / 2 + (theta + 1) ** 2 / 2) / 2

    after = [Fraction(0) - (Fraction(0) - center) for center in (Fraction(1), Fraction(-1))]
    assert loss(Fraction(0)) - sum(map(loss, after)) / 2 == Fraction(-1, 2)


def test_a_mini_batch_on_the_coarse_level_alone_raises_it_too() -> None:
    """Lᵢ = ½θ² and ½(θ − 1)², θ = ½, one coarse step τ̂ = ½ on {0}, then an exact fine step τ = ½."""

    def loss(theta: Fraction) -> Fraction:
        return (theta**2 / 2 + (theta - 1) ** 2 / 2) / 2

    half = [Fraction(1, 2) - Fraction(1, 2) * (Fraction(1, 2) - center) for center in (Fraction(0), Fraction(1))]
    after = [theta - Fraction(1, 2) * (theta - Fraction(1, 2)) for theta in half]
    assert loss(Fraction(1, 2)) - sum(map(loss, after)) / 2 < 0


def test_linbreg_can_lose_its_only_parameter() -> None:
    """L = ½θ², J = |θ|, δ = 1, θ = 1, v = 2, τ = 1."""
    assert soft(Fraction(2) - 1 * Fraction(1), Fraction(1)) == 0


def test_linbreg_from_zero_goes_from_two_parameters_to_one() -> None:
    """L = ½(y − 3)² + ½(x + y − 2)², J = ‖·‖₁, δ = 1, τ = 1/3 < 1/ℓ = 2/(3 + √5), from θ = v = 0."""
    x = y = v = w = Fraction(0)
    sizes = []
    for _ in range(4):
        row = x + y - 2
        v, w = v - row / 3, w - (y - 3 + row) / 3
        x, y = soft(v, Fraction(1)), soft(w, Fraction(1))
        sizes.append((x != 0) + (y != 0))
    assert sizes == [1, 2, 2, 1]


def valley(coarse_steps: int, cycles: int) -> tuple[Fraction, Fraction]:
    """(L(θᴷ) − L*, D/(Kτ)) for L = ½(x/3 − y − 4/3)² + ⅛(y + 1)², θ⁰ = (1, 0), p⁰ = (1, −1), J = ‖·‖₁, δ = 1, τ = 74/100."""
    tau, v, w = Fraction(74, 100), Fraction(2), Fraction(-1)
    x, y = Fraction(1), Fraction(0)
    for k in range(coarse_steps + cycles):
        row = x / 3 - y - Fraction(4, 3)
        v = v - tau * row / 3
        if k >= coarse_steps:
            w = w - tau * (-row + (y + 1) / 4)
        x, y = soft(v, Fraction(1)), soft(w, Fraction(1))
    gap = (x / 3 - y - Fraction(4, 3)) ** 2 / 2 + (y + 1) ** 2 / 8
    distance = (2 + Fraction(2, 2)) - (1 + Fraction(1, 2)) - (2 * 0 + (-1) * (-1))  # J_δ(θ*) − J_δ(θ⁰) − ⟨v⁰, θ* − θ⁰⟩
    return gap, distance / (cycles * tau)


def test_the_fine_steps_alone_do_not_bound_the_loss_after_a_coarse_phase() -> None:
    # 1/ℓ = 0.7460…: the step 0.74 is allowed.
    assert 74 * (Fraction(49, 36) + Fraction(132, 100)) / 2 < 100
    gap, bound = valley(30, 20)
    assert gap > Fraction(4, 3) * bound
    gap, bound = valley(0, 20)
    assert gap < bound / 2


def test_the_sharp_cost_of_noise_is_attained() -> None:
    """L = ½θ², J = 0, δ = 1, θ = 1, τ = ½ and the error ξ = −3 of the gradient."""
    tau, xi = Fraction(1, 2), Fraction(-3)
    after = 1 - tau * (1 + xi)
    assert Fraction(1, 2) + tau * xi**2 / (2 * (2 - tau)) - after**2 / 2 == 0


def test_beyond_one_over_the_smoothness_noise_without_a_bias_costs_more_than_lemma_a_3_allows() -> None:
    """At the minimiser of ½θ², J = 0, δ = 1: E L(θ⁺) = τ²σ²/2 against τσ²/2."""
    for tau, holds in ((Fraction(1), True), (Fraction(101, 100), False)):
        assert (tau**2 / 2 <= tau / 2) is holds
