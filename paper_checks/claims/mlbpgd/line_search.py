"""Armijo's line search along a descent direction, and one whole cycle."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from ....solvers import armijo, coarse_correction
from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers.armijo import Armijo
from ....solvers.criteria import Always
from ....solvers.multilevel_bpgd import MultilevelBPGD
from ....theory.arrays import Array, Real, inner, is_exact, namespace, scalar
from ....theory.margins import at_most
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA, NASH, one_cycle

#: σ and β are far from their defaults so that both matter; the search must not end for want of trials.
SETTINGS = Armijo(sufficient=Fraction(1, 4), shrink=Fraction(1, 2), halvings=40)
#: In a cycle a search may give up early.
IMPATIENT = Armijo(sufficient=Fraction(1, 4), halvings=8)


def _searched(problem: RelativeProblem, y: Array, v: Array, *, constant: Any = 1, shrink: Any = 1) -> dict[str, Array]:
    gradient, value = problem.loss.gradient(y), problem.loss.value(y)
    xp, slope = namespace(y), inner(gradient, v)
    d = xp.where((slope > 0)[..., None], -v, v)
    slope = -abs(slope)
    found = armijo.search(SETTINGS, problem.loss, problem.reference, y, d, gradient)
    sigma, beta, one = (scalar(x, y) for x in (SETTINGS.sufficient, SETTINGS.shrink * shrink, 1))
    descent = at_most(problem.loss.value(found.x), value + sigma * found.alpha * slope, value)
    most = armijo.feasible_step(problem.reference, y, d)
    free = most > 1 / scalar(SETTINGS.boundary, y)
    first = xp.where(free, one + 0 * slope, scalar(SETTINGS.boundary, y) * xp.where(free, one + 0 * slope, most))
    # The trial before the accepted one; where α = α₀ there was none, and the first trial stands for it.
    before = xp.where(found.alpha < first, found.alpha / beta, first)
    distance = problem.reference.divergence(y + before[..., None] * d, y)
    smooth = scalar(constant, y) * scalar(problem.smoothness, y)
    terms = inner(abs(gradient), abs(d))
    rejected = at_most((one - sigma) * before * abs(slope), smooth * distance, before * terms, value)
    known = (found.alpha >= first) | (slope == 0)
    # In floats a decrease below the rounding of f cannot be seen: such a search may come back with nothing.
    whole = smooth * problem.reference.divergence(y + first[..., None] * d, y)
    visible = scalar(0 if is_exact(y) else 1e-6, y)
    seen = ((first * slope) ** 2 > visible * abs(value) * whole) & (abs(slope) > visible * terms)
    seen = seen & (first * abs(slope) > visible * whole)
    nothing = xp.where(seen, -one + 0 * slope, one + 0 * slope)
    bound = xp.where(known, one + 0 * slope, xp.where(found.alpha == 0, nothing, rejected))
    return {"sufficient decrease": descent, "α is not small": bound}


def _search_proof() -> Proof:
    alpha, beta, ell, sigma = symbols("alpha", "beta", "L", "sigma", positive=True)
    f0, f1, slope, distance, dd = symbols("f(y)", "f(y+alpha d/beta)", "<grad f(y),d>", "D", "|d|^2")
    trial = alpha / beta
    smooth = f0 + trial * slope + ell * distance - f1
    refused = f1 - (f0 + sigma * trial * slope)
    return Proof(
        (
            Step("if α/β was refused, (1 − σ)(α/β)|⟨∇f(y), d⟩| is less than L·D(y + (α/β)d, y): relative smoothness and the "
                 "refusal add up",
                 (ell * distance + (1 - sigma) * trial * slope) - (smooth + refused)),
            Step("φ Euclidean: D = ½(α/β)²‖d‖², and division by (α/β)²ℓ‖d‖²/(2α) gives α > 2β(1 − σ)|⟨∇f(y), d⟩|/(ℓ‖d‖²)",
                 (ell * trial**2 * dd / 2 - (1 - sigma) * trial * (-slope)) * 2 * beta**2 / (alpha * ell * dd)
                 - (alpha - 2 * beta * (1 - sigma) * (-slope) / (ell * dd))),
        ),
        "y + (α/β)d is in C, because α₀ ≤ ρα_max and C is convex, so α/β was refused for its value. The α with L·D ≤ "
        "(1 − σ)α|slope| are an interval from 0 (D is convex in α and o(α)), so some βʲα₀ is accepted; α is the first of them, and "
        "sufficient decrease is the test itself.",
    )  # fmt: skip


_SEARCH = armijo.search


def _halved(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    """Too careful: what it finds, divided by 16."""
    found = _SEARCH(settings, loss, reference, y, direction, gradient)
    sixteenth = scalar(Fraction(1, 16), y)
    return found._replace(x=y + sixteenth * (found.x - y), alpha=sixteenth * found.alpha)


def _nothing(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    found = _SEARCH(settings, loss, reference, y, direction, gradient)
    return found._replace(x=y, alpha=0 * found.alpha)


def _any_decrease(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    return _SEARCH(replace(settings, sufficient=Fraction(1, 100)), loss, reference, y, direction, gradient)


def _unit(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    found = _SEARCH(settings, loss, reference, y, direction, gradient)
    return found._replace(x=y + direction, alpha=0 * found.alpha + 1)


def _quick_shrink(settings: Any, loss: Any, reference: Any, y: Array, direction: Array, gradient: Array) -> Any:
    return _SEARCH(replace(settings, shrink=Fraction(1, 10)), loss, reference, y, direction, gradient)


@claim(
    "mlbpgd/line-search",
    title="Along a descent direction Armijo's search ends, with a step that is not small",
    statement=r"f(y + \alpha d) \le f(y) + \sigma\alpha\langle\nabla f(y), d\rangle \text{ and, unless } \alpha = \alpha_0,\ "
    r"L D_\phi(y + \tfrac\alpha\beta d, y) \ge (1 - \sigma) \tfrac\alpha\beta |\langle\nabla f(y), d\rangle|; \quad "
    r"\phi = \tfrac12\|\cdot\|^2: \ \alpha \ge \min\Big(\alpha_0, \frac{2\beta(1 - \sigma)|\langle\nabla f(y), d\rangle|}"
    r"{\ell \|d\|^2}\Big)",
    source=f"{NASH}; Armijo 1966, for relative smoothness",
    reconstructed=True,
    hypotheses=(
        Hypothesis("L-smooth relative to φ", "just outside: 0.9·L in its place",
                   without={"problem": TwoLevels(("euclidean",), fine=("square",))},
                   margin=lambda problem, y, v: _searched(problem, y, v, constant=Fraction(9, 10))["α is not small"]),
    ),
    mutants=(
        Mutant("L/2 in the place of L", margin=lambda problem, y, v: _searched(
            problem, y, v, constant=Fraction(1, 2))["α is not small"]),
        Mutant("no β in the bound", margin=lambda problem, y, v: _searched(problem, y, v, shrink=2)["α is not small"]),
        Mutant("the first α is taken", patch=(armijo, "search", _unit)),
        Mutant("no α is taken", patch=(armijo, "search", _nothing)),
        Mutant("σ = 0.01", patch=(armijo, "search", _any_decrease)),
        Mutant("β = 0.1", patch=(armijo, "search", _quick_shrink)),
        Mutant("α/16", patch=(armijo, "search", _halved)),
    ),
    proof=_search_proof,
)  # fmt: skip
@given(
    problem=TwoLevels(fine=("square", "huber", "wells", "linear", "poisson"), transfers=("selection",)),
    y=LevelPoints(),
    v=LevelPoints(anywhere=True),
)
def line_search(problem: RelativeProblem, y: Array, v: Array) -> dict[str, Array]:
    """For any f, convex or not, and any direction d = ±v with ⟨∇f(y), d⟩ ≤ 0, with σ = ¼ and β = ½. The bound is attained but
    for β: for a quadratic with all curvatures ℓ, α = 2(1 − σ)|slope|/(ℓ‖d‖²) is the largest that is accepted."""
    return _searched(problem, y, v)


def _cycle(problem: RelativeProblem, x: Array, share: Real, steps: int, gain: Any = 1, searched: bool = True) -> Array:
    """f(x⁺) ≤ f(x) + σα⟨∇f(x), d⟩ − (1/τ)D(y, x⁺)."""
    settings = MultilevelBPGD(
        steps,
        step_share=share,
        line_search=IMPATIENT if searched else None,
        allow_long_steps=share > 1,
        criterion=Always(),
    )
    found = one_cycle(problem, settings, x)
    tau = scalar(share, x) * scalar(problem.step_size_limit, x)
    value, alpha = problem.loss.value(x), found.correction.alpha
    first = scalar(IMPATIENT.sufficient, x) * alpha * abs(found.correction.slope)
    second = problem.reference.divergence(found.corrected, found.after) / tau
    drop = scalar(gain, x) * (first + second)
    margin = at_most(
        problem.loss.value(found.after), value - drop, value, first, second, abs(alpha) * found.phase.slope_terms
    )
    return found.phase.judged(margin)


def _ascends(problem: RelativeProblem, x: Array, share: Real, steps: int) -> Array:
    settings = MultilevelBPGD(steps, step_share=share, line_search=None)
    found = one_cycle(problem, settings, x)
    return at_most(problem.loss.value(found.after), problem.loss.value(x))


def _cycle_proof() -> Proof:
    tau, sigma, alpha, ell = symbols("tau", "sigma", "alpha", "L", positive=True)
    f0, f1, f2, slope, forward, backward = symbols("f(x)", "f(y)", "f(x+)", "<grad f(x),d>", "D(x+,y)", "D(y,x+)")
    searched = f0 + sigma * alpha * slope - f1
    ip = -(forward + backward) / tau  # ⟨∇f(y), x⁺ − y⟩, from ∇φ(x⁺) = ∇φ(y) − τ∇f(y)
    smooth = f1 + ip + ell * forward - f2
    return Proof(
        (
            Step("the margin is that of the line search, that of relative smoothness at (x⁺, y), and (1/τ − L)·D(x⁺, y)",
                 (f0 + sigma * alpha * slope - backward / tau - f2) - (searched + smooth + (1 / tau - ell) * forward)),
        ),
        "All three are ≥ 0: the first by Armijo's test (0 where α = 0), the last by τ ≤ 1/L. Where the step was shortened "
        "1/τ is only larger.",
    )  # fmt: skip


_STEP = bpgd.shortened_step


@claim(
    "mlbpgd/cycle-descent",
    title="A cycle descends by what the line search and the fine step promise",
    statement=r"f(x^{k+1}) \le f(x^k) + \sigma\alpha\langle\nabla f(x^k), d\rangle - \tfrac1\tau D_\phi(y, x^{k+1}), \quad "
    r"y = x^k + \alpha d,\ \tau \le 1/L",
    source=f"{ELSHIATY_PETRA}; Bauschke, Bolte and Teboulle 2017 for the fine step",
    reconstructed=True,
    hypotheses=(
        Hypothesis("line search", "without it: α = 1; even f(xᵏ⁺¹) ≤ f(xᵏ) fails",
                   without={"problem": TwoLevels(("euclidean",), ("cell", "any"), ("square",), ("square",))}, margin=_ascends),
        Hypothesis("τ ≤ 1/L", "without it: up to 3/L on both levels",
                   without={"problem": TwoLevels(("euclidean",), fine=("square",)), "share": Shares(Fraction(3))}),
        Hypothesis("convex f_c", "not needed: wells", without={"problem": TwoLevels(("euclidean",), coarse=("wells",))}),
    ),
    mutants=(
        Mutant("1.05 times the gain",
               margin=lambda problem, x, share, steps: _cycle(problem, x, share, steps, Fraction(21, 20))),
        Mutant("the line search takes α = 1", patch=(armijo, "search", _unit)),
        Mutant("a fine step of 3τ", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: _STEP(phi, x, g, 3 * tau))),
        Mutant("a fine step uphill", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: _STEP(phi, x, -g, tau))),
    ),
    proof=_cycle_proof,
)  # fmt: skip
@given(problem=TwoLevels(coarse=None), x=LevelPoints(), share=Shares(), steps=Counts(most=2))
def cycle_descent(problem: RelativeProblem, x: Array, share: Real, steps: int) -> Array:
    """Two levels, every cycle with a correction. What the coarse level did plays no part in the bound: a bad correction is
    turned down (α = 0) and costs work only. In floats the instances next to the edge of the box are left out."""
    return _cycle(problem, x, share, steps)
