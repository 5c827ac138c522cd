"""Running a case: its curves, the fitted law, the largest ratio to the bound, the verdict; as report.json has it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import fits
from .record import Case, Curve

_POINTS = 90


def evaluate(case: Case) -> dict[str, Any]:
    """The row of a case. A solver that raises or overflows gives a row that says so."""
    error, curves = None, []
    try:
        with np.errstate(all="ignore"):
            curves = case.run()
    except (ValueError, ArithmeticError) as stopped:
        error = f"{type(stopped).__name__}: {stopped}"
    finite = bool(curves) and all(np.isfinite(curve.values).all() for curve in curves)
    if curves and not finite:
        error = "the iterates are not finite"
    with np.errstate(all="ignore"):
        worst = _worst(curves)
        found = None
        if finite:
            found = fits.fit_levels(curves) if len(curves) > 1 else fits.fit(curves[0], case.stretch)
    at_rest = found is not None and found.law == "plateau"
    verdict = fits.verdict(case.prediction, found, worst)
    loglog = (found is None or found.law != "linear") and len(curves) == 1
    return {
        "name": case.name,
        "solver": case.solver,
        "settings": case.settings,
        "quantity": case.quantity,
        "counted": case.counted,
        "prediction": None if case.prediction is None else _prediction(case),
        "fit": None if found is None else {**found.to_json(), "stretch": case.stretch if found.law == "stretched" else None},
        "curves": [_curve(curve, loglog=loglog, at_rest=at_rest) for curve in curves],
        "worst_ratio": worst,
        "verdict": verdict,
        "remark": case.remark,
        "error": error,
    }  # fmt: skip


def _prediction(case: Case) -> dict[str, Any]:
    found = case.prediction
    assert found is not None
    return {
        "statement": found.statement,
        "source": found.source,
        "claim": found.claim,
        "law": found.law,
        "value": found.value,
        "covered": found.covered,
    }


def _worst(curves: list[Curve]) -> float | None:
    """The largest value by its bound after step 0, where there is a bound."""
    ratios = [
        (curve.values[1:] / curve.bound.reshape(len(curve.bound), -1)[1:]).max()
        for curve in curves
        if curve.bound is not None and _applies(curve)
    ]
    return max(map(float, ratios)) if ratios else None


def _applies(curve: Curve) -> bool:
    return curve.bound is not None and bool(np.isfinite(curve.values).all())


def _curve(curve: Curve, *, loglog: bool, at_rest: bool) -> dict[str, Any]:
    """About `_POINTS` of its points: the mean over the replicates, Student's interval where it is random, the bound."""
    last = len(curve.values) - 1
    chosen = np.geomspace(1, last, _POINTS) if loglog else np.linspace(0, last, _POINTS)
    steps = np.unique(chosen.round().astype(int))
    mean = curve.values.mean(axis=1)
    half = fits.mean_interval(curve.values) if curve.noisy else np.zeros(0)
    bound = None if curve.bound is None else curve.bound.reshape(len(mean), -1).mean(axis=1)
    return {
        "label": curve.label,
        "step_size": curve.step_size or None,
        "steps": steps.tolist(),
        "values": mean[steps].tolist(),
        "half_widths": half[steps].tolist() if curve.noisy else [],
        "bound": [] if bound is None else bound[steps].tolist(),
        "level": fits.level(curve) if at_rest and math.isfinite(mean[-1]) else None,
        "bound_level": None if bound is None or not at_rest else float(bound[-1]),
    }
