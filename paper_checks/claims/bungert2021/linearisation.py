"""bungert2021 (v1), section 2.2: from the linearised Bregman iteration to prox, and its optimality condition."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....solvers import linbreg, mirror_descent
from ....theory import inequalities
from ....theory.arrays import Array, column, inner, is_exact, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import ElasticNet, PrimalDual
from ....theory.margins import at_most, equal
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE

#: For how many instances of a batch the argmin is searched for.
SEARCHED = 8


def _after(problem: Problem, pair: PrimalDual, g: Array, tau: Array) -> PrimalDual:
    return linbreg.step(problem.elastic_net, pair, g, tau)


def _first(net: Any, u: Array, v: Array, g: Array, tau: Array) -> Array:
    """The first objective of (2.7): ⟨τg, u⟩ + J_δ(u) − ⟨v, u⟩, for J_δ or any other function with a value."""
    return tau * inner(g, u) + net.value(u) - inner(v, u)


def _last(net: ElasticNet, u: Array, v: Array, g: Array, tau: Array, half: Any = 2) -> Array:
    """The third objective of (2.7): (1/2δ)‖u − δ(v − τg)‖² + J(u)."""
    delta = scalar(net.delta, u)
    return square_norm(u - delta * (v - column(tau) * g)) / (scalar(half, u) * delta) + net.regularizer.value(u)


def _terms(net: ElasticNet, u: Array, theta: Array, v: Array, g: Array, tau: Array) -> list[Array]:
    return [size(net, u, theta, v), tau * inner(abs(g), abs(u) + abs(theta))]


def _same_objective(problem: Problem, pair: PrimalDual, g: Array, tau: Array, u: Array, half: Any = 2) -> Array:
    """F₁(u) − F₁(θ) = F₃(u) − F₃(θ): the two objectives differ by a constant."""
    net, theta, v = problem.elastic_net, pair.theta, pair.v
    one, other = (_first(net, x, v, g, tau) for x in (u, theta))
    three, third = (_last(net, x, v, g, tau, half) for x in (u, theta))
    z = square_norm(scalar(net.delta, u) * (abs(v) + column(tau) * abs(g))) / scalar(net.delta, u)
    return equal(one - other, three - third, z, *_terms(net, u, theta, v, g, tau))


def _growth(net: ElasticNet, function: Any, u: Array, after: PrimalDual, v: Array, g: Array, tau: Array) -> Array:
    """F(u) ≥ F(θ⁺) + (1/2δ)‖u − θ⁺‖²: for the 1/δ-strongly convex F this says that θ⁺ is the argmin."""
    square = square_norm(u - after.theta) / (2 * scalar(net.delta, u))
    lowest, found = _first(function, after.theta, v, g, tau), _first(function, u, v, g, tau)
    return at_most(lowest + square, found, square, *_terms(net, u, after.theta, v, g, tau))


def _found_from_values(net: ElasticNet, theta: Array, w: Array, u: Array) -> Array:
    """The argmin by `mirror_descent.argmin` for some instances of a batch where J is a sum over coordinates, else u.

    The search is slow; lunk2026/mirror-descent-equivalence makes it for every J, in floating point and exactly.
    """
    if is_exact(u) or any(size > 1 for size in net.regularizer.separable_groups(theta.shape[-1]).sizes):
        return u
    found = mirror_descent.argmin(net, theta[:SEARCHED], w[:SEARCHED])
    return np.concatenate([found, u[SEARCHED:]])


def _without_elastic_net(problem: Problem, pair: PrimalDual, g: Array, tau: Array, u: Array) -> Array:
    net, after = problem.elastic_net, _after(problem, pair, g, tau)
    lowest = _first(net.regularizer, after.theta, pair.v, g, tau)
    found = _first(net.regularizer, u, pair.v, g, tau)
    return at_most(lowest, found, *_terms(net, u, after.theta, pair.v, g, tau))


def _eq_2_7_proof() -> Proof:
    tau, delta = symbols("tau", "delta", positive=True)
    J_u, J_t, u_u, t_t, g_u, g_t, v_u, v_t, w_w = symbols(
        "J(u)", "J(t)", "<u,u>", "<t,t>", "<g,u>", "<g,t>", "<v,u>", "<v,t>", "|v-tau g|^2"
    )
    first = tau * (g_u - g_t) + (J_u + u_u / (2 * delta)) - (J_t + t_t / (2 * delta)) - (v_u - v_t)
    third_u = (u_u - 2 * delta * (v_u - tau * g_u) + delta**2 * w_w) / (2 * delta) + J_u
    third_t = (t_t - 2 * delta * (v_t - tau * g_t) + delta**2 * w_w) / (2 * delta) + J_t
    return Proof(
        (
            Step("at any two points u, t the first objective of (2.7) differs by as much as the third",
                 first - (third_u - third_t)),
            Step("½‖u − z‖² + δJ(u), whose argmin is prox_{δJ}(z), is δ times the third objective for z = δ(v − τg)",
                 (u_u - 2 * delta * (v_u - tau * g_u) + delta**2 * w_w) / 2 + delta * J_u - delta * third_u),
        ),
        "The objectives are strongly convex and differ by a constant (and a factor δ > 0), so they have the same argmin. "
        "Neither v ∈ ∂J_δ(θ) nor g = ∇L(θ) is used.",
    )  # fmt: skip


@claim(
    "bungert2021/eq-2.7",
    title="The linearised argmin is a prox",
    statement=r"\arg\min_\theta\, \langle \tau g, \theta\rangle + J_\delta(\theta) - \langle v, \theta\rangle "
    r"= \mathrm{prox}_{\delta J}\big(\delta (v - \tau g)\big)",
    source=f"{SOURCE}, (2.7)",
    hypotheses=(
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ); without it: any v", without={"pair": families.unrelated_pairs()}),
        Hypothesis("the elastic net", "the energy is J_δ; without it: J in its place", margin=_without_elastic_net),
    ),
    mutants=(
        Mutant("(1/δ)‖·‖² instead of (1/2δ)‖·‖²", margin=lambda problem, pair, g, tau, u: _same_objective(
            problem, pair, g, tau, u, half=1)),
        planted.DELTA_LAMBDA, planted.PROX_OF_V, planted.ASCENT, planted.DOUBLE_STEP, planted.HALF_STEP,
        planted.PRIMAL_STEP,
    ),
    proof=_eq_2_7_proof,
)  # fmt: skip
@given(
    problem=families.problems(max_dimension=4),
    pair=families.primal_dual_pairs(),
    g=families.vectors(),
    tau=families.step_sizes(at_most=4),
    u=families.points(),
)
def eq_2_7(problem: Problem, pair: PrimalDual, g: Array, tau: Array, u: Array) -> dict[str, Array]:
    """For any vector g, which need not be a gradient. θ⁺ of LinBreg is compared with drawn points u and with an argmin that is
    found from values of J alone, without any prox. The formula holds for every v; v ∈ ∂J_δ(θ) only makes the objective a
    Bregman divergence."""
    net, after = problem.elastic_net, _after(problem, pair, g, tau)
    other = _found_from_values(net, pair.theta, pair.v - column(tau) * g, u)
    return {
        "the objectives differ by a constant": _same_objective(problem, pair, g, tau, u),
        "prox is below any point": _growth(net, net, u, after, pair.v, g, tau),
        "prox is the argmin found from values": _growth(net, net, other, after, pair.v, g, tau),
    }


def _eq_2_9(problem: Problem, pair: PrimalDual, g: Array, tau: Array) -> dict[str, Array]:
    net = problem.elastic_net
    after = _after(problem, pair, g, tau)
    oracles = inequalities.membership(net, after)
    name = "θ = prox_{δJ}(δv)"
    # The prox defines θ⁺, so it is no witness for (2.9); for the converse it is the statement.
    forward = {f"(2.9): {key}": margin for key, margin in oracles.items() if key != name}
    gap = "(2.9): Fenchel–Young gap = 0"
    forward[gap] = np.where(_resolved(net, after), forward[gap], 0 * forward[gap])
    return {**forward, "conversely θ = prox_{δJ}(δv)": inequalities.membership(net, pair)[name]}


def _resolved(net: ElasticNet, pair: PrimalDual) -> Array:
    """Where p = v − θ/δ keeps half of its digits: J* may be infinite next to p, so rounding must not move p across the edge."""
    p = net.p(pair)
    return np.asarray(is_exact(p) | np.all(1e6 * abs(p) >= abs(pair.v), axis=-1), dtype=bool)


def _without_theta(problem: Problem, pair: PrimalDual, g: Array, tau: Array) -> Array:
    """v⁺ ∈ ∂J(θ⁺), the condition without the quadratic term."""
    after = _after(problem, pair, g, tau)
    shifted = PrimalDual(after.theta, after.v + after.theta / scalar(problem.delta, g))
    return inequalities.membership(problem.elastic_net, shifted)["v − θ/δ ∈ ∂J(θ)"]


def _late_prox(net: ElasticNet, pair: PrimalDual, gradient: Array, tau: Array) -> PrimalDual:
    return PrimalDual(net.mirror_map(pair.v), pair.v - column(tau) * gradient)


def _late_dual(net: ElasticNet, pair: PrimalDual, gradient: Array, tau: Array) -> PrimalDual:
    return PrimalDual(net.mirror_map(pair.v - column(tau) * gradient), pair.v)


def _eq_2_9_proof() -> Proof:
    (delta,) = symbols("delta", positive=True)
    J_u, J_t, u_u, t_t, v_u, v_t, v_v = symbols("J(u)", "J(t)", "<u,u>", "<t,t>", "<v,u>", "<v,t>", "<v,v>")
    prox_u = (u_u - 2 * delta * v_u + delta**2 * v_v) / 2 + delta * J_u
    prox_t = (t_t - 2 * delta * v_t + delta**2 * v_v) / 2 + delta * J_t
    divergence = (J_u + u_u / (2 * delta)) - (J_t + t_t / (2 * delta)) - (v_u - v_t)
    return Proof(
        (
            Step("½‖u − δv‖² + δJ(u), minus the same at θ, is δ·(J_δ(u) − J_δ(θ) − ⟨v, u − θ⟩)",
                 prox_u - prox_t - delta * divergence),
        ),
        "θ = prox_{δJ}(δv) says that the left side is ≥ 0 for all u, and v ∈ ∂J_δ(θ) says that the right side is: the two are "
        "equivalent for every v, so also for v⁺ and θ⁺.",
    )  # fmt: skip


@claim(
    "bungert2021/eq-2.9",
    title="The new dual variable is a subgradient",
    statement=r"\theta^{+} = \mathrm{prox}_{\delta J}(\delta v^{+}) \;\Leftrightarrow\; v^{+} \in \partial J_\delta(\theta^{+})",
    source=f"{SOURCE}, (2.9)",
    hypotheses=(
        Hypothesis("v is a subgradient", "for the converse: v ∈ ∂J_δ(θ); without it: any v",
                   without={"pair": families.unrelated_pairs()}),
        Hypothesis("the elastic net", "∂J_δ; without it: ∂J in its place", margin=_without_theta),
    ),
    mutants=(
        Mutant("θ⁺ from the old v", patch=(linbreg, "step", _late_prox)),
        Mutant("v is not updated", patch=(linbreg, "step", _late_dual)),
        planted.DELTA_LAMBDA, planted.PROX_OF_V,
        Mutant("∂J in the place of ∂J_δ", margin=_without_theta),
    ),
    proof=_eq_2_9_proof,
)  # fmt: skip
@given(
    problem=families.problems(),
    pair=families.primal_dual_pairs(),
    g=families.vectors(),
    tau=families.step_sizes(at_most=4),
)
def eq_2_9(problem: Problem, pair: PrimalDual, g: Array, tau: Array) -> dict[str, Array]:
    """Judged by the conjugate and by the explicit subdifferential, since the prox defines θ⁺. The new pair is a pair whatever
    the old one was; only the converse, that a pair fulfils θ = prox_{δJ}(δv), needs v ∈ ∂J_δ(θ)."""
    return _eq_2_9(problem, pair, g, tau)
