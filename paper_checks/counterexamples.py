"""Every refutation once more, by hand: plain rational arithmetic that knows nothing of the rest of this package.

Each function states its instance, computes both sides of the printed formula with `fractions.Fraction` and returns
right side − left side, which must be negative. The judge calls it for a refuted claim and shows the number beside its own.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the formulas stay readable


def thm_3_2() -> F:
    """(3.6) of bungert2021: d = 1, L = ½θ² (ℓ = 1), J = 0, δ = 1, θ = v = 0, τ = 1, g = ±1 with probability ½."""
    outcomes = [F(0) - 1 * g for g in (F(1), F(-1))]
    loss = sum((theta**2 / 2 for theta in outcomes), F(0)) / 2
    symmetric = F(0)  # of J = 0
    distance = sum((theta**2 for theta in outcomes), F(0)) / 2
    return F(0) - (loss + symmetric + F(2 - 1, 2) * distance)


def remark_3_1() -> F:
    """J = |θ|, θ* = 1, θ = 0, p = 1 ∈ ∂J(0): the formula θ*(sign θ* − sign θ) against D = |θ*| − |θ| − p(θ* − θ)."""
    distance = F(1) - 0 - 1 * F(1)
    formula = F(1) * (1 - 0)
    return -abs(distance - formula)


def lemma_b_2() -> F:
    """(B.1) as printed: L = ½θ², J = 0, δ = 1, θ = θ* = 0, τ = 1, g = ±1; E⟨∇L(θ), θ* − θ⁺⟩ = 0 because ∇L(0) = 0."""
    outcomes = [F(1), F(-1)]
    change = sum(((0 - theta) ** 2 / 2 for theta in outcomes), F(0)) / 2 - 0
    printed = -sum(((theta - 0) ** 2 / 2 for theta in outcomes), F(0)) / 2 + 1 * F(0)
    return -abs(change - printed)


_BY_ID: dict[str, Callable[[], F]] = {
    "bungert2021/thm-3.2": thm_3_2,
    "bungert2021/remark-3.1": remark_3_1,
    "bungert2021/lemma-B.2": lemma_b_2,
}


def recheck(id: str) -> F | None:
    """right side − left side of the stored counterexample to a claim; None where there is none."""
    found = _BY_ID.get(id)
    return None if found is None else found()
