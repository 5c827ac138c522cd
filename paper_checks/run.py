"""Running the judge over many claims: worker processes, resumable evidence on disk, and a report that is whole or absent.

As each claim is finished its evidence is written to ``<out>.partial``, so neither Ctrl-C nor a lost machine loses it; the
next run with the same settings and the same code goes on from there. The report is built beside ``<out>`` and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from .claim_record import Claim
from .empirical.evidence import EmpiricalEvidence
from .evidence import ClaimEvidence, RunEvidence, from_json
from .executors import ExecutorError, Settings, choose
from .executors.environment import environment
from .executors.order import earlier_seconds
from .recorded import recorded

__all__ = ["InterruptedRunError", "OutputError", "check_output", "run"]


class OutputError(ValueError):
    """The output folder cannot be used."""


class InterruptedRunError(Exception):
    """The run was stopped; ``finished`` claims are kept in ``folder``."""

    def __init__(self, finished: int, planned: int, folder: Path) -> None:
        super().__init__(f"{finished} of {planned} claims are judged; their evidence is in {folder}")
        self.finished, self.planned, self.folder = finished, planned, folder


def check_output(out: Path) -> None:
    """Refuse, before anything is computed, a folder that cannot be written or that holds something else than a report."""
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out must be a folder, {out} is a file")
    if out.is_dir() and any(out.iterdir()) and not (out / "report.json").is_file():
        raise OutputError(f"--out must be a new or empty folder or an earlier report; {out} holds other files")
    parent = next(folder for folder in out.parents if folder.exists())
    if (
        not parent.is_dir()
        or not os.access(parent, os.W_OK | os.X_OK)
        or (out.is_dir() and not os.access(out, os.W_OK))
    ):
        raise OutputError(f"--out must be writable, {out} is not")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}."):
            pass
    except OSError as error:
        raise OutputError(f"--out must be writable, {out} is not: {error}") from error


def _say_nothing(evidence: ClaimEvidence, resumed: bool) -> None:
    del evidence, resumed


def run(
    claims: list[Claim],
    settings: Settings,
    out: Path,
    on_finished: Callable[[ClaimEvidence, bool], None] = _say_nothing,
    experiments: Sequence[EmpiricalEvidence] = (),
) -> RunEvidence:
    """Judge the claims and write the report to ``out``; ``on_finished(evidence, resumed)`` is called for each claim.

    ``experiments``: claims about experiments, judged already, for that takes no time; the report has them beside the others.

    Raises `InterruptedRunError` on Ctrl-C and `ExecutorError` when a cluster cannot be used (any more); finished evidence
    stays in ``<out>.partial``.
    """
    executor = choose(settings)
    check_output(out)
    start = time.perf_counter()
    partial = _Partial(out.absolute().with_name(out.name + ".partial"), settings)
    finished = partial.read({claim.id for claim in claims})
    for evidence in finished.values():
        on_finished(evidence, True)
    todo = [claim for claim in claims if claim.id not in finished]
    try:
        if todo:
            with closing(executor.judge_all(todo, settings, earlier_seconds(out / "report.json"))) as judged:
                for evidence in judged:
                    partial.write(evidence)
                    finished[evidence.id] = evidence
                    on_finished(evidence, False)
        result = RunEvidence(
            effort=str(settings.effort),
            seed=settings.seed,
            version=version("mlbreg"),
            planned=[claim.id for claim in claims],
            claims=[finished[claim.id] for claim in claims],
            recorded={id: str(record.verdict) for id, record in recorded().items()},
            seconds=time.perf_counter() - start,
            experiments=list(experiments),
        )
        _write_report(result, out, settings.jobs)
    except KeyboardInterrupt:
        raise InterruptedRunError(len(finished), len(claims), partial.folder) from None
    except ExecutorError as error:
        if not finished:
            raise
        raise ExecutorError(f"{error} ({InterruptedRunError(len(finished), len(claims), partial.folder)})") from error
    partial.remove()
    return result


def _write_report(result: RunEvidence, out: Path, jobs: int) -> None:
    from .report import write  # matplotlib and jinja2 load here, after the judging

    out = out.absolute()
    built = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        write(result, built, jobs)
        built.chmod(0o755)
        if out.exists():
            old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old."))
            out.rename(old / out.name)
            try:
                built.rename(out)
            except BaseException:
                (old / out.name).rename(out)
                raise
            finally:
                shutil.rmtree(old)
        else:
            built.rename(out)
    except BaseException:
        shutil.rmtree(built, ignore_errors=True)
        raise


class _Partial:
    """Evidence of finished claims, one file each, valid for one combination of settings and code."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.key = _fingerprint(settings)

    def read(self, ids: set[str]) -> dict[str, ClaimEvidence]:
        found: dict[str, ClaimEvidence] = {}
        for file in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            data = json.loads(file.read_text())
            if data["key"] == self.key and data["evidence"]["id"] in ids:
                found[data["evidence"]["id"]] = from_json(data["evidence"])
        return found

    def write(self, evidence: ClaimEvidence) -> None:
        self.folder.mkdir(exist_ok=True)
        target = self.folder / (evidence.id.replace("/", "--") + ".json")
        temporary = target.with_suffix(".tmp")
        temporary.write_text(json.dumps({"key": self.key, "evidence": evidence.to_json()}))
        temporary.replace(target)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _fingerprint(settings: Settings) -> str:
    """A hash of the settings, our source, the user's claim files and the libraries: evidence of others is not reused."""
    decides = [settings.effort, settings.seed, settings.modules, environment(settings.modules)]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
