"""A Dask cluster of this machine: one scheduler and two workers, each a process of its own, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

#: A machine may be busy with other tests.
SECONDS = 120


def until(condition: Callable[[], object], what: str, process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something to become true, as long as the process runs that is to bring it about."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(f"no {what}: the command ended: {process.communicate()}")
        assert time.monotonic() < deadline, f"waited {SECONDS} s for the {what}"
        time.sleep(0.05)


@contextmanager
def started(arguments: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a session of its own, which ends with everything in it."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=os.environ | environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class DaskCluster:
    """The scheduler's host:port, and the processes."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """One scheduler and two workers, which nobody starts again; a claim may lose one worker and not two."""
    if find_spec("distributed") is None:
        pytest.skip("needs the extra cluster: distributed is not installed")
    folder = tmp_path / "dask"
    folder.mkdir()
    known = folder / "scheduler.json"
    here = ["--host", "127.0.0.1", "--scheduler-file", str(known), "--no-dashboard"]
    with ExitStack() as stack:
        scheduler = stack.enter_context(
            started(
                ["-m", "dask", "scheduler", "--port", "0", *here],
                folder / "scheduler.log",
                DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1",
            )
        )
        alone = ["--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        workers = [
            stack.enter_context(started(["-m", "dask", "worker", *here, *alone], folder / f"worker-{number}.log"))
            for number in range(2)
        ]
        until(lambda: known.is_file() and known.read_text().endswith("}"), "scheduler")
        address = json.loads(known.read_text())["address"].removeprefix("tcp://")
        logs = [folder / f"worker-{number}.log" for number in range(2)]
        until(lambda: all("Registered to" in log.read_text() for log in logs), "workers")
        yield DaskCluster(address, scheduler, workers)
