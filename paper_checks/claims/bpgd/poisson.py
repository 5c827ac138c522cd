"""The Kullback–Leibler data term of Poisson noise is smooth relative to Burg, with a constant better than ‖b‖₁."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....theory.arrays import Array, inner, namespace, scalar, total
from ....theory.losses.kullback_leibler import KullbackLeibler
from ....theory.margins import at_most
from ....theory.operators import MatrixOperator
from ....theory.references import Burg, Reference
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.relative import RelativePoints, RelativeProblems
from ...proof import Proof, Step, symbols

_slope = KullbackLeibler.slope_at

LARGEST_DATUM = Mutant(
    "max bᵢ in place of the column sums",
    patch=(KullbackLeibler, "relative_smoothness", lambda self, reference: float(self.data.max())),
)
HALF_CONSTANT = Mutant(
    "half the constant",
    patch=(KullbackLeibler, "relative_smoothness", lambda self, reference: self.burg_constant / 2),
)
RATIO_SQUARED = Mutant(
    "gradient Aᵀ(1 − (b/z)²)",
    patch=(
        KullbackLeibler,
        "slope_at",
        lambda self, image: 1 - (self.data / image) ** 2,
    ),
)
ASCENT_DIRECTION = Mutant(
    "gradient with the wrong sign", patch=(KullbackLeibler, "slope_at", lambda self, image: -_slope(self, image))
)


def _shannon_gradient(self: Reference, x: Array) -> Array:
    return np.log(x)


def _monotone(problem: RelativeProblem, x: Array, y: Array, factor: Any = 1) -> Array:
    """⟨∇f(x) − ∇f(y), x − y⟩ ≤ L⟨∇φ(x) − ∇φ(y), x − y⟩."""
    slopes, duals = [problem.loss.gradient(t) for t in (x, y)], [problem.reference.gradient(t) for t in (x, y)]
    L = scalar(factor, x) * scalar(problem.smoothness, x)
    moved = x - y
    return at_most(
        inner(slopes[0] - slopes[1], moved),
        L * inner(duals[0] - duals[1], moved),
        total(abs(moved) * (abs(slopes[0]) + abs(slopes[1]))),
        L * total(abs(moved) * (abs(duals[0]) + abs(duals[1]))),
    )


def _where_defined(problem: RelativeProblem, x: Array, y: Array) -> Array:
    """The margin where Ax + β > 0 and Ay + β > 0, and 1 elsewhere."""
    found = _monotone(problem, x, y)
    return namespace(found).where(found == found, found, 0 * total(x) + 1)


def _not_above_the_total(problem: RelativeProblem, x: Array) -> Array:
    loss: Any = problem.loss
    zero = 0 * total(x)
    return at_most(zero + scalar(problem.smoothness, x), zero + scalar(sum(loss.data.tolist()), x))


def _proof() -> Proof:
    b, z_x, z_y, h = symbols("b", "z_x", "z_y", "h")
    A, S, H, a, x, y = symbols("A", "S", "H", "a", "x", "y")
    new = (A + a**2 * x * y) * (S + (x - y) ** 2 / (x * y)) - (H + a * (x - y)) ** 2
    square = ((x - y) * A / (x * y) - a * H) ** 2 * x * y
    s, t, beta = symbols("s", "t", "beta")
    u_1, u_2, v_1, v_2 = symbols("a₁x₁", "a₂x₂", "a₁y₁", "a₂y₂")
    return Proof(
        (
            Step(
                "one row, z = ⟨a, ·⟩ + β and h = z_x − z_y = ⟨a, x − y⟩: (b/z_y − b/z_x) h = b h²/(z_x z_y)",
                (b / z_y - b / z_x) * h - b * (z_x - z_y) * h / (z_x * z_y),
            ),
            Step(
                "h² ≤ (Σ aⱼ²xⱼyⱼ)(Σ (xⱼ − yⱼ)²/(xⱼyⱼ)) over the j with aⱼ > 0, by induction: with A S − H² ≥ 0 for the entries so "
                "far, A > 0, one more entry gives A·(new A·S − new H²) = (A + a²xy)(A S − H²) + a square times xy",
                A * new - ((A + a**2 * x * y) * (A * S - H**2) + square),
            ),
            Step(
                "z_x z_y − (Σ aⱼxⱼ)(Σ aⱼyⱼ) = β(s + t) + β² ≥ 0 with the sums s and t",
                (s + beta) * (t + beta) - s * t - (beta * (s + t) + beta**2),
            ),
            Step(
                "(Σ aⱼxⱼ)(Σ aⱼyⱼ) − Σ aⱼ²xⱼyⱼ is the sum of the mixed products aⱼxⱼ·aₖyₖ ≥ 0 (here two entries)",
                (u_1 + u_2) * (v_1 + v_2) - (u_1 * v_1 + u_2 * v_2) - (u_1 * v_2 + u_2 * v_1),
            ),
        ),
        "So row i adds at most bᵢ Σ_{j: aᵢⱼ > 0} (xⱼ − yⱼ)²/(xⱼyⱼ), and the sum over i is at most L Σⱼ (xⱼ − yⱼ)²/(xⱼyⱼ), which is "
        "L⟨∇φ(x) − ∇φ(y), x − y⟩. This for all x, y > 0 says that Lφ − f is convex.",
    )


def _best_constants() -> tuple[Measurement, ...]:
    A = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0], [0.3, 0.0, 1.0], [0.0, 0.0, 1.0]])
    loss = KullbackLeibler(MatrixOperator(A), np.array([3.0, 1.0, 2.0, 0.5]))
    column = int(np.argmax(loss.operator.adjoint_pattern(loss.data)))
    x = np.ones((1, 3))
    x[0, column] = 1e8
    y = x * (1 + np.eye(3)[column])
    share = inner(loss.gradient(x) - loss.gradient(y), x - y) / inner(Burg().gradient(x) - Burg().gradient(y), x - y)
    return (
        Measurement(
            "⟨∇f(x) − ∇f(y), x − y⟩/⟨∇φ(x) − ∇φ(y), x − y⟩ beside our constant",
            f"‖b‖₁ = {loss.total_constant:g}",
            f"{share[0]:.4f}, L = {loss.burg_constant:g}",
            "a 4×3 matrix with zeros; x = 1 but for 1e8 in the column of the largest sum, y = 2x there: no smaller constant "
            "will do",
        ),
    )


@claim(
    "bpgd/kl-burg-smoothness",
    title="The Kullback–Leibler data term is smooth relative to Burg with the largest column sum of the data",
    statement=r"\langle\nabla f(x) - \nabla f(y), x - y\rangle \le L\,\langle\nabla\varphi(x) - \nabla\varphi(y), x - y\rangle, "
    r"\quad L = \max_j \sum_{i:\, a_{ij} > 0} b_i \le \|b\|_1",
    source="Bauschke, Bolte and Teboulle 2017, lemma 7, with ‖b‖₁; the constant is ours (bpgd)",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "the constant",
            "L = maxⱼ Σ_{i: aᵢⱼ > 0} bᵢ; just outside: 0.95·L",
            margin=lambda problem, x, y: _monotone(problem, x, y, Fraction(19, 20)),
        ),
        Hypothesis(
            "A ≥ 0",
            "no negative entries; without it: some of them negative, x and y with Ax, Ay > 0",
            without={"problem": RelativeProblems(("signed/burg",), gradients_only=True)},
            margin=_where_defined,
        ),
        Hypothesis(
            "β ≥ 0",
            "the background; without it: β < 0, x and y with Ax + β, Ay + β > 0",
            without={"problem": RelativeProblems(("dark/burg",), gradients_only=True)},
            margin=_where_defined,
        ),
    ),
    mutants=(
        Mutant("Shannon in place of Burg", patch=(Burg, "gradient", _shannon_gradient)),
        Mutant("smaller by 2 %", margin=lambda problem, x, y: _monotone(problem, x, y, Fraction(49, 50))),
        LARGEST_DATUM,
        HALF_CONSTANT,
        RATIO_SQUARED,
    ),
    proof=_proof,
    measurements=_best_constants,
)
@given(
    problem=RelativeProblems(("kl/burg",), gradients_only=True),
    x=RelativePoints(),
    y=RelativePoints(),
)
def kl_burg_smoothness(problem: RelativeProblem, x: Array, y: Array) -> dict[str, Array]:
    """The gradient form of "Lφ − f is convex", which is rational. For an operator as local as a blur the constant is far below
    ‖b‖₁, and 1/L, the longest step, far above 1/‖b‖₁. It is the best for every A and b: in the column of the largest sum let
    xⱼ → ∞. With one column and no background the two sides are equal."""
    return {"smoothness": _monotone(problem, x, y), "L ≤ ‖b‖₁": _not_above_the_total(problem, x)}
