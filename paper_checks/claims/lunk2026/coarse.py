"""lunk2026, section 3 and (13): J and ∇L on the coarse level."""

from __future__ import annotations

from typing import Any

from ....theory import coarse
from ....theory.arrays import Array, inner, namespace
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Restriction
from ....theory.margins import at_most, equal, equal_vectors
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...proof import Proof, Step, symbols
from .transfer import SOURCE, coarse_net


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
