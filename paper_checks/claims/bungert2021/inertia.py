"""bungert2021 (v1), sections 2.3 and 3.1: the inertial iteration, its momentum form, and the misprint in (3.7)."""

from __future__ import annotations

from typing import Any

from ....solvers import momentum
from ....theory.arrays import Array, column, exact, is_exact, scalar
from ....theory.elastic_net import PrimalDual
from ....theory.margins import equal_vectors, least
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.inertia import Betas, Inertias
from ...proof import Proof, Step, symbols
from .loss_decay import SOURCE

#: Step sizes of a run are these multiples of the drawn one: τᵏ is not constant in the papers.
SCHEDULE = (1, 2, "1/2")


def schedule(tau: Array) -> list[Array]:
    """τ⁰, τ¹, τ² = τ, 2τ, τ/2."""
    factors = exact([*SCHEDULE])
    return [tau * (factor if is_exact(tau) else float(factor)) for factor in factors]


def _both(problem: Problem, pair: PrimalDual, tau: Array, gamma: Array, *, late_beta: bool = False) -> dict[str, Array]:
    """Three steps of (2.12) and of (2.14) with β = γ/(τ + γ), and the discretised equation behind (2.12)."""
    net, gradient = problem.elastic_net, problem.loss.gradient
    inertial, other = momentum.init_inertial(pair), momentum.init(pair)
    same, equation, size = [], [], abs(pair.v)
    taus = schedule(tau)
    for step in taus:
        beta = gamma / ((taus[0] if late_beta else step) + gamma)
        before, g = inertial, gradient(inertial.theta)
        size = size + abs(before.v) + column(step) * abs(g)  # rounding has the size of everything that was added up
        inertial = momentum.step_inertial(net, inertial, g, step, gamma)
        other = momentum.step(net, other, gradient(other.theta), step, beta)
        same.append(equal_vectors(inertial.v, other.v, size))
        second = (inertial.v - 2 * before.v + before.v_previous) * column(gamma / step**2)
        first = (inertial.v - before.v) / column(step)
        parts = column(gamma / step**2 + 1 / step) * size
        equation.append(equal_vectors(second + first, -g, parts))
    return {"(2.12) = (2.14)": least(same), "(2.12) is the discretised (2.11)": least(equation)}


def _without_rest(problem: Problem, pair: PrimalDual, tau: Array, gamma: Array) -> Array:
    """(2.14) from m = 0 and (2.12) from a moving start, v⁻ = 2v + 1."""
    inertial = momentum.InertialState(*pair, 2 * pair.v + 1)
    g = problem.loss.gradient(pair.theta)
    after = momentum.step_inertial(problem.elastic_net, inertial, g, tau, gamma)
    other = momentum.step(problem.elastic_net, momentum.init(pair), g, tau, gamma / (tau + gamma))
    return equal_vectors(after.v, other.v)


def _with_beta(problem: Problem, pair: PrimalDual, tau: Array, gamma: Array) -> Array:
    """β = τ/(τ + γ)."""
    g = problem.loss.gradient(pair.theta)
    inertial = momentum.step_inertial(problem.elastic_net, momentum.init_inertial(pair), g, tau, gamma)
    other = momentum.step(problem.elastic_net, momentum.init(pair), g, tau, tau / (tau + gamma))
    return equal_vectors(inertial.v, other.v)


def heavy(net: Any, state: momentum.MomentumState, gradient: Array, tau: Array, beta: Array) -> Any:
    """Without the factor 1 − β: the usual heavy ball."""
    m = column(beta) * state.m + column(tau) * gradient
    return momentum.MomentumState(net.mirror_map(state.v - m), state.v - m, m)


def _linear_step(net: Any, state: momentum.InertialState, gradient: Array, tau: Array, gamma: Array) -> Any:
    """τ in the place of τ² before the gradient."""
    t, c = column(tau), column(gamma)
    v = ((t + 2 * c) * state.v - c * state.v_previous - t * gradient) / (t + c)
    return momentum.InertialState(net.mirror_map(v), v, state.v)


