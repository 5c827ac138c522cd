"""Running the judge over many claims: worker processes, resumable evidence on disk, and a report that is whole or absent.

As each claim is finished its evidence is written to ``<out>.partial``, so neither Ctrl-C nor a lost machine loses it; the
next run with the same settings and the same code goes on from there. The report is built beside ``<out>`` and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from pathlib import Path

from . import registry
from .claim_record import Claim, registered
from .effort import Effort
from .evidence import ClaimEvidence, RunEvidence, from_json
from .judge import judge
from .recorded import recorded


class OutputError(ValueError):
    """The output folder cannot be used."""


class InterruptedRunError(Exception):
    """The run was stopped; ``finished`` claims are kept in ``folder``."""

    def __init__(self, finished: int, planned: int, folder: Path) -> None:
        super().__init__(f"{finished} of {planned} claims are judged; their evidence is in {folder}")
        self.finished, self.planned, self.folder = finished, planned, folder


@dataclass(frozen=True)
class Settings:
    """What a run depends on."""

    effort: Effort = Effort.STANDARD
    seed: int = 0
    jobs: int = 1
    modules: tuple[str, ...] = ()


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
) -> RunEvidence:
    """Judge the claims and write the report to ``out``; ``on_finished(evidence, resumed)`` is called for each claim.

    Raises `InterruptedRunError` on Ctrl-C; finished evidence stays in ``<out>.partial``.
    """
    check_output(out)
    start = time.perf_counter()
    partial = _Partial(out.absolute().with_name(out.name + ".partial"), settings)
    finished = partial.read({claim.id for claim in claims})
    for evidence in finished.values():
        on_finished(evidence, True)
    todo = [claim for claim in claims if claim.id not in finished]
    try:
        for evidence in _judge_all(todo, settings):
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
        )
        _write_report(result, out)
    except KeyboardInterrupt:
        raise InterruptedRunError(len(finished), len(claims), partial.folder) from None
    partial.remove()
    return result


def _write_report(result: RunEvidence, out: Path) -> None:
    from .report import write  # matplotlib and jinja2 load here, after the judging

    out = out.absolute()
    built = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        write(result, built)
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
    """A hash of the settings, of the packages' source and of the user's claim files: evidence of other code is not reused."""
    digest = hashlib.sha256(f"{settings.effort} {settings.seed} {settings.modules}".encode())
    root = Path(__file__).parent
    folders = [root, root.parent / "theory", root.parent / "solvers"]
    sources = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    for file in [*sources, *filter(None, map(_source, settings.modules))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _source(module: str) -> Path | None:
    """The file of a module of claims that is named by its path or by its dotted name."""
    if module.endswith(".py"):
        return Path(module)
    spec = find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _judge_all(claims: list[Claim], settings: Settings) -> Iterator[ClaimEvidence]:
    if settings.jobs == 1 or len(claims) < 2:
        for claim in claims:
            yield judge(claim, settings.effort, settings.seed, settings.modules)
        return
    pool = ProcessPoolExecutor(
        max_workers=min(settings.jobs, len(claims)),
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(settings.modules,),
    )
    try:
        waiting: set[Future[ClaimEvidence]] = {
            pool.submit(_judge_by_id, claim.id, settings.effort, settings.seed, settings.modules) for claim in claims
        }
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BaseException:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        raise
    pool.shutdown()


def _start_worker(modules: tuple[str, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    registry.load(modules)


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers; they would wait for it forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge_by_id(id: str, effort: Effort, seed: int, modules: tuple[str, ...]) -> ClaimEvidence:
    return judge(registered()[id], effort, seed, modules)
