"""Runs with numbers that nobody measured, for the tests of tables and figures."""

from __future__ import annotations

from typing import Any

from mlbreg.experiments.results.stored_run import StoredRun, command
from mlbreg.experiments.sweeps.plan import run_name
from mlbreg.experiments.training.studies import configure


def made_up(study: str = "digits", method: str = "linbreg", recipe: str = "paper", **given: Any) -> StoredRun:
    """The score rises with the seed, by a hundredth each; four numbers a curve whatever the epochs."""
    accuracy = given.pop("accuracy", 0.9)
    pictures = given.pop("pictures", ())
    part = given.pop("thresholded", None)
    c = configure(study, method, recipe, given)
    score = accuracy + 0.01 * c.seed
    result = {
        "test_accuracy": score, "training_accuracy": score, "validation_accuracy": score, "test_psnr": 20.0,
        "n_total": 0.11, "n_linear": 0.1, "n_conv": 0.2, "weights": 0.1 if c.target_sparsity is None else 1 - c.target_sparsity,
        "units": 0.5, "norm_1": 3.0, "active": {"0.weight": 0.5, "2.weight": 0.25}, "layers": {"0.weight": 0.1, "2.weight": 0.2},
        "flops": 40.0, "flops_dense": 100.0, "examples": {"training": 1000, "validation": 50, "test": 100},
        "seconds": {"data": 5.0, "forward": 1.0, "backward": 2.0, "optimizer": 1.0, "measuring": 9.0},
        "peak_memory_bytes": 2 * 10**9,
    }  # fmt: skip
    if part is not None:
        result["thresholded"] = part
    curves: dict[str, list[float | None]] = {
        "accuracy": [None, 0.5, 0.8, score], "validation_accuracy": [0.1, 0.5, 0.7, score],
        "psnr": [None, 10.0, 15.0, 18.0], "validation_psnr": [5.0, 10.0, 14.0, 17.0],
        "norm_1": [1.0, 2.0, 2.5, 3.0], "weights": [0.05, 0.06, 0.08, 0.1], "flops": [None, 10.0, 25.0, 40.0],
    }  # fmt: skip
    start = {"started": "2026-01-01T00:00:00+00:00", "device": "cpu", "processor": "Abacus 1", "threads": 1}
    return StoredRun(run_name(c), c, command(c), (start,), result, curves, pictures)
