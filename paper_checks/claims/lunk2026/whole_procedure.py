"""The review's question about lunk2026: does the loss of Algorithm 1 decrease across changes of the sparsity pattern?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....solvers import linbreg, multilevel, oracles
from ....theory import coarse, inequalities
from ....theory.arrays import Array, scalar, square_norm
from ....theory.divergences import size
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Groups, Restriction
from ....theory.losses import LeastSquares
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import L1
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, StepSizeLimit, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .transfer import SOURCE

CYCLES, COARSE_STEPS = 2, 2
_SETTINGS = multilevel.Multilevel(coarse_steps=COARSE_STEPS)


def _falls(problem: Problem, theta: Array, after: Array) -> Array:
    """L(after) ≤ L(θ) for stacks of points (steps, batch, d), the smallest margin over the steps."""
    return inequalities.decrease(problem.loss, theta, after[..., None, :]).min(axis=0)


def _whole(problem: Problem, pair: PrimalDual, tau: Array, coarse_tau: Array) -> dict[str, Array]:
    trace = multilevel.run(problem, _SETTINGS, pair, tau, coarse_tau, CYCLES)
    inner, outer = trace.coarse, ~trace.coarse
    before, after = trace.before, trace.after
    half = PrimalDual(before.theta[outer], before.v[outer])
    end = PrimalDual(after.theta[outer], after.v[outer])
    starts = trace.thetas[:: COARSE_STEPS + 1]
    return {
        "coarse steps (remark A.4)": _falls(problem, before.theta[inner], after.theta[inner]),
        "v ∈ ∂J_δ(θ) after them (prop. 3.2)": inequalities.membership(problem.elastic_net, half)["v − θ/δ ∈ ∂J(θ)"].min(
            axis=0
        ),
        "fine steps (lemma A.2)": inequalities.descent(problem.loss, problem.elastic_net, half, end, tau).min(axis=0),
        "every cycle": _falls(problem, starts[:-1], starts[1:]),
    }


def _growing_gain(problem: Problem, pair: PrimalDual, tau: Array, coarse_tau: Array) -> Array:
    """A wrong statement: every cycle gains (1/τ)·‖θ⁺ − θ‖²/δ, four times too much."""
    trace = multilevel.run(problem, _SETTINGS, pair, tau, coarse_tau, CYCLES)
    half, end = trace.thetas[-2], trace.thetas[-1]
    gain = 2 * square_norm(end - half) / (scalar(problem.delta, tau) * tau)
    return at_most(trace.losses[-1], trace.losses[-2] - gain, trace.losses[-2], gain)


def _proof() -> Proof:
    tau, smooth, mask = symbols("tau", "L_rel", "m_i", positive=True)
    L0, L1, forward, backward, sym, theta, hat = symbols(
        "L(theta)", "L(theta_+)", "D^v(theta_+,theta)", "D^v+(theta,theta_+)", "D^sym", "theta_i", "hat_i"
    )
    assumption = L0 - sym / tau + smooth * forward - L1
    prolonged = theta + mask * (hat - theta)
    return Proof(
        (
            Step(
                "a coarse step: L̂(θ̂) − L̂(θ̂⁺) = the margin of assumption 1 + (1/τ̂ − 𝖫) D^sym + 𝖫 D^{v⁺}(θ, θ⁺), "
                "on whichever groups are selected (lemma A.1)",
                (L0 - L1 - (assumption + (1 / tau - smooth) * sym + smooth * backward)).subs(sym, forward + backward),
            ),
            Step(
                "prolongation, in a selected coordinate: θ_i + (θ̂_i − θ_i) = θ̂_i, so L(θ^{k+½}) = L̂(θ̂^m)",
                prolonged.subs(mask, 1) - hat,
            ),
            Step("and in a frozen one θ_i stays, as v_i does: v^{k+½} ∈ ∂J_δ(θ^{k+½}) by proposition 3.2",
                 prolonged.subs(mask, 0) - theta),
            Step(
                "a fine step: L(θ) − L(θ⁺) = the margin of assumption 1 + (1/τ − 𝖫) D^v(θ⁺, θ) + (1/τ) D^{v⁺}(θ, θ⁺)",
                (L0 - L1 - (assumption + (1 / tau - smooth) * forward + backward / tau)).subs(sym, forward + backward),
            ),
        ),
        "Every summand is ≥ 0 as soon as v ∈ ∂J_δ(θ) at the start of the step, and the steps hand that on. The restriction of the "
        "next cycle enters nowhere: lemma A.1 has the same 𝖫 for every selection and every frozen θ, so the pattern may change.",
    )  # fmt: skip


def _pattern_changes() -> tuple[Measurement, ...]:
    rng = np.random.default_rng(0)
    changes = rises = cycles = 0
    for _ in range(4):
        loss = LeastSquares(rng.normal(size=(15, 20)), rng.normal(size=15))
        problem = Problem(loss, L1(1.0), 1.0, Groups.singletons(20))
        tau = problem.step_size_limit
        start = linbreg.init(problem.elastic_net, np.zeros(20))
        trace = multilevel.run(problem, multilevel.Multilevel(5), start, tau, tau / 2, 60)
        support = trace.thetas[::6] != 0
        changes += int((support[1:] != support[:-1]).any(axis=1).sum())
        rises += int((np.diff(trace.losses) > 1e-12).sum())
        cycles += 60
    return (
        Measurement(
            "steps with a rising loss over changes of the pattern", "", f"{rises} of {6 * cycles}",
            f"4 random least-squares problems, d = 20, J = ‖θ‖₁, m = 5, from θ = v = 0: "
            f"the support changed in {changes} of {cycles} cycles",
        ),
    )  # fmt: skip


_PROBLEMS = families.problems(max_dimension=2)


def _noisy(problem: Problem, pair: PrimalDual, tau: Array, coarse_tau: Array, xi: Array) -> Array:
    half = multilevel.run(problem, _SETTINGS, pair, tau, coarse_tau, 1).thetas[-2]
    v = multilevel.run(problem, _SETTINGS, pair, tau, coarse_tau, 1).vs[-2]
    start = PrimalDual(half[..., None, :] + 0 * xi, v[..., None, :] + 0 * xi)
    gradient = problem.loss.gradient(half)[..., None, :] + xi
    after = linbreg.step(problem.elastic_net, start, gradient, tau[..., None])
    return inequalities.decrease(problem.loss, pair.theta, after.theta)


@claim(
    "lunk2026/whole-procedure",
    title="The loss of Algorithm 1 decreases, whatever the sparsity pattern does",
    statement=r"\mathcal L(\theta^{k+1}) \le \mathcal L(\theta^{k+\frac12}) - \tfrac{1}{\tau^k} D^{v^{k+1}}_{J_\delta}"
    r"(\theta^{k+\frac12}, \theta^{k+1}) \le \mathcal L(\theta^{k+\frac12}) \le \mathcal L(\theta^{k}) "
    r"\quad\text{for exact gradients, } \tau^k \le 1/\mathsf L,\; \hat\tau^{k,i} \le 1/(2\mathsf L)",
    source=f"ours, the review's question about {SOURCE}",
    hypotheses=(
        Hypothesis("exact gradients", "without it: noise of mean zero in the fine step",
                   without={"xi": families.noise()}, margin=_noisy),
        Hypothesis(
            "assumption 1", "without it: θ⁴, with steps up to 1",
            without={"problem": families.problems(losses=("quartic",), max_dimension=1),
                     "coarse_tau": families.step_sizes(at_most=Fraction(1, 100))},
        ),
        Hypothesis("τ ≤ 1/𝖫", "the fine step; without it: up to 3/𝖫", without={"tau": families.step_sizes(at_most=3)}),
        Hypothesis(
            "τ̂ ≤ 1/(2𝖫)", "the coarse steps; without it: up to 2/𝖫", without={"coarse_tau": families.step_sizes(at_most=2)},
            why="four times shorter than needed, where ∇L is Lipschitz (remark-A.4)",
        ),
    ),
    mutants=(
        Mutant("a gain of 2‖θ⁺ − θ‖²/(δτ) in the fine step", margin=_growing_gain),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DUAL_NOT_RESTRICTED,
        planted.DOUBLE_STEP,
        planted.SPLIT_GROUP,
    ),
    proof=_proof,
    measurements=_pattern_changes,
    step_size_limit=StepSizeLimit(parameter="coarse_tau", limit=0.5, up_to=3.0, conclusion="coarse steps (remark A.4)"),
)  # fmt: skip
@given(
    problem=_PROBLEMS,
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
    coarse_tau=families.step_sizes(at_most=Fraction(1, 2)),
)
def whole_procedure(problem: Problem, pair: PrimalDual, tau: Array, coarse_tau: Array) -> dict[str, Array]:
    """Two cycles of Algorithm 1 with the support selected anew in each, step by step with the lemma that covers it. It
    decreases in every step of every cycle, with no assumption 2. A decrease is not yet convergence: that is thm-4.1 where
    assumption 2 holds and thm-4.1-sparse-repaired for sparse regularizers. From θ = v = 0 the support is empty and the first
    coarse phases do nothing until a fine step has moved a parameter."""
    return _whole(problem, pair, tau, coarse_tau)


_ONE = oracles.MiniBatch(1)


def _mini_batches(
    problem: Problem,
    restriction: Restriction,
    pair: PrimalDual,
    tau: Array,
    coarse_tau: Array,
    *,
    variance: Any = 0,
    share: Any = 1,
    coarse_oracle: oracles.Oracle = _ONE,
    fine_oracle: oracles.Oracle = _ONE,
) -> Array:
    """E L(θ¹) ≤ L(θ⁰) + variance·(what the noise of both steps costs), one coarse step and one fine step with batches of one."""
    frozen = PrimalDual(pair.theta[:, None], pair.v[:, None])
    lower = problem.coarse(restriction, frozen.theta)
    hat = coarse.restrict_pair(restriction, pair)
    ends, _ = linbreg.all_paths(lower.elastic_net, lower.loss, hat, coarse_tau, 1, coarse_oracle)[-1]
    half = coarse.prolong_pair(restriction, ends, frozen)
    wide = tau[:, None] + 0 * half.theta[..., 0]
    after, _ = linbreg.all_paths(problem.elastic_net, problem.loss, half, wide, 1, fine_oracle)[-1]
    before = problem.loss.value(pair.theta)
    mean = inequalities.expectation(inequalities.expectation(problem.loss.value(after.theta)))
    smoothness = scalar(share, tau) * scalar(problem.relative_smoothness, tau)
    coarse_noise = _spread(coarse_oracle, lower.loss, hat.theta[:, None])
    fine_noise = _spread(fine_oracle, problem.loss, half.theta)
    cost = coarse_tau / (2 - smoothness * coarse_tau) * coarse_noise + tau / (2 - smoothness * tau) * fine_noise
    cost = scalar(problem.delta, tau) / 2 * cost
    terms = size(problem.elastic_net, pair.theta, 0 * pair.theta, pair.v) * scalar(problem.loss.lipschitz, tau)
    return at_most(mean, before + scalar(variance, tau) * cost, before, cost, terms * scalar(problem.delta, tau))


def _spread(oracle: oracles.Oracle, loss: Any, theta: Array) -> Array:
    """E‖g − ∇L‖², averaged over the paths: (batch, paths, d) → (batch,)."""
    values, _ = oracle.outcomes(loss, theta)
    squares = square_norm(values - loss.gradient(theta)[..., None, :])
    return inequalities.expectation(inequalities.expectation(squares))


def _batches_with(**changes: Any) -> Any:
    return lambda problem, restriction, pair, tau, coarse_tau: _mini_batches(
        problem, restriction, pair, tau, coarse_tau, **changes
    )


_FINITE = families.problems(losses=("finite_sum",), max_dimension=2)
_BATCHES: dict[str, families.Family] = {
    "problem": _FINITE,
    "restriction": families.restrictions(),
    "pair": families.primal_dual_pairs(),
    "tau": families.step_sizes(),
    "coarse_tau": families.step_sizes(at_most=Fraction(1, 2)),
}


@claim(
    "lunk2026/whole-procedure-mini-batches",
    title="The expected loss decreases with mini-batches on both levels",
    statement=r"\mathbb E\,\mathcal L(\theta^{k+1}) \le \mathbb E\,\mathcal L(\theta^{k}) "
    r"\quad\text{for mini-batch gradients on both levels, } \tau^k \le 1/\mathsf L,\; \hat\tau^{k,i} \le 1/(2\mathsf L)",
    source=f"the practice of {SOURCE}, section 5",
    hypotheses=(
        Hypothesis(
            "mini-batches on both levels",
            "with exact gradients it is whole-procedure",
            why="the expected loss can rise already when one of the levels has mini-batches",
        ),
    ),
    mutants=(planted.ASCENT, planted.PRIMAL_STEP, planted.PROX_OF_V, planted.NO_FROZEN_THETA),
)
@given(**_BATCHES)
def mini_batches(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array
) -> dict[str, Array]:
    """What the experiments do: batches of one on both levels, all of them enumerated. It fails at a minimiser, where only the noise
    is left, and on either level. What is left is judged as whole-procedure-mini-batches-repaired."""
    return {
        "both levels": _mini_batches(problem, restriction, pair, tau, coarse_tau),
        "coarse level only": _mini_batches(problem, restriction, pair, tau, coarse_tau, fine_oracle=oracles.EXACT),
        "neither level": _mini_batches(
            problem, restriction, pair, tau, coarse_tau, coarse_oracle=oracles.EXACT, fine_oracle=oracles.EXACT
        ),
    }


def _batches_proof() -> Proof:
    tau, delta, smooth = symbols("tau", "delta", "L_rel", positive=True)
    L0, L1, forward, backward, sym, x_d, x_x, d_d = symbols(
        "L(theta)", "L(theta_+)", "D^v(theta_+,theta)", "D^v+(theta,theta_+)", "D^sym", "<xi,d>", "|xi|^2", "|d|^2"
    )
    c = 1 - smooth * tau / 2
    assumption = L0 - sym / tau - x_d + smooth * forward - L1
    cost = delta * tau / (2 * (2 - smooth * tau)) * x_x
    square = (d_d + delta * tau / c * x_d + (delta * tau / (2 * c)) ** 2 * x_x) * c / (delta * tau)
    rest = (1 / tau - smooth) * (sym - d_d / delta) + smooth * (backward - d_d / (2 * delta))
    return Proof(
        (
            Step(
                "each step, coarse or fine, with c = 1 − 𝖫τ/2: L(θ) + δτ‖ξ‖²/(2(2 − 𝖫τ)) − L(θ⁺) = the margin of assumption 1 "
                "+ (c/δτ)‖d + (δτ/2c)ξ‖² + (1/τ − 𝖫)(D^sym − ‖d‖²/δ) + 𝖫(D^{v⁺}(θ, θ⁺) − ‖d‖²/2δ)",
                (L0 + cost - L1 - (assumption + square + rest)).subs(sym, forward + backward),
            ),
        ),
        "All summands are ≥ 0 for steps up to 1/𝖫, on every path (lemma-A.3-sharp); prolongation changes neither L nor membership. "
        "Take the expectation, conditional on the step before, and add the two steps.",
    )


@claim(
    "lunk2026/whole-procedure-mini-batches-repaired",
    title="With mini-batches on both levels the expected loss rises by no more than the variance allows",
    statement=r"\mathbb E\,\mathcal L(\theta^{k+1}) \le \mathbb E\,\mathcal L(\theta^{k}) + \frac{\delta}{2} \sum_i "
    r"\frac{\hat\tau^{k,i}\,\mathbb E\hat\sigma_{k,i}^2}{2 - \mathsf L\hat\tau^{k,i}} + \frac{\delta}{2}\, \frac{\tau^k\,\mathbb E"
    r"\sigma_{k}^2}{2 - \mathsf L\tau^k}, \quad \tau^k, \hat\tau^{k,i} \le 1/\mathsf L",
    source=f"ours, after {SOURCE}, section 4",
    hypotheses=(
        Hypothesis("the variance terms", "just outside: half of them", margin=_batches_with(variance=Fraction(1, 2))),
        Hypothesis(
            "assumption 1 with this 𝖫", "just outside: 𝖫/2 in the bound",
            margin=_batches_with(variance=1, share=Fraction(1, 2)),
        ),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("half the cost", margin=_batches_with(variance=Fraction(1, 2))),
        Mutant("no cost", margin=_batches_with()),
        Mutant("no 𝖫 in the cost", margin=_batches_with(variance=1, share=0)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PROX_OF_V,
        planted.NO_FROZEN_THETA,
    ),
    proof=_batches_proof,
)  # fmt: skip
@given(**{**_BATCHES, "coarse_tau": families.step_sizes()})
def mini_batches_repaired(
    problem: Problem, restriction: Restriction, pair: PrimalDual, tau: Array, coarse_tau: Array
) -> Array:
    """What is left with mini-batches on the fine level, too: the variance is paid for there as well. σ_k² is the variance at
    the points of the run, averaged over its paths. Equality for J = 0, equal curvatures and τ = 1/𝖫 at a minimiser. The loss falls
    in the mean as long as the gradient is large against the noise, and for interpolating models σ vanishes with the loss."""
    return _mini_batches(problem, restriction, pair, tau, coarse_tau, variance=1)
