"""bungert2021 (v1), section 4.1: the variance of masked weights, and the variances that it quotes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....theory import sparse_initialisation
from ....theory.arrays import Array, constant, exact, largest, scalar, square_norm, total
from ....theory.margins import equal, equal_vectors
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Family
from ...families.base import Drawn
from ...families.batches import Counts
from ...families.weights import Chances, Positive, WeightGroups
from ...proof import Proof, Step, symbols
from .loss_decay import SOURCE


def covariance(values: Array, chances: Array) -> Array:
    """E[ww^T] − E[w]E[w]^T of vectors (..., K, n) with probabilities (..., K)."""
    weight = chances[..., :, None]
    mean = total(weight * values, axis=-2)
    second = total((weight * values)[..., :, :, None] * values[..., :, None, :], axis=-3)
    return second - mean[..., :, None] * mean[..., None, :]


def _masked(values: Array, kept: Array, dropped: Array) -> tuple[Array, Array]:
    """W = W̃M with one mask for the whole group: the points with M = 1 and with M = 0, and the probabilities of both."""
    return np.concatenate([values, 0 * values], axis=-2), np.concatenate([kept, dropped], axis=-1)


def _bernoulli(values: Array, chances: Array, r: Array) -> tuple[Array, Array]:
    return _masked(values, r[..., None] * chances, (1 - r[..., None]) * chances)


def _dependent(values: Array, chances: Array, r: Array) -> tuple[Array, Array]:
    """A mask with P(M = 1) = r again, but more often 1 where the first weight is larger."""
    first, room = values[..., 0], np.minimum(1 + 0 * r, (1 - r) / r)
    tilt = first * room[..., None] / (largest(first) + (largest(first) == 0))[..., None]
    kept = chances * r[..., None] * (1 + tilt)
    return _masked(values, kept, chances - kept)


def _constant_mask(values: Array, chances: Array, r: Array) -> tuple[Array, Array]:
    """M = r for certain: E M = r, but M is not Bernoulli."""
    return values * r[..., None, None], chances


def _flat(matrix: Array) -> Array:
    return matrix.reshape(*matrix.shape[:-2], -1)


def _margins(values: Array, chances: Array, r: Array, alpha: Array, masked: Any = _bernoulli) -> dict[str, Array]:
    before, after = covariance(values, chances), covariance(*masked(values, chances, r))
    sizes = total(chances * square_norm(values))[..., None]
    variance = before[..., 0, 0]
    # W̃ scaled so that Var W̃ = α/r, which scales Var W by the same factor.
    factor = sparse_initialisation.unmasked_variance(alpha, r) / (variance + (variance == 0))
    reached, wanted = factor * after[..., 0, 0], alpha * (variance != 0)
    return {
        "Var W = r Var W̃": equal(after[..., 0, 0], r * variance, sizes[..., 0]),
        "Var W = α for Var W̃ = α/r": equal(reached, wanted, factor * sizes[..., 0]),
        "Cov g = r Cov g̃ for a group": equal_vectors(_flat(after), r[..., None] * _flat(before), sizes),
    }


def _proof() -> Proof:
    r, mu, var, alpha = symbols("r", "mu", "Var", "alpha", positive=True)
    masked = r * (var + mu**2) - (r * mu) ** 2
    return Proof(
        (
            Step(
                "M² = M, and W̃, M are independent: E W = rμ, E W² = r(Var W̃ + μ²), so Var W = r Var W̃ + r(1 − r)μ²",
                masked - (r * var + r * (1 - r) * mu**2),
            ),
            Step(
                "which is the paper's sum of three terms, E[M]² Var W̃ + E[W̃]² Var M + Var M Var W̃ with Var M = r(1 − r)",
                masked - (r**2 * var + mu**2 * r * (1 - r) + r * (1 - r) * var),
            ),
            Step("for μ = 0 and Var W̃ = α/r it is α", masked.subs(mu, 0).subs(var, alpha / r) - alpha),
        ),
        "For a group, the same with E W_i W_j = r E W̃_i W̃_j for each entry of the covariance.",
    )


_EQ_4_3 = {"chances": Chances(), "values": WeightGroups(), "r": Positive(), "alpha": Positive(2.0)}


@claim(
    "bungert2021/eq-4.3",
    title="The variance of masked weights",
    statement=r"W = \tilde W \odot M, \; M \sim \mathcal B(r): \quad \operatorname{Var} W = r \operatorname{Var} \tilde W, "
    r"\qquad \operatorname{Var} \tilde W = \tfrac1r \alpha \;\Rightarrow\; \operatorname{Var} W = \alpha",
    source=f"{SOURCE}, section 4.1, (4.1) to (4.5)",
    hypotheses=(
        Hypothesis("E W̃ = 0", "the weights have mean zero", without={"values": WeightGroups(centered=False)}),
        Hypothesis(
            "W̃ and M are independent",
            "without it: P(M = 1) = r, but larger weights are kept more often",
            margin=lambda values, chances, r, alpha: _margins(values, chances, r, alpha, _dependent),
        ),
        Hypothesis(
            "M is Bernoulli",
            "M ∈ {0, 1}; without it: M = r for certain",
            margin=lambda values, chances, r, alpha: _margins(values, chances, r, alpha, _constant_mask),
        ),
    ),
    mutants=(
        Mutant("Var W̃ = α", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha + 0 * r)),
        Mutant("Var W̃ = rα", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha * r)),
        Mutant("Var W̃ = α/r²", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha / (r * r))),
        Mutant(
            "Var W̃ = α/(1 − r)",
            patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha / (1 - r + (r == 1))),
        ),
        Mutant(
            "P(M = 1) = 1 − r",
            margin=lambda values, chances, r, alpha: _margins(
                values, chances, r, alpha, lambda v, c, s: _bernoulli(v, c, 1 - s)
            ),
        ),
        Mutant(
            "Var W = r² Var W̃",
            margin=lambda values, chances, r, alpha: equal(
                covariance(*_bernoulli(values, chances, r))[..., 0, 0],
                r * r * covariance(values, chances)[..., 0, 0],
            ),
        ),
    ),
    proof=_proof,
)
@given(**_EQ_4_3)
def eq_4_3(chances: Array, values: Array, r: Array, alpha: Array) -> dict[str, Array]:
    """By listing every outcome of W̃ and M. The paper assumes E W̃ = 0 and needs it: in general
    Var W = r Var W̃ + r(1 − r)(E W̃)². For a group with one mask (4.4), r is a factor of the whole covariance matrix."""
    return _margins(values, chances, r, alpha)


@final
@dataclass(frozen=True)
class Inputs(Family):
    """Vectors (..., n), n = the count of the given name."""

    width: str

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        return rng.normal(size=(count, drawn[self.width]))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        entries = hs.lists(hs.sampled_from([1, 2, -1]), min_size=drawn[self.width], max_size=drawn[self.width])
        return entries.map(lambda values: exact([values]))


def _gain(x: Array, variance: Any) -> tuple[Array, Array]:
    """(E z², mean of xⱼ²) for z = Σ Wⱼxⱼ with independent Wⱼ = ±√variance, over all signs."""
    signs = constant(np.asarray(list(product([1, -1], repeat=x.shape[-1]))), x)
    outputs = x @ signs.T
    second_moment = total(outputs * outputs) / len(signs) * scalar(variance, x)
    return second_moment, square_norm(x) / x.shape[-1]


def _square(variance: Callable[[int, int], Any]) -> Any:
    def margin(n: int, x: Array) -> dict[str, Array]:
        after, before = _gain(x, variance(n, n))
        return {"E z² = mean of x²": equal(after, before)}

    return margin


@claim(
    "bungert2021/eq-4.1-glorot",
    title="The variance quoted for sigmoidal activations, in layers with as many inputs as outputs",
    statement=r"\alpha(n_l, n_{l-1}) = \frac{2}{n_l \cdot n_{l-1}}, \; n_l = n_{l-1}: \quad "
    r"\operatorname{Var} z_l = \operatorname{Var} x_{l-1}",
    source=f"{SOURCE}, section 4.1, after (4.1)",
    hypotheses=(
        Hypothesis(
            "σ′(0) = 1, small signals",
            "the layer is linear: z = Wx",
            why="the statement is about the linear regime; it fails with it, too",
        ),
    ),
    mutants=(Mutant("twice the variance for n = 2", margin=_square(lambda n, m: Fraction(2 * n, n * m))),),
)
@given(n=Counts(1, 4), x=Inputs("n"))
def eq_4_1_glorot(n: int, x: Array) -> Array:
    """As printed, with a product in the denominator. Glorot and Bengio have 2/(n_l + n_{l−1}); the product preserves variances
    for n = 2 only, and makes them vanish like 2/n in a wide layer."""
    after, before = _gain(x, Fraction(2, n * n))
    return equal(after, before)


def _glorot_proof() -> Proof:
    n, m = symbols("n_in", "n_out", positive=True)
    alpha = 2 / (n + m)
    return Proof(
        (
            Step("forward factor n_in·α and backward factor n_out·α have mean 1", (n * alpha + m * alpha) / 2 - 1),
            Step("both are 1 for n_in = n_out", (n * alpha).subs(m, n) - 1),
        ),
        "E z² = α Σ xⱼ² = n_in α · mean of xⱼ², because E WⱼWₖ = 0 for j ≠ k; backward the same with Wᵀ.",
    )


def _both(inputs: int, outputs: int, x: Array, g: Array, variance: Any) -> dict[str, Array]:
    forward, mean_x = _gain(x, variance)
    backward, mean_g = _gain(g, variance)
    ratio = forward / mean_x, backward / mean_g
    square = (ratio[0] if inputs == outputs else 0 * ratio[0] + 1, 0 * ratio[0] + 1)
    return {"forward and backward factors have mean 1": equal(sum(ratio) / 2, square[1]), "both 1": equal(*square)}


@claim(
    "bungert2021/eq-4.1-glorot-repaired",
    title="Glorot's variance: the compromise between forward and backward",
    statement=r"\alpha(n_l, n_{l-1}) = \frac{2}{n_l + n_{l-1}}: \quad \tfrac12\big(n_{l-1}\alpha + n_l \alpha\big) = 1, "
    r"\quad n_l = n_{l-1}: \; \operatorname{Var} z_l = \operatorname{Var} x_{l-1}",
    source=f"ours, after {SOURCE}, section 4.1",
    hypotheses=(
        Hypothesis(
            "σ′(0) = 1, small signals",
            "the layer is linear; without it: ReLU",
            margin=lambda inputs, outputs, x, g: equal(
                _gain(x, sparse_initialisation.glorot_variance(inputs, inputs))[0] / 2, square_norm(x) / inputs
            ),
        ),
    ),
    mutants=(
        Mutant("2/(n_l n_{l−1})", patch=(sparse_initialisation, "glorot_variance", lambda n, m: Fraction(2, n * m))),
        Mutant("1/(n_l + n_{l−1})", patch=(sparse_initialisation, "glorot_variance", lambda n, m: Fraction(1, n + m))),
        Mutant("2/n_{l−1}", patch=(sparse_initialisation, "glorot_variance", lambda n, m: Fraction(2, n))),
        Mutant("1/n_l", patch=(sparse_initialisation, "glorot_variance", lambda n, m: Fraction(1, m))),
    ),
    proof=_glorot_proof,
)
@given(inputs=Counts(1, 4), outputs=Counts(1, 4), x=Inputs("inputs"), g=Inputs("outputs"))
def eq_4_1_glorot_repaired(inputs: int, outputs: int, x: Array, g: Array) -> dict[str, Array]:
    """With the sum in the denominator, as Glorot and Bengio have it."""
    return _both(inputs, outputs, x, g, sparse_initialisation.glorot_variance(inputs, outputs))
