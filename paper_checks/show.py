"""One claim in the terminal: its record, and the evidence of the last report if there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from .claim_record import Claim
from .recorded import Record
from .report.wording import tightness_line


def describe_claim(claim: Claim, record: Record | None, report: Path) -> Iterator[Text]:
    """The lines of ``mlbreg show ID``."""
    yield Text(f"{claim.id}  {claim.title}", style="bold")
    yield Text(f"  {claim.source}{' (reconstructed: our statement)' if claim.reconstructed else ''}")
    yield Text(f"  {claim.statement}", style="italic")
    if claim.note:
        yield Text(f"  {claim.note}")
    if record is not None:
        yield Text(f"  recorded: {record.verdict}, {record.date}, {record.evidence}")
    yield Text("hypotheses", style="bold")
    for hypothesis in claim.hypotheses:
        yield Text(f"  {hypothesis.name}: {hypothesis.statement}")
    evidence = _evidence(report, claim.id)
    if evidence is None:
        yield Text("evidence", style="bold")
        yield Text(f"  none in {report}; run: mlbreg verify {claim.id}")
        return
    yield from _evidence_lines(evidence)


def _evidence(report: Path, id: str) -> dict[str, Any] | None:
    if not report.is_file():
        return None
    found: dict[str, Any] | None = json.loads(report.read_text())["claims"].get(id)
    return found


def _evidence_lines(evidence: dict[str, Any]) -> Iterator[Text]:
    yield Text("evidence", style="bold")
    yield Text(f"  {evidence['verdict']}: {evidence['reason']}")
    yield Text(f"  {evidence['instances']:,} instances, smallest margin {evidence['smallest_margin']}")
    for hypothesis in evidence["hypotheses"]:
        word = {True: "needed", False: "not found to be needed", None: "cannot be dropped"}[hypothesis["needed"]]
        witness = hypothesis["witness"]
        yield Text(f"  {hypothesis['name']}: {word}")
        if witness:
            yield Text(f"    without it: {witness['words']}: margin {witness['margin']}")
    if evidence["tightness"]:
        yield Text(f"  {tightness_line(evidence['tightness'])}")
    for certificate in evidence["certificates"]:
        state = "does not hold" if certificate["failing"] else "verified"
        yield Text(f"  certificate {certificate['name']}: {certificate['statement']} ({state})")
    for m in evidence["measurements"]:
        beside = f" (paper: {m['paper']})" if m["paper"] else ""
        yield Text(f"  {m['quantity']}: {m['measured']}{beside}; {m['how']}")
    mutants = evidence["mutants"]
    yield Text(f"  mutants killed: {mutants['killed']} of {mutants['of']}")
    found = evidence["counterexample"]
    if found:
        yield Text("counterexample", style="bold")
        yield Text(f"  {found['words']}: margin {found['margin']}")
        yield Text(f"  {found['python']}")
        if evidence["rechecked"]:
            yield Text(
                f"  the stored counterexample in plain fractions: right side − left side = {evidence['rechecked']}"
            )
    yield Text("reproduce", style="bold")
    yield Text(f"  {evidence['command']}")
