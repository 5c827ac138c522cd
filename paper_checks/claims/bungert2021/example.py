"""bungert2021 (v1), example 3.6: LinBreg that converges to a point which is not critical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy

from ....solvers import linbreg
from ....theory.arrays import Array, exact, namespace
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Groups
from ....theory.losses import Quadratic
from ....theory.margins import at_most
from ....theory.problems import Problem
from ....theory.regularizers import Box, NonNegative, Regularizer
from ....theory.strategies import positive_rationals
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Family
from ...proof import Proof, Step, symbols
from .. import planted
from .loss_decay import SOURCE

#: How many steps a run may take here; initial values that need more are judged by the bound on v alone.
STEPS = 40


@final
@dataclass(frozen=True)
class Example(Family):
    """L(θ) = (θ + 1)² on ℝ with a fixed J and any δ."""

    regularizer: Regularizer
    batched = False

    def sample(self, rng: np.random.Generator, count: int, drawn: Mapping[str, Any]) -> Problem:
        loss = Quadratic(np.array([2.0]), np.array([-1.0]))
        return Problem(loss, self.regularizer, float(10 ** rng.uniform(-1, 1)), Groups.singletons(1))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[Problem]:
        loss = Quadratic(exact([2]), exact([-1]))
        return hs.builds(
            lambda delta: Problem(loss, self.regularizer, delta, Groups.singletons(1)), positive_rationals(3)
        )


def _run(problem: Problem, pair: PrimalDual, tau: Array, shrink: Fraction = Fraction(1)) -> list[PrimalDual]:
    iterates = [pair]
    for _ in range(STEPS):
        pair = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
        tau = tau * (shrink if tau.dtype == object else float(shrink))
        iterates.append(pair)
    return iterates


def _reaches_zero(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """θ = 0 after ⌈v/(2τ)⌉ steps, for the initial values that need at most `STEPS`."""
    iterates = _run(problem, pair, tau)
    last = iterates[-1].theta[..., 0]
    in_time = pair.v[..., 0] <= 2 * tau * STEPS
    return at_most(namespace(last).where(in_time, abs(last), 0 * last), 0 * last)


def _stays_positive(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """With τ_k = τ/2^k: v_k − 2·(2τ/2^k)(θ_k + 1) bounds all later v from below; positive means that θ never vanishes."""
    last = _run(problem, pair, tau, Fraction(1, 2))[-1]
    rest = 4 * tau / 2**STEPS * (last.theta[..., 0] + 1)
    return at_most(last.v[..., 0] - rest, 0 * rest)


def _proof() -> Proof:
    import sympy

    theta, v, tau, delta = symbols("theta", "v", "tau", "delta", positive=True)
    after = v - tau * sympy.diff((theta + 1) ** 2, theta)
    return Proof(
        (
            Step(
                "v⁺ = (v − 2τ) − 2τθ, so v falls by at least 2τ in every step while θ ≥ 0",
                after - ((v - 2 * tau) - 2 * tau * theta),
            ),
            Step("for v ≤ 0: θ = prox_{δJ}(δv) = max(δv, 0) = 0", sympy.Max(delta * -v, 0)),
            Step("0 is not critical: L'(0) = 2", sympy.diff((theta + 1) ** 2, theta).subs(theta, 0) - 2),
            Step(
                "the only critical point is −1, where J = ∞",
                sympy.solve((sympy.Symbol("x") + 1) * 2, sympy.Symbol("x"))[0] + 1,
            ),
        ),
        "After ⌈v⁰/(2τ)⌉ steps v ≤ 0 and θ = 0 for good: the iteration reaches its limit 0 in finitely many steps.",
    )


_EXAMPLE = Example(NonNegative())


@claim(
    "bungert2021/example-3.6",
    title="Convergence to a point that is not critical",
    statement=r"\mathcal L(\theta) = (\theta+1)^2,\; J = \chi_{[0,\infty)}: \quad \theta^{k} \to 0 \text{ for any initialization}, "
    r"\quad \nabla\mathcal L(0) = 2 \neq 0",
    source=f"{SOURCE}, example 3.6",
    hypotheses=(
        Hypothesis(
            "steps that sum to infinity",
            "constant τ (the example does not say it); without it: τ_k = τ/2^k",
            margin=_stays_positive,
        ),
        Hypothesis(
            "the critical point is outside dom J",
            "J(−1) = ∞; without it: J = χ of [−2, ∞)",
            without={"problem": Example(Box(-2, float("inf")))},
            margin=_reaches_zero,
        ),
    ),
    mutants=(planted.ASCENT, planted.HALF_STEP, Mutant(
        "projection onto [−2, ∞) instead of [0, ∞)",
        patch=(Box, "prox", lambda self, z, step: namespace(z).where(z < -2, 0 * z - 2, z)),
    )),
    proof=_proof,
)  # fmt: skip
@given(problem=_EXAMPLE, pair=families.primal_dual_pairs(), tau=families.step_sizes(at_most=4))
def example_3_6(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """It even arrives at 0 after finitely many steps, for every constant step size however large. The example needs steps
    that sum to infinity: with τ_k = τ/2^k the iteration stops before it reaches 0."""
    iterates = _run(problem, pair, tau)
    v = namespace(pair.v).stack([iterate.v[..., 0] for iterate in iterates], axis=-1)
    fall = v[..., :-1] - v[..., 1:]
    gradient = problem.loss.gradient(0 * pair.theta)[..., 0]
    return {
        "v falls by 2τ": at_most(2 * tau[..., None] + 0 * fall, fall, v[..., 1:]).min(axis=-1),
        "θ = 0 after ⌈v/2τ⌉ steps": _reaches_zero(problem, pair, tau),
        "0 is not critical": at_most(0 * gradient + 2, gradient),
    }
