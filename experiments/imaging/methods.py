"""The methods that the study compares, by name.

name               | what                                                                          | problems
-------------------|-------------------------------------------------------------------------------|---------------------
`SINGLE_LEVEL`     | BPGD with τ = 1/L; its last objective is the target of the others              | all
`RECOMMENDED`      | ML BPGD, `recommended`                                                         | all
``ml-bpgd-paper``  | the same with the paper's direction, P(ξᵐ − ξ⁰)                                | all
``mgopt``          | two levels, the paper's direction, α₀ = 1, corrected in every cycle            | all
``two-level``      | as recommended, but for two levels, corrected in every cycle                   | all
``l-bfgs-b``       | SciPy's, on [0, 1]ᵈ                                                            | `gaussian-…`
``bpgd-shannon``   | BPGD with φ = Shannon in place of Burg, to the same cap                        | `poisson-…`, β > 0
``ml-bpgd-shannon``| ML BPGD likewise                                                              | `poisson-…`, β > 0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from ...solvers.armijo import Armijo
from ...solvers.criteria import Always, GradientTest
from ...solvers.multilevel_bpgd import MultilevelBPGD
from ...theory.imaging import ImagingProblem
from ...theory.losses.kullback_leibler import KullbackLeibler
from ...theory.losses.operator_least_squares import OperatorLeastSquares
from ...theory.references import Reference, Shannon
from .box_quasi_newton import box_quasi_newton
from .descent import Descent, multilevel

SINGLE_LEVEL, RECOMMENDED = "bpgd", "ml-bpgd"

#: From a problem, the target, the cap in work units, and whether to go on to the cap.
Solve = Callable[[ImagingProblem, float, float, bool], Descent]


@final
@dataclass(frozen=True)
class Method:
    """A competitor of BPGD."""

    name: str
    title: str
    """As tables and figures call it."""
    settings: str
    """All that it depends on, in words that change when it does: part of a stored result's identity."""
    solve: Solve


def recommended(levels: int) -> MultilevelBPGD:
    """The setting for a problem with so many ``levels`` ≥ 2.

    Three levels where there are as many, with 20 steps on the middle one and 40 on the coarsest. The dual direction. Armijo from
    α₀ = 8: a few coarse steps are not yet the coarse minimiser, and f often descends much longer along their direction.
    Criterion (10) on every level with κ = 0.35, ε = 10⁻⁹. κ has to be below ‖R‖ ≈ ½: for a gradient without a fine part
    ‖Rg‖ = ½‖g‖, for white noise 0.16‖g‖. docs/imaging.md says how the numbers were chosen.
    """
    used = min(levels, 3)
    return MultilevelBPGD(
        coarse_steps=(20, 40)[: used - 1],
        dual_transfer=True,
        line_search=Armijo(first=8),
        criterion=GradientTest(kappa=0.35, epsilon=1e-9),
        levels=used,
    )


def methods(problem: ImagingProblem) -> tuple[Method, ...]:
    """The competitors of BPGD on a problem with at least two levels."""
    setting = recommended(problem.levels)
    found = [
        _multilevel(RECOMMENDED, "ML BPGD", setting),
        _multilevel("ml-bpgd-paper", "ML BPGD, paper", replace(setting, dual_transfer=False)),
        _multilevel("mgopt", "MGOPT-like", MultilevelBPGD(20, criterion=Always(), levels=2)),
        _multilevel("two-level", "two levels, always", replace(setting, coarse_steps=20, criterion=Always(), levels=2)),
    ]
    if isinstance(problem.loss, OperatorLeastSquares):
        found.append(Method("l-bfgs-b", "L-BFGS-B", "scipy, 10 corrections, bounds [0, 1]", _quasi_newton))
    elif isinstance(problem.loss, KullbackLeibler) and problem.loss.background > 0:
        found.append(Method("bpgd-shannon", "BPGD, Shannon", "phi = Shannon", _single_level_shannon))
        found.append(_multilevel("ml-bpgd-shannon", "ML BPGD, Shannon", setting, Shannon()))
    return tuple(found)


def _multilevel(name: str, title: str, settings: MultilevelBPGD, reference: Reference | None = None) -> Method:
    def solve(problem: ImagingProblem, target: float, cap: float, full: bool) -> Descent:
        moved = problem if reference is None else replace(problem, reference=reference)
        return multilevel(moved, settings, target, cap, full=full)

    return Method(name, title, f"{settings!r} {reference!r}", solve)


def _quasi_newton(problem: ImagingProblem, target: float, cap: float, full: bool) -> Descent:
    return box_quasi_newton(problem, target, cap, full=full)


def _single_level_shannon(problem: ImagingProblem, target: float, cap: float, full: bool) -> Descent:
    never = MultilevelBPGD(1, levels=1)  # one level: BPGD
    return multilevel(replace(problem, reference=Shannon()), never, target, cap, full=full)