def _forgets(net: Any, state: momentum.InertialState, gradient: Array, tau: Array, gamma: Array) -> Any:
    """v⁻ is never updated."""
    t, c = column(tau), column(gamma)
    v = ((t + 2 * c) * state.v - c * state.v_previous - t * t * gradient) / (t + c)
    return momentum.InertialState(net.mirror_map(v), v, state.v_previous)


def _inertial_proof() -> Proof:
    tau, gamma = symbols("tau", "gamma", positive=True)
    v, old, g = symbols("v", "v_-", "g")
    inertial = ((tau + 2 * gamma) * v - gamma * old - tau**2 * g) / (tau + gamma)
    beta = gamma / (tau + gamma)
    m = beta * (old - v) + (1 - beta) * tau * g
    return Proof(
        (
            Step("(2.12) solves γ(v⁺ − 2v + v⁻)/τ² + (v⁺ − v)/τ = −g",
                 gamma * (inertial - 2 * v + old) / tau**2 + (inertial - v) / tau + g),
            Step("with m = v⁻ − v and β = γ/(τ + γ): v − βm − (1 − β)τg is the v⁺ of (2.12)", v - m - inertial),
            Step("and then v − v⁺ is the m⁺ of (2.14), so m⁺ = v − v⁺ again", (v - inertial) - m),
        ),
        "By induction from m⁰ = v⁻¹ − v⁰ the iterates agree, with any step sizes τᵏ and β⁽ᵏ⁾ = γ/(τᵏ + γ).",
    )  # fmt: skip


_RUN = {
    "problem": families.problems(max_dimension=3),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(at_most=2),
}


@claim(
    "bungert2021/eq-2.12-2.14",
    title="The inertial iteration is the momentum iteration",
    statement=r"v^{+} = \tfrac{\tau + 2\gamma}{\tau + \gamma} v - \tfrac{\gamma}{\tau+\gamma} v^{-} "
    r"- \tfrac{\tau^2}{\tau + \gamma} \nabla\mathcal L(\theta) \;\Leftrightarrow\; m^{+} = \beta m + (1-\beta)\tau "
    r"\nabla\mathcal L(\theta),\; v^{+} = v - m^{+}, \quad \beta = \tfrac{\gamma}{\tau + \gamma}",
    source=f"{SOURCE}, (2.12)–(2.14)",
    hypotheses=(
        Hypothesis("the same start", "m⁰ = v⁻¹ − v⁰; without it: m⁰ = 0 and v⁻¹ = 2v⁰ + 1", margin=_without_rest),
        Hypothesis("β from the step size of its own step", "β⁽ᵏ⁾ = γ/(τᵏ + γ); without it: β⁽ᵏ⁾ = γ/(τ⁰ + γ)",
                   margin=lambda problem, pair, tau, gamma: _both(problem, pair, tau, gamma, late_beta=True)),
    ),
    mutants=(
        Mutant("β = τ/(τ + γ)", margin=_with_beta),
        Mutant("m⁺ without the factor 1 − β", patch=(momentum, "step", heavy)),
        Mutant("(3.7) as printed", patch=(momentum, "step", momentum.step_as_printed)),
        Mutant("τg in the place of τ²g in (2.12)", patch=(momentum, "step_inertial", _linear_step)),
        Mutant("v⁻ is never updated", patch=(momentum, "step_inertial", _forgets)),
    ),
    proof=_inertial_proof,
)  # fmt: skip
@given(**_RUN, gamma=Inertias())
def eq_2_12_2_14(problem: Problem, pair: PrimalDual, tau: Array, gamma: Array) -> dict[str, Array]:
    """Three steps with the step sizes τ, 2τ, τ/2. The two forms agree with any step sizes; as a discretisation of (2.11) the
    second difference quotient of (2.12) supposes that τᵏ is constant."""
    return _both(problem, pair, tau, gamma)


