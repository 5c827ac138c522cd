"""What a column can show: numbers of a run's result. A part, ``thresholded``, has the scores and shares; costs are the run's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Result = dict[str, Any]
_COMPUTING = ("forward", "backward", "optimizer")


def _of_part(name: str) -> Callable[[Result, Result], float | None]:
    return lambda _run, part: part.get(name)


def _seconds_per_thousand(run: Result, _part: Result) -> float | None:
    examples = run["examples"]["training"] * run["epochs"]
    return 1000 * sum(run["seconds"][part] for part in _COMPUTING) / examples if examples else None


#: By name: (the result of the run with its epochs, the part) ↦ a number, None where the run has none.
METRICS: dict[str, Callable[[Result, Result], float | None]] = {
    **{
        name: _of_part(name)
        for name in (
            "test_accuracy", "training_accuracy", "validation_accuracy", "test_psnr", "n_total", "n_linear", "n_conv",
            "s_conv", "weights", "units", "threshold",
        )
    },
    "sparsity": lambda _run, part: 1 - part["weights"],
    "flops_share": lambda run, _part: run["flops"] / run["flops_dense"],
    "seconds_per_thousand": _seconds_per_thousand,
    "peak_memory_bytes": lambda run, _part: run.get("peak_memory_bytes"),
}  # fmt: skip
