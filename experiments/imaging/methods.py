"""The methods that the study compares, by name.

name               | what                                                                          | problems
-------------------|-------------------------------------------------------------------------------|---------------------
`SINGLE_LEVEL`     | BPGD with τ = 1/L; its last objective is the target of the others              | all
`RECOMMENDED`      | ML BPGD, `recommended`                                                         | all
``ml-bpgd-paper``  | the same with the paper's direction, P(ξᵐ − ξ⁰)                                | all
``mgopt``          | two levels, the paper's direction, α₀ = 1, corrected in every cycle            | all
``always``         | as recommended, but corrected in every cycle: no criterion                     | all
``three-level``    | as recommended, but for three levels with 20 and 40 steps                      | 3 levels or more
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

    Two levels, 30 steps on the coarse one, the dual direction. Armijo from α₀ = 8: a few coarse steps are not yet the coarse
    minimiser, and f often descends much longer along their direction. Criterion (10) with κ = 0.35, ε = 10⁻⁹. κ has to be
    below ‖R‖ ≈ ½: for a gradient without a fine part ‖Rg‖ = ½‖g‖, for white noise 0.16‖g‖. docs/imaging.md says how the
    numbers were chosen, and what a third level does.
    """
    return MultilevelBPGD(
        coarse_steps=30,
        dual_transfer=True,
        line_search=Armijo(first=8),
        criterion=GradientTest(kappa=0.35, epsilon=1e-9),
        levels=min(levels, 2),
    )


def methods(problem: ImagingProblem) -> tuple[Method, ...]:
    """The competitors of BPGD on a problem with at least two levels."""
    setting = recommended(problem.levels)
    found = [
        _multilevel(RECOMMENDED, "ML BPGD", setting),
        _multilevel("ml-bpgd-paper", "ML BPGD, paper", replace(setting, dual_transfer=False)),
        _multilevel("mgopt", "MGOPT-like", MultilevelBPGD(30, criterion=Always(), levels=2)),
        _multilevel("always", "ML BPGD, always", replace(setting, criterion=Always())),
        *([_multilevel("three-level", "ML BPGD, 3 levels", _three(setting))] if problem.levels > 2 else []),
    ]
    if isinstance(problem.loss, OperatorLeastSquares):
        found.append(Method("l-bfgs-b", "L-BFGS-B", "scipy, 10 corrections, bounds [0, 1]", _quasi_newton))
    elif isinstance(problem.loss, KullbackLeibler) and problem.loss.background > 0:
        found.append(Method("bpgd-shannon", "BPGD, Shannon", "phi = Shannon", _single_level_shannon))
        found.append(_multilevel("ml-bpgd-shannon", "ML BPGD, Shannon", setting, Shannon()))
    return tuple(found)


def _three(setting: MultilevelBPGD) -> MultilevelBPGD:
    return replace(setting, coarse_steps=(20, 40), levels=3)


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