def _printed(problem: Problem, pair: PrimalDual, tau: Array, beta: Array) -> dict[str, Array]:
    """Three steps of (3.7) as printed beside three of (2.14)."""
    net, gradient = problem.elastic_net, problem.loss.gradient
    printed = other = momentum.init(pair)
    states = []
    for step in schedule(tau):
        printed = momentum.step_as_printed(net, printed, gradient(printed.theta), step, beta)
        other = momentum.step(net, other, gradient(other.theta), step, beta)
        states.append((printed, other))
    same = [equal_vectors(one.v, two.v, pair.v) for one, two in states]
    return {
        "v¹": same[0],
        "v², v³": least(same[1:]),
        "m¹ = (1 − β)τ⁰g⁰ in both": least([_first_momentum(problem, pair, tau, beta, state.m) for state in states[0]]),
    }


def _first_momentum(problem: Problem, pair: PrimalDual, tau: Array, beta: Array, m: Array, sign: int = 1) -> Array:
    g = problem.loss.gradient(pair.theta)
    return equal_vectors(m, scalar(sign, g) * (1 - column(beta)) * column(tau) * g)


def heavy_as_printed(net: Any, state: momentum.MomentumState, gradient: Array, tau: Array, beta: Array) -> Any:
    """(3.7) without the factor 1 − β."""
    v, m = state.v - state.m, column(beta) * state.m + column(tau) * gradient
    return momentum.MomentumState(net.mirror_map(v), v, m)


def ascending(net: Any, state: momentum.MomentumState, gradient: Array, tau: Array, beta: Array) -> Any:
    """(2.14) with −g."""
    return _plain_step(net, state, -gradient, tau, beta)


_plain_step = momentum.step


@claim(
    "bungert2021/eq-3.7-vs-2.14",
    title="The momentum iteration of section 3 is that of section 2",
    statement=r"m^{+} = \beta m + (1-\beta)\tau g,\; v^{+} = v - m \quad\text{(3.7)} \qquad\text{is}\qquad "
    r"m^{+} = \beta m + (1-\beta)\tau g,\; v^{+} = v - m^{+} \quad\text{(2.14)}",
    source=f"{SOURCE}, (3.7c), (3.7d) and (2.14)",
    hypotheses=(
        Hypothesis("the same start", "m⁰ = 0", why="the iterations differ from the same start: there is nothing to drop"),
    ),
    mutants=(
        Mutant("(2.14) without the factor 1 − β", patch=(momentum, "step", heavy)),
        Mutant("(2.14) with −g", patch=(momentum, "step", ascending)),
        Mutant("(3.7) without the factor 1 − β", patch=(momentum, "step_as_printed", heavy_as_printed)),
        Mutant("m¹ = −(1 − β)τ⁰g⁰", margin=lambda problem, pair, tau, beta: _first_momentum(
            problem, pair, tau, beta,
            momentum.step(problem.elastic_net, momentum.init(pair), problem.loss.gradient(pair.theta), tau, beta).m, -1)),
    ),
)  # fmt: skip
@given(**_RUN, beta=Betas())
def eq_3_7_vs_2_14(problem: Problem, pair: PrimalDual, tau: Array, beta: Array) -> dict[str, Array]:
    """(3.7) is called the stochastic version of (2.14), but (3.7d) prints the old m: its first step does not move, whatever the
    gradient. Algorithm 2 has the new m, as (2.14). What (3.7) does is judged as eq-3.7-vs-2.14-repaired."""
    return _printed(problem, pair, tau, beta)


