"""Judging in this process, or in several processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

from .. import registry
from ..claim_record import Claim, registered
from ..effort import Effort
from ..evidence import ClaimEvidence
from ..judge import judge
from .base import ExecutorError, Settings
from .order import longest_first


class Local:
    """At most ``jobs`` processes; with one of them, or one claim, this process does it in the claims' own order."""

    def judge_all(
        self, claims: Sequence[Claim], settings: Settings, seconds: Mapping[str, float]
    ) -> Generator[ClaimEvidence, None, None]:
        """Evidence as it comes; see `Executor`."""
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
                pool.submit(_judge_by_id, claim.id, settings.effort, settings.seed, settings.modules)
                for claim in longest_first(claims, seconds)
            }
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException as error:
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ExecutorError(
                    "a worker process was ended from outside (for want of memory?) or crashed; --jobs 1 shows at which claim"
                ) from error
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
