"""lunk2026, section 3 and appendix A: what restriction and prolongation do to pairs (θ, v), to J and to ∇L."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy

from ...theory import coarse, inequalities
from ...theory.arrays import Array, inner, namespace
from ...theory.divergences import bregman, size
from ...theory.elastic_net import ElasticNet, PrimalDual
from ...theory.groups import Groups, Restriction
from ...theory.margins import at_most, equal, equal_vectors
from ...theory.problems import Problem
from ...theory.regularizers import GroupL2
from .. import families
from ..claim_record import Claim, Hypothesis, Mutant, claim, given
from ..families import Family
from ..proof import Proof, Step, symbols
from . import planted

SOURCE = "lunk2026 (arXiv 2602.03535)"


def coarse_net(problem: Problem, restriction: Restriction) -> ElasticNet:
    """Ĵ_δ with Ĵ = Σ_{g selected} J_g."""
    return ElasticNet(problem.regularizer.restrict(restriction), problem.delta)


@final
@dataclass(frozen=True)
class CoordinateSelections(Family):
    """Selections of single coordinates, whatever the groups are: they split groups of two and more."""

    batched = False

    def sample(self, rng: np.random.Generator, count: int, drawn: Mapping[str, Any]) -> Restriction:
        keep = np.flatnonzero(rng.random(drawn["problem"].dimension) < 0.5)
        return Restriction(Groups.singletons(drawn["problem"].dimension), tuple(int(i) for i in keep))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[Restriction]:
        dimension = drawn["problem"].dimension
        return hs.sets(hs.integers(0, dimension - 1)).map(
            lambda chosen: Restriction(Groups.singletons(dimension), tuple(sorted(chosen)))
        )


def composed_net(problem: Problem, restriction: Restriction) -> ElasticNet:
    """(J∘P)_δ, the only meaning that Ĵ has when the selection splits a group of J = λ Σ w_g‖θ_g‖."""
    whole = problem.regularizer
    if not isinstance(whole, GroupL2):
        return coarse_net(problem, restriction)
    labels = [whole.groups.labels[i] for i in restriction.indices]
    kept = sorted(set(labels))
    weights = whole.weights or tuple(size**0.5 for size in whole.groups.sizes)
    groups = Groups(tuple(kept.index(label) for label in labels), len(kept))
    return ElasticNet(GroupL2(whole.lam, groups, [weights[g] for g in kept]), problem.delta)


_GROUP_NORM = families.problems(regularizers=("group_l2",))
_SPLITS = {"problem": _GROUP_NORM, "restriction": CoordinateSelections()}


def _prop_3_1_split(problem: Problem, restriction: Restriction, pair: PrimalDual) -> Array:
    residual = composed_net(problem, restriction).subgradient_residual(coarse.restrict_pair(restriction, pair))
    return at_most(residual, 0 * residual, abs(pair.v).max(axis=-1))


def _prop_3_1_without_v(problem: Problem, restriction: Restriction, pair: PrimalDual, other: Array) -> dict[str, Array]:
    return prop_3_1.margin(problem, restriction, PrimalDual(pair.theta, other))


def _restricted_membership_proof() -> Proof:
    J_A, J_B, J_A_star, J_B_star, ip_A, ip_B = symbols("J_A", "J_B", "J_A^*", "J_B^*", "<p_A,theta_A>", "<p_B,theta_B>")
    gap_A, gap_B = J_A + J_A_star - ip_A, J_B + J_B_star - ip_B
    gap = (J_A + J_B) + (J_A_star + J_B_star) - (ip_A + ip_B)
    return Proof(
        (
            Step(
                "with A the selected and B the frozen groups, J = J_A + J_B and J* = J_A* + J_B* by separability, "
                "⟨p, θ⟩ = ⟨p_A, θ_A⟩ + ⟨p_B, θ_B⟩ because R selects coordinates: the Fenchel–Young gaps add up",
                gap - (gap_A + gap_B),
            ),
        ),
        "Gaps are ≥ 0 and vanish exactly for subgradients. gap = 0 forces gap_A = gap_B = 0, so p_A = R(v − θ/δ) ∈ ∂Ĵ(Rθ), "
        "that is Rv ∈ ∂Ĵ_δ(Rθ); and conversely gap_A = gap_B = 0 gives gap = 0.",
    )


@claim(
    "lunk2026/prop-3.1",
    title="The restriction of a subgradient is a subgradient",
    statement=r"v \in \partial J_\delta(\theta) \;\Longrightarrow\; Rv \in \partial \hat J_\delta(R\theta)",
    source=f"{SOURCE}, proposition 3.1",
    reconstructed=True,
    hypotheses=(
        Hypothesis("whole groups", "R selects whole groups", without=_SPLITS, margin=_prop_3_1_split),
        Hypothesis(
            "separability",
            "J is a sum over the groups that R selects from",
            without={"problem": families.problems(regularizers=("group_l2",)), "restriction": CoordinateSelections()},
            margin=_prop_3_1_split,
            why="J = a norm over coordinates that R treats as groups of their own: the same experiment from J's side",
        ),
        Hypothesis(
            "v is a subgradient",
            "v ∈ ∂J_δ(θ)",
            without={"other": families.vectors()},
            margin=_prop_3_1_without_v,
        ),
    ),
    mutants=(planted.DUAL_NOT_RESTRICTED, planted.SPLIT_GROUP, planted.DELTA_LAMBDA, planted.PROX_OF_V),
    proof=_restricted_membership_proof,
)
@given(problem=families.problems(), restriction=families.restrictions(), pair=families.primal_dual_pairs())
def prop_3_1(problem: Problem, restriction: Restriction, pair: PrimalDual) -> dict[str, Array]:
    """So Algorithm 1 starts its coarse iteration with a feasible pair. Membership is judged by three oracles that share
    no code: the prox, the conjugate and the explicit subdifferential."""
    return inequalities.membership(coarse_net(problem, restriction), coarse.restrict_pair(restriction, pair))


def _prop_3_2_split(problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: Array) -> Array:
    # A subgradient of (J∘P)_δ at the coarse point; on the fine level it meets the frozen part of a split group.
    lower = composed_net(problem, restriction).pair(coarse_pair, coarse_pair)
    residual = problem.elastic_net.subgradient_residual(coarse.prolong_pair(restriction, lower, pair))
    return at_most(residual, 0 * residual, abs(pair.v).max(axis=-1))


def _prop_3_2_without_v(
    problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: PrimalDual, other: Array
) -> dict[str, Array]:
    return prop_3_2.margin(problem, restriction, PrimalDual(pair.theta, other), coarse_pair)


@claim(
    "lunk2026/prop-3.2",
    title="The prolongation of a subgradient is a subgradient",
    statement=r"v \in \partial J_\delta(\theta),\; \hat v \in \partial \hat J_\delta(\hat\theta) \;\Longrightarrow\; "
    r"v + P(\hat v - Rv) \in \partial J_\delta\big(\theta + P(\hat\theta - R\theta)\big)",
    source=f"{SOURCE}, proposition 3.2",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "whole groups, J separable over them",
            "R selects whole groups of the partition over which J is a sum",
            without={**_SPLITS, "coarse_pair": families.vectors(coarse=True)},
            margin=_prop_3_2_split,
        ),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"other": families.vectors()}, margin=_prop_3_2_without_v),
        Hypothesis(
            "v̂ is a subgradient",
            "v̂ ∈ ∂Ĵ_δ(θ̂)",
            without={"other": families.vectors(coarse=True)},
            margin=lambda problem, restriction, pair, coarse_pair, other: prop_3_2.margin(
                problem, restriction, pair, PrimalDual(coarse_pair.theta, other)
            ),
        ),
    ),
    mutants=(
        planted.FORGETFUL_PROLONGATION,
        planted.NO_FROZEN_THETA,
        planted.DELTA_LAMBDA,
        planted.PROX_OF_V,
    ),
    proof=_restricted_membership_proof,
)
@given(
    problem=families.problems(),
    restriction=families.restrictions(),
    pair=families.primal_dual_pairs(),
    coarse_pair=families.coarse_pairs(),
)
def prop_3_2(problem: Problem, restriction: Restriction, pair: PrimalDual, coarse_pair: PrimalDual) -> dict[str, Array]:
    """R is any selection of groups, not only the support of θ, and θ̂ is any coarse point, not only one that Algorithm 1
    reaches."""
    return inequalities.membership(problem.elastic_net, coarse.prolong_pair(restriction, coarse_pair, pair))


def _frozen_sum(problem: Problem, restriction: Restriction, theta: Array) -> Array:
    rest = restriction.complement
    return problem.regularizer.restrict(rest).value(rest.restrict(theta))


def _composed_value(problem: Problem, restriction: Restriction, hat: Array, theta: Array) -> Array:
    return problem.regularizer.value(restriction.embed(hat, theta))


def _subdifferential_outside_domain(
    problem: Problem, restriction: Restriction, theta: Array, coarse_pair: PrimalDual, hat: Array
) -> Array:
    value = _composed_value(problem, restriction, coarse_pair.theta, theta)
    xp = namespace(value)
    return xp.where(value == float("inf"), -xp.ones_like(value), xp.ones_like(value))


def _eq_13_proof() -> Proof:
    a, a2, b, linear = symbols("J_A(theta_hat)", "J_A(theta_hat_2)", "J_B(theta_B)", "<p,theta_hat_2-theta_hat>")
    composed, composed2 = a + b, a2 + b
    return Proof(
        (
            Step("J(Pθ̂ + (I − PR)θ) − Ĵ(θ̂) = J_B(θ_B), by separability", (composed - a) - b),
            Step(
                "the difference does not depend on θ̂, so the Bregman divergences agree (where J_B(θ_B) < ∞)",
                (composed2 - composed - linear) - (a2 - a - linear),
            ),
        ),
        "Two functions that differ by a finite constant have the same subdifferential and the same Bregman divergence.",
    )


@claim(
    "lunk2026/eq-13",
    title="J with frozen groups is Ĵ up to a constant",
    statement=r"J(P\hat\theta + (I - PR)\theta) = \hat J(\hat\theta) + \sum_{g \text{ not selected}} J_g(\theta_g)",
    source=f"{SOURCE}, (13)",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "finite frozen part",
            "J_g(θ_g) < ∞ for the frozen groups (the paper does not say it; v ∈ ∂J_δ(θ) implies it)",
            without={"problem": families.problems(regularizers=("nonnegative", "box")), "theta": families.vectors()},
            margin=_subdifferential_outside_domain,
            why="otherwise θ̂ ↦ J(Pθ̂ + (I − PR)θ) is ∞ everywhere and has no subgradient, while Ĵ has",
        ),
    ),
    mutants=(
        Mutant(
            "the frozen groups are forgotten",
            margin=lambda problem, restriction, theta, coarse_pair, hat: equal(
                _composed_value(problem, restriction, hat, theta), problem.regularizer.restrict(restriction).value(hat)
            ),
        ),
        Mutant(
            "all groups are counted as frozen",
            margin=lambda problem, restriction, theta, coarse_pair, hat: equal(
                _composed_value(problem, restriction, hat, theta),
                problem.regularizer.restrict(restriction).value(hat) + problem.regularizer.value(theta),
            ),
        ),
    ),
    proof=_eq_13_proof,
)
@given(
    problem=families.problems(),
    restriction=families.restrictions(),
    theta=families.points(),
    coarse_pair=families.coarse_pairs(),
    hat=families.coarse_points(),
)
def eq_13(
    problem: Problem, restriction: Restriction, theta: Array, coarse_pair: PrimalDual, hat: Array
) -> dict[str, Array]:
    """The equation is judged as such, and its consequence "same subdifferential, same Bregman divergence" with a
    subgradient p̂ of Ĵ at a second coarse point."""
    small, net = problem.regularizer.restrict(restriction), coarse_net(problem, restriction)
    constant = _frozen_sum(problem, restriction, theta)
    p = net.p(coarse_pair)
    here, there = (_composed_value(problem, restriction, point, theta) for point in (coarse_pair.theta, hat))
    linear = inner(p, hat - coarse_pair.theta)
    terms = abs(there) + abs(here) + size(net, hat, coarse_pair.theta, coarse_pair.v)
    return {
        "value": equal(there, small.value(hat) + constant),
        "Bregman divergence": equal(there - here - linear, bregman(small, hat, coarse_pair.theta, p), terms),
        "subgradient": at_most(here + linear, there, terms),
    }


def _gradient_by_differences(loss: Any, theta: Array, scale: Array) -> tuple[Array, Array]:
    """The four-point central difference with step ``scale``, exact for polynomials of degree up to 4; and its rounding."""
    xp = namespace(theta)
    columns, sizes = [], [abs(loss.value(theta)) / scale]
    for i in range(theta.shape[-1]):
        unit = 0 * theta
        unit[..., i] = 1
        h = scale[..., None] * unit
        near, far = loss.value(theta + h) - loss.value(theta - h), loss.value(theta + 2 * h) - loss.value(theta - 2 * h)
        columns.append((8 * near - far) / (12 * scale))
        sizes += [abs(loss.value(theta + 2 * h)) / scale, abs(loss.value(theta - 2 * h)) / scale]
    return xp.stack(columns, axis=-1) if columns else 0 * theta, sum(sizes)[..., None]


def _coherence_proof() -> Proof:
    import sympy

    a1, a2, b1, b2, h1, h2 = symbols("theta_A1", "theta_A2", "theta_B1", "theta_B2", "hat_1", "hat_2")
    L = sympy.Function("L")
    start = {h1: a1, h2: a2}
    coarse_loss = L(h1, h2, b1, b2)
    steps = [
        Step(
            f"∂L̂/∂θ̂_{i} at Rθ is the {i}-th selected entry of ∇L(θ), for an arbitrary differentiable L",
            sympy.diff(coarse_loss, hat).subs(start).doit() - sympy.diff(L(a1, a2, b1, b2), fine),
        )
        for i, (hat, fine) in enumerate([(h1, a1), (h2, a2)], start=1)
    ]
    return Proof(tuple(steps), "Each coordinate of A is treated alike, so two of them stand for any number.")


@claim(
    "lunk2026/first-order-coherence",
    title="No linear correction is needed",
    statement=r"\nabla \hat{\mathcal L}(R\theta) = R\,\nabla \mathcal L(\theta)",
    source=f"{SOURCE}, section 3",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "frozen at the same θ",
            "L̂ freezes the groups at the θ at which ∇L is taken",
            without={"other": families.vectors()},
            margin=lambda problem, restriction, theta, other: equal_vectors(
                restriction.restrict(problem.loss.gradient(other)),
                coarse.CoarseLoss(problem.loss, restriction, theta).gradient(restriction.restrict(theta)),
            ),
        ),
    ),
    mutants=(
        Mutant(
            "coarse loss with zeros in the frozen coordinates",
            patch=(coarse.CoarseLoss, "lift", lambda self, hat: self.restriction.prolong(hat)),
        ),
        Mutant(
            "gradient restricted to the wrong groups",
            patch=(
                coarse.CoarseLoss,
                "gradient",
                lambda self, hat: self.fine.gradient(self.lift(hat))[..., : self.restriction.coarse_dimension],
            ),
        ),
    ),
    proof=_coherence_proof,
)
@given(
    problem=families.problems(losses=("quadratic", "least_squares", "finite_sum", "quartic")),
    restriction=families.restrictions(),
    theta=families.points(),
)
def first_order_coherence(problem: Problem, restriction: Restriction, theta: Array) -> dict[str, Array]:
    """∇L̂ is taken from values of L̂ alone, by a difference formula that is exact for these polynomial losses, and
    compared with R∇L and with the gradient that the implementation of L̂ returns."""
    lower = coarse.CoarseLoss(problem.loss, restriction, theta)
    hat = restriction.restrict(theta)
    scale = 1 + abs(theta).max(axis=-1)
    numerical, rounding = _gradient_by_differences(lower, hat, scale)
    fine = restriction.restrict(problem.loss.gradient(theta))
    return {
        "∇L̂ = R∇L": equal_vectors(numerical, fine, rounding),
        "implemented ∇L̂": equal_vectors(lower.gradient(hat), fine, rounding),
    }


CLAIMS: tuple[Claim, ...] = (prop_3_1, prop_3_2, eq_13, first_order_coherence)
