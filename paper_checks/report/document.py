"""``report.json``: the evidence of a run as strict JSON. Its schema is `mlbreg.paper_checks.report.schema`."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ..empirical.evidence import EmpiricalEvidence
from ..empirical.outcomes import Outcome
from ..evidence import ClaimEvidence, RunEvidence
from ..random_search import HISTOGRAM_EDGES, TOLERANCE
from . import schema
from .wording import ORDER


def document(
    run: RunEvidence,
    figures: dict[str, dict[str, str | None]],
    assumptions: dict[str, Any],
    rates: list[dict[str, Any]],
) -> dict[str, Any]:
    """The whole of ``report.json``; ``figures`` are the file names by claim id."""
    claims = {claim.id: _claim(claim, run.recorded.get(claim.id), figures[claim.id]) for claim in run.claims}
    spent = sum(claim.seconds for claim in run.claims)
    found: dict[str, Any] = {
        "schema": schema.VERSION,
        "mlbreg": run.version,
        "effort": run.effort,
        "seed": run.seed,
        "planned": run.planned,
        "complete": set(run.planned) <= set(claims),
        "instances": run.instances,
        "instances_per_second": run.instances / spent if spent > 0 else None,
        "seconds": run.seconds,
        "verdicts": {word: sum(claim.verdict == word for claim in run.claims) for word in ORDER},
        "mutants": {
            "killed": sum(claim["mutants"]["killed"] for claim in claims.values()),
            "of": sum(claim["mutants"]["of"] for claim in claims.values()),
        },
        "changed": [{"id": id_, "recorded": old, "found": new} for id_, old, new in run.changed],
        "histogram_edges": HISTOGRAM_EDGES.tolist(),
        "tolerance": TOLERANCE,
        "claims": claims,
        "experiments": {found.id: _experiment(found) for found in run.experiments},
        "experiment_verdicts": {str(word): sum(found.verdict is word for found in run.experiments) for word in Outcome},
        "assumptions": assumptions,
        "rates": rates,
    }
    plain: dict[str, Any] = strict(found)
    return plain


def _claim(claim: ClaimEvidence, recorded: str | None, figures: dict[str, str | None]) -> dict[str, Any]:
    data = claim.to_json()
    data.pop("id")
    command = data.pop("reproduce")
    conclusions = [conclusion["counterexample"] for conclusion in data["conclusions"]]
    for found in [data["counterexample"], *conclusions, *(hypothesis["witness"] for hypothesis in data["hypotheses"])]:
        if found is not None:
            found["command"] = command
    listed = data.pop("mutants")
    return {
        "paper": claim.id.split("/", 1)[0],
        **data,
        "recorded_verdict": recorded,
        "mutants": {"killed": sum(mutant["killed"] for mutant in listed), "of": len(listed), "list": listed},
        "command": command,
        "figures": figures,
    }


def _experiment(found: EmpiricalEvidence) -> dict[str, Any]:
    data = found.to_json()
    data["paper"] = data.pop("id").split("/", 1)[0]
    data["recorded_verdict"] = data.pop("recorded")
    del data["recorded_on"]
    return {**data, "changed": found.changed, "reviewed": not found.fresh}


def strict(value: Any) -> Any:
    """Plain data that every JSON parser takes: what is not finite becomes the strings "inf", "-inf" or "nan"."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()  # a lone surrogate cannot be written to a file
    if isinstance(value, dict):
        return {str(key): strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [strict(entry) for entry in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, np.generic | np.ndarray):
        return strict(value.tolist())
    return str(value)


def text(found: dict[str, Any]) -> str:
    """The document as it is written to ``report.json``: indented, with lists of numbers on one line."""
    return _lines(found, "") + "\n"


def _lines(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, dict) and value:
        entries = [f"{inner}{_flat(key)}: {_lines(entry, inner)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(entry, dict | list | str) for entry in value):
        return "[\n" + ",\n".join(inner + _lines(entry, inner) for entry in value) + f"\n{indent}]"
    return _flat(value)


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
