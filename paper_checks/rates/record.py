"""What a rate study is, as plain data: a problem, and the cases run on it with what a theorem says and what was measured.

law          | the quantity yₖ behaves like | `value` of a prediction or a fit
-------------|------------------------------|---------------------------------------------------------
"linear"     | qᵏ                           | q
"stretched"  | exp(−c kˢ)                   | c; s is given by the theorem
"power"      | k⁻ᵖ                          | p
"plateau"    | a positive level             | e with level ∝ (step size)ᵉ; 0 for a single curve
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: From slow to fast.
LAWS = ("plateau", "power", "stretched", "linear")
#: The verdicts of a case.
VERDICTS = ("as predicted", "faster", "slower", "not covered", "no prediction", "not determined")


@dataclass(frozen=True)
class Prediction:
    """A theorem's rate, ``statement`` in LaTeX. ``claim``: its id, or "" when it is not a statement of the papers.

    ``covered`` is False when an assumption of the theorem cannot hold here: the rate is then shown for comparison only.
    """

    statement: str
    source: str
    law: str
    value: float | None
    claim: str = ""
    covered: bool = True


@dataclass(frozen=True)
class Curve:
    """yₖ for each replicate (a start, or a group of seeds), shape (K + 1, R), and the bound, (K + 1,) or (K + 1, R).

    ``label`` and ``step_size`` tell the curves of one case apart. ``noisy``: the replicates are random runs, whose mean
    is an estimate; otherwise yₖ is exact and R is a number of starts.
    """

    values: np.ndarray
    bound: np.ndarray | None = None
    label: str = ""
    step_size: float = 0.0
    noisy: bool = False


@dataclass(frozen=True)
class Case:
    """One solver with its settings on a problem. ``run`` computes the curves; it may fail, and the row then says so.

    ``quantity``: the plotted quantity; ``counted``: what k counts; ``remark``: what is worth knowing about the outcome.
    ``stretch``: the power s of k in a stretched exponential that is tried beside the other laws.
    """

    name: str
    solver: str
    settings: str
    quantity: str
    run: Callable[[], list[Curve]]
    prediction: Prediction | None = None
    remark: str = ""
    counted: str = "step k"
    stretch: float | None = None


@dataclass(frozen=True)
class Study:
    """Cases on one problem, or on a family of them; ``constants`` are those that the predictions are made of."""

    name: str
    title: str
    problem: str
    constants: dict[str, float]
    cases: list[Case] = field(default_factory=list)

    def to_json(self, cases: list[dict[str, Any]]) -> dict[str, Any]:
        """The study with the rows of its cases."""
        constants = {name: float(value) for name, value in self.constants.items()}
        return {
            "name": self.name,
            "title": self.title,
            "problem": self.problem,
            "constants": constants,
            "cases": cases,
        }
