"""lunk2026, assumption 1: relative smoothness, how it follows from a Lipschitz gradient, and how far it is weaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy

from ....theory import assumptions, strategies
from ....theory.arrays import Array, constant, inner, scalar, square_norm
from ....theory.divergences import bregman, size
from ....theory.elastic_net import PrimalDual
from ....theory.groups import Groups
from ....theory.losses import Quadratic, Quartic
from ....theory.margins import at_most, equal
from ....theory.problems import Problem
from ....theory.regularizers import Box
from ... import families
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Drawn, Family
from ...proof import Proof, Step, symbols
from .transfer import SOURCE

#: Linear on each orthant of their domains: between points of one orthant D^v_{J_δ} is ‖·‖²/2δ.
POLYHEDRAL = ("zero", "l1", "weighted_l1", "nonnegative")


def _smoothness(problem: Problem, pair: PrimalDual, theta_tilde: Array, factor: Any = 1) -> Array:
    ell = Fraction(1) if problem.loss.lipschitz == float("inf") else problem.loss.lipschitz
    constant = scalar(factor, theta_tilde) * scalar(ell, theta_tilde) * scalar(problem.delta, theta_tilde)
    return assumptions.relative_smoothness(problem.loss, problem.elastic_net, constant, theta_tilde, pair)


def _without_quadratic(problem: Problem, pair: PrimalDual, theta_tilde: Array) -> Array:
    """𝖫 D^p_J in the place of 𝖫 D^v_{J_δ}."""
    value, gradient = problem.loss.value(pair.theta), problem.loss.gradient(pair.theta)
    linear = inner(gradient, theta_tilde - pair.theta)
    net = problem.elastic_net
    distance = bregman(net.regularizer, theta_tilde, pair.theta, net.p(pair))
    factor = scalar(problem.relative_smoothness, value)
    return at_most(problem.loss.value(theta_tilde), value + linear + factor * distance, value, linear)


def _assumption_1_proof() -> Proof:
    L, L_tilde, ip, square, bregman_J, ell, delta = symbols(
        "L(theta)", "L(theta~)", "<grad,theta~-theta>", "|theta~-theta|^2", "D^p_J(theta~,theta)", "ell", "delta"
    )
    descent_lemma = L + ip + ell / 2 * square - L_tilde
    margin = L + ip + ell * delta * (bregman_J + square / (2 * delta)) - L_tilde
    return Proof(
        (
            Step(
                "with D^v_{J_δ} = D^p_J + (1/2δ)‖·‖², the margin of assumption 1 for 𝖫 = ℓδ is the margin of the descent lemma "
                "plus ℓδ D^p_J(θ̃, θ)",
                margin - (descent_lemma + ell * delta * bregman_J),
            ),
        ),
        "The first is ≥ 0 for an ℓ-Lipschitz gradient (bungert2021 (3.3)), the second because p ∈ ∂J(θ).",
    )


@claim(
    "lunk2026/assumption-1",
    title="An ℓ-Lipschitz gradient gives assumption 1 with 𝖫 = ℓδ",
    statement=r"\|\nabla\mathcal L(\tilde\theta) - \nabla\mathcal L(\theta)\| \le \ell\|\tilde\theta - \theta\| \;\Rightarrow\; "
    r"\mathcal L(\tilde\theta) \le \mathcal L(\theta) + \langle \nabla\mathcal L(\theta), \tilde\theta - \theta\rangle "
    r"+ \ell\delta\, D^{v}_{J_\delta}(\tilde\theta, \theta)",
    source=f"{SOURCE}, assumption 1 and the text after it",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "Lipschitz gradient",
            "∇L is ℓ-Lipschitz; without it: θ⁴ with ℓ = 1 claimed, J of linear growth",
            without={
                "problem": families.problems(losses=("quartic",), regularizers=("zero", "l1", "group_l2")),
                "theta_tilde": families.points(),
            },
        ),
        Hypothesis(
            "the constant ℓδ",
            "just outside: 0.9·ℓδ",
            margin=lambda problem, pair, theta_tilde: _smoothness(problem, pair, theta_tilde, Fraction(9, 10)),
        ),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant(
            "𝖫 = ℓ, without δ",
            margin=lambda problem, pair, theta_tilde: _smoothness(
                problem, pair, theta_tilde, 1 / Fraction(problem.delta)
            ),
        ),
        Mutant(
            "𝖫 = ℓδ/2",
            margin=lambda problem, pair, theta_tilde: _smoothness(problem, pair, theta_tilde, Fraction(1, 2)),
        ),
        Mutant(
            "𝖫 = −ℓδ",
            margin=lambda problem, pair, theta_tilde: _smoothness(problem, pair, theta_tilde, -1),
        ),
        Mutant("D of J in the place of D of J_δ", margin=_without_quadratic),
    ),
    proof=_assumption_1_proof,
)  # fmt: skip
@given(problem=families.problems(), pair=families.primal_dual_pairs(), theta_tilde=families.points())
def assumption_1(problem: Problem, pair: PrimalDual, theta_tilde: Array) -> Array:
    """The paper's remark after assumption 1. The smallest 𝖫 for a given loss and regularizer is in the assumption explorer
    (`mlbreg assumptions`); for ℓ1 and a convex loss it is ℓδ, see assumption-1-polyhedral."""
    return _smoothness(problem, pair, theta_tilde)


@final
@dataclass(frozen=True)
class QuarticOnBox(Family):
    """L = ¼ Σ wᵢ(θᵢ − cᵢ)⁴, whose gradient is not Lipschitz, and J the indicator of a box."""

    batched = False

    def sample(self, rng: np.random.Generator, count: int, drawn: Drawn) -> Problem:
        dimension = int(rng.integers(1, 4))
        loss = Quartic(np.abs(rng.normal(size=dimension)) + 0.1, rng.normal(size=dimension))
        lower = rng.uniform(-3, 1, size=dimension)
        box = Box(lower.tolist(), (lower + 10 ** rng.uniform(-1, 0.5, size=dimension)).tolist())
        return Problem(loss, box, float(10 ** rng.uniform(-1, 1)), Groups.singletons(dimension))

    def strategy(self, drawn: Drawn) -> SearchStrategy[Problem]:
        number = strategies.positive_rationals()
        return hs.builds(
            lambda weight, center, lower, width, delta: Problem(
                Quartic([weight], [center]), Box(lower, lower + width), delta, Groups.singletons(1)
            ),
            number, strategies.rationals(), strategies.rationals(), number, strategies.positive_rationals(3),
        )  # fmt: skip


def box_curvature(problem: Problem) -> Any:
    """max over the box of 3wᵢ(θᵢ − cᵢ)², the largest second derivative of the quartic there."""
    loss, box = problem.loss, problem.regularizer
    assert isinstance(loss, Quartic)
    assert isinstance(box, Box)
    lower, upper = (
        bound + 0 * loss.center for bound in (constant(box.lower, loss.center), constant(box.upper, loss.center))
    )
    ends = [3 * loss.weights * (end - loss.center) ** 2 for end in (lower, upper)]
    return max(max(end.tolist()) for end in ends)


def _on_box(problem: Problem, pair: PrimalDual, theta_tilde: Array, factor: Any = 1) -> Array:
    smoothness = scalar(factor, theta_tilde) * scalar(box_curvature(problem), theta_tilde)
    smoothness = smoothness * scalar(problem.delta, theta_tilde)
    return assumptions.relative_smoothness(problem.loss, problem.elastic_net, smoothness, theta_tilde, pair)


def _share_of_box(name: str, share: Callable[[Problem], Any]) -> Mutant:
    """The claim with another constant."""
    return Mutant(
        name, margin=lambda problem, pair, theta_tilde, bound: _on_box(problem, pair, theta_tilde, share(problem))
    )


def _not_lipschitz(problem: Problem, bound: Array) -> Array:
    """|L′(c + 1 + K/w) − L′(c)| > K(1 + K/w) in the first coordinate, for K = |bound|: no K is a Lipschitz constant."""
    loss = problem.loss
    assert isinstance(loss, Quartic)
    weight = constant(loss.weights, bound)[0]
    size = abs(bound[..., :1])
    distance = 1 + size / weight
    unit = constant(np.eye(problem.dimension)[0], bound)
    at_center = constant(loss.center, bound) + 0 * bound
    moved = loss.gradient(at_center + distance * unit) - loss.gradient(at_center)
    return at_most((size * distance)[..., 0], moved[..., 0])


def _weaker_proof() -> Proof:
    import sympy

    theta, c, w = symbols("theta", "c", "w", positive=True)
    well = theta**2 / 2 - sympy.Rational(2, 3) * theta ** sympy.Rational(3, 2) + sympy.Rational(1, 6)
    quartic = w * (theta - c) ** 4 / 4
    return Proof(
        (
            Step("quartic: L″ = 3w(θ − c)²: bounded on a box and not on ℝ",
                 sympy.diff(quartic, theta, 2) - 3 * w * (theta - c) ** 2),
            Step(
                "the second way, for any J, J = 0 included: L(θ) = θ²/2 − ⅔|θ|^{3/2} + 1/6 has L″ = 1 − ½|θ|^{−1/2} ≤ 1",
                sympy.diff(well, theta, 2) - (1 - theta ** sympy.Rational(-1, 2) / 2),
            ),
            Step("this L is ≥ 0: with s = |θ|^{1/2}, L = (s − 1)²(3s² + 2s + 1)/6",
                 well.subs(theta, c**2) - (c - 1) ** 2 * (3 * c**2 + 2 * c + 1) / 6),
        ),
        "On a box assumption 1 asks for points of the box alone, where L″ ≤ max L″: 𝖫 = δ max L″, and no K bounds L″ on ℝ. "
        "In the second example (1/2)θ² − L is convex, which is assumption 1 with 𝖫 = δ (it bounds curvature from above only), "
        "and L″ → −∞ at 0, so that ∇L is not Lipschitz.",
    )  # fmt: skip


@claim(
    "lunk2026/assumption-1-weaker",
    title="Assumption 1 without a Lipschitz gradient",
    statement=r"\mathcal L(\theta) = \tfrac14\sum_i w_i(\theta_i - c_i)^4,\; J = \chi_{[a,b]}: \quad \text{assumption 1 with } "
    r"\mathsf L = \delta \max_{[a,b]} \mathcal L''",
    source=f"{SOURCE}, the text after assumption 1 (the example is ours)",
    hypotheses=(
        Hypothesis(
            "a bounded domain",
            "dom J is a box; without it: the same 𝖫 for θ̃ in ℝ",
            without={"theta_tilde": families.vectors()},
            margin=lambda problem, pair, theta_tilde, bound: assumptions.quadratic_upper_bound(
                problem.loss, box_curvature(problem), theta_tilde, pair.theta
            ),
        ),
        Hypothesis(
            "the constant δ max L″",
            "just outside: 0.9 of it",
            margin=lambda problem, pair, theta_tilde, bound: _on_box(problem, pair, theta_tilde, Fraction(9, 10)),
        ),
    ),
    mutants=(
        _share_of_box("half the constant", lambda problem: Fraction(1, 2)),
        _share_of_box("2w(θ − c)² instead of 3w(θ − c)²", lambda problem: Fraction(2, 3)),
        _share_of_box("the constant without δ", lambda problem: 1 / Fraction(problem.delta)),
        Mutant("a Lipschitz constant claimed", margin=lambda problem, pair, theta_tilde, bound: -_not_lipschitz(problem, bound)),
    ),
    proof=_weaker_proof,
)  # fmt: skip
@given(
    problem=QuarticOnBox(),
    pair=families.primal_dual_pairs(),
    theta_tilde=families.points(),
    bound=families.vectors(),
)
def assumption_1_weaker(problem: Problem, pair: PrimalDual, theta_tilde: Array, bound: Array) -> dict[str, Array]:
    """The paper calls the Lipschitz condition "generally a much stronger condition". It is stronger in two ways: a bounded
    dom J hides the growth of L, and assumption 1 bounds the curvature of L from above only. For convex losses and the
    regularizers that the paper trains with, it is not: see assumption-1-polyhedral."""
    return {
        "assumption 1": _on_box(problem, pair, theta_tilde),
        "no Lipschitz constant": _not_lipschitz(problem, bound),
    }


def _along(problem: Problem, pair: PrimalDual, stretch: Array) -> Array:
    """θ̃ᵢ = θᵢ(1 + |sᵢ|): in the same orthant as θ."""
    return pair.theta * (1 + abs(stretch))


def _orthant_divergence(problem: Problem, pair: PrimalDual, stretch: Array, factor: Any = 1) -> Array:
    other, net = _along(problem, pair, stretch), problem.elastic_net
    square = square_norm(other - pair.theta) / (2 * scalar(problem.delta, other))
    distance = bregman(net, other, pair.theta, pair.v)
    return equal(distance, scalar(factor, other) * square, size(net, other, pair.theta, pair.v))


def _smallest(problem: Problem, pair: PrimalDual, stretch: Array, share: Any = 1) -> Array:
    """Assumption 1 with share·ℓδ between θ and θ̃ that differ in the coordinate of largest curvature alone."""
    if not isinstance(problem.loss, Quadratic):
        raise TypeError(f"loss must be a Quadratic, whose curvatures are known, got {type(problem.loss).__name__}")
    curvatures = [float(h) for h in np.ravel(problem.loss.curvatures)]
    unit = constant(np.eye(problem.dimension)[int(np.argmax(curvatures))], stretch)
    smoothness = scalar(share, stretch) * scalar(problem.relative_smoothness, stretch)
    other = pair.theta + (_along(problem, pair, stretch) - pair.theta) * unit
    return assumptions.relative_smoothness(problem.loss, problem.elastic_net, smoothness, other, pair)


def _polyhedral_proof() -> Proof:
    t, s = symbols("t", "s")
    J, J_tilde, p_d, square, delta, smooth, L, L_tilde, g_d = symbols(
        "J(theta)", "J(theta~)", "<p,d>", "|d|^2", "delta", "L_rel", "L(theta)", "L(theta~)", "<g,d>"
    )
    divergence = J_tilde + 0 - J - p_d + square / (2 * delta)
    margin = L + g_d + smooth * divergence - L_tilde
    convexity = (smooth / delta) / 2 * square - (L_tilde - L - g_d)
    return Proof(
        (
            Step("where J is linear between θ and θ̃, J(θ̃) − J(θ) = ⟨p, d⟩ with d = θ̃ − θ: D^v_{J_δ}(θ̃, θ) = ‖d‖²/2δ",
                 (divergence - square / (2 * delta)).subs(J_tilde, J + p_d)),
            Step("there assumption 1 says that (𝖫/2δ)‖·‖² − L lies above its tangents: it is convex on the piece",
                 (margin - convexity).subs(J_tilde, J + p_d)),
            Step("a quadratic with curvature h has equality for 𝖫 = hδ", (t + s) ** 2 / 2 - t**2 / 2 - t * s - s**2 / 2),
        ),
        "ℝᵈ (for nonnegativity: dom J) is a union of closed orthants on each of which J is linear. Along a line the derivative of "
        "(𝖫/2δ)‖·‖² − L is continuous and nondecreasing on each piece, hence nondecreasing: it is convex on dom J. With L "
        "convex, 0 ≼ ∇²L ≼ 𝖫/δ: ∇L is 𝖫/δ-Lipschitz.",
    )  # fmt: skip


@claim(
    "lunk2026/assumption-1-polyhedral",
    title="For ℓ1 and convex losses assumption 1 is the Lipschitz condition",
    statement=r"J = \lambda\|\cdot\|_1,\; \mathcal L \text{ convex}: \quad \text{assumption 1 with } \mathsf L "
    r"\;\Leftrightarrow\; \nabla\mathcal L \text{ is } \mathsf L/\delta\text{-Lipschitz}",
    source=f"ours, after {SOURCE}, assumption 1",
    hypotheses=(
        Hypothesis(
            "J is piecewise linear",
            "linear on each orthant; without it: group ℓ1,2, whose divergence bends between points of one orthant",
            without={"problem": families.problems(losses=("quadratic",), regularizers=("group_l2",))},
        ),
        Hypothesis(
            "the constant ℓδ",
            "just outside: 0.99·ℓδ",
            margin=lambda problem, pair, stretch: _smallest(problem, pair, stretch, Fraction(99, 100)),
        ),
        Hypothesis("v is a subgradient", "v ∈ ∂J_δ(θ)", without={"pair": families.unrelated_pairs()}),
    ),
    mutants=(
        Mutant("0.95·ℓδ", margin=lambda problem, pair, stretch: _smallest(problem, pair, stretch, Fraction(19, 20))),
        Mutant("D = ‖·‖²/δ", margin=lambda problem, pair, stretch: _orthant_divergence(problem, pair, stretch, 2)),
        Mutant("D = ‖·‖²/4δ", margin=lambda problem, pair, stretch: _orthant_divergence(problem, pair, stretch, Fraction(1, 2))),
        Mutant(
            "θ̃ in another orthant",
            margin=lambda problem, pair, stretch: equal(
                bregman(problem.elastic_net, -pair.theta, pair.theta, pair.v),
                2 * square_norm(pair.theta) / scalar(problem.delta, pair.theta),
            ),
        ),
    ),
    proof=_polyhedral_proof,
)  # fmt: skip
@given(
    problem=families.problems(losses=("quadratic",), regularizers=POLYHEDRAL),
    pair=families.primal_dual_pairs(),
    stretch=families.vectors(),
)
def assumption_1_polyhedral(problem: Problem, pair: PrimalDual, stretch: Array) -> dict[str, Array]:
    """So nothing is gained over the Lipschitz condition where the paper uses assumption 1 with ℓ1 on a convex loss; on a loss
    that is not convex it asks for a bound of the curvature from above instead of from both sides. The smallest 𝖫 is then
    δ times the largest curvature of L on dom J."""
    return {
        "D is ‖·‖²/2δ on an orthant": _orthant_divergence(problem, pair, stretch),
        "equality with 𝖫 = ℓδ": -abs(_smallest(problem, pair, stretch)),
    }
