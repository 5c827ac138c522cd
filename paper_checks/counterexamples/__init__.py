"""Every refutation once more, by hand: plain rational arithmetic that knows nothing of the rest of this package.

Each function states its instance, computes both sides of the printed formula with `fractions.Fraction` and returns
right side − left side (for an equation −|right side − left side|), not scaled, which must be negative. The judge calls it for
a refuted claim and shows the number beside its own. For a statement about a limit both sides are those of the finite form
that the claim is judged in; the claim's disproof shows that no other constant helps.

In most instances d = 1, L = ½θ² (ℓ = μ = ν = 1, θ* = 0, L* = 0), J = 0 and δ = 1. Then v = θ, a step is θ⁺ = θ − τg, p = v − θ
stays 0, so that D^sym_J = 0, and D^v_{J_δ}(θ̃, θ) = ½(θ̃ − θ)². "± 1" is noise that is 1 or −1 with probability ½ each.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from . import (
    bpgd,
    bungert2021_convergence,
    bungert2021_decay,
    bungert2021_divergences,
    bungert2021_dynamics,
    bungert2021_proof_steps,
    initialisation,
    lunk2026,
    mlbpgd,
)

_BY_ID: dict[str, Callable[[], Fraction]] = {
    **bungert2021_dynamics.BY_ID,
    **bungert2021_decay.BY_ID,
    **bungert2021_divergences.BY_ID,
    **bungert2021_convergence.BY_ID,
    **bungert2021_proof_steps.BY_ID,
    **lunk2026.BY_ID,
    **bpgd.BY_ID,
    **mlbpgd.BY_ID,
    **initialisation.BY_ID,
}


def known() -> tuple[str, ...]:
    """The ids of the claims that have a counterexample here."""
    return tuple(_BY_ID)


def recheck(id: str) -> Fraction | None:
    """right side − left side of the stored counterexample to a claim; None where there is none."""
    found = _BY_ID.get(id)
    return None if found is None else found()
