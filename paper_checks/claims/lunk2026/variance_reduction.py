"""lunk2026, appendix B: the variance-reduced coarse model of a finite sum. Expectations are sums over all mini-batches."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, final

import numpy as np

from ....solvers import variance_reduced
from ....solvers.oracles import MiniBatch, Oracle, Outcomes, batch_gradients, equally_likely, finite_sum
from ....theory import coarse
from ....theory.arrays import Array, constant, scalar, square_norm, total
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most, equal_vectors
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.batches import (
    BatchSizes,
    FiniteSums,
    finite_population_factor,
    largest_lipschitz,
    mean_lipschitz,
)
from ...proof import Proof, Step, symbols
from .transfer import SOURCE


def weighted_mean(values: Array, probabilities: Array) -> Array:
    """Σ_s p_s values_s along the last axis."""
    return total(values * constant(probabilities, values))


@final
class WithReplacement(Oracle):
    """∇ψ(θ̂) with b summands drawn independently of each other."""

    def __init__(self, size: int) -> None:
        self.size = size

    def sample(self, loss: Any, theta: Array, rng: Any = None) -> Array:
        gradients = self.outcomes(loss, theta).values
        drawn = np.random.default_rng(rng).integers(gradients.shape[-2], size=(*theta.shape[:-1], 1, 1))
        return np.take_along_axis(gradients, drawn, axis=-2)[..., 0, :]

    def outcomes(self, loss: Any, theta: Array) -> Outcomes:
        batches = np.asarray(list(product(range(finite_sum(loss).count), repeat=self.size)))
        anchor = loss.restriction.restrict(loss.theta)
        change = batch_gradients(loss, theta, batches) - batch_gradients(loss, anchor, batches)
        return Outcomes(change + loss.gradient(anchor)[..., None, :], equally_likely(len(batches)))

    def take(self, instances: Array) -> Oracle:
        return self


def reduced(size: int) -> Oracle:
    """The oracle under test, found anew each time: a mutant may have replaced it."""
    return variance_reduced.VarianceReduced(size)


def _rounding(lower: coarse.CoarseLoss, hat: Array) -> Array:
    """What the summands' gradients are made of, (..., d): they may be large where their differences are small."""
    loss, result = finite_sum(lower), 0 * lower.lift(hat)
    for theta in (lower.lift(hat), lower.lift(lower.restriction.restrict(lower.theta))):
        gradients = total(abs(loss.component_gradients(theta)), axis=-2)
        result = result + gradients + scalar(loss.component_lipschitz, hat) * abs(theta)
    return result


def _variance(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    hat: Array,
    size: int,
    *,
    oracle: Any = reduced,
    ell: Any = largest_lipschitz,
    factor: Any = finite_population_factor,
) -> Array:
    lower = coarse.CoarseLoss(problem.loss, restriction, pair.theta)
    values, probabilities = oracle(size).outcomes(lower, hat)
    error = weighted_mean(square_norm(values - lower.gradient(hat)[..., None, :]), probabilities)
    kappa, constant_ell = factor(finite_sum(lower).count, size, hat), scalar(ell(problem.loss), hat)
    moved = square_norm(hat - restriction.restrict(pair.theta))
    largest_term = total(_rounding(lower, hat))
    return at_most(error, kappa * constant_ell * constant_ell * moved, largest_term * largest_term)


def _without(**changes: Any) -> Any:
    def margin(problem: Problem, restriction: Restriction, pair: PrimalDual, hat: Array, size: int) -> Array:
        return _variance(problem, restriction, pair, hat, size, **changes)

    return margin


