"""bungert2021 (v1), appendix B: the limits in the proof of theorem 3.8."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers.oracles import EXACT
from ....theory.arrays import (
    Array,
    IrrationalError,
    is_exact,
    namespace,
    positive_part,
    scalar,
    total,
)
from ....theory.bregman_convexity import constant_at_minimizer, minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.inequalities import expectation
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.minimizers import NORMS, with_minimizer
from ...families.moduli import Moduli
from ...families.step_sequences import StepSequences
from ...proof import Proof, Step, symbols
from .. import planted
from .distance_runs import contraction
from .loss_decay import noisy_steps
from .proof_steps_distance import PROOF

_PROBLEMS = with_minimizer(regularizers=NORMS, max_dimension=3)
_PAIRS = families.primal_dual_pairs()


def _positive_part(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, c: Array, rate: Any = 1) -> Array:
    """(d⁺ − C)₊ ≤ (1 − τν)(d − C)₊ for C = (1 + c)a/ν, a = (1/τ)E D^{v⁺}(θ, θ⁺)."""
    net, star = problem.elastic_net, minimizer(problem, pair.theta)
    start, after, _ = noisy_steps(problem, pair, tau, xi)
    nu = scalar(constant_at_minimizer(problem), tau)
    old, new = bregman(net, star, pair.theta, pair.v), expectation(bregman(net, star, after.theta, after.v))
    level = (1 + c) * expectation(bregman(net, start.theta, after.theta, after.v)) / (tau * nu)
    terms = size(net, star, pair.theta, pair.v) + expectation(size(net, star, after.theta, after.v))
    noise = expectation(size(net, start.theta, after.theta, after.v)) / (tau * nu)
    right = (1 - scalar(rate, tau) * tau * nu) * positive_part(old - level)
    return at_most(positive_part(new - level), right, terms, (1 + c) * noise)


def _positive_part_proof() -> Proof:
    tau, nu, d, C, a = symbols("tau", "nu", "d", "C", "a")
    return Proof(
        (
            Step(
                "(B.3): (1 − τν)d + τa − C = (1 − τν)(d − C) + τ(a − νC), for every C",
                (1 - tau * nu) * d + tau * a - C - ((1 - tau * nu) * (d - C) + tau * (a - nu * C)),
            ),
        ),
        "For a ≤ νC the last term is ≤ 0, and (1 − τν)(d − C) ≤ (1 − τν)(d − C)₊ because τν ≤ 1.",
    )


@claim(
    "bungert2021/proof-3.8-positive-part",
    title="Proof of theorem 3.8: (B.3) and its positive part",
    statement=r"a_k \le \nu C,\; \tau \le \tfrac1\nu: \quad (d_{k+1} - C)_+ \le (1 - \tau\nu)\,(d_k - C)_+",
    source=PROOF,
    hypotheses=(
        Hypothesis("τ ≤ 1/ν", "the text asks for it one display later; without it: τ ≤ 4/ν",
                   without={"tau": families.step_sizes(at_most=4, unit="1/ν")}),
    ),
    mutants=(
        Mutant("rate 4ν", margin=lambda problem, pair, tau, xi, c: _positive_part(problem, pair, tau, 0 * xi, c, 4)),
        planted.ASCENT,
    ),
    proof=_positive_part_proof,
)  # fmt: skip
@given(problem=_PROBLEMS, pair=_PAIRS, tau=families.step_sizes(unit="1/ν"), xi=families.noise(), c=Moduli())
def proof_3_8_positive_part(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, c: Array) -> Array:
    """The display itself has no condition on τ and needs τν ≤ 1. It is judged with C = (1 + c)a_k/ν."""
    return _positive_part(problem, pair, tau, xi, c)


def _limsup_disproof() -> Proof:
    theta, tau = symbols("theta", "tau", positive=True)
    return Proof(
        (
            Step("L = ½θ₁² + θ₂²/20 (ℓ = 1, μ = ν = 1/10), J = 0, δ = 1: θ₁⁺ = (1 − τ)θ₁", theta - tau * theta - (1 - tau) * theta),
            Step("for τ = 5 < 1/ν = 10 it is −4θ₁", (theta - tau * theta).subs(tau, 5) + 4 * theta),
        ),
        "d_k ≥ 16ᵏ(θ₁⁰)²/2 → ∞ with exact gradients: no C bounds lim sup d_k. The step needs a_k → 0, and corollary 3.3 gives it "
        "for τ < 2/(ℓδ) only, which is smaller than 1/ν as soon as ν < ℓδ/2.",
    )  # fmt: skip


@claim(
    "bungert2021/proof-3.8-limsup",
    title="Proof of theorem 3.8: the limit for τ < 1/ν",
    statement=r"\tau < \tfrac1\nu: \quad \limsup_{k\to\infty} d_k \le C \quad \forall C > 0",
    source=PROOF,
    hypotheses=(Hypothesis("τ ≤ 1/(ℓδ)", "not asked for", why="with it and exact gradients the finite form holds: "
                                                                      "thm-3.8-3.15-deterministic"),),
    mutants=(
        Mutant("rate 3ν with a quarter of the steps, exact gradients",
               margin=lambda problem, pair, tau: contraction(problem, pair, tau / 4, EXACT, rate=3)),
    ),
    disproof=_limsup_disproof,
)  # fmt: skip
@given(
    problem=with_minimizer(("quadratic",), ("zero",), max_dimension=2),
    pair=_PAIRS,
    tau=StepSequences("constant", length=2, at_most=Fraction(9, 10), unit="1/ν"),
)
def proof_3_8_limsup(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """Judged with exact gradients in the finite form d_k ≤ (1 − τν)ᵏd₀. The step-size constant 1/ν is too large: ν ≤ μδ, so
    1/ν exceeds the 2/(ℓδ) of corollary 3.3 by a factor of the order of the condition number. Were the step right, every
    τ < 1/ν would give d_k → 0 for a constant step size with noise, as C is arbitrary."""
    return contraction(problem, pair, tau, EXACT)


def _product(problem: Problem, tau: Array, rate: Any = 1) -> Array:
    """Π(1 − τ_lν) ≤ exp(−rate·ν Σ τ_l)."""
    if is_exact(tau):
        raise IrrationalError("exp is irrational")
    nu = float(constant_at_minimizer(problem))
    xp = namespace(tau)
    return at_most(xp.prod(1 - tau * nu, axis=-1), xp.exp(-rate * nu * total(tau)))


def _product_proof() -> Proof:
    import sympy

    (x,) = symbols("x", positive=True)
    return Proof(
        (
            Step(
                "the derivative of −x − log(1 − x) is x/(1 − x), which has the sign of x on (−∞, 1)",
                sympy.diff(-x - sympy.log(1 - x), x) - x / (1 - x),
            ),
        ),
        "So log(1 − x) ≤ −x for x < 1, with equality at 0; sum over l.",
    )


@claim(
    "bungert2021/proof-3.8-product",
    title="Proof of theorem 3.8: the product of the factors",
    statement=r"\tau_l\nu < 1: \quad \prod_{l}(1 - \tau_l\nu) \le \exp\Bigl(-\sum_l \tau_l\nu\Bigr)",
    source=PROOF,
    hypotheses=(
        Hypothesis("τν < 1", "without it: τ ≤ 4/ν", without={"tau": StepSequences(length=2, at_most=4, unit="1/ν")}),
    ),
    mutants=(
        Mutant("twice the exponent", margin=lambda problem, tau: _product(problem, tau, 2)),
        Mutant("the wrong sign", margin=lambda problem, tau: -_product(problem, tau)),
    ),
    proof=_product_proof,
)
@given(problem=_PROBLEMS, tau=StepSequences(at_most=Fraction(99, 100), unit="1/ν"))
def proof_3_8_product(problem: Problem, tau: Array) -> Array:
    """True; exp has no exact arithmetic."""
    return _product(problem, tau)
