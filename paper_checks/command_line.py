"""The command ``mlbreg``. Its subcommands come from the entry-point group ``mlbreg.commands``, so other parts add theirs."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from . import registry
from .claim_record import Claim
from .effort import Effort
from .empirical import terminal
from .empirical.judge import judge_all
from .empirical.records import EmpiricalClaim, empirical_claims
from .empirical.stored_runs import StoredRunsError, stored_runs
from .evidence import ClaimEvidence, Counterexample, RunEvidence
from .executors import ExecutorError, Settings
from .recorded import recorded
from .run import InterruptedRunError, OutputError, run
from .verdicts import Verdict

USAGE, CHANGED, INTERRUPTED = 2, 1, 130

_STYLE = {
    Verdict.PROVED: "green",
    Verdict.CERTIFIED: "green",
    Verdict.SUPPORTED: "cyan",
    Verdict.REFUTED: "bold red",
    Verdict.ASSUMPTION_VOID: "magenta",
    Verdict.UNDECIDED: "yellow",
}

# In a pipe or a log there is no width to respect, and a table that is cut helps nobody.
_console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
_errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)

ClaimsOption = Annotated[
    list[str] | None,
    typer.Option("--claims", metavar="MODULE", help="A Python file or module with claims of your own."),
]


def main() -> None:
    """Entry point of the command ``mlbreg``."""
    application = typer.Typer(
        help="Judge the claims about linearized Bregman iterations, and use the algorithms.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for entry in sorted(entry_points(group="mlbreg.commands"), key=lambda entry: entry.name, reverse=True):
        application.command(entry.name)(entry.load())
    application()


def _fail(message: object) -> NoReturn:
    _errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)


def _load(modules: list[str] | None) -> tuple[dict[str, Claim], frozenset[str]]:
    try:
        return registry.load(tuple(modules or ()))
    except registry.ClaimsModuleError as error:
        _fail(error)


def _with_experiments(known: dict[str, Claim]) -> dict[str, Claim | EmpiricalClaim]:
    return {**known, **empirical_claims()}


def verify(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Claims or whole papers; all by default.")
    ] = None,
    effort: Annotated[Effort, typer.Option(help="How long to look.")] = Effort.STANDARD,
    seed: Annotated[int, typer.Option(help="The same seed gives the same report.")] = 0,
    jobs: Annotated[int, typer.Option(help="Worker processes; 0 means one per processor.")] = 0,
    executor: Annotated[
        str, typer.Option(metavar="WHERE", help="local, or dask://host:port for a Dask cluster (extra cluster).")
    ] = "local",
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", metavar="DIR", help="Stored runs beside the reviewed ones."),
    ] = None,
    claims: ClaimsOption = None,
) -> None:
    """Judge claims and write a report.

    With --claims and no ID the claims of that module are judged. Claims about experiments are judged from stored runs. Exit
    code 0: every verdict is the recorded one; 1: one changed; 2: wrong usage; 130: interrupted.
    """
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    for name, number in (("--seed", seed), ("--jobs", jobs)):
        if number < 0:
            _fail(f"{name} must be an integer ≥ 0, got {number}")
    if jobs and executor != "local":
        _fail(f"--jobs is for --executor local, got {jobs} with {executor}; the workers of a cluster are its own")
    known, own = _load(claims)
    if claims and not own and not ids:
        _fail(f"--claims: no claim is registered by {', '.join(claims)}")
    try:
        everything = registry.select(_with_experiments(known), tuple(ids or sorted(own)))
        chosen = [claim for claim in everything if isinstance(claim, Claim)]
        asked = [claim for claim in everything if isinstance(claim, EmpiricalClaim)]
        experiments = judge_all(asked, stored_runs(runs or ()) if asked else [])
    except registry.UnknownClaimError as error:
        _fail(error)
    except StoredRunsError as error:
        _fail(f"--runs: {error}" if runs else error)
    settings = Settings(effort, seed, jobs or os.cpu_count() or 1, tuple(claims or ()), executor)
    try:
        with Progress(
            TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.description}"), console=_errors, transient=True,
        ) as progress:  # fmt: skip
            task = progress.add_task("", total=len(chosen))

            def show(evidence: ClaimEvidence, resumed: bool) -> None:
                progress.update(task, advance=1, description=f"{evidence.id}: {evidence.verdict}")
                if resumed or not progress.console.is_terminal:
                    source = " (kept from the interrupted run)" if resumed else ""
                    _errors.print(f"  {evidence.id}: {evidence.verdict}{source}, {evidence.seconds:.1f} s")

            result = run(chosen, settings, out, show, experiments)
    except (OutputError, ExecutorError) as error:
        _fail(error)
    except InterruptedRunError as stop:
        _errors.print(
            f"[yellow]interrupted:[/] {escape(str(stop))}; the same command goes on from there.", soft_wrap=True
        )
        _errors.print(f"No report was written{' (the one there is older)' if out.exists() else ''}.")
        raise typer.Exit(INTERRUPTED) from None
    if result.claims:
        _console.print(_table(result))
    for line in filter(None, map(_found, result.claims)):
        _console.print()
        _console.print(line, soft_wrap=True)
    if result.experiments:
        _console.print(terminal.table(result.experiments))
    _summarise(result, out)


def _table(result: RunEvidence) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for title in ("instances", "smallest margin", "critical τ·𝖫 (paper)", "mutants"):
        table.add_column(title, justify="right")
    for claim in result.claims:
        killed = sum(mutant.killed for mutant in claim.mutants)
        table.add_row(
            claim.id,
            Text(str(claim.verdict), style=_STYLE[claim.verdict]),
            f"{claim.instances:,}",
            "" if claim.smallest_margin is None else f"{claim.smallest_margin:.1e}",
            _critical(claim),
            f"{killed}/{len(claim.mutants)}" if claim.mutants else "",
        )
    return table


def _critical(claim: ClaimEvidence) -> str:
    found = claim.tightness
    if found is None:
        return ""
    critical = f"> {found.searched_up_to:g}" if found.critical is None else f"{found.critical:.2f}"
    return f"{critical} ({found.paper_limit:g})"


def _found(claim: ClaimEvidence) -> Text | None:
    """One line on a claim that is not simply true."""
    if claim.verdict not in (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.ASSUMPTION_VOID):
        return None
    shown = claim.verdict is Verdict.REFUTED and claim.counterexample is not None
    text = counterexample_line(claim.counterexample) if shown and claim.counterexample else claim.reason
    return Text.assemble((claim.id, "bold"), "  ", (str(claim.verdict), _STYLE[claim.verdict]), f"  {text}")


def counterexample_line(found: Counterexample) -> str:
    """d = 1, L = ½θ², J = 0, δ = 1, θ = 1, τ = 5/2: margin −5/8 (exact)"""
    kind = "exact" if found.exact else "floating point"
    where = f" in {found.conclusion}" if found.conclusion else ""
    return f"{found.words}: margin {found.margin} ({kind}){where}"


def _summarise(result: RunEvidence, out: Path) -> None:
    rate = result.instances / max(sum(claim.seconds for claim in result.claims), 1e-9)
    speed = f"{result.instances:,} instances in {result.seconds:.0f} s ({rate:,.0f} per second and worker). "
    page = escape(str(out / "index.html"))
    _console.print(f"\n{speed if result.claims else ''}Report: {page}", soft_wrap=True)
    known = [(id, old, new) for id, old, new in result.changed if old is not None]
    fresh = [id for id, old, _ in result.changed if old is None]
    if fresh:
        _console.print(f"No verdict is recorded for {', '.join(fresh)}.")
    for id, old, new in known:
        _errors.print(f"[bold red]changed:[/] {id} was {old} and is now {new}")
    if known:
        raise typer.Exit(CHANGED)


def list_claims(claims: ClaimsOption = None) -> None:
    """List all claims with their recorded verdicts."""
    known, _ = _load(claims)
    records = recorded()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("claim", "recorded", "since", "title"):
        table.add_column(title, no_wrap=title != "title")
    for claim in known.values():
        record = records.get(claim.id)
        verdict = Text(str(record.verdict), style=_STYLE[record.verdict]) if record else Text("")
        table.add_row(claim.id, verdict, record.date if record else "", claim.title)
    terminal.add_rows(table, empirical_claims().values())
    _console.print(table)


def show(
    id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path, typer.Option(help="Folder of the report to read the evidence from.")] = Path("report"),
    claims: ClaimsOption = None,
) -> None:
    """Show one claim: statement, hypotheses, evidence, counterexample, and how to reproduce it."""
    from .show import describe_claim

    known, _ = _load(claims)
    try:
        (claim,) = registry.select(_with_experiments(known), (id,))
    except registry.UnknownClaimError as error:
        _fail(error)
    except ValueError:
        _fail(f"ID must be one claim, {id!r} is a whole paper (mlbreg list shows its claims)")
    if isinstance(claim, EmpiricalClaim):
        lines = terminal.describe(judge_all([claim], stored_runs())[0])
    else:
        lines = describe_claim(claim, recorded().get(claim.id), out / "report.json")
    for line in lines:
        _console.print(line)
