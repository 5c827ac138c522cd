"""bungert2021 (v1), theorem 3.8 for the regularizers that the paper is about: assumption 3 contradicts assumption 1."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....theory.arrays import Array, constant, inner, namespace, scalar
from ....theory.bregman_convexity import minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import Box
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.minimizers import with_minimizer
from ...families.moduli import Moduli
from .loss_decay import SOURCE, noisy_steps


def _witness(problem: Problem, nu: Array, side: int = -1, stretch: Any = 1) -> tuple[Array, PrimalDual]:
    """θ̃ and (θ, v ∈ ∂J_δ(θ)) at which (3.5) fails: θ̃ = θ + te, p next to −Me, t = νa/ℓ with the slope a = J(θ + e) − J(θ) − ⟨p, e⟩.

    For norms θ = 0; for indicators of [l, u] it is the lower corner, where p is as large as one likes.
    """
    regularizer, net = problem.regularizer, problem.elastic_net
    start = constant([[0] * problem.dimension], nu) * nu[:, None]
    width: Any = 1
    if isinstance(regularizer, Box):
        start = start + scalar(regularizer.lower, nu)
        width = min(1, scalar(regularizer.upper, nu) - scalar(regularizer.lower, nu))
    e = 0 * start
    e[:, 0] = 1
    ell = scalar(problem.loss.lipschitz, nu)
    steep = 1 + ell * width / nu
    pair = net.pair(start, side * steep[:, None] * e)
    slope = (regularizer.value(start + width * e) - regularizer.value(start)) / width - inner(net.p(pair), e)
    t = namespace(nu).where(nu * slope / ell < width, nu * slope / ell, 0 * nu + width)
    return start + scalar(stretch, nu) * t[:, None] * e, pair


def _contradiction(problem: Problem, nu: Array, side: int = -1, stretch: Any = 1, slack: Any = 0) -> Array:
    """ν D^v_{J_δ}(θ̃, θ) ≥ (1 + slack)·(L(θ̃) − L(θ) − ⟨∇L(θ), θ̃ − θ⟩), so that (3.5) fails when it is strict."""
    tilde, pair = _witness(problem, nu, side, stretch)
    gradient, net = problem.loss.gradient(pair.theta), problem.elastic_net
    gap = problem.loss.value(tilde) - problem.loss.value(pair.theta) - inner(gradient, tilde - pair.theta)
    terms = (
        problem.loss.value(tilde) + problem.loss.value(pair.theta) + inner(abs(gradient), abs(tilde) + abs(pair.theta))
    )
    right = nu * bregman(net, tilde, pair.theta, pair.v)
    return at_most((1 + scalar(slack, nu)) * gap, right, terms, nu * size(net, tilde, pair.theta, pair.v))


def _void(problem: Problem, nu: Array, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    return _contradiction(problem, nu, slack=Fraction(1, 2))


def _implication(
    problem: Problem, nu: Array, pair: PrimalDual, tau: Array, xi: Array, side: int = -1, stretch: Any = 1
) -> Array:
    """Either (3.5) fails at the witness, or d⁺ ≤ (1 − τν)d."""
    _, after, _ = noisy_steps(problem, pair, tau, xi)
    net, star = problem.elastic_net, minimizer(problem, pair.theta)
    old = bregman(net, star, pair.theta, pair.v)
    new = bregman(net, star[None, :], after.theta, after.v).mean(axis=-1)
    conclusion = at_most(new, (1 - tau * nu) * old, size(net, star, pair.theta, pair.v))
    excuse = _contradiction(problem, nu, side, stretch)
    return namespace(nu).where(excuse > 0, excuse, conclusion)


@claim(
    "bungert2021/thm-3.8-sparse",
    title="Theorem 3.8 for ℓ1, group norms, box and nonnegativity",
    statement=r"\mathcal L(\tilde\theta) \ge \mathcal L(\theta) + \langle\nabla\mathcal L(\theta), \tilde\theta - \theta\rangle "
    r"+ \nu D^v_{J_\delta}(\tilde\theta, \theta) \;\; \forall\tilde\theta, \theta, v \in \partial J_\delta(\theta), "
    r"\quad \nabla\mathcal L\; \ell\text{-Lipschitz} \quad\Rightarrow\quad (3.12)\text{–}(3.16)",
    source=f"{SOURCE}, theorem 3.8 with assumption 3, (3.5)",
    hypotheses=(
        Hypothesis("assumptions 1 and 3", "both for all θ̃, θ ∈ dom J and all v ∈ ∂J_δ(θ)",
                   why="they contradict each other for every J that is not differentiable; assumption 3 at θ̃ = θ* alone does not"),
    ),
    mutants=(
        Mutant("a witness that does not cross the kink",
               margin=lambda problem, nu, pair, tau, xi: _implication(problem, nu, pair, tau, xi, side=1)),
        Mutant("a witness that is θ̃ = θ",
               margin=lambda problem, nu, pair, tau, xi: _implication(problem, nu, pair, tau, xi, stretch=0)),
        Mutant("a witness beyond the point where (3.5) holds again",
               margin=lambda problem, nu, pair, tau, xi: _implication(problem, nu, pair, tau, xi, stretch=100)),
    ),
    void=_void,
)  # fmt: skip
@given(
    problem=with_minimizer(regularizers=("l1", "group_l2", "nonnegative", "box"), max_dimension=3),
    nu=Moduli(),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
    xi=families.noise(),
)
def thm_3_8_sparse(problem: Problem, nu: Array, pair: PrimalDual, tau: Array, xi: Array) -> Array:
    """Across a kink of J the divergence D^p_J(θ̃, θ) is of first order in ‖θ̃ − θ‖, and by assumption 1 the gap
    L(θ̃) − L(θ) − ⟨∇L(θ), θ̃ − θ⟩ is of second order. So (3.5) fails for every ν > 0: with J = λ|·|, at θ = 0, p = −λ and
    θ̃ = t small. Assumptions 1 and 3 together say D^p_J ≤ ((ℓδ − ν)/(2νδ))‖θ̃ − θ‖², which makes J differentiable with a
    Lipschitz gradient. For indicators it is worse: p is unbounded on the boundary. What survives is the assumption at
    θ̃ = θ* (remark 3.1 uses no more), on which thm-3.8-3.12-repaired and the others rest; for indicators not even that."""
    return _implication(problem, nu, pair, tau, xi)
