"""SciPy's L-BFGS-B on least squares over the box [0, 1]ᵈ, with the work that it costs.

One evaluation gives f and ∇f: r = Ax − b, f = (w/2)‖r‖², ∇f = wAᵀr. The value is free beside the gradient, so that an evaluation is
one work unit, a line search included. Seconds run from the first evaluation on: what SciPy does with the bounds before it is not
the algorithm. The bounds are closed: unlike the iterates of BPGD, these may lie on the boundary.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ...theory.arrays import Array
from ...theory.imaging import ImagingProblem
from ...theory.losses.operator_least_squares import OperatorLeastSquares
from .descent import Descent, Recorder


def value_and_gradient(loss: OperatorLeastSquares, x: Array) -> tuple[float, Array]:
    """f(x) and ∇f(x) from one product with A and one with Aᵀ, x of shape (d,)."""
    residual = loss.operator.apply(x) - loss.data
    value = float(loss.weight * np.dot(residual, residual) / 2)
    return value, loss.weight * loss.operator.adjoint(residual)


def box_quasi_newton(problem: ImagingProblem, target: float, cap: float, *, full: bool) -> Descent:
    """L-BFGS-B from the problem's start; it ends like `descent.multilevel`, or where it finds no further step."""
    loss = problem.loss
    if not isinstance(loss, OperatorLeastSquares):
        raise TypeError(f"problem.loss must be an OperatorLeastSquares, got {type(loss).__name__}")
    recorder = Recorder(float(loss.value(problem.start)), problem.start, target)
    evaluations, begin = 0, 0.0

    def objective(x: Array) -> tuple[float, Array]:
        nonlocal evaluations, begin
        begin = begin if evaluations else time.perf_counter()
        evaluations += 1
        return value_and_gradient(loss, x)

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal begin
        seconds = time.perf_counter() - begin
        reached = recorder.add(float(intermediate_result.fun), evaluations, seconds, intermediate_result.x)
        if evaluations >= cap or (reached and not full):
            raise StopIteration
        begin = time.perf_counter()

    minimize(
        objective,
        problem.start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * problem.dimension,
        callback=after_iteration,
        options={"maxfun": math.ceil(cap), "maxiter": math.ceil(cap), "ftol": 0.0, "gtol": 0.0},
    )
    return recorder.descent()
