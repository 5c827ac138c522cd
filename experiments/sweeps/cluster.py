"""The runs of a sweep on the workers of a Dask cluster, with the extra ``cluster``.

The sweep's folder must be on a disk that all workers see under the same path: so a run that loses its worker goes on elsewhere from
its checkpoint, and nothing has to be sent. A worker gets a run's configuration as text and starts a process, as a sweep on one
machine does; when nobody wants the run any more the process saves itself and ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..training.configuration import Configuration
from .plan import PlannedRun
from .run_process import Outcome, RunProcess, Setting, outcome

#: How often a run may lose its worker.
RETRIES = 2
#: Seconds to wait for an answer of the scheduler, and for the first worker.
ANSWER, WORKERS = 5, 10
_POLL_SECONDS = 0.2


class ClusterError(Exception):
    """No such cluster, one with other code or without the folder, or a connection that was lost."""


def run_on_cluster(runs: Sequence[PlannedRun], setting: Setting, address: str) -> Generator[Outcome, None, None]:
    """Outcomes as they come; closing the generator stops the runs. Raises a `ClusterError`."""
    distributed = _import_distributed(address)
    with _quiet():
        client = _connect(distributed, address)
        futures: dict[str, Any] = {}
        try:
            _compare(client, setting, address)
            sweep = uuid.uuid4().hex
            names = {}
            for rank, run in enumerate(runs):
                request = {"name": run.name, "configuration": run.configuration.plain(), "setting": asdict(setting)}
                key = f"mlbreg-{sweep}-{run.name}"
                names[key] = run.name
                futures[key] = client.submit(
                    train_on_worker, json.dumps(request), key=key, retries=RETRIES, priority=-rank, pure=False
                )
            for future in distributed.as_completed(list(futures.values()), loop=client.loop):
                del futures[future.key]
                yield _outcome(future, names[future.key], setting, address)
        finally:
            # Where the connection is what failed, neither is possible.
            with suppress(Exception):
                client.cancel(list(futures.values()), force=True)
            with suppress(Exception):
                client.close(timeout=ANSWER)


def train_on_worker(request: str) -> str:
    """One run, in a process apart; its outcome as JSON. The process is stopped when the task is cancelled or the worker ends."""
    from distributed import Reschedule, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    wanted = json.loads(request)
    run = PlannedRun(wanted["name"], Configuration(**wanted["configuration"]))
    process = RunProcess(run, Setting(**wanted["setting"]))
    try:
        while (found := process.poll()) is None:
            time.sleep(_POLL_SECONDS)
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled" or worker.status.name in ("closing", "closed", "failed"):
                raise Reschedule
    finally:
        process.end()
    return json.dumps(asdict(found))


def of_machine(folder: str) -> dict[str, str]:
    """What a worker must have: versions, source, and the folder with this sweep's mark."""
    from ..training.environment import source_digest

    libraries = {name: version(name) for name in ("mlbreg", "torch", "numpy")}
    marks = ", ".join(sorted(path.name for path in Path(folder).glob(".shared-*"))) or "not there"
    found = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        **libraries,
        "the source of mlbreg": source_digest(),
    }
    return {**found, f"the folder {folder!r}": marks}


def _connect(distributed: Any, address: str) -> Any:
    where = f"--cluster: there is no Dask scheduler at {address}"

    async def identity() -> Any:
        async with distributed.rpc(address) as scheduler:
            return await scheduler.identity()

    async def soon() -> Any:
        # Dask's own limit does not end a conversation with another kind of server, which says nothing.
        return await asyncio.wait_for(identity(), ANSWER)

    try:
        kind = asyncio.run(soon())["type"]
        if kind != "Scheduler":
            raise ClusterError(f"{where} but a {kind}")
        return distributed.Client(address, timeout=ANSWER, set_as_default=False)
    except TimeoutError:
        raise ClusterError(f"{where}: no answer within {ANSWER} s") from None
    except (OSError, ValueError) as error:
        raise ClusterError(f"{where}: {error}") from error


def _compare(client: Any, setting: Setting, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError:
        raise ClusterError(
            f"--cluster: the one at {address} has no workers (to start one: dask worker {address})"
        ) from None
    mark = Path(setting.folder) / f".shared-{uuid.uuid4().hex}"
    mark.touch()
    try:
        here = of_machine(setting.folder)
        workers = client.run(of_machine, setting.folder, on_error="return")
    finally:
        mark.unlink()
    for worker, there in workers.items():
        # A worker without mlbreg answers with the exception of its import.
        different = repr(there) if isinstance(there, Exception) else _differences(here, there)
        if different:
            raise ClusterError(f"--cluster: the worker {worker} must have what this machine has: {different}")


def _differences(here: dict[str, str], there: dict[str, str]) -> str:
    return "; ".join(
        f"{name} is {there.get(name)} there and {value} here"
        for name, value in here.items()
        if there.get(name) != value
    )


def _outcome(future: Any, name: str, setting: Setting, address: str) -> Outcome:
    if future.status == "cancelled":
        raise ClusterError(f"--cluster: the connection to the Dask scheduler at {address} was lost")
    if future.status == "error":
        found = outcome(Path(setting.folder), name)
        return found if found.error else Outcome(name, "failed", f"not run on the cluster: {future.exception()}")
    return Outcome(**json.loads(future.result()))


def _import_distributed(address: str) -> Any:
    """Dask's module, without its types: they are there only where the extra is installed."""
    try:
        return import_module("distributed")
    except ImportError as error:
        raise ClusterError(
            f"--cluster {address} needs the extra cluster: pip install 'mlbreg[cluster]' ({error})"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs a lost connection with its traceback; here it is one sentence."""
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
