"""The linear rate under the Polyak–Łojasiewicz inequality, which corrections leave alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers import armijo, coarse_correction, multilevel_bpgd
from ....solvers.multilevel_bpgd import MultilevelBPGD
from ....theory.arrays import Array, Real, exact, scalar
from ....theory.losses import LeastSquares, SineQuadratic
from ....theory.margins import at_most
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families import Family
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA
from .line_search import IMPATIENT, _unit


@final
@dataclass(frozen=True)
class Steep(Family):
    """Euclidean two-level problems whose f has a Polyak–Łojasiewicz constant: least squares and, in floats, a sine (not convex)."""

    batched = False

    def sample(self, rng: Generator, count: int, drawn: Mapping[str, Any]) -> RelativeProblem:
        below = TwoLevels(("euclidean",), largest=3).sample(rng, count, drawn)
        matrix = rng.normal(size=(int(rng.integers(1, 4)), below.dimension))
        if rng.random() < 0.3:
            matrix = matrix[: below.dimension]
            return _with_loss(below, SineQuadratic(matrix[:1], rng.normal(size=1)))
        return _with_loss(below, LeastSquares(matrix, rng.normal(size=len(matrix))))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[RelativeProblem]:
        entries = hs.integers(-2, 2)

        def complete(below: RelativeProblem) -> SearchStrategy[RelativeProblem]:
            row = hs.lists(entries, min_size=below.dimension, max_size=below.dimension).filter(any)
            return hs.builds(lambda a, b: _with_loss(below, LeastSquares(exact([a]), exact([b]))), row, entries)

        return TwoLevels(("euclidean",), largest=2).strategy(drawn).flatmap(complete)


def _with_loss(below: RelativeProblem, loss: Any) -> RelativeProblem:
    return replace(below, loss=loss, smoothness=loss.lipschitz)


def _linear(
    problem: RelativeProblem, x: Array, share: Real, cycles: int, factor: Any = 1, *, searched: bool = True
) -> Array:
    """f(xᴷ) − f* ≤ (1 − τη(2 − τℓ))ᴷ (f(x⁰) − f*)."""
    line_search = IMPATIENT if searched else None
    settings = MultilevelBPGD(1, step_share=share, line_search=line_search, allow_long_steps=share > 1)
    end = multilevel_bpgd.run(problem, settings, x, cycles).state.x
    f: Any = problem.loss
    infimum, eta, ell = (scalar(number, x) for number in (f.infimum, f.pl_constant or 0, f.lipschitz))
    tau = scalar(share, x) / ell
    first, last = f.value(x), f.value(end)
    rate = 1 - scalar(factor, x) * eta * tau * (2 - tau * ell)
    return at_most(last - infimum, rate**cycles * (first - infimum), first, last, abs(infimum) + 0 * first)


def _linear_proof() -> Proof:
    tau, eta, ell = symbols("tau", "eta", "ell", positive=True)
    f0, f1, f2, star, gg = symbols("f(x)", "f(y)", "f(x+)", "f*", "|grad f(y)|^2")
    rate = 1 - tau * eta * (2 - tau * ell)
    lemma = f1 - tau * (1 - tau * ell / 2) * gg - f2
    steep = gg / 2 - eta * (f1 - star)
    corrected = f0 - f1
    return Proof(
        (
            Step("the margin of one cycle is that of the descent lemma, τ(2 − τℓ) times that of the inequality, and rate times "
                 "that of the correction",
                 (star + rate * (f0 - star) - f2) - (lemma + tau * (2 - tau * ell) * steep + rate * corrected)),
        ),
        "All three are ≥ 0, for η ≤ ℓ makes the rate ≥ (1 − τℓ)² ≥ 0; K cycles multiply.",
    )  # fmt: skip


@claim(
    "mlbpgd/linear-pl",
    title="Under the Polyak–Łojasiewicz inequality ML BPGD converges linearly, as gradient descent does",
    statement=r"\tfrac12\|\nabla f\|^2 \ge \eta(f - f^*) \;\Rightarrow\; f(x^K) - f^* \le "
    r"(1 - \tau\eta(2 - \tau\ell))^K (f(x^0) - f^*) \quad\text{for } \tau \le 1/\ell",
    source=f"{ELSHIATY_PETRA}; the rate of one step is Karimi, Nutini and Schmidt 2016",
    reconstructed=True,
    hypotheses=(
        Hypothesis("line search", "without it: α = 1",
                   margin=lambda problem, x, share, cycles: _linear(problem, x, share, cycles, searched=False)),
        Hypothesis("τ ≤ 1/ℓ", "not needed up to 2/ℓ: the coarse steps may fail, the line search sees to it",
                   without={"share": Shares(Fraction(19, 10))}),
    ),
    mutants=(
        Mutant("1.05 times the exponent",
               margin=lambda problem, x, share, cycles: _linear(problem, x, share, cycles, Fraction(21, 20))),
        Mutant("the line search takes α = 1", patch=(armijo, "search", _unit)),
        Mutant("no fine step", patch=(coarse_correction, "shortened_step", lambda phi, x, g, tau: x)),
        Mutant("a fine step of 3τ", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: x - 3 * tau * g)),
    ),
    proof=_linear_proof,
)  # fmt: skip
@given(problem=Steep(), x=LevelPoints(), share=Shares(), cycles=Counts())
def linear_pl(problem: RelativeProblem, x: Array, share: Real, cycles: int) -> Array:
    """Unlike O(1/K), the linear rate is inherited: its proof looks at f alone, which corrections only lower. f need not be convex.
    Equality without corrections when all curvatures are ℓ. At τ = 1/ℓ it is (1 − η/ℓ)ᴷ."""
    return _linear(problem, x, share, cycles)
