"""Measured decay beside each theorem's rate, on convex, strongly convex and Polyak–Łojasiewicz toy problems.

`studies` gives every problem with its cases (solver, prediction, run), `evaluate` runs one case: the fitted law with its
uncertainty and the verdict. Everything is deterministic; expectations are exact wherever J = 0 and the loss is quadratic.
"""

from __future__ import annotations

from .evaluation import evaluate
from .exact_gradients import convex, polyak_lojasiewicz, strongly_convex
from .noisy_gradients import coarse_noise, step_sizes, variance_reduced
from .record import Case, Curve, Prediction, Study


def studies() -> list[Study]:
    """Every study, in the order of the report."""
    return [convex(), strongly_convex(), polyak_lojasiewicz(), step_sizes(), coarse_noise(), variance_reduced()]


__all__ = ["Case", "Curve", "Prediction", "Study", "evaluate", "studies"]
