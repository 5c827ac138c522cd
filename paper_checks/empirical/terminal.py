"""Claims about experiments in the terminal: the table of ``verify``, the rows of ``list``, and ``show``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from .evidence import EmpiricalEvidence, Measured
from .outcomes import Outcome
from .recorded import recorded
from .records import EmpiricalClaim

STYLE = {
    Outcome.SUPPORTED: "cyan",
    Outcome.REFUTED: "bold red",
    Outcome.UNDECIDED: "yellow",
    Outcome.NOT_RUN: "dim",
}


def table(found: Iterable[EmpiricalEvidence]) -> Table:
    """Verdicts and reasons. Claims without any run share a row at the end: they have nothing to tell."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("experiment", "verdict", "seeds", "why"):
        rows.add_column(title, no_wrap=title != "why", justify="right" if title == "seeds" else "left")
    without = 0
    for evidence in found:
        if not evidence.runs:
            without += 1
            continue
        seeds = min((one.seeds for one in evidence.measured), default=0)
        rows.add_row(
            evidence.id,
            Text(str(evidence.verdict), STYLE[evidence.verdict]),
            str(seeds or ""),
            evidence.reason + _hint(evidence),
        )
    if without:
        rows.add_row(
            f"{without} {'more' if rows.row_count else 'claims'}",
            Text(str(Outcome.NOT_RUN), STYLE[Outcome.NOT_RUN]),
            "",
            "no runs",
        )
    return rows


def add_rows(rows: Table, claims: Iterable[EmpiricalClaim]) -> None:
    """The claims as rows of ``list``: id, recorded verdict, since when, title."""
    records = recorded()
    for claim in claims:
        record = records.get(claim.id)
        verdict = Text(str(record.verdict), STYLE[record.verdict]) if record else Text("")
        rows.add_row(claim.id, verdict, record.date if record else "", claim.title)


def describe(evidence: EmpiricalEvidence) -> Iterator[Text]:
    """The lines of ``mlbreg show ID``, judged from the reviewed runs."""
    yield Text(f"{evidence.id}  {evidence.title}", style="bold")
    yield Text(f"  {evidence.source}: “{evidence.quote}”")
    yield Text("acceptance rule", style="bold")
    for line in filter(None, (evidence.rule, evidence.why, evidence.chosen)):
        yield Text(f"  {line}")
    yield Text("evidence", style="bold")
    yield Text(f"  {evidence.verdict}: {evidence.reason}{_hint(evidence)}")
    if evidence.recorded is not None:
        yield Text(
            f"  recorded: {evidence.recorded}{'' if evidence.recorded_on == evidence.digest else ', for other runs'}"
        )
    for measured in evidence.measured:
        yield Text(f"  {measured_line(measured)}")
    for condition in evidence.conditions:
        yield Text(f"  {condition.outcome}: {condition.condition} (margin {condition.margin:.3g})")
    for name in evidence.runs:
        yield Text(f"  run {name}")
    if evidence.missing:
        yield Text("what would decide it", style="bold")
        for command in evidence.missing:
            yield Text(f"  {command}")
    yield Text("reproduce", style="bold")
    yield Text(f"  {evidence.command}")


def measured_line(measured: Measured) -> str:
    """non-zero weights of LinBreg: 10.28 ± 0.32 (3 seeds; paper: 10)"""
    spread = "" if measured.deviation is None else f" ± {measured.deviation:.2f}"
    seeds = f"{measured.seeds} seed{'' if measured.seeds == 1 else 's'}"
    paper = "" if measured.paper is None else f"; paper: {measured.paper:g}"
    return f"{measured.quantity}: {measured.mean:.2f}{spread} ({seeds}{paper})"


def _hint(evidence: EmpiricalEvidence) -> str:
    return "" if evidence.indicative is None else f" (they would say: {evidence.indicative})"
