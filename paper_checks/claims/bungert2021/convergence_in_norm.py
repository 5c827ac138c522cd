"""bungert2021 (v1), theorem 3.7: the Bregman distance to the minimiser decreases, and the iterates converge in norm."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....solvers import linbreg
from ....theory import distance_decay
from ....theory.arrays import Array, scalar, square_norm
from ....theory.bregman_convexity import minimizer
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.margins import at_most
from ....theory.problems import Problem
from ... import families
from ...claim_record import Hypothesis, Mutant, StepSizeLimit, claim, given
from ...families.minimizers import CONVEX, with_minimizer
from ...proof import Proof
from .. import planted
from .distance_steps import coercive_step, mirror_step, variance_step
from .loss_decay import SOURCE, noisy_steps

_UNIT = "μ/(ℓ²δ)"
_NOT_CONVEX = with_minimizer(("two_wells",), max_dimension=3)
_FAR_STAR = Hypothesis(
    "J(θ*) < ∞",
    "the minimiser of L is in the domain of J",
    why="without it the distances are infinite: the statement has no meaning to test (example 3.6 shows what happens)",
)
_SUBGRADIENT = Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()})


def _decay(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 0) -> Array:
    """d⁺ ≤ d + share·δτ²σ²/2 with g = ∇L(θ) + ξ."""
    _, after, _ = noisy_steps(problem, pair, tau, xi)
    slack = scalar(share, tau) * distance_decay.noise_cost(problem.elastic_net, tau, xi)
    return distance_decay.no_increase(problem.elastic_net, minimizer(problem, pair.theta), pair, after, slack)


def _gain(problem: Problem, pair: PrimalDual, tau: Array, xi: Array, share: Any = 1) -> Array:
    """d⁺ + τ(1 − ℓδτ/2)⟨∇L(θ), θ − θ*⟩ ≤ d + share·δτ²σ²/2."""
    _, after, _ = noisy_steps(problem, pair, tau, xi)
    slack = scalar(share, tau) * distance_decay.noise_cost(problem.elastic_net, tau, xi)
    return distance_decay.gradient_gain(
        problem.loss, problem.elastic_net, minimizer(problem, pair.theta), pair, after, tau, slack
    )


def _silent(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """(3.10) with exact gradients."""
    return _decay(problem, pair, tau, 0 * pair.theta[..., None, :])


def _bounds_the_norm(problem: Problem, pair: PrimalDual, tau: Array) -> Array:
    """D^{v⁺}_{J_δ}(θ*, θ⁺) ≥ ‖θ* − θ⁺‖²/(2δ), which is what v⁺ ∈ ∂J_δ(θ⁺) is good for."""
    net, star = problem.elastic_net, minimizer(problem, pair.theta)
    after = linbreg.step(net, pair, problem.loss.gradient(pair.theta), tau)
    return at_most(
        square_norm(star - after.theta) / (2 * scalar(net.delta, tau)),
        bregman(net, star, after.theta, after.v),
        size(net, star, after.theta, after.v),
    )


def _deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    return {"(3.10)": _silent(problem, pair, tau), "d⁺ bounds the norm": _bounds_the_norm(problem, pair, tau)}


@claim(
    "bungert2021/thm-3.7",
    title="The expected Bregman distance decreases",
    statement=r"\tau^{(k)} \le \tfrac{\mu}{\ell^2\delta}: \quad \mathbb E\, D^{v^{(k+1)}}_{J_\delta}(\theta^*, \theta^{(k+1)}) "
    r"\le \mathbb E\, D^{v^{(k)}}_{J_\delta}(\theta^*, \theta^{(k)})",
    source=f"{SOURCE}, theorem 3.7, (3.10)",
    hypotheses=(_FAR_STAR, Hypothesis("exact gradients", "not a hypothesis of the theorem, and the one it lacks",
        why="with g = ∇L(θ) the inequality holds: thm-3.7-deterministic")),
    mutants=(
        Mutant("noise counted twice", margin=lambda problem, pair, tau, xi: _decay(problem, pair, tau, 2 * xi)),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
    ),
)  # fmt: skip
@given(
    problem=with_minimizer(),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(unit=_UNIT),
    xi=families.noise(),
)
def thm_3_7(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """Judged as it is stated, for the stochastic iteration (3.1): g = ∇L(θ) + ξ with E ξ = 0, expectations by enumeration.
    At θ = θ* the distance is 0, and noise moves the iterate: E d cannot decrease. The proof rests on (B.1) with ∇L under
    the expectation (lemma-B.2), which is wrong because θ⁺ depends on g."""
    return {
        "(3.10)": _decay(problem, pair, tau, xi),
        "(3.10) with exact gradients": _silent(problem, pair, tau),
        "d⁺ bounds the norm": _bounds_the_norm(problem, pair, tau),
    }


_WORDS = (
    "(B.2) reads d⁺ − d = E D^{v⁺}(θ, θ⁺) − τ⟨∇L(θ), θ − θ*⟩; the three steps bound it by δτ²σ²/2 − "
    "τ(1 − ℓδτ/2)⟨∇L(θ), θ − θ*⟩, and ⟨∇L(θ), θ − θ*⟩ ≥ 0 by convexity. "
)


def _decay_proof() -> Proof:
    return Proof(
        (mirror_step(), variance_step(), coercive_step()),
        _WORDS + "For τ ≤ 2/(ℓδ) the factor is ≥ 0. J = 0 with equal curvatures makes every step an equality.",
    )


_NO_CONVEXITY = Hypothesis(
    "convexity",
    "L is convex; without it: two wells",
    without={"problem": _NOT_CONVEX, "tau": families.step_sizes()},
)


@claim(
    "bungert2021/thm-3.7-deterministic",
    title="The Bregman distance decreases with exact gradients",
    statement=r"g = \nabla\mathcal L(\theta),\; \tau \le \tfrac{\mu}{\ell^2\delta}: \quad "
    r"D^{v^+}_{J_\delta}(\theta^*, \theta^+) \le D^{v}_{J_\delta}(\theta^*, \theta)",
    source=f"{SOURCE}, theorem 3.7, (3.10), with exact gradients",
    hypotheses=(
        Hypothesis(
            "strong convexity",
            "μ > 0; without it: μ = 0 and τ ≤ 1/(ℓδ)",
            without={"problem": with_minimizer(CONVEX), "tau": families.step_sizes()},
        ),
        Hypothesis("τ ≤ μ/(ℓ²δ)", "without it: τ ≤ 2/(ℓδ)", without={"tau": families.step_sizes(at_most=2)}),
        _NO_CONVEXITY,
        _FAR_STAR,
        _SUBGRADIENT,
    ),
    mutants=(
        Mutant(
            "distance to a point that is not the minimiser",
            margin=lambda problem, pair, tau: distance_decay.no_increase(
                problem.elastic_net,
                problem.regularizer.prox(minimizer(problem, pair.theta) + 1, 1),
                pair,
                noisy_steps(problem, pair, tau, 0 * pair.theta[..., None, :])[1],
            ),
        ),
        planted.ASCENT,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
    ),
    proof=_decay_proof,
    step_size_limit=StepSizeLimit(limit=1.0, up_to=3.0, conclusion="(3.10)"),
)
@given(problem=with_minimizer(), pair=families.primal_dual_pairs(), tau=families.step_sizes(unit=_UNIT))
def thm_3_7_deterministic(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """True, but with a limit that is too small: nothing fails before 2/(ℓδ), which is 2ℓ/μ ≥ 2 times the limit of the
    theorem. The proof loses it by Young's inequality; co-coercivity of ∇L gives 2/(ℓδ) and needs no μ: thm-3.7-sharpened."""
    return _deterministic(problem, pair, tau)


