"""lunk2026, section 3: LinBreg is mirror descent with the distance-generating function J_δ."""

from __future__ import annotations

from ....solvers import linbreg, mirror_descent
from ....theory.arrays import Array, column, inner, scalar, square_norm
from ....theory.divergences import bregman, size
from ....theory.elastic_net import ElasticNet, PrimalDual
from ....theory.margins import at_most, equal_vectors
from ....theory.problems import Problem
from ....theory.regularizers import Zero
from ... import families
from ...claim_record import Hypothesis, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .transfer import SOURCE


def _objective(problem: Problem, pair: PrimalDual, tau: Array, u: Array) -> Array:
    """τ⟨∇L(θ), u⟩ + D^v_{J_δ}(u, θ)."""
    return tau * inner(problem.loss.gradient(pair.theta), u) + bregman(problem.elastic_net, u, pair.theta, pair.v)


def _mirror_descent_proof() -> Proof:
    import sympy

    tau, delta, J_u, J_theta = symbols("tau", "delta", "J(u)", "J(theta)")
    g_u, v_u, v_theta, u_u, theta_theta, v_v, g_v, g_g = symbols(
        "<g,u>", "<v,u>", "<v,theta>", "<u,u>", "<t,t>", "<v,v>", "<g,v>", "<g,g>"
    )
    mirror = tau * g_u + (J_u + u_u / (2 * delta)) - (J_theta + theta_theta / (2 * delta)) - (v_u - v_theta)
    w_u, w_w = v_u - tau * g_u, v_v - 2 * tau * g_v + tau**2 * g_g
    prox = (u_u - 2 * delta * w_u + delta**2 * w_w) / 2 + delta * J_u
    return Proof(
        (
            Step(
                "the two objectives, δ·(τ⟨g, u⟩ + D^v_{J_δ}(u, θ)) and ½‖u − δ(v − τg)‖² + δJ(u), differ by a constant in u: "
                "the difference has no u in it",
                sum(sympy.diff(delta * mirror - prox, symbol) ** 2 for symbol in (g_u, v_u, u_u, J_u)),
            ),
        ),
        "Both are strongly convex, so they have the same unique minimiser: prox_{δJ}(δ(v − τg)).",
    )


def _without_zero(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    after = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
    return equal_vectors(after.theta, pair.theta - column(tau) * problem.loss.gradient(pair.theta))


@claim(
    "lunk2026/mirror-descent-equivalence",
    title="LinBreg is mirror descent with J_δ",
    statement=r"\mathrm{prox}_{\delta J}\big(\delta (v - \tau \nabla \mathcal L(\theta))\big) = \arg\min_u\; "
    r"\tau \langle \nabla \mathcal L(\theta), u\rangle + D^{v}_{J_\delta}(u, \theta)",
    source=f"{SOURCE}, section 3",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "J = 0 and δ = 1 for gradient descent",
            "the second conclusion is for J = 0, δ = 1 only",
            without={"problem": families.problems()},
            margin=_without_zero,
        ),
    ),
    mutants=(planted.DELTA_LAMBDA, planted.PROX_OF_V, planted.ASCENT, planted.DOUBLE_STEP, planted.PRIMAL_STEP),
    proof=_mirror_descent_proof,
)
@given(problem=families.problems(), pair=families.primal_dual_pairs(), tau=families.step_sizes(at_most=4))
def mirror_descent_equivalence(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """The argmin û is found from values of the objective F alone, without any prox. F is 1/δ-strongly convex, so LinBreg's
    θ⁺ is the argmin if and only if F(û) ≥ F(θ⁺) + (1/2δ)‖û − θ⁺‖² holds there."""
    net = problem.elastic_net
    gradient = problem.loss.gradient(pair.theta)
    after = linbreg.step(net, pair, gradient, tau)
    other = mirror_descent.step(net, pair, gradient, tau).theta
    lowest, found = _objective(problem, pair, tau, after.theta), _objective(problem, pair, tau, other)
    square = square_norm(other - after.theta) / (2 * scalar(problem.delta, other))
    terms = [tau * inner(abs(gradient), abs(other) + abs(after.theta)), size(net, other, pair.theta, pair.v)]
    terms.append(size(net, after.theta, pair.theta, pair.v))
    plain = PrimalDual(pair.theta, pair.theta)
    descended = linbreg.step(ElasticNet(Zero(), 1), plain, gradient, tau).theta
    return {
        "θ⁺ is the argmin": at_most(lowest + square, found, square, *terms),
        "gradient descent for J = 0, δ = 1": equal_vectors(descended, pair.theta - column(tau) * gradient),
    }