def _delayed(
    problem: Problem, pair: PrimalDual, tau: Array, beta: Array, *, delay: int = 1, start: int = 0
) -> dict[str, Array]:
    """(3.7d) with m⁺ beside (2.14), and (3.7) as printed beside (2.14) with the gradients of the step before."""
    net, gradient, taus = problem.elastic_net, problem.loss.gradient, schedule(tau)
    other = printed = late = momentum.init(pair)
    corrected, v, m = pair.theta, pair.v, scalar(start, pair.v) * (1 + pair.v)
    printed = printed._replace(m=m)
    other = other._replace(m=m)
    past = [printed]
    right, lagging = [], []
    for k, step in enumerate(taus):
        m = column(beta) * m + (1 - column(beta)) * column(step) * gradient(corrected)
        v = v - m
        corrected = problem.regularizer.prox(scalar(problem.delta, v) * v, problem.delta)
        other = momentum.step(net, other, gradient(other.theta), step, beta)
        right.append(equal_vectors(v, other.v, pair.v))
        printed = momentum.step_as_printed(net, printed, gradient(printed.theta), step, beta)
        past.append(printed)
        if k >= 1:
            late = momentum.step(net, late, gradient(past[k - delay].theta), taus[k - 1], beta)
        lagging.append(equal_vectors(printed.v, late.v, pair.v))
    return {"(3.7) with m⁺ is (2.14)": least(right), "(3.7) as printed is one gradient late": least(lagging)}


def _delay_proof() -> Proof:
    v, m, g, tau, beta = symbols("v", "m", "g", "tau", "beta")
    m_next = beta * m + (1 - beta) * tau * g
    v_next, v_after = v - m, (v - m) - m_next
    return Proof(
        (
            Step("two lines of (3.7): v⁺⁺ = v⁺ − (βm + (1 − β)τg), with the g and τ of the step before",
                 v_after - (v_next - (beta * m + (1 - beta) * tau * g))),
            Step("and m = v − v⁺, so (v⁺, m) is the state of (2.14) to which the old gradient is applied",
                 m - (v - v_next)),
            Step("from m⁰ = 0 the first step of (3.7) does not move", (v_next - v).subs(m, 0)),
        ),
        "By induction v^{k+1} of (3.7) is the k-th iterate of (2.14) fed with g^{k−1}, τ^{k−1} in step k. With m⁺ in (3.7d) both "
        "lines are those of (2.14).",
    )  # fmt: skip


@claim(
    "bungert2021/eq-3.7-vs-2.14-repaired",
    title="What the momentum iteration of section 3 is",
    statement=r"\text{(3.7) with } v^{+} = v - m^{+} \text{ is (2.14); as printed, } "
    r"v^{k+1} = v^{k} - \big(\beta m^{k-1} + (1-\beta)\tau^{k-1} g^{k-1}\big)",
    source=f"ours, after {SOURCE}, (3.7)",
    hypotheses=(
        Hypothesis("m⁰ = 0", "which (3.7) does not say, but Algorithm 2 does; without it: m⁰ = 1 + v⁰",
                   margin=lambda problem, pair, tau, beta: _delayed(problem, pair, tau, beta, start=1)),
        Hypothesis("the gradient of the step before", "g^{k−1} in step k; without it: that of the present iterate",
                   margin=lambda problem, pair, tau, beta: _delayed(problem, pair, tau, beta, delay=0)),
    ),
    mutants=(
        Mutant("(2.14) without the factor 1 − β", patch=(momentum, "step", heavy)),
        Mutant("(2.14) as (3.7) is printed", patch=(momentum, "step", momentum.step_as_printed)),
        Mutant("(3.7) as (2.14)", patch=(momentum, "step_as_printed", momentum.step)),
        Mutant("(3.7) without the factor 1 − β", patch=(momentum, "step_as_printed", heavy_as_printed)),
    ),
    proof=_delay_proof,
)  # fmt: skip
@given(**_RUN, beta=Betas())
def eq_3_7_vs_2_14_repaired(problem: Problem, pair: PrimalDual, tau: Array, beta: Array) -> dict[str, Array]:
    """The repair: (3.7d) should read v⁺ = v − m⁺, as in (2.14b) and Algorithm 2. As printed it is another algorithm: momentum in
    which every gradient, with its step size, arrives one step late; for β = 0 gradient steps with the gradient before."""
    return _delayed(problem, pair, tau, beta)
