"""Prolonging the change of the dual variable, as lunk2026 does: when that is a descent direction."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers import coarse_model
from ....theory.arrays import Array, Real, inner, scalar
from ....theory.margins import at_most, equal_vectors
from ....theory.references import Burg
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import CoarsePhase, coarse_phase, descends, factor, value_terms
from .coherence import _opposite


class _Dual(NamedTuple):
    direction: Array
    phase: CoarsePhase


def _dual(problem: RelativeProblem, y: Array, share: Real, steps: int) -> _Dual:
    """d = ∇φ*(∇φ(y) + P(∇φ_c(ξᵐ) − ∇φ_c(ξ⁰))) − y, shortened where that does not exist."""
    assert problem.below is not None
    lower, transfer = problem.below
    phase = coarse_phase(problem, y, share, steps)
    phi = lower.reference
    added = transfer.prolong(phi.gradient(phase.path[-1]) - phi.gradient(phase.path[0]))
    return _Dual(bpgd.shortened_step(problem.reference, y, -added, 1) - y, phase)


def _slope(problem: RelativeProblem, y: Array, share: Real, steps: int) -> Array:
    found = _dual(problem, y, share, steps)
    g = found.phase.gradient
    return at_most(inner(g, found.direction), 0 * inner(g, y), inner(abs(g), abs(found.direction)))


@claim(
    "mlbpgd/dual-transfer-descends",
    title="The prolonged change of the dual variable is a descent direction, too",
    statement=r"\langle\nabla f(y), \nabla\phi^*(\nabla\phi(y) + P(\nabla\phi_c(\xi^1) - \nabla\phi_c(\xi^0))) - y\rangle \le 0 "
    r"\quad\text{for convex } f_c,\ \hat\tau \le 1/L_c",
    source="ours (mlbpgd): the transfer of lunk2026 with the grids of ML BPGD",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "convex f_c, τ̂ ≤ 1/L_c",
            "what makes the primal transfer descend",
            why="the conclusion fails with both, too; the primal transfer is judged beside it",
        ),
    ),
    mutants=(Mutant("the tilt with the other sign", patch=(coarse_model, "coherent", _opposite)),),
)
@given(problem=TwoLevels(("burg",), ("cell",), ("linear",), ("linear",)), y=LevelPoints(), share=Shares())
def dual_transfer_descends(problem: RelativeProblem, y: Array, share: Real) -> dict[str, Array]:
    """Fails for one coarse step of any length, already to first order: d ≈ −τ̂ (∇²φ(y))⁻¹PR∇f(y), and although both matrices are
    semidefinite their product is not, ⟨g, diag(y²)RᵀRg⟩ < 0 for y = (2, 1), g = (−1, 2), R = (½, ½). It holds where the metric
    and PR commute: Euclidean references, and selections (dual-transfer-of-selections), which is why lunk2026 may prolong v."""
    return {
        "the dual transfer": _slope(problem, y, share, 1),
        "P(ξ¹ − ξ⁰)": descends(coarse_phase(problem, y, share, 1)),
    }


def _same(problem: RelativeProblem, y: Array, share: Real, steps: int) -> dict[str, Array]:
    found = _dual(problem, y, share, steps)
    phase = found.phase
    gain = phase.model.value(phase.path[-1]) - phase.model.value(phase.path[0])
    c, g = factor(problem, y), phase.gradient
    slope, terms = inner(g, found.direction), inner(abs(g), abs(found.direction))
    lost = _lost(problem, phase)
    sizes = (
        terms,
        inner(abs(g), abs(y) + lost),
        *(c * term for term in value_terms(phase.model, phase.path[0], phase.path[-1])),
    )
    return {
        "both transfers agree": phase.judged(equal_vectors(found.direction, phase.direction, y, lost)),
        "the direction descends": phase.judged(at_most(slope, c * gain, *sizes)),
    }


def _lost(problem: RelativeProblem, phase: CoarsePhase) -> Array:
    """What the rounding of ∇φ(ξ⁰) is worth in ξᵐ, in units of it: for Burg −1/ξᵐ may be a small difference of large numbers."""
    assert problem.below is not None
    lower, transfer = problem.below
    last = abs(phase.path[-1])
    if not isinstance(lower.reference, Burg):
        return transfer.prolong(last)
    return transfer.prolong(last + last * last * abs(lower.reference.gradient(phase.path[0])))


def _selection_proof() -> Proof:
    p_y, p_m, p_0, y_i, x_i = symbols("phi'(y_i)", "phi'(xi^m_i)", "phi'(xi^0_i)", "y_i", "xi^m_i")
    dual = p_y + (p_m - p_0)
    return Proof(
        (
            Step("a selected entry has ξ⁰ᵢ = yᵢ, so its dual variable φ'(yᵢ) + φ'(ξᵐᵢ) − φ'(ξ⁰ᵢ) is φ'(ξᵐᵢ)",
                 dual.subs(p_0, p_y) - p_m),
            Step("and dᵢ = ξᵐᵢ − yᵢ is the entry of P(ξᵐ − ξ⁰); the others keep φ'(yᵢ) and have dᵢ = 0",
                 ((x_i - y_i) - (x_i - y_i))),
        ),
        "φ is separable and φ_c is its part on the selected entries. Then mlbpgd/descent-direction gives the slope.",
    )  # fmt: skip


@claim(
    "mlbpgd/dual-transfer-of-selections",
    title="For a selection of unknowns primal and dual transfer are the same",
    statement=r"R \text{ selects entries},\ P = R^\top \;\Rightarrow\; \nabla\phi^*(\nabla\phi(y) + P(\nabla\phi_c(\xi^m) - "
    r"\nabla\phi_c(\xi^0))) = y + P(\xi^m - \xi^0), \text{ and it descends for convex } f_c",
    source="ours (mlbpgd): what the adaptive restriction of lunk2026 changes",
    reconstructed=True,
    hypotheses=(
        Hypothesis("R selects entries", "without it: full weighting, Burg", without={
            "problem": TwoLevels(("burg",), ("cell",), ("linear",), ("linear",))}, margin=lambda problem, y, share, steps: _slope(
                problem, y, share, steps)),
        Hypothesis("convex f_c", "without it: wells; the transfers still agree", without={
            "problem": TwoLevels(("euclidean",), ("selection",), coarse=("wells",))}),
    ),
    mutants=(
        Mutant("ψ with the other sign in its tilt", patch=(coarse_model, "coherent", _opposite)),
        Mutant("a Euclidean mirror step", patch=(bpgd, "shortened_step", lambda phi, x, g, tau: x - tau * g / 1000)),
        Mutant("2.1 times what ψ lost", margin=lambda problem, y, share, steps: _twice_the_gain(problem, y, share, steps)),
    ),
    proof=_selection_proof,
)  # fmt: skip
@given(problem=TwoLevels(transfers=("selection",)), y=LevelPoints(), share=Shares(), steps=Counts())
def dual_transfer_of_selections(problem: RelativeProblem, y: Array, share: Real, steps: int) -> dict[str, Array]:
    """Any number of coarse steps, any separable reference. y + d is then in C as ξᵐ is in Ĉ: no domain test is needed, either."""
    return _same(problem, y, share, steps)


def _twice_the_gain(problem: RelativeProblem, y: Array, share: Real, steps: int) -> Array:
    phase = coarse_phase(problem, y, share, steps)
    gain = phase.model.value(phase.path[-1]) - phase.model.value(phase.path[0])
    return at_most(phase.slope, scalar(Fraction(21, 10), y) * factor(problem, y) * gain, phase.slope_terms)