@claim(
    "bungert2021/thm-3.7-sharpened",
    title="The Bregman distance decreases for convex losses up to 2/(ℓδ)",
    statement=r"\mathcal L \text{ convex},\; g = \nabla\mathcal L(\theta),\; \tau \le \tfrac{2}{\ell\delta}: \quad "
    r"D^{v^+}_{J_\delta}(\theta^*, \theta^+) \le D^{v}_{J_\delta}(\theta^*, \theta)",
    source=f"ours, after {SOURCE}, theorem 3.7",
    hypotheses=(
        Hypothesis("τ ≤ 2/(ℓδ)", "without it: τ ≤ 4/(ℓδ)", without={"tau": families.step_sizes(at_most=4)}),
        _NO_CONVEXITY,
        _FAR_STAR,
        _SUBGRADIENT,
    ),
    mutants=(
        Mutant(
            "a decrease by 1 % of δτ²‖∇L‖²/2 on top",
            margin=lambda problem, pair, tau: distance_decay.no_increase(
                problem.elastic_net,
                minimizer(problem, pair.theta),
                pair,
                noisy_steps(problem, pair, tau, 0 * pair.theta[..., None, :])[1],
                -distance_decay.noise_cost(problem.elastic_net, tau, problem.loss.gradient(pair.theta)[..., None, :])
                * scalar(Fraction(1, 100), tau),
            ),
        ),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
    ),
    proof=_decay_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="(3.10)"),
)
@given(problem=with_minimizer(CONVEX), pair=families.primal_dual_pairs(), tau=families.step_sizes(at_most=2))
def thm_3_7_sharpened(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """Stronger than the theorem in both of its hypotheses: no strong convexity, and a step size that does not shrink with
    the condition number. The limit is sharp: for J = 0 and L = (ℓ/2)‖θ‖² the iterate is multiplied by 1 − ℓδτ."""
    return _deterministic(problem, pair, tau)


@claim(
    "bungert2021/thm-3.7-repaired",
    title="The expected Bregman distance grows by no more than the noise",
    statement=r"\mathcal L \text{ convex},\; \mathbb E\|g - \nabla\mathcal L(\theta)\|^2 \le \sigma^2,\; "
    r"\tau \le \tfrac{2}{\ell\delta}: \quad \mathbb E\, D^{v^+}_{J_\delta}(\theta^*, \theta^+) "
    r"+ \tau\bigl(1 - \tfrac{\ell\delta\tau}{2}\bigr)\langle\nabla\mathcal L(\theta), \theta - \theta^*\rangle "
    r"\le D^{v}_{J_\delta}(\theta^*, \theta) + \tfrac{\delta\tau^2\sigma^2}{2}",
    source=f"ours, after {SOURCE}, theorem 3.7",
    hypotheses=(
        Hypothesis(
            "the variance term δτ²σ²/2",
            "just outside: 0.9 of it",
            margin=lambda problem, pair, tau, xi: _gain(problem, pair, tau, xi, Fraction(9, 10)),
        ),
        Hypothesis("τ ≤ 2/(ℓδ)", "needed only for the second conclusion; without it: τ ≤ 4/(ℓδ)",
                   without={"tau": families.step_sizes(at_most=4)}),
        _NO_CONVEXITY,
        _FAR_STAR,
        _SUBGRADIENT,
    ),
    mutants=(
        Mutant("half the variance", margin=lambda problem, pair, tau, xi: _gain(problem, pair, tau, xi, Fraction(1, 2))),
        Mutant("no variance", margin=lambda problem, pair, tau, xi: _gain(problem, pair, tau, xi, 0)),
        Mutant("sign of the noise cost", margin=lambda problem, pair, tau, xi: _gain(problem, pair, tau, xi, -1)),
        planted.ASCENT,
        planted.DOUBLE_STEP,
        planted.PRIMAL_STEP,
        planted.PROX_OF_V,
        planted.DELTA_LAMBDA,
    ),
    proof=_decay_proof,
    step_size_limit=StepSizeLimit(limit=2.0, up_to=4.0, conclusion="d⁺ ≤ d + δτ²σ²/2"),
)  # fmt: skip
@given(
    problem=with_minimizer(CONVEX),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(at_most=2),
    xi=families.noise(),
)
def thm_3_7_repaired(problem: Problem, pair: PrimalDual, tau: Array, xi: Array) -> dict[str, Array]:
    """The weakest repair: noise costs δτ²σ²/2 in each step, and for J = 0 with equal curvatures exactly that. The first
    conclusion keeps what the decrease is made of, and summed it gives convergence: thm-3.7-convergence-repaired."""
    return {
        "with the gain": _gain(problem, pair, tau, xi),
        "d⁺ ≤ d + δτ²σ²/2": _decay(problem, pair, tau, xi, 1),
        "d⁺ bounds the norm": _bounds_the_norm(problem, pair, tau),
    }
