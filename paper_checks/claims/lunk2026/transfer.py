"""lunk2026, section 3 and appendix A: what restriction and prolongation do to pairs (θ, v), to J and to ∇L."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy

from ....theory import coarse, inequalities
from ....theory.arrays import Array
from ....theory.elastic_net import ElasticNet, PrimalDual
from ....theory.groups import Groups, Restriction
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import GroupL2
from ... import families
from ...claim_record import Hypothesis, claim, given
from ...families import Family
from ...proof import Proof, Step, symbols
from .. import planted

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


_SPLITS = {"problem": families.problems(regularizers=("group_l2",)), "restriction": CoordinateSelections()}


def _prop_3_1_split(problem: Problem, restriction: Restriction, pair: PrimalDual) -> Array:
    residual = composed_net(problem, restriction).subgradient_residual(coarse.restrict_pair(restriction, pair))
    return at_most(residual, 0 * residual, abs(pair.v).max(axis=-1))


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
            without=_SPLITS,
            margin=_prop_3_1_split,
            why="J = a norm over coordinates that R treats as groups of their own: the same experiment from J's side",
        ),
        Hypothesis(
            "v is a subgradient",
            "v ∈ ∂J_δ(θ)",
            without={"pair": families.unrelated_pairs()},
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
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
        Hypothesis(
            "v̂ is a subgradient",
            "v̂ ∈ ∂Ĵ_δ(θ̂)",
            without={"coarse_pair": families.unrelated_pairs(coarse=True)},
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