def _lemma_b_1_proof() -> Proof:
    import sympy

    count, size = sympy.symbols("N b", positive=True)
    squares, others, mean, total_square, ell, moved = symbols(
        "sum|y_i|^2", "sum_{i!=j}<y_i,y_j>", "|mean Delta|^2", "sum|Delta_i|^2", "ell", "|hat - hat_0|"
    )
    single, pair = size / count, size * (size - 1) / (count * (count - 1))
    second_moment = (single * squares + pair * others) / size**2
    kappa = (count - size) / (size * (count - 1))

    def choose(a: Any, b: Any) -> Any:
        return sympy.gamma(a + 1) / (sympy.gamma(b + 1) * sympy.gamma(a - b + 1))

    return Proof(
        (
            Step(
                "P(i ∈ B) = C(N−1, b−1)/C(N, b) = b/N; so E∇ψ(θ̂) = (1/N) Σ Δᵢ + ∇L̂(θ̂⁰) = ∇L̂(θ̂), Δᵢ = ∇L̂ᵢ(θ̂) − ∇L̂ᵢ(θ̂⁰)",
                sympy.gammasimp(choose(count - 1, size - 1) / choose(count, size) - single),
            ),
            Step(
                "P(i, j ∈ B) = C(N−2, b−2)/C(N, b) = b(b−1)/(N(N−1)) for i ≠ j",
                sympy.gammasimp(choose(count - 2, size - 2) / choose(count, size) - pair),
            ),
            Step(
                "with yᵢ = Δᵢ − Δ̄, Σ yᵢ = 0, so Σ_{i≠j}⟨yᵢ, yⱼ⟩ = −Σ‖yᵢ‖²: E‖(1/b) Σ_B yᵢ‖² = κ (1/N) Σ‖yᵢ‖²",
                second_moment.subs(others, -squares) - kappa * squares / count,
            ),
            Step(
                "(1/N) Σ‖yᵢ‖² = (1/N) Σ‖Δᵢ‖² − ‖Δ̄‖² ≤ (1/N) Σ‖Δᵢ‖² ≤ ℓ²‖θ̂ − θ̂⁰‖²; all equal when ‖Δᵢ‖ = ℓ‖θ̂ − θ̂⁰‖ and Δ̄ = 0",
                (total_square / count - mean).subs({mean: 0, total_square: count * (ell * moved) ** 2})
                - (ell * moved) ** 2,
            ),
        ),
        "Unbiased, and the variance is κ times that of the Δᵢ. The bound is attained by L₁ = ½θ², L₂ = −½θ², b = 1. For b = 1 "
        "κ = 1; for b = N the variance is 0.",
    )


_POINTS = {
    "problem": FiniteSums(),
    "restriction": families.restrictions(),
    "pair": families.primal_dual_pairs(),
    "hat": families.vectors(coarse=True),
    "size": BatchSizes(),
}


@claim(
    "lunk2026/lemma-B.1",
    title="The variance-reduced coarse gradient: unbiased, with bounded variance",
    statement=r"\mathbb E\, \nabla\psi(\hat\theta) = \nabla\hat{\mathcal L}(\hat\theta), \qquad "
    r"\mathbb E \|\nabla\psi(\hat\theta) - \nabla\hat{\mathcal L}(\hat\theta)\|^2 \le "
    r"\tfrac{N - b}{b(N - 1)}\, \ell^2 \|\hat\theta - \hat\theta^0\|^2",
    source=f"{SOURCE}, lemma B.1",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "every ∇Lᵢ is ℓ-Lipschitz",
            "each summand, not only their mean; without it: ℓ of ∇L",
            margin=_without(ell=mean_lipschitz),
        ),
        Hypothesis(
            "without replacement",
            "the b summands are different; without it: b independent draws",
            margin=_without(oracle=WithReplacement),
        ),
        Hypothesis(
            "the correction of (15)",
            "ψ has the linear term; without it: the mini-batch gradient itself",
            margin=_without(oracle=MiniBatch),
        ),
    ),
    mutants=(
        Mutant("factor (N − b)/(bN)", margin=_without(factor=lambda n, b, x: scalar(Fraction(n - b, b * n), x))),
        Mutant(
            "factor (N − b)/(b²(N − 1))",
            margin=_without(factor=lambda n, b, x: finite_population_factor(n, b, x) / b),
        ),
        Mutant(
            "9/10 of the factor", margin=_without(factor=lambda n, b, x: finite_population_factor(n, b, x) * 9 / 10)
        ),
        Mutant("ℓ instead of ℓ²", margin=_without(ell=lambda loss: float(largest_lipschitz(loss)) ** 0.5)),
        Mutant(
            "the correction without ∇L(θᵏ)",
            patch=(
                variance_reduced.VarianceReduced,
                "outcomes",
                lambda self, loss, theta: WithReplacement(self.size).outcomes(loss, 0 * theta),
            ),
        ),
        Mutant(
            "batches with replacement",
            patch=(
                variance_reduced.VarianceReduced,
                "outcomes",
                lambda self, loss, theta: WithReplacement(self.size).outcomes(loss, theta),
            ),
        ),
        Mutant(
            "plain mini-batch gradient",
            patch=(
                variance_reduced.VarianceReduced,
                "outcomes",
                lambda self, loss, theta: MiniBatch(self.size).outcomes(loss, theta),
            ),
        ),
    ),
    proof=_lemma_b_1_proof,
)
@given(**_POINTS)
def lemma_b_1(problem: Problem, restriction: Restriction, pair: PrimalDual, hat: Array, size: int) -> dict[str, Array]:
    """For N ≥ 2, where κ is defined. Sharp: L₁ = ½θ², L₂ = −½θ² and b = 1 give equality. The paper's factor needs every
    summand to be ℓ-Lipschitz: the mean of those two has ℓ = 0. If all Lᵢ are convex, a quarter of the bound is enough: see
    lemma-B.1-convex."""
    lower = coarse.CoarseLoss(problem.loss, restriction, pair.theta)
    outcomes = variance_reduced.VarianceReduced(size).outcomes(lower, hat)
    mean = total(constant(outcomes.probabilities, hat)[..., :, None] * outcomes.values, axis=-2)
    return {
        "unbiased": equal_vectors(mean, lower.gradient(hat), _rounding(lower, hat)),
        "variance": _variance(problem, restriction, pair, hat, size),
    }


