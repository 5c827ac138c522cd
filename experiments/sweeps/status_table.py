"""How far a sweep is: a row for each setting, its seeds together."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from .plan import Plan, PlannedRun
from .run_process import Outcome, outcome

STATES = ("done", "begun", "waiting", "diverged", "failed")


def counts(outcomes: Sequence[Outcome]) -> str:
    """``3 done, 1 failed``: of a whole sweep."""
    found = {state: sum(one.state == state for one in outcomes) for state in STATES}
    return ", ".join(f"{number} {state}" for state, number in found.items() if number)


def status_table(plan: Plan, folder: Path) -> Table:
    """What the folders of the runs say now."""
    table = Table(
        title=f"{plan.title}: {len(plan.runs)} runs in {folder}",
        box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column("setting", overflow="fold")
    for heading in ("seeds", "state", "test", "non-zero, %", "FLOPs, % of dense"):
        table.add_column(heading, justify="left" if heading == "state" else "right", no_wrap=True)
    for setting, runs in _by_setting(plan).items():
        outcomes = [outcome(folder, run.name) for run in runs]
        results = [
            json.loads((folder / run.name / "result.json").read_text(encoding="utf-8"))
            for run, found in zip(runs, outcomes, strict=True)
            if found.state == "done"
        ]
        style = "red" if any(found.error for found in outcomes) else ""
        table.add_row(
            setting, str(len(runs)), Text(counts(outcomes), style=style), _test(results), _spread(results, "weights"),
            _spread([{"share": result["flops"] / result["flops_dense"]} for result in results], "share"),
        )  # fmt: skip
    return table


def _by_setting(plan: Plan) -> dict[str, list[PlannedRun]]:
    found: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        found.setdefault(run.name.rpartition("-seed=")[0], []).append(run)
    return found


def _test(results: list[dict[str, Any]]) -> str:
    if results and "test_psnr" in results[0]:
        return f"{statistics.fmean(result['test_psnr'] for result in results):.2f} dB"
    return f"{_spread(results, 'test_accuracy')} %" if results else ""


def _spread(results: list[dict[str, Any]], name: str) -> str:
    values = [100 * result[name] for result in results]
    if len(values) < 2:
        return f"{values[0]:.2f}" if values else ""
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}"
