"""``mlbreg sweep``: do all runs of a plan."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ..training.configuration import ConfigurationError
from ..training.configuration_file import read_assignment
from .built_in_plans import chosen_plan, plan_names
from .cluster import ClusterError, run_on_cluster
from .here import run_here
from .plan import Plan, PlanError, PlannedRun
from .run_process import Outcome, Setting, is_due, outcome
from .status_table import counts, status_table

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def sweep(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help=f"A TOML file, or one of {', '.join(plan_names())}.")],
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A folder in it for each run. Default: sweeps/PLAN.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes of this machine, a run each.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, tcp://host:port, in the place of --workers."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Of each run on a CPU; 0: processors/workers.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="In the place of the plan's value; may be repeated. seed=[0,1] is a list.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Leave out the runs with another value; may be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="As of mlbreg train.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Begin runs that failed or diverged anew.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say how far it is, and run nothing.")] = False,
) -> None:
    """Do the runs of a plan, each as `mlbreg train` in a folder and a process of its own.

    The same command goes on where a sweep stopped: runs that are done are left, others resumed. A run that fails leaves its
    error in its folder, and the others go on. Exit code 0: all done; 1: a run failed or diverged; 2: wrong usage, known before
    anything runs; 130: interrupted.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)
    try:
        chosen = _only(chosen_plan(plan, dict(read_assignment(text, ("lam",)) for text in settings or ())), only or [])
    except (PlanError, ConfigurationError) as error:
        _fail(errors, str(error))
    folder = (into or Path("sweeps") / chosen.name).absolute()
    if status:
        console.print(status_table(chosen, folder))
        return
    for name, value, least in (("--workers", workers, 1), ("--threads", threads, 0)):
        if value < least:
            _fail(errors, f"{name} must be an integer ≥ {least}, got {value}")
    if cluster is not None and workers != 1:
        _fail(errors, f"--workers is for this machine, not for --cluster, got {workers}")
    if data_dir is not None and not data_dir.is_dir():
        _fail(errors, f"--data-dir must be a folder with the files of the data sets, got {str(data_dir)!r}")
    alone = 0 if cluster is not None or "OMP_NUM_THREADS" in os.environ else max(1, (os.cpu_count() or 1) // workers)
    setting = Setting(
        str(folder), device, str(data_dir.absolute()) if data_dir is not None else None, threads or alone, retry
    )  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(errors, folder) as held:
            _sweep(errors, chosen, setting, workers, cluster, held)
    except ClusterError as error:
        _fail(errors, str(error))
    except OSError as error:
        _fail(errors, f"--into must be a folder that can be written, got {str(folder)!r}: {error}")
    except KeyboardInterrupt:
        errors.print("stopped: the same command goes on.", style="yellow")
        raise typer.Exit(INTERRUPTED) from None
    _report(console, errors, chosen, folder)


def _sweep(
    errors: Console, plan: Plan, setting: Setting, workers: int, cluster: str | None, held: Sequence[int]
) -> None:
    due = [run for run in plan.runs if is_due(outcome(Path(setting.folder), run.name), setting.retry)]
    errors.print(f"{len(plan.runs)} runs, {len(plan.runs) - len(due)} of them done or diverged already", style="dim")
    begun = time.monotonic()
    outcomes: Generator[Outcome, None, None] = (
        run_on_cluster(due, setting, cluster) if cluster is not None else run_here(due, setting, workers, held)
    )
    with _interruptible(), closing(outcomes):
        for number, found in enumerate(outcomes, 1):
            line = f"{number}/{len(due)}  {time.monotonic() - begun:.0f} s  {found.state}  {found.name}"
            errors.print(
                Text(line + (f": {found.error}" if found.error else ""), style="red" if found.error else ""),
                soft_wrap=True,
            )


def _report(console: Console, errors: Console, plan: Plan, folder: Path) -> None:
    console.print(status_table(plan, folder))
    outcomes = [outcome(folder, run.name) for run in plan.runs]
    console.print(f"{counts(outcomes)}. To keep the results: mlbreg store {shlex.quote(str(folder))}", soft_wrap=True)
    for found in outcomes:
        if found.error:
            errors.print(Text(f"{found.state}: {found.name}: {found.error}", style="red"), soft_wrap=True)
    if any(found.state != "done" for found in outcomes):
        raise typer.Exit(FAILED)


def _only(plan: Plan, filters: list[str]) -> Plan:
    wanted: dict[str, list[Any]] = {}
    for text in filters:
        name, value = read_assignment(text)
        wanted.setdefault(name, []).extend(value if isinstance(value, list) else [value])

    def fits(run: PlannedRun) -> bool:
        return all(getattr(run.configuration, name) in values for name, values in wanted.items())

    runs = tuple(run for run in plan.runs if fits(run))
    if not runs:
        raise PlanError(f"--only must leave a run of {plan.name}, got {', '.join(filters)}")
    return Plan(plan.name, plan.title, runs)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM is Ctrl-C; a second one of either waits for nothing."""

    def interrupt(_number: int, _frame: object) -> None:
        for one in before:
            signal.signal(one, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _lock(errors: Console, folder: Path) -> Iterator[tuple[int, ...]]:
    """One sweep at a time in a folder. The runs inherit the lock, so it holds until the last of them has ended."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        yield ()
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _fail(errors, f"another sweep works in {str(folder)!r}, or its last runs are ending")
        yield (file.fileno(),)


def _fail(errors: Console, message: str) -> NoReturn:
    errors.print(Text(f"error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
