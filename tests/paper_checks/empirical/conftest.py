"""Stored runs made up for a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from mlbreg.paper_checks.empirical.records import EmpiricalClaim, Runs
from mlbreg.paper_checks.empirical.stored_runs import Run


def made_up(wanted: Runs, seed: int, epochs: int, **parts: Any) -> Run:
    """A run that belongs to ``wanted``, with these parts of a result or of curves."""
    settings = {
        "study": wanted.study, "method": wanted.method, "recipe": wanted.recipe, "epochs": epochs, "seed": seed,
        **wanted.requires, **wanted.settings,
    }  # fmt: skip
    given = "".join(f" --set {name}={json.dumps(value).strip(chr(34))}" for name, value in wanted.settings.items())
    name = f"{wanted.study}-{wanted.method}-{wanted.recipe}-{wanted.part}-{sorted(wanted.settings.items())}-{seed}-{epochs}"
    command = f"mlbreg train {wanted.study} --method {wanted.method} --recipe {wanted.recipe} --seed {seed}{given}"
    return Run(name, settings, command, parts.get("result", {}), parts.get("curves", {}))


@pytest.fixture
def run_of() -> Callable[..., Run]:
    """Make a run: ``run_of(wanted, seed, epochs, result={…}, curves={…})``."""
    return made_up


@pytest.fixture
def lines_of() -> Callable[[Sequence[Run]], str]:
    """The JSON lines of runs, as `mlbreg store` writes them."""

    def lines(runs: Sequence[Run]) -> str:
        rows: list[Mapping[str, Any]] = []
        for run in runs:
            rows += [
                {"run": run.name, "configuration": run.settings},
                {"run": run.name, "command": run.command, "starts": []},
                {"run": run.name, "result": run.result},
                *({"run": run.name, "curve": name, "values": values} for name, values in run.curves.items()),
            ]
        return "".join(json.dumps(row) + "\n" for row in rows)

    return lines


@pytest.fixture
def sparse_and_accurate() -> EmpiricalClaim:
    """A claim like the papers': at most 10 % of the weights, within a point of the dense network."""
    from mlbreg.paper_checks.empirical.records import read_claims

    text = """
["ten-percent"]
title = "few weights"
quote = "only 10% of the weights"
place = "a test"
study = "study"
epochs = 10
seeds = 3
runs = { sparse = { method = "linbreg", requires = { density = 0.01 } }, dense = { method = "sgd" } }
conditions = ["sparse.weights <= 10", "sparse.test_accuracy >= dense.test_accuracy - 1"]
paper = { "sparse.weights" = 9.5 }
"""
    return read_claims(text, "mine")[0]
