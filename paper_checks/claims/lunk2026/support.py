"""What lunk2026 says about the support: frozen groups stay zero in a coarse phase, and LinBreg's support "usually" grows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....solvers import linbreg, multilevel
from ....theory.arrays import Array, largest, namespace
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Groups, Restriction
from ....theory.losses import LeastSquares
from ....theory.margins import at_most, equal_vectors
from ....theory.problems import Problem
from ....theory.regularizers import L1
from ... import families
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...proof import Proof, Step, symbols
from .. import planted
from .transfer import SOURCE

COARSE_STEPS = 2
_SETTINGS = multilevel.Multilevel(coarse_steps=COARSE_STEPS)


def _frozen(problem: Problem, theta: Array) -> Array:
    """1 in the groups with θ_g = 0, 0 in the others, shape (batch, d)."""
    present = problem.groups.spread(problem.groups.sums(abs(theta)))
    return namespace(theta).where(present == 0, 0 * theta + 1, 0 * theta)


def _support(problem: Problem, pair: PrimalDual, coarse_tau: Array, steps: int = COARSE_STEPS) -> dict[str, Array]:
    trace = multilevel.run(problem, _SETTINGS, pair, coarse_tau, coarse_tau, 1)
    frozen = _frozen(problem, pair.theta)
    outside = largest(trace.thetas[: steps + 1] * frozen).max(axis=0)
    return {
        "θ_g = 0 stays": at_most(outside, 0 * outside, largest(pair.theta)),
        "their v stays": equal_vectors(trace.vs[COARSE_STEPS] * frozen, pair.v * frozen),
    }


def _size(theta: Array) -> Array:
    """‖θ‖₀, in the arithmetic of θ."""
    return namespace(theta).where(theta != 0, 0 * theta + 1, 0 * theta).sum(axis=-1)


def _constant_support(problem: Problem, pair: PrimalDual, coarse_tau: Array) -> Array:
    trace = multilevel.run(problem, _SETTINGS, pair, coarse_tau, coarse_tau, 1)
    return at_most(_size(pair.theta), _size(trace.thetas[COARSE_STEPS]))


def _every_coordinate(problem: Problem, pair: PrimalDual, coarse_tau: Array) -> Array:
    """LinBreg steps on all coordinates in the place of the coarse phase."""
    trace = linbreg.run(problem, pair, coarse_tau, COARSE_STEPS)
    return _outside(problem, pair, trace.thetas[-1])


def _outside(problem: Problem, pair: PrimalDual, theta: Array) -> Array:
    outside = largest(theta * _frozen(problem, pair.theta))
    return at_most(outside, 0 * outside, largest(pair.theta))


def _everything(groups: Groups, theta: Any) -> Restriction:
    return Restriction(groups, tuple(range(groups.count)))


def _proof() -> Proof:
    theta, hat, v, v_hat = symbols("theta_i", "hat_i", "v_i", "v_hat_i")
    (mask,) = symbols("m_i")
    return Proof(
        (
            Step("θ + P(θ̂ − Rθ) in a coordinate that is not selected, m_i = 0: θ_i = 0 stays",
                 (theta + mask * (hat - theta)).subs(mask, 0).subs(theta, 0)),
            Step("v + P(v̂ − Rv) there: v_i stays", (v + mask * (v_hat - v)).subs(mask, 0) - v),
        ),
        "All coarse steps act on the selected coordinates alone, and those with θ_g = 0 are not selected, whatever ĝ and τ̂ are.",
    )  # fmt: skip


@claim(
    "lunk2026/support-monotonicity",
    title="In a coarse phase the support stays inside the support at the restriction",
    statement=r"\theta^k_g = 0 \;\Rightarrow\; \theta^{k,i}_g = 0,\; v^{k,i}_g = v^k_g \quad\text{for } i = 0, \dots, m",
    source=f"{SOURCE}, section 1",
    hypotheses=(
        Hypothesis(
            "the groups with θ_g = 0 are frozen", "R selects the others; without it: LinBreg steps on all of them",
            margin=_every_coordinate,
        ),
        Hypothesis(
            "τ̂ ≤ 1/(2𝖫)", "the step sizes; without it: up to 4/𝖫",
            without={"coarse_tau": families.step_sizes(at_most=4)}, why="not needed: it holds for any steps",
        ),
    ),
    mutants=(
        Mutant("every group is selected", patch=(Restriction, "to_support", staticmethod(_everything))),
        Mutant("the support does not shrink either", margin=_constant_support),
        Mutant("the fine step included", margin=lambda problem, pair, coarse_tau: _support(
            problem, pair, coarse_tau, COARSE_STEPS + 1)),
        planted.FORGETFUL_PROLONGATION,
    ),
    proof=_proof,
)  # fmt: skip
@given(
    problem=families.problems(max_dimension=3),
    pair=families.primal_dual_pairs(),
    coarse_tau=families.step_sizes(at_most=0.5),
)
def support_monotonicity(problem: Problem, pair: PrimalDual, coarse_tau: Array) -> dict[str, Array]:
    """Two coarse steps. Inside the selection a parameter may vanish and come back, so the number of non-zero parameters need not
    be monotone there; the statement about whole runs of LinBreg is support-monotonicity-linbreg."""
    return _support(problem, pair, coarse_tau)


#: Steps from θ = v = 0.
HORIZON = 4


def _growth(thetas: Array) -> Array:
    """‖θ^{k+1}‖₀ ≥ ‖θᵏ‖₀ for all k of a run, (K + 1, batch, d) → (batch,)."""
    sizes = _size(thetas)
    return at_most(sizes[:-1], sizes[1:]).min(axis=0)


def _from_zero(problem: Problem, pair: PrimalDual, tau: Array, steps: int = HORIZON) -> Array:
    zero = linbreg.init(problem.elastic_net, 0 * pair.theta)
    return linbreg.run(problem, zero, tau, steps).thetas


def _runs(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    return {
        "from any pair": _growth(linbreg.run(problem, pair, tau, 1).thetas),
        "from θ = v = 0": _growth(_from_zero(problem, pair, tau)),
        "d = 1, from θ = v = 0": _growth(_from_zero(problem, pair, tau, HORIZON if problem.dimension == 1 else 1)),
    }


def _how_often() -> tuple[Measurement, ...]:
    """Random least squares with a sparse solution, from θ = v = 0, at the largest step size and at a tenth of it."""
    found = []
    for share in (1.0, 0.1):
        rng = np.random.default_rng(0)
        runs, length = 8, int(150 / share**0.5)
        falling_runs = falls = rises = 0
        for _ in range(runs):
            matrix = rng.normal(size=(15, 30))
            solution = rng.normal(size=30) * (rng.random(30) < 0.2)
            problem = Problem(LeastSquares(matrix, matrix @ solution), L1(5.0), 1.0, Groups.singletons(30))
            start = linbreg.init(problem.elastic_net, np.zeros(30))
            sizes = (linbreg.run(problem, start, share * problem.step_size_limit, length).thetas != 0).sum(axis=-1)
            change = np.diff(sizes)
            falling_runs += bool((change < 0).any())
            falls, rises = falls + int((change < 0).sum()), rises + int((change > 0).sum())
        found.append(
            Measurement(
                f"runs whose support shrinks at some step, τ = {share:g}/𝖫",
                "“usually” none",
                f"{falling_runs} of {runs}",
                f"least squares 15 × 30, 6 non-zeros on average, λ = 5, {length} steps from θ = v = 0: their number fell "
                f"in {falls} steps and rose in {rises} of {runs * length}",
            )
        )
    return tuple(found)  # fmt: skip


@claim(
    "lunk2026/support-monotonicity-linbreg",
    title="LinBreg's number of non-zero parameters never decreases",
    statement=r"\|\theta^{k+1}\|_0 \ge \|\theta^{k}\|_0 \quad\text{for all } k \text{ and } J = \lambda\|\cdot\|_1",
    source=f"{SOURCE}, section 1, without its word “usually”",
    hypotheses=(
        Hypothesis("usually", "the paper's own word, which the statement leaves out",
                   why="it has no meaning for one instance; how often the support shrinks is measured"),
    ),
    mutants=(
        Mutant("the support never grows", margin=lambda problem, pair, tau: _growth(_from_zero(problem, pair, tau)[::-1])),
        Mutant("it grows in every step", margin=lambda problem, pair, tau: at_most(
            _size(_from_zero(problem, pair, tau))[0] + 1, _size(_from_zero(problem, pair, tau))[-1])),
    ),
    measurements=_how_often,
)  # fmt: skip
@given(
    problem=families.problems(
        losses=("quadratic", "least_squares", "finite_sum"), regularizers=("l1",), max_dimension=3
    ),
    pair=families.primal_dual_pairs(),
    tau=families.step_sizes(),
)
def support_monotonicity_linbreg(problem: Problem, pair: PrimalDual, tau: Array) -> dict[str, Array]:
    """Taken without its “usually” it fails: from a pair with θ ≠ 0 in one dimension and one step, and from θ = v = 0 with two
    correlated parameters, of which the one that enters first is not in the solution: L = ½(θ₂ − 3)² + ½(θ₁ + θ₂ − 2)², λ = δ = 1,
    τ = 1/3 has 2 non-zeros after three steps and 1 after four."""
    return _runs(problem, pair, tau)
