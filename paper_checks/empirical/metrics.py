"""Numbers of a stored run that a condition can name. Shares and accuracies are in percent.

name                                     | of the trained network, or of the run
-----------------------------------------|--------------------------------------------------------------------------
``test_accuracy``, ``validation_accuracy``, ``training_accuracy`` | at the end
``n_total``, ``weights``, ``n_linear``, ``n_conv``, ``units`` | share of what is not zero: parameters, weights, weights of
                                         | linear layers, kernels of convolutions, units
``sparsity``                             | 100 − ``weights``
``flops_share``                          | FLOPs of the training, of those of dense training
``seconds``                              | of forward, backward and optimizer, for 1000 examples
``active(k)``                            | units of the k-th layer with weights that are not zero; k = 1, 2, …
``first(c)``, ``last(c)``                | the curve c at the start and at the end
``early(c)``                             | its mean over the first fifth of the epochs, the start left aside
``fall(c)``                              | the farthest that it lies below an earlier value
``rise(c)``                              | the farthest that it lies above an earlier value
``jumps(c)``                             | its mean change by an epoch, signs left aside

The curves are ``accuracy`` (of training, as it goes), ``validation_accuracy``, ``weights`` and ``units``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .stored_runs import Run

#: How a rule in words calls them.
WORDS = {
    "test_accuracy": "test accuracy",
    "validation_accuracy": "validation accuracy",
    "training_accuracy": "training accuracy",
    "n_total": "non-zero parameters",
    "weights": "non-zero weights",
    "n_linear": "non-zero weights of linear layers",
    "n_conv": "non-zero kernels",
    "units": "active units",
    "sparsity": "sparsity",
    "flops_share": "FLOPs of training by those of dense training",
    "seconds": "seconds for 1000 examples",
}
_CURVE_WORDS = {**WORDS, "accuracy": "training accuracy"}
_CURVES = ("accuracy", "validation_accuracy", "weights", "units")
_OF_CURVES = {
    "first": "{} at the start",
    "last": "{} after the last epoch",
    "early": "{} in the first fifth of the epochs",
    "fall": "largest fall of {}",
    "rise": "largest rise of {}",
    "jumps": "mean change by an epoch of {}",
}
_COMPUTING = ("forward", "backward", "optimizer")
_CALL = re.compile(r"(\w+)\((\w+)\)")


def words(metric: str) -> str:
    """A metric in words. Raises a `ValueError` for one that there is not."""
    if metric in WORDS:
        return WORDS[metric]
    called = _CALL.fullmatch(metric)
    if called and called[1] == "active" and called[2].isdigit():
        return f"active units of layer {called[2]}"
    if called and called[1] in _OF_CURVES and called[2] in _CURVES:
        return _OF_CURVES[called[1]].format(_CURVE_WORDS[called[2]])
    raise ValueError(f"metric must be one of those of mlbreg.paper_checks.empirical.metrics, got {metric!r}")


def value(run: Run, metric: str, part: str = "") -> float | None:
    """The metric of a run, or of a ``part`` of its result (``thresholded``); None where the run has no such number."""
    result = run.result.get(part) if part else run.result
    if result is None:
        return None
    called = _CALL.fullmatch(metric)
    if called and called[1] == "active":
        layers, number = list(result.get("active", {}).values()), int(called[2])
        return 100 * float(layers[number - 1]) if 0 < number <= len(layers) else None
    if called:
        curve = [point for point in run.curves.get(called[2], []) if point is not None]
        return 100 * _CURVE[called[1]](curve) if curve else None
    if metric == "seconds":
        return _seconds(run)
    if metric == "flops_share":
        return 100 * float(run.result["flops"]) / run.result["flops_dense"] if run.result.get("flops_dense") else None
    if metric == "sparsity":
        return None if result.get("weights") is None else 100 * (1 - float(result["weights"]))
    found: Any = result.get(metric)
    return None if found is None else 100 * float(found)


def _seconds(run: Run) -> float | None:
    try:
        examples = float(run.result["examples"]["training"] * run.settings["epochs"])
        return 1000 * float(sum(run.result["seconds"][part] for part in _COMPUTING)) / examples
    except (KeyError, ZeroDivisionError):
        return None


def _early(curve: list[float]) -> float:
    after = curve[1:] or curve
    fifth = after[: max(1, len(after) // 5)]
    return sum(fifth) / len(fifth)


def _fall(curve: list[float]) -> float:
    highest, farthest = curve[0], 0.0
    for point in curve:
        highest = max(highest, point)
        farthest = max(farthest, highest - point)
    return farthest


def _jumps(curve: list[float]) -> float:
    changes = [abs(after - before) for before, after in pairwise(curve)]
    return sum(changes) / len(changes) if changes else 0.0


_CURVE: dict[str, Callable[[list[float]], float]] = {
    "first": lambda curve: curve[0],
    "last": lambda curve: curve[-1],
    "early": _early,
    "fall": _fall,
    "rise": lambda curve: _fall([-point for point in curve]),
    "jumps": _jumps,
}
