"""Judging on the workers of a Dask cluster, with the extra ``cluster``.

A unit of work is a claim. A worker gets its id and the source of the user's claim files, never the claim itself, which
holds functions. Dask gives the work of a worker that is lost to another one; a claim that loses `RETRIES` + 1 processes,
or more workers than the scheduler allows (``distributed.scheduler.allowed-failures``), is undecided, and says so.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..claim_record import Claim
from ..evidence import ClaimEvidence, from_json
from .base import ExecutorError, Settings, undecided
from .environment import differences, environment
from .order import longest_first
from .worker import judge_apart

RETRIES = 2
#: Seconds to wait for an answer of the scheduler, and for the first worker.
ANSWER, WORKERS = 5, 10


@dataclass(frozen=True)
class Cluster:
    """The cluster of the Dask scheduler at ``host:port``."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """host:port, with the brackets of an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def judge_all(
        self, claims: Sequence[Claim], settings: Settings, seconds: Mapping[str, float]
    ) -> Generator[ClaimEvidence, None, None]:
        """Evidence as it comes; see `Executor`."""
        distributed = _import_distributed(self.address)
        with _quiet():
            yield from self._judge_all(distributed, claims, settings, seconds)

    def _judge_all(
        self, distributed: Any, claims: Sequence[Claim], settings: Settings, seconds: Mapping[str, float]
    ) -> Generator[ClaimEvidence, None, None]:
        wanted, sources = environment(_installed(settings)), _sources(settings)
        client = self._connect(distributed)
        futures: dict[str, Any] = {}
        try:
            self._compare(client, wanted, settings)
            run = uuid.uuid4().hex
            by_key = {}
            for rank, claim in enumerate(longest_first(claims, seconds)):
                key = f"mlbreg-{run}-{claim.id}"  # of this run alone: the code of another one may differ
                request = {
                    "id": claim.id,
                    "effort": settings.effort,
                    "seed": settings.seed,
                    "modules": settings.modules,
                    "sources": sources,
                    "environment": wanted,
                }
                by_key[key] = claim
                futures[key] = client.submit(
                    judge_apart, json.dumps(request), key=key, retries=RETRIES, priority=-rank, pure=False
                )
            for future in distributed.as_completed(list(futures.values()), loop=client.loop):
                del futures[future.key]
                yield self._evidence(future, by_key[future.key], settings)
        finally:
            # Where the connection is what failed, neither is possible.
            with suppress(Exception):
                client.cancel(list(futures.values()), force=True)
            with suppress(Exception):
                client.close(timeout=ANSWER)

    def _connect(self, distributed: Any) -> Any:
        where = f"--executor: there is no Dask scheduler at {self.address}"

        async def identity() -> Any:
            async with distributed.rpc(f"tcp://{self.address}") as scheduler:
                return await scheduler.identity()

        async def soon() -> Any:
            # Dask's own limit does not end a conversation with another kind of server, which says nothing.
            return await asyncio.wait_for(identity(), ANSWER)

        try:
            kind = asyncio.run(soon())["type"]
            if kind != "Scheduler":
                raise ExecutorError(f"{where} but a {kind}")
            return distributed.Client(f"tcp://{self.address}", timeout=ANSWER, set_as_default=False)
        except TimeoutError:
            raise ExecutorError(f"{where}: no answer within {ANSWER} s") from None
        except OSError as error:
            raise ExecutorError(f"{where}: {error}") from error

    def _compare(self, client: Any, wanted: dict[str, str], settings: Settings) -> None:
        """Refuse a cluster that would give other evidence, or none; `child.answer` does so for workers that come later."""
        try:
            client.wait_for_workers(1, timeout=WORKERS)
        except TimeoutError:
            raise ExecutorError(
                f"--executor: the cluster at {self.address} has no workers (to start one: dask worker {self.address})"
            ) from None
        try:
            found = client.run_on_scheduler(version, "mlbreg")
        except PackageNotFoundError:
            found = "missing"
        # The scheduler computes nothing, but it unpacks the work.
        members: dict[str, Any] = {f"scheduler {self.address}": {**wanted, "mlbreg": found}}
        workers = client.run(environment, _installed(settings), on_error="return")
        members |= {f"worker {worker}": there for worker, there in workers.items()}
        for member, there in members.items():
            # A worker without mlbreg, or with one that has no executors, answers with the exception of its import.
            different = str(there) if isinstance(there, Exception) else differences(wanted, there)
            if different:
                raise ExecutorError(
                    f"--executor: the {member} must have what this machine has, or the evidence would differ: {different}"
                )

    def _evidence(self, future: Any, claim: Claim, settings: Settings) -> ClaimEvidence:
        """What became of one claim."""
        if future.status == "cancelled":
            raise ExecutorError(f"--executor: the connection to the Dask scheduler at {self.address} was lost")
        if future.status == "error":
            return undecided(claim, f"it could not be judged on the cluster: {future.exception()}", settings)
        answer = json.loads(future.result())
        if "refused" in answer:
            raise ExecutorError(
                f"--executor: a worker must have what this machine has, or the evidence would differ: {answer['refused']}"
            )
        evidence: ClaimEvidence = from_json(answer["evidence"])
        return evidence


def _import_distributed(address: str) -> Any:
    """Dask's module, without its types: they are there only where the extra is installed."""
    try:
        return import_module("distributed")
    except ImportError as error:
        raise ExecutorError(
            f'--executor dask://{address} needs the extra cluster: pip install "mlbreg[cluster]" ({error})'
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


def _installed(settings: Settings) -> list[str]:
    """The modules of claims that have a dotted name: each machine has its own copy."""
    return [module for module in settings.modules if not module.endswith(".py")]


def _sources(settings: Settings) -> list[tuple[str, str | None]]:
    """The modules of claims, with the source of those that are files: a worker may be on a machine that lacks them."""
    return [(m, Path(m).read_text(encoding="utf-8") if m.endswith(".py") else None) for m in settings.modules]
