"""O(1/K): the bound that ML BPGD does not inherit from BPGD, and the one that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator

from ....solvers import coarse_correction, multilevel_bpgd
from ....solvers.criteria import EveryKth, Never
from ....solvers.multilevel_bpgd import MultilevelBPGD
from ....theory.arrays import Array, Real, exact, scalar, square_norm
from ....theory.margins import at_most
from ....theory.references import Euclidean
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families import Family
from ...families.level_problems import MatrixTransfer, RidgeSum, Valley
from ...families.levels import Counts, LevelPoints, Shares, TwoLevels
from ...proof import Proof, Step, symbols
from .coarse_phase import ELSHIATY_PETRA, one_cycle
from .line_search import IMPATIENT


@final
@dataclass(frozen=True)
class Valleys(Family):
    """f = ½x₁² + ½x₂²/(M² + 1), R = (−1, M), P = Rᵀ, f_c = ½ξ²: the correction from (1, 0) leads to (0, M), along the valley."""

    batched = False

    def _problem(self, M: Any, kind: Any) -> RelativeProblem:
        coarse = RidgeSum(kind([[1]]), kind([0]))
        below = RelativeProblem(coarse, Euclidean(), coarse.constant(Euclidean()), 1)
        return RelativeProblem(
            Valley(M * M + 1), Euclidean(), 1, 2, below=(below, MatrixTransfer.adjoint(kind([[-1, M]]), 1))
        )

    def sample(self, rng: Generator, count: int, drawn: Mapping[str, Any]) -> RelativeProblem:
        return self._problem(int(rng.integers(3, 6)), lambda entries: np.asarray(entries, dtype=np.float64))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[RelativeProblem]:
        return hs.integers(3, 5).map(lambda M: self._problem(M, exact))


def _bound(problem: RelativeProblem, x: Array, cycles: int, *, corrected: bool, share: Any = 1) -> Array:
    """f(xᴷ) − f(0) ≤ share·D(0, x⁰)/(Kτ) with a correction in the first cycle, or in none."""
    start = np.stack([x[..., 0], 0 * x[..., 0]], axis=-1)
    criterion = EveryKth(cycles) if corrected else Never()
    end = multilevel_bpgd.run(problem, MultilevelBPGD(1, criterion=criterion), start, cycles).state.x
    bound = scalar(share, x) * square_norm(start) / (2 * cycles)
    return at_most(problem.loss.value(end), bound)


def _how_much() -> tuple[Measurement, ...]:
    found = []
    for M in (3, 10, 100):
        K = np.arange(1, 10 * M * M)
        flat = 1 - 1 / (M * M + 1)
        ratio = flat * flat ** (2.0 * K) * K
        found.append(
            Measurement(
                f"(f(xᴷ) − f*)·Kτ/D at M = {M}",
                "≤ 1 for BPGD",
                f"{ratio.max():.4g}",
                f"at K = {int(K[ratio.argmax()])}; it grows like M²/(2e), so no constant helps",
            )
        )
    return tuple(found)  # fmt: skip


@claim(
    "mlbpgd/rate",
    title="ML BPGD inherits the O(1/K) bound of BPGD, counting fine steps",
    statement=r"f(x^K) - f(u) \le \frac{D_\phi(u, x^0)}{K\tau} \quad\text{for convex } f,\ \tau \le 1/L",
    source=f"the natural reading of {ELSHIATY_PETRA}",
    reconstructed=True,
    hypotheses=(
        Hypothesis("corrections", "without them it is the bound of BPGD, and holds",
                   why="judged beside it: the conclusion without corrections"),
    ),
    mutants=(
        Mutant("a fine step of 3τ", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: x - 3 * tau * g)),
        Mutant("the fine step uphill", patch=(coarse_correction, "shortened_step", lambda phi, x, g, tau: x + g)),
    ),
    measurements=_how_much,
)  # fmt: skip
@given(problem=Valleys(), x=LevelPoints(), cycles=Counts(2, 6))
def rate(problem: RelativeProblem, x: Array, cycles: int) -> dict[str, Array]:
    """A correction may lower f and lead away from u: here one coarse step, the exact minimiser of ψ, from (1, 0) to (0, M) down
    the steep axis and up along the valley. The unit step passes Armijo's test, and the distance to 0 has grown M-fold; two
    fine steps are then above the bound for M = 3. What the proof of BPGD loses is D(u, xᵏ⁺¹) ≤ D(u, xᵏ).
    For a single cycle the bound holds."""
    return {
        "a correction in the first cycle": _bound(problem, x, cycles, corrected=True),
        "no corrections": _bound(problem, x, cycles, corrected=False),
    }


@final
@dataclass(frozen=True)
class Consistent(Family):
    """Euclidean two-level problems, f convex with the minimiser 0 and minimum 0; any convex f_c."""

    kinds: tuple[str, ...] = ("square", "huber")
    batched = False

    def _family(self) -> TwoLevels:
        return TwoLevels(("euclidean",), fine=self.kinds, largest=3)

    def sample(self, rng: Generator, count: int, drawn: Mapping[str, Any]) -> RelativeProblem:
        return _consistent(self._family().sample(rng, count, drawn))

    def strategy(self, drawn: Mapping[str, Any]) -> SearchStrategy[RelativeProblem]:
        return self._family().strategy(drawn).map(_consistent)


def _consistent(problem: RelativeProblem) -> RelativeProblem:
    f = problem.loss
    assert isinstance(f, RidgeSum)
    return replace(problem, loss=RidgeSum(f.matrix, 0 * f.target, f.ridge, f.weight, f.steepness))


def _level_set(
    problem: RelativeProblem, x: Array, share: Real, cycles: int, factor: Any = 1, *, initial: bool = False
) -> Array:
    """f(xᴷ) − f* ≤ factor·R²/(τ(K + 2)) with R² = max ‖yᵏ − x*‖², or ‖x⁰ − x*‖²."""
    settings = MultilevelBPGD(1, step_share=share, line_search=IMPATIENT, allow_long_steps=share > 1)
    radii, here = [square_norm(x)], x
    for k in range(cycles):
        found = one_cycle(problem, settings, here, k)
        radii.append(square_norm(found.corrected))
        here = found.after
    largest = radii[0] if initial else reduce(np.maximum, radii[1:])
    tau = scalar(share, x) * scalar(problem.step_size_limit, x)
    bound = scalar(factor, x) * largest / (tau * (cycles + 2))
    return at_most(problem.loss.value(here), bound, problem.loss.value(x))


def _on_the_hump(problem: RelativeProblem, x: Array) -> Array:
    """x scaled so that the first form is on the top of the hump, or left where that cannot be: a critical point for one row."""
    f = problem.loss
    assert isinstance(f, RidgeSum)
    form, top = (x @ f.matrix.T)[..., :1], 1 + Fraction(1, f.steepness)
    zero = np.asarray(form == 0, dtype=bool)
    return np.where(zero, x, x * scalar(top, x) / np.where(zero, 1, form))


def _level_set_proof() -> Proof:
    import sympy

    ell, radius = symbols("ell", "R", positive=True)
    a, b, g, h = symbols("f(y)-f*", "f(x+)-f*", "|grad f(y)|", "|grad f(x+)|", positive=True)
    z, x = symbols("z", "x", positive=True)
    scale = 2 * ell * radius**2
    coercive = a - ((g * g - (g * g - (g * g + h * h) / 2)) / ell) - b  # f(y) ≥ f(x⁺) + ⟨h, g⟩/ℓ + ‖g − h‖²/2ℓ
    descent = a - (g * g + h * h) / (2 * ell) - b
    return Proof(
        (
            Step("x⁺ = y − g/ℓ and f(y) ≥ f(x⁺) + ⟨h, y − x⁺⟩ + ‖g − h‖²/(2ℓ), h = ∇f(x⁺): the products ⟨g, h⟩ cancel, "
                 "f(x⁺) ≤ f(y) − (‖g‖² + ‖h‖²)/(2ℓ)", coercive - descent),
            Step("‖g‖ ≥ (f(y) − f*)/R and ‖h‖ ≥ (f(x⁺) − f*)/R by convexity; in units of 2ℓR²: x + x² ≤ z − z²",
                 (scale * z - ((scale * z / radius) ** 2 + (scale * x / radius) ** 2) / (2 * ell) - scale * x)
                 / scale - (z - z**2 - x - x**2)),
            Step("so 1/x − 1/z = (z − x)/(xz) ≥ (x² + z²)/(xz) = 2 + (x − z)²/(xz) ≥ 2",
                 sympy.together((x**2 + z**2) / (x * z) - 2 - (x - z) ** 2 / (x * z))),
            Step("1/z⁰ ≥ 4, as f(y⁰) − f* ≤ ½ℓR²: after K cycles 1/x ≥ 4 + 2K, and f(xᴷ) − f* ≤ 2ℓR²/(2K + 4)",
                 scale / (4 + 2 * z) - ell * radius**2 / (z + 2)),
        ),
        "‖x⁺ − x*‖ ≤ ‖y − x*‖ ≤ R, as a gradient step with τ ≤ 2/ℓ does not move away from x*. Corrections only lower z: f(yᵏ⁺¹) ≤ "
        "f(xᵏ⁺¹). With τ ≤ 1/ℓ take 1/τ, which is a Lipschitz constant, too, in the place of ℓ.",
    )  # fmt: skip


def _ladder() -> tuple[Measurement, ...]:
    """ℓ = R = 1, f = Σ huber of slopes sᵢ, one for each cycle; before step k the iterate is put on axis k, where f is as large."""
    found = []
    for K in (10, 100, 1000):
        # On its axis f is s|t| − s²/2 for |t| ≥ s; the step from t = 1 is s long and stays in the linear part for s ≤ ½.
        value = 0.25
        for _ in range(K):
            slope = 1 - np.sqrt(1 - 2 * value)  # s − s²/2 = value
            value = value - slope * slope
        found.append(
            Measurement(
                f"(K + 2)(f(xᴷ) − f*)/(ℓR²), K = {K}",
                "≤ 1",
                f"{(K + 2) * value:.4g}",
                "Huber functions of falling slope, one for each cycle; corrections along level sets",
            )
        )
    return tuple(found)  # fmt: skip


@claim(
    "mlbpgd/rate-level-set",
    title="O(1/K) with the radius of the run in the place of the first distance",
    statement=r"f(x^K) - f^* \le \frac{R^2}{\tau (K + 2)}, \quad R = \max_{k<K}\|y^k - x^*\|,\ f \text{ convex, } "
    r"\phi = \tfrac12\|\cdot\|^2,\ \tau \le 1/\ell",
    source=f"ours, what is left of the rate of {ELSHIATY_PETRA}",
    reconstructed=True,
    hypotheses=(
        Hypothesis("convex f", "without it: wells, from the top of a hump", without={"problem": Consistent(("wells",))},
                   margin=lambda problem, x, share, cycles: _level_set(problem, _on_the_hump(problem, x), share, 8)),
        Hypothesis("τ ≤ 1/ℓ", "without it: up to 4/ℓ", without={"share": Shares(Fraction(4))}),
        Hypothesis("R over the run", "without it: ‖x⁰ − x*‖, in the valley of mlbpgd/rate", without={
            "problem": Valleys(), "share": Shares(exactly=True), "cycles": Counts(2, 6)},
            margin=lambda problem, x, share, cycles: _bound(problem, x, cycles, corrected=True)),
    ),
    mutants=(
        Mutant("a fifth of the bound",
               margin=lambda problem, x, share, cycles: _level_set(problem, x, share, cycles, Fraction(1, 5))),
        Mutant("the fine step uphill", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: x + tau * g)),
        Mutant("no fine step", patch=(coarse_correction, "shortened_step", lambda phi, x, g, tau: x)),
        Mutant("a fine step of 4τ", patch=(
            coarse_correction, "shortened_step", lambda phi, x, g, tau: x - 4 * tau * g)),
    ),
    proof=_level_set_proof,
    measurements=_ladder,
)  # fmt: skip
@given(problem=Consistent(), x=LevelPoints(), share=Shares(), cycles=Counts())
def rate_level_set(problem: RelativeProblem, x: Array, share: Real, cycles: int) -> Array:
    """Any correction that does not raise f, of any kind. The constant is half of what the descent lemma alone gives, 2ℓR²/K, and is
    asymptotically the best one for such corrections: they can go back to distance R on a flatter side every time (measured
    below). R is finite where the level set of f(x⁰) is bounded."""
    return _level_set(problem, x, share, cycles)