def _convex_proof() -> Proof:
    ell, d_d, D_D, D_d = symbols("ell", "|d|^2", "|Delta_i|^2", "<Delta_i,d>")
    second, square, cross, c_c = symbols("mean of |Delta_i|^2", "|mean|^2", "<mean,c>", "|c|^2")
    centered = D_D - ell * D_d + ell**2 * d_d / 4
    return Proof(
        (
            Step(
                "cocoercivity, ‖Δᵢ‖² ≤ ℓ⟨Δᵢ, d⟩ with d = θ̂ − θ̂⁰, says ‖Δᵢ − ℓd/2‖² ≤ ℓ²‖d‖²/4",
                centered - (ell**2 * d_d / 4 - (ell * D_d - D_D)),
            ),
            Step(
                "(1/N) Σ‖Δᵢ − Δ̄‖² = (1/N) Σ‖Δᵢ − c‖² − ‖Δ̄ − c‖² for every c; so with c = ℓd/2 it is ≤ ℓ²‖d‖²/4",
                (second - square) - ((second - 2 * cross + c_c) - (square - 2 * cross + c_c)),
            ),
        ),
        "The variance of the mini-batch mean is κ times that, as in lemma B.1. L₁ = ½θ², L₂ = 0 and b = 1 give equality.",
    )


def _quarter(count: int, size: int, like: Array) -> Any:
    return finite_population_factor(count, size, like) / 4


_CONVEX = ("least_squares", "huber", "log_cosh")


@claim(
    "lunk2026/lemma-B.1-convex",
    title="A quarter of the variance for convex summands",
    statement=r"L_i \text{ convex}: \quad \mathbb E \|\nabla\psi(\hat\theta) - \nabla\hat{\mathcal L}(\hat\theta)\|^2 \le "
    r"\tfrac14\, \tfrac{N - b}{b(N - 1)}\, \ell^2 \|\hat\theta - \hat\theta^0\|^2",
    source=f"ours, after {SOURCE}, lemma B.1",
    hypotheses=(
        Hypothesis(
            "every Lᵢ is convex",
            "without it: parabolas of either sign",
            without={"problem": FiniteSums()},
        ),
        Hypothesis(
            "every ∇Lᵢ is ℓ-Lipschitz",
            "each summand, not only their mean; without it: ℓ of ∇L",
            margin=_without(ell=mean_lipschitz, factor=_quarter),
        ),
    ),
    mutants=(
        Mutant("a fifth", margin=_without(factor=lambda n, b, x: finite_population_factor(n, b, x) / 5)),
        Mutant("an eighth", margin=_without(factor=lambda n, b, x: finite_population_factor(n, b, x) / 8)),
        Mutant("with replacement", margin=_without(oracle=WithReplacement, factor=_quarter)),
        Mutant("without the correction", margin=_without(oracle=MiniBatch, factor=_quarter)),
    ),
    proof=_convex_proof,
)
@given(**{**_POINTS, "problem": FiniteSums(summands=_CONVEX)})
def lemma_b_1_convex(problem: Problem, restriction: Restriction, pair: PrimalDual, hat: Array, size: int) -> Array:
    """All Δᵢ lie in the ball around ℓ(θ̂ − θ̂⁰)/2 with 0 on its boundary, so their variance is at most its squared radius. Sharp:
    L₁ = ½θ², L₂ = 0 and b = 1."""
    return _variance(problem, restriction, pair, hat, size, factor=_quarter)
