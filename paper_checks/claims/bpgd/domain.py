"""Does the step exist, and do the iterates stay in C? For Burg, whose φ* is finite on p < 0 only, it takes more than τ ≤ 1/L."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....solvers import bregman_proximal_gradient as bpgd
from ....theory.arrays import Array, column, largest, namespace
from ....theory.margins import at_most, equal_vectors, least
from ....theory.references import FermiDirac, Shannon
from ....theory.relative_problem import RelativeProblem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.relative import RelativePoints, RelativeProblems
from ...proof import Proof, Step, symbols
from .mirror_steps import EUCLIDEAN_STEP, NO_MIRROR_MAP, SOURCE, after, iterates
from .poisson import ASCENT_DIRECTION, HALF_CONSTANT, LARGEST_DATUM, RATIO_SQUARED

_KL = RelativeProblems(("kl/burg",), gradients_only=True)


def _exists(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    """max over the entries of ∇φ(x) − τ∇f(x) ≤ 0, relative to its two terms; 1 where ∇f(x) does not exist."""
    dual, moved = problem.reference.gradient(x), column(tau) * problem.loss.gradient(x)
    margins = at_most(dual - moved, 0 * dual, dual, moved)
    return np.min(namespace(margins).where(margins == margins, margins, 0 * x + 1), axis=-1)


@claim(
    "bpgd/step-exists",
    title="The step with Burg exists for τ ≤ 1/L",
    statement=r"\nabla\varphi(x) - \tau\nabla f(x) < 0 \quad\text{for } \varphi = -\textstyle\sum\log, \; \tau \le 1/L",
    source=f"{SOURCE}, which assumes it",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "relative smoothness",
            "Lφ − f is convex",
            why="the statement fails with it; for the Kullback–Leibler data term it holds: bpgd/step-exists-kl",
        ),
    ),
    mutants=(
        Mutant("with 2τ", margin=lambda problem, x, tau: _exists(problem, x, 2 * tau)),
        Mutant("uphill", margin=lambda problem, x, tau: _exists(problem, x, -tau)),
    ),
)
@given(
    problem=RelativeProblems(("any_slope/burg", "any_tilt/burg", "kl/burg"), gradients_only=True),
    x=RelativePoints(),
    tau=families.step_sizes(),
)
def step_exists(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    """False: ∇φ maps onto the negative numbers only, and a linear term of f changes nothing about L. f = −x is 0-smooth and
    its step from x exists for τ < 1/x only; f = φ − x fails in the same way. Convergence theorems assume that the step
    exists, or a supercoercive φ, which Burg is not."""
    return _exists(problem, x, tau)


def _kl_proof() -> Proof:
    tau, L = symbols("tau", "L", positive=True)
    b, c, s_b, s_c, r, q = symbols("b₁", "b₂", "a₁x", "a₂x", "a₁x/z₁", "a₂x/z₂")
    slope = (s_b - b * r) + (s_c - c * q)  # xⱼ ∂ⱼf(x), over the rows with aᵢⱼ > 0
    return Proof(
        (
            Step(
                "1 + τxⱼ∂ⱼf(x) = (1 − τL) + τ(L − Σ bᵢ) + τ Σ bᵢ(1 − aᵢⱼxⱼ/zᵢ) + τ Σ aᵢⱼxⱼ, sums over the rows with "
                "aᵢⱼ > 0 (here two)",
                1
                + tau * slope
                - ((1 - tau * L) + tau * (L - b - c) + tau * (b * (1 - r) + c * (1 - q)) + tau * (s_b + s_c)),
            ),
        ),
        "All four terms are ≥ 0, because zᵢ ≥ aᵢⱼxⱼ and L ≥ Σ bᵢ over those rows; the last is > 0 unless the column is zero, and "
        "then ∂ⱼf = 0. So −1/xⱼ − τ∂ⱼf(x) < 0.",
    )


@claim(
    "bpgd/step-exists-kl",
    title="For the Kullback–Leibler data term the step with Burg exists",
    statement=r"\nabla\varphi(x) - \tau\nabla f(x) < 0 \quad\text{for } f = D_{\mathrm{KL}}(b, A\,\cdot), \;"
    r"\tau \le 1/L, \; L = \max_j \sum_{i:\, a_{ij} > 0} b_i",
    source=f"ours; {SOURCE} leaves it to a supercoercive φ",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "τ ≤ 1/L", "the step size; without it: τ up to 3/L", without={"tau": families.step_sizes(at_most=3)}
        ),
        Hypothesis(
            "the Kullback–Leibler term",
            "f = D(b, Ax); without it: aφ and a linear term",
            without={"problem": RelativeProblems(("any_tilt/burg",), gradients_only=True)},
        ),
        Hypothesis(
            "A ≥ 0",
            "no negative entries; without it: some of them negative, x with Ax > 0",
            without={"problem": RelativeProblems(("signed/burg",), gradients_only=True)},
        ),
    ),
    mutants=(LARGEST_DATUM, HALF_CONSTANT, RATIO_SQUARED, ASCENT_DIRECTION),
    proof=_kl_proof,
)
@given(problem=_KL, x=RelativePoints(), tau=families.step_sizes())
def step_exists_kl(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    """With the constant of bpgd/kl-burg-smoothness, which is at most ‖b‖₁. The limit is sharp: with one row and x → 0 the step
    exists up to 1/(L − ax). Rounding can spoil it where ∇φ(x) and τ∇f(x) cancel; a run halves τ there."""
    return _exists(problem, x, tau)


def _inside(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    return _distance(problem, iterates(problem, x, tau)[1:])


def _unshortened(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    plain = bpgd.step(problem.reference, x, problem.loss.gradient(x), tau)
    return equal_vectors(after(problem, x, tau), plain)


def _distance(problem: RelativeProblem, points: list[Array]) -> Array:
    """min over the points and entries of the distance to the boundary of C, relative to the largest entry."""
    found = []
    for point in points:
        sides = [point, 1 - point] if isinstance(problem.reference, FermiDirac) else [point]
        found += [at_most(0 * largest(side), np.min(side, axis=-1), largest(point)) for side in sides]
    return least(found)


def _inside_proof() -> Proof:
    E, x, tau, a, c = symbols("exp(p)", "x", "tau", "a", "c", positive=True)
    return Proof(
        (
            Step(
                "Fermi–Dirac: x⁺ = E/(1 + E) and 1 − x⁺ = 1/(1 + E) with E = exp(p) > 0", 1 - E / (1 + E) - 1 / (1 + E)
            ),
            Step(
                "Burg and f = aφ + cx with c > 0: −p⁺ = (1 − τa)/x + τc > 0 for τ ≤ 1/a",
                -(-1 / x - tau * (-a / x + c)) - ((1 - tau * a) / x + tau * c),
            ),
        ),
        "Shannon: x⁺ = exp(p) > 0 for every p. Burg: x⁺ = −1/p⁺ > 0 where p⁺ < 0, for the Kullback–Leibler term by "
        "bpgd/step-exists-kl and for a linear f with c ≥ 0 by the step above with a = 0.",
    )


def _unmirrored(problem: RelativeProblem, x: Array, tau: Array) -> Array:
    return _distance(problem, [x - column(tau) * problem.loss.gradient(x)])


def _shannon_map(self: Any, p: Array) -> Array:
    return Shannon().conjugate_gradient(p)


@claim(
    "bpgd/stays-inside",
    title="The iterates stay in the interior of the domain",
    statement=r"x^0 \in C = \operatorname{int}\operatorname{dom}\varphi \;\Longrightarrow\; x^k \in C "
    r"\quad\text{for } \tau \le 1/L",
    source=SOURCE,
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "the mirror map",
            "x⁺ = ∇φ*(∇φ(x) − τ∇f(x)); without it: x − τ∇f(x)",
            without={"problem": _KL},
            margin=_unmirrored,
        ),
        Hypothesis(
            "the step exists",
            "∇φ(x) − τ∇f(x) is in the domain of φ*",
            why="without it there is no x⁺; bpgd/step-exists tells when",
        ),
    ),
    mutants=(
        EUCLIDEAN_STEP,
        NO_MIRROR_MAP,
        Mutant("Shannon's map in the box", patch=(FermiDirac, "conjugate_gradient", _shannon_map)),
    ),
    proof=_inside_proof,
)
@given(
    problem=RelativeProblems(
        (
            "kl/burg", "kl/shannon", "least_squares/fermi_dirac", "ridge/fermi_dirac", "linear/shannon", "linear/fermi_dirac",
            "linear/burg", "tilted/shannon", "tilted/fermi_dirac", "tilted/burg",
        ),
        gradients_only=True,
    ),
    x=RelativePoints(),
    tau=families.step_sizes(),
)  # fmt: skip
def stays_inside(problem: RelativeProblem, x: Array, tau: Array) -> dict[str, Array]:
    """For Shannon and Fermi–Dirac with any τ, for Burg where the step exists. In floating point, too, at τ = 1/L, because
    ∇φ* is rounded into the interior; and the step, which a run may shorten, is not shortened. The first margin is the distance
    to the boundary, so it is small and never 0."""
    return {"distance to the boundary": _inside(problem, x, tau), "no step is shortened": _unshortened(problem, x, tau)}
